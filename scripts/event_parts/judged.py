"""What was reported against what should have been, by kind of rule."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from itertools import chain, count

from event_parts.played import INTERVAL, LATENCY, Clip, every_frame, late_answers
from kpstream.events import Observation, RuleEngine, RuleSet

_FRAME = 1 / 30


@dataclass(slots=True)
class Happened:
    """Something that happens, or that is reported; times are seconds of video."""

    rule: str
    began_pts: float
    opened_pts: float
    ended_pts: float
    written_at: float = math.nan
    """When its first line was written; NaN of what happens."""


@dataclass
class Row:
    """What became of the events of one kind."""

    events: int = 0
    """Those that must be reported."""
    found: int = 0
    false: int = 0
    watched: float = 0.0
    """Seconds."""
    delays: list[float] = field(default_factory=list)
    """Seconds from the first true moment to the moment at which the line is written."""
    late: int = 0
    """How many of them are longer than `allowed`."""

    def add(self, other: Row) -> None:
        """Count another's, too."""
        self.events += other.events
        self.found += other.found
        self.false += other.false
        self.watched += other.watched
        self.delays += other.delays
        self.late += other.late


def sampled(seconds: float) -> float:
    """The least number of whole sampling intervals that take so long, in seconds."""
    return math.ceil(seconds / INTERVAL - 1e-6) * INTERVAL


def allowed(for_seconds: float) -> float:
    """Seconds in which an event must be reported: `for` in whole samples, the latency, one sample and one frame."""
    return sampled(for_seconds) + LATENCY + INTERVAL + _FRAME


def tell(rules: RuleSet, view: Iterable[tuple[float, Observation]], keypoint_confidence: float) -> list[Happened]:
    """What rules say of a view, by the beginning of the events."""
    numbers, reported = count(1), dict[str, Happened]()
    engine = RuleEngine(
        rules, camera="clip", new_id=lambda: str(next(numbers)), keypoint_confidence=keypoint_confidence
    )
    for now, observation in view:
        for event in engine.observe(observation):
            new = Happened(event.rule, event.began_pts, event.opened_pts, math.inf, now)
            reported.setdefault(event.id, new).ended_pts = math.inf if event.ended_pts is None else event.ended_pts
    return sorted(reported.values(), key=lambda one: one.began_pts)


def judge(rules: RuleSet, clip: Clip, seconds: float, first: int) -> dict[str, Row]:
    """Compare what a live view tells with what the reference of every frame says, by kind.

    One sampling interval is allowed: due is what holds, without a break, for one interval longer than `for` takes in
    whole samples, and of moments what is reported whichever five frames a second are seen. It is false only
    where neither every frame nor any five frames a second say so.
    """

    def seen(step: int, at: int = 0) -> list[Happened]:
        return tell(rules, every_frame(clip, seconds, step=step, first=at), clip.keypoint_confidence)

    every, step = seen(1), max(1, round(clip.rate * INTERVAL))
    phases = [seen(step, at) for at in range(step)]
    moments = {rule.name for rule in rules.rules if rule.is_moment}
    due = [*_lasting(rules, clip, seconds), *_certain([one for one in every if one.rule in moments], phases)]
    reported = tell(rules, late_answers(clip, seconds, first=first), clip.keypoint_confidence)
    rows: dict[str, Row] = {}
    for rule in rules.rules:
        wanted = [one for one in due if one.rule == rule.name and one.opened_pts < seconds - LATENCY - 2 * INTERVAL]
        possible = [one for one in chain(every, *phases) if one.rule == rule.name]
        row = judged(wanted, possible, [one for one in reported if one.rule == rule.name], rule.for_seconds)
        rows.setdefault(rule.kind, Row()).add(row)
        rows[rule.kind].watched = seconds
    return rows


def _lasting(rules: RuleSet, clip: Clip, seconds: float) -> list[Happened]:
    """What holds for long enough on every frame, without a break; what follows within `clear` goes on."""
    never = tuple(replace(rule, for_seconds=math.inf) for rule in rules.rules if not rule.is_moment)
    of_rule = {rule.name: rule for rule in rules.rules}
    engine = RuleEngine(
        RuleSet(never, rules.zones, rules.lines),
        camera="clip",
        new_id=str,
        keypoint_confidence=clip.keypoint_confidence,
    )
    found: list[Happened] = []
    last: dict[tuple[str, tuple[int, ...]], Happened] = {}
    unseen: dict[tuple[str, tuple[int, ...]], float] = {}
    for pts, observation in every_frame(clip, seconds):
        engine.observe(observation)
        here = {pose.tracker_id for pose in observation.measured}
        for reading in engine.readings:
            rule, key = of_rule[reading.rule], (reading.rule, reading.subject)
            if len(here.intersection(reading.tracker_ids)) < len(reading.subject):
                unseen[key] = pts
            since = max(reading.since_pts, unseen.get(key, 0.0))
            if not reading.truth or pts - since < sampled(rule.for_seconds) + INTERVAL - 1e-6:
                continue
            before = last.get(key)
            if before is None or since - before.ended_pts > rule.clear:
                before = last[key] = Happened(rule.name, since, pts, pts)
                found.append(before)
            before.ended_pts = pts
    return found


def _certain(every: Sequence[Happened], phases: Sequence[Sequence[Happened]]) -> list[Happened]:
    """The moments that are reported whichever frames are seen."""
    return [
        one
        for one in every
        if all(any(_meet(one, other) for other in phase if other.rule == one.rule) for phase in phases)
    ]


def judged(
    due: Sequence[Happened], possible: Sequence[Happened], reported: Sequence[Happened], for_seconds: float
) -> Row:
    """What became of the events of one rule.

    Args:
        due: What must be reported.
        possible: What may be reported, too.
        reported: What was reported.
        for_seconds: The rule's.
    """
    delays: list[float] = []
    found = 0
    for wanted in due:
        near = [one for one in reported if _meet(wanted, one)]
        found += bool(near)
        # an event that goes on since before has nothing to be late with
        first = min(near, key=lambda one: one.began_pts, default=None)
        if first is not None and first.began_pts >= wanted.began_pts - INTERVAL:
            delays.append(first.written_at - wanted.began_pts)
    return Row(
        events=len(due),
        found=found,
        false=sum(not any(_meet(one, other) for other in (*due, *possible)) for one in reported),
        delays=delays,
        late=sum(delay > allowed(for_seconds) + 1e-6 for delay in delays),
    )


def _meet(one: Happened, other: Happened) -> bool:
    """Whether two events are of one time, give or take a sampling interval."""
    slack = INTERVAL + _FRAME
    return one.began_pts <= other.ended_pts + slack and other.began_pts <= one.ended_pts + slack
