"""Applies the rules of one camera: takes observations, returns events. Pure.

A pose that was measured, or interpolated between two measurements, may open an event; a predicted pose only keeps its
object alive. In a live view the answers are the measurements, each at its own pts, and arrive after later pictures were
drawn; a measurement that is older than the newest one changes nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from math import inf
from typing import NamedTuple

import numpy as np

from kpstream.entities import Event, Pose
from kpstream.events.bodies import Bodies
from kpstream.events.happenings import CrossingDetector, Happening, RepetitionCounter
from kpstream.events.judges import Judge, Subject, Verdict, judge_of
from kpstream.events.machine import Machine, Truth
from kpstream.events.moment import Moment
from kpstream.events.rules import LineCrossing, Repetitions, Rule, RuleSet

UPDATE_EVERY = 1.0
"""The least seconds of pts between two updates of one event."""


@dataclass(frozen=True, slots=True)
class Observation:
    """The poses of one moment."""

    pts: float
    frame_index: int
    frame_size: tuple[int, int]
    """(width, height) in pixels."""
    measured: tuple[Pose, ...] = ()
    """Poses that were measured or interpolated for this moment."""
    drawn: tuple[Pose, ...] = ()
    """Poses that are predicted or stale: they keep events open, and open none."""
    is_answered: bool = True
    """Whether the measured poses are all that an answer, or the answers before and after, found."""
    is_all: bool = True
    """Whether no other pose is drawn at that moment."""


class Reading(NamedTuple):
    """The present truth of a rule for one subject."""

    rule: str
    subject: Subject
    """The identities of the objects, which stay the same when a `tracker_id` changes."""
    tracker_ids: tuple[int, ...]
    truth: Truth
    since_pts: float
    """The pts since which the truth has been the same."""
    is_open: bool
    value: float | None
    """The value that the rule compares with its bounds; None where it compares none."""


@dataclass(slots=True)
class _Watch:
    """One rule whose events last, with the state for each subject."""

    rule: Rule
    judge: Judge
    machines: dict[Subject, Machine] = field(default_factory=dict)
    events: dict[Subject, Event] = field(default_factory=dict)
    updated_pts: dict[Subject, float] = field(default_factory=dict)
    values: dict[Subject, float | None] = field(default_factory=dict)


class RuleEngine:
    """Makes events from the poses of one camera. For one thread.

    Args:
        rules: The camera's own.
        camera: The camera's name in the events.
        new_id: Makes a new identity for an event, which no other event ever has.
        wall_clock: Gives the wall-clock time of a pts, in the time zone of the schedules; None where it is unknown:
            then every schedule holds.
        keypoint_confidence: Keypoints below it are unknown.
    """

    def __init__(
        self,
        rules: RuleSet,
        *,
        camera: str,
        new_id: Callable[[], str],
        wall_clock: Callable[[float], datetime | None] = lambda _: None,
        keypoint_confidence: float = 0.3,
    ) -> None:
        self._camera = camera
        self._new_id = new_id
        self._wall_clock = wall_clock
        self._keypoint_confidence = keypoint_confidence
        self._bodies = Bodies()
        self._watches = [_Watch(rule, judge_of(rule, rules)) for rule in rules.rules if not rule.is_moment]
        self._detectors = [(rule, _detector(rule, rules)) for rule in rules.rules if rule.is_moment]
        self._measured_pts = -inf
        self._newest = (-inf, 0)
        self.armed = {rule.name: rule.armed for rule in rules.rules}
        """Which rules may open an event, by name; may be changed at any time, from any thread."""

    @property
    def is_undecided(self) -> bool:
        """Whether more answers are wanted soon: an event may open, or end."""
        machines = (machine for watch in self._watches for machine in watch.machines.values())
        return any(machine.is_pending or machine.is_clearing for machine in machines)

    @property
    def open_events(self) -> tuple[Event, ...]:
        """The open events, in the order of the rules."""
        return tuple(event for watch in self._watches for event in watch.events.values())

    @property
    def readings(self) -> tuple[Reading, ...]:
        """The present truth of each rule, for every subject that it has judged."""
        return tuple(
            Reading(
                rule=watch.rule.name,
                subject=subject,
                tracker_ids=self._tracker_ids(subject),
                truth=machine.truth,
                since_pts=machine.truth_since,
                is_open=machine.is_open,
                value=watch.values.get(subject),
            )
            for watch in self._watches
            for subject, machine in watch.machines.items()
        )

    def observe(self, observation: Observation) -> list[Event]:
        """Take in an observation.

        Returns:
            The events that opened, changed or ended with it.
        """
        pts = observation.pts
        ids = self._bodies.identify((*observation.measured, *observation.drawn), is_all=observation.is_all)
        self._newest = max(self._newest, (pts, observation.frame_index))
        is_news = pts > self._measured_pts and (bool(observation.measured) or observation.is_answered)
        changes: list[Event] = []
        if is_news:
            self._measured_pts = pts
            with np.errstate(invalid="ignore", divide="ignore"):  # what is not known is NaN
                changes = self._judge_all(observation, ids)
        gone = self._bodies.expire(pts, frozenset(ids), answered=is_news and observation.is_answered)
        return changes + [event for body_id, numbers in gone for event in self._forget(body_id, numbers)]

    def finish(self) -> list[Event]:
        """End the open events at the end of the input; they are marked as cut."""
        pts, index = self._newest
        ended = [
            self._ended(watch, subject, pts, index, cut=True) for watch in self._watches for subject in [*watch.events]
        ]
        for watch in self._watches:
            watch.machines.clear()
        return ended

    def _judge_all(self, observation: Observation, ids: Subject) -> list[Event]:
        count = len(observation.measured)
        size, confidence = observation.frame_size, self._keypoint_confidence
        moment = Moment(observation.pts, size, observation.measured, ids[:count], confidence)
        others = Moment(observation.pts, size, observation.drawn, ids[count:], confidence)
        self._bodies.measure(moment)
        limited: dict[tuple[str, ...], tuple[Moment, Moment]] = {(): (moment, others)}
        changes: list[Event] = []
        for watch in self._watches:
            if watch.rule.is_about_scene and not observation.is_answered:
                continue
            here, drawn = _of_classes(watch.rule.classes, limited)
            verdicts = watch.judge.judge(here, drawn, watch.machines, watch.events)
            changes += self._step(watch, verdicts, observation)
        for rule, detector in self._detectors:
            for found in detector.detect(_of_classes(rule.classes, limited)[0]):
                changes += self._happened(rule, found, observation)
        return changes

    def _step(self, watch: _Watch, verdicts: list[Verdict], observation: Observation) -> list[Event]:
        changes: list[Event] = []
        rule, machines, pts, index = watch.rule, watch.machines, observation.pts, observation.frame_index
        may_open = bool(verdicts) and self._may_open(rule, pts)
        for subject, truth, value in verdicts:
            machine = machines.get(subject)
            if machine is None:
                machine = machines[subject] = Machine(rule.for_seconds, rule.clear, rule.cooldown)
            watch.values[subject] = value
            change = machine.step(pts, index, truth, may_open=may_open)
            if change == "changed":
                if pts - watch.updated_pts[subject] >= UPDATE_EVERY:
                    changes += self._updated(watch, subject, value, pts)
            elif change == "opened":
                event = self._opened(rule, subject, value, machine.began_pts, observation)
                watch.events[subject], watch.updated_pts[subject] = event, pts
                changes.append(event)
            elif change == "ended":
                changes.append(self._ended(watch, subject, machine.last_true, machine.last_true_index))
        return changes

    def _may_open(self, rule: Rule, pts: float) -> bool:
        if not self.armed.get(rule.name, rule.armed):
            return False
        now = self._wall_clock(pts) if rule.schedule else None
        return now is None or any(part.covers(now) for part in rule.schedule)

    def _updated(self, watch: _Watch, subject: Subject, value: float | None, pts: float) -> tuple[Event, ...]:
        event, ids = watch.events[subject], self._tracker_ids(subject)
        if ids == event.tracker_ids and _is_same(value, event.value):
            return ()
        event = replace(event, state="updated", tracker_ids=ids, value=value)
        watch.events[subject], watch.updated_pts[subject] = event, pts
        return (event,)

    def _ended(
        self,
        watch: _Watch,
        subject: Subject,
        pts: float,
        index: int,
        *,
        tracker_ids: tuple[int, ...] | None = None,
        cut: bool = False,
    ) -> Event:
        del watch.updated_pts[subject]
        event = watch.events.pop(subject)
        ids = self._tracker_ids(subject) if tracker_ids is None else tracker_ids
        # By the clock of its beginning: one that is set meanwhile makes no event end before it began, or last years.
        at = event.opened_at and event.opened_at + timedelta(seconds=pts - event.opened_pts)
        return replace(event, state="ended", tracker_ids=ids, ended_pts=pts, ended_at=at, frame_index=index, cut=cut)

    def _happened(self, rule: Rule, found: Happening, observation: Observation) -> Iterator[Event]:
        pts = observation.pts
        if self._may_open(rule, pts):
            event = self._opened(rule, (found.body_id,), found.value, found.began_pts, observation)
            yield replace(event, state="ended", ended_pts=pts, ended_at=event.opened_at)

    def _opened(
        self, rule: Rule, subject: Subject, value: float | None, began_pts: float, observation: Observation
    ) -> Event:
        return Event(
            id=self._new_id(),
            state="opened",
            rule=rule.name,
            kind=rule.kind,
            severity=rule.severity,
            camera=self._camera,
            tracker_ids=self._tracker_ids(subject),
            class_name=self._bodies.class_of(subject[0]) if subject else None,
            value=value,
            began_pts=began_pts,
            opened_pts=observation.pts,
            ended_pts=None,
            frame_index=observation.frame_index,
            zone=getattr(rule.condition, "zone", None),
            began_at=self._wall_clock(began_pts),
            opened_at=self._wall_clock(observation.pts),
        )

    def _tracker_ids(self, subject: Subject) -> tuple[int, ...]:
        if len(subject) == 1:
            return self._bodies.tracker_ids(subject[0])
        return tuple(number for body_id in subject for number in self._bodies.tracker_ids(body_id))

    def _forget(self, body_id: int, numbers: tuple[int, ...]) -> Iterator[Event]:
        """Forget an object that is gone; its events end at their last true moment."""
        for watch in self._watches:
            for subject in [subject for subject in watch.machines if body_id in subject]:
                machine = watch.machines.pop(subject)
                watch.values.pop(subject, None)
                if subject in watch.events:
                    ids = numbers if len(subject) == 1 else watch.events[subject].tracker_ids
                    yield self._ended(watch, subject, machine.last_true, machine.last_true_index, tracker_ids=ids)
            watch.judge.forget(body_id)
        for _, detector in self._detectors:
            detector.forget(body_id)


def _detector(rule: Rule, rules: RuleSet) -> CrossingDetector | RepetitionCounter:
    condition = rule.condition
    if isinstance(condition, LineCrossing):
        return CrossingDetector(condition, rules.lines[condition.line], rule.for_seconds)
    assert isinstance(condition, Repetitions)
    return RepetitionCounter(condition)


def _of_classes(
    classes: tuple[str, ...], limited: dict[tuple[str, ...], tuple[Moment, Moment]]
) -> tuple[Moment, Moment]:
    """The measured and the drawn poses of some classes; kept in ``limited`` for the next rule."""
    if classes not in limited:
        moments = limited[()]
        rows = [np.array([pose.class_name in classes for pose in moment.poses], bool) for moment in moments]
        limited[classes] = (moments[0].limit(rows[0]), moments[1].limit(rows[1]))
    return limited[classes]


def _is_same(one: float | None, other: float | None) -> bool:
    return one == other or (one is not None and other is not None and abs(one - other) < 0.05)
