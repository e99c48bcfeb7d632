"""The three tables that need no picture."""

from __future__ import annotations

import json
import statistics
from collections.abc import Mapping, Sequence
from pathlib import Path

from bench_parts.report import number, table

from event_parts.judged import Happened, Row, judge, judged, tell
from event_parts.played import Clip, Faults, late_answers, load
from kpstream.events import RuleSet
from kpstream.site_file.rules import Rules

_PEOPLE = Path(__file__).with_name("people.toml")
_PERIODS = 3
"""How often a clip is played to and fro for the table of kinds."""
WAYS = {
    "exact": Faults(),
    "noisy": Faults(noise=0.01),
    "noisy, two fifths lost": Faults(noise=0.01, lost=0.4),
}
"""How answers come."""


def story_table(samples: Path) -> str:
    """The labelled sample against its truth."""
    rules, clip = Rules.load(samples / "events.toml"), load(samples / "events.poses.json")
    reported = tell(rules, late_answers(clip, clip.seconds), clip.keypoint_confidence)
    return f"**The labelled sample**\n\n{_table(story_rows(rules, truth_of(samples), reported, clip.seconds))}\n"


def truth_of(samples: Path) -> list[Happened]:
    """What happens in the labelled sample."""
    lines = map(json.loads, (samples / "events.truth.jsonl").read_text().splitlines())
    return [Happened(*(line[name] for name in ("rule", "began_pts", "opened_pts", "ended_pts"))) for line in lines]


def story_rows(
    rules: RuleSet, truth: Sequence[Happened], reported: Sequence[Happened], seconds: float
) -> dict[str, Row]:
    """What was reported against a truth that knows everything: what is not in it is false."""
    rows: dict[str, Row] = {}
    for rule in rules.rules:
        due, mine = ([one for one in events if one.rule == rule.name] for events in (truth, reported))
        rows.setdefault(rule.kind, Row()).add(judged(due, (), mine, rule.for_seconds))
        rows[rule.kind].watched = seconds
    return rows


def kinds_table(clips: Sequence[Clip]) -> str:
    """Every kind on every clip."""
    rules = Rules.load(_PEOPLE)
    rows: dict[str, Row] = {}
    for first, clip in enumerate(clips):
        for kind, row in judge(rules, clip, _PERIODS * clip.period, first % 6).items():
            rows.setdefault(kind, Row()).add(row)
    return f"**Every kind, on {', '.join(clip.name for clip in clips)}**\n\n{_table(rows)}\n"


def falls_table(clips: Sequence[Clip], hours: float) -> str:
    """False falls and lying, over so many hours in each way in which answers come."""
    rules = Rules.load(_PEOPLE)
    rules = Rules(tuple(rule for rule in rules.rules if rule.kind in {"fall", "lying"}))
    rows = []
    for name, faults in WAYS.items():
        found = {clip.name: _falls(rules, clip, hours * 3600 / len(clips), faults) for clip in clips}
        where = ", ".join(f"{clip}: {count}" for clip, count in found.items() if count)
        rows.append([name, number(hours), str(sum(found.values())), where])
    return f"**No fall, nobody lies**\n\n{table(['answers', 'hours', 'false alerts', 'in'], rows)}\n"


def _falls(rules: RuleSet, clip: Clip, seconds: float, faults: Faults) -> int:
    return len(tell(rules, late_answers(clip, seconds, faults=faults), clip.keypoint_confidence))


def _table(rows: Mapping[str, Row]) -> str:
    head = ["kind", "events", "found", "missed", "false alerts an hour", "delay: median, most", "later than allowed"]
    return table(head, [[kind, *_cells(row)] for kind, row in rows.items()])


def _cells(row: Row) -> list[str]:
    delays = f"{statistics.median(row.delays):.2f}, {max(row.delays):.2f} s" if row.delays else "-"
    an_hour = row.false * 3600 / row.watched if row.watched else 0.0
    return [str(row.events), str(row.found), str(row.events - row.found), f"{an_hour:.1f}", delays, str(row.late)]
