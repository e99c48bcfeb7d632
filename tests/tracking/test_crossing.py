"""Two people who cross while answers make one of both, against the exact truth.

The clip: ``python scripts/draw_walkers.py crossing --duration 2.4 --crf 34 --folder tests/data``.
"""

from __future__ import annotations

from pathlib import Path

import pytest
import track_merged
from track_score import Clip

from kpstream.tracking import DEFAULT

DATA = Path(__file__).parents[1] / "data"


@pytest.fixture(scope="module")
def clip() -> Clip:
    return track_merged.load_truth(DATA / "crossing.mp4", DATA / "crossing.poses.json")


def test_answers_make_one_of_both_for_a_third_of_a_second(clip: Clip) -> None:
    said = [len(track_merged.merged(people, frame)) for frame, people in enumerate(clip.people)]

    assert [frame for frame, count in enumerate(said) if count < 2] == list(range(38, 48))
    assert all(len(people) == 2 for people in clip.people[30:60])


@pytest.mark.parametrize("first", [0, 2, 4])
def test_both_are_kept_and_neither_jumps(clip: Clip, first: int) -> None:
    tracked, held = track_merged.Crossing(), track_merged.Crossing()

    track_merged.assess(clip, list(track_merged.follow(clip, DEFAULT, first)), tracked)
    track_merged.assess(clip, list(track_merged.hold(clip, first)), held)

    assert len(tracked.kept) >= 20
    assert all(tracked.kept)
    assert tracked.switches == 0
    assert max(tracked.jumps) < 0.1  # of the box diagonal
    assert max(held.jumps) > 0.3  # so the measure can tell
