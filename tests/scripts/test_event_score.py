"""How events are counted: what is found, what is false, and how late it is told."""

from __future__ import annotations

from pathlib import Path

import pytest
from bench_parts import rules as rules_cost
from event_parts.judged import Happened, allowed, judged, tell
from event_parts.played import Faults, late_answers, load
from event_parts.scores import story_rows, truth_of

from kpstream.site_file.rules import Rules

SAMPLES = Path(__file__).parents[2] / "samples"


def happened(began: float, ended: float, written_at: float = 0.0) -> Happened:
    return Happened("rule", began, began + 1.0, ended, written_at)


def test_the_labelled_sample_is_told_in_time_and_nothing_else_is() -> None:
    rules, clip = Rules.load(SAMPLES / "events.toml"), load(SAMPLES / "events.poses.json")

    told = tell(rules, late_answers(clip, clip.seconds), clip.keypoint_confidence)

    rows = story_rows(rules, truth_of(SAMPLES), told, clip.seconds)
    assert sum(row.events for row in rows.values()) == 8
    assert [(kind, row.found, row.false, row.late) for kind, row in rows.items()] == [
        (kind, row.events, 0, 0) for kind, row in rows.items()
    ]


def test_what_is_not_told_what_nobody_did_and_what_comes_late_are_counted() -> None:
    due = [happened(1.0, 4.0), happened(10.0, 14.0), happened(20.0, 25.0)]
    told = [happened(1.1, 4.0, written_at=2.5), happened(10.0, 14.0, written_at=13.0), happened(30.0, 31.0)]

    row = judged(due, (), told, 1.0)

    assert (row.events, row.found, row.false, row.late) == (3, 2, 1, 1)
    assert row.delays == pytest.approx([1.5, 3.0])
    assert allowed(1.0) == pytest.approx(1.63, abs=0.01)


def test_what_goes_on_since_before_is_found_and_has_no_delay() -> None:
    row = judged([happened(5.0, 8.0)], (), [happened(1.0, 9.0, written_at=2.0)], 1.0)

    assert (row.found, row.delays) == (1, [])


def test_answers_are_lost_and_shaken_as_told() -> None:
    clip = load(SAMPLES / "walkers.poses.json")

    exact, faulty = (
        [seen for _, seen in late_answers(clip, 6.0, faults=faults) if seen.measured]
        for faults in (Faults(), Faults(noise=0.01, lost=0.4))
    )

    assert 0.4 * len(exact) < len(faulty) < 0.8 * len(exact)
    assert (faulty[0].measured[0].xy != exact[0].measured[0].xy).any()


def test_twenty_rules_watch_ten_people() -> None:
    import json

    frames, size = rules_cost.crowd(json.loads((SAMPLES / "walkers.poses.json").read_text()))

    assert len(rules_cost.twenty().rules) == 20
    assert {len(people) for people in frames} == {10}
    assert len({pose.tracker_id for pose in frames[200]}) == 10
    assert size == (1280, 720)
