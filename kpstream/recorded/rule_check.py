"""Rules tried on recorded poses: neither video nor requests are needed."""

from __future__ import annotations

import logging
from dataclasses import dataclass, field
from math import isnan
from pathlib import Path
from typing import NamedTuple
from uuid import uuid4

from kpstream.entities import Pose
from kpstream.errors import SourceOpenError, UsageError
from kpstream.events import Event, Reading, RuleEngine, RuleSet, Truth, model_faults, observations_of
from kpstream.paths import stem_text
from kpstream.sinks.jsonl import RecordedPoses, stream_poses
from kpstream.skeleton import Skeleton

_log = logging.getLogger("kpstream")
_SAMPLES = 2000
"""Points of a plotted value at most: a report of a day must open in a browser."""


class Sample(NamedTuple):
    """What a rule saw at one moment of one object, or of all."""

    pts: float
    truth: Truth
    value: float | None


@dataclass(slots=True)
class Lane:
    """What a rule saw of one object, of two, or of all, over time."""

    tracker_ids: tuple[int, ...] = ()
    samples: list[Sample] = field(default_factory=list)


@dataclass(slots=True)
class Peak:
    """The moment of an event that is shown: the strongest, or where none is stronger the first."""

    pts: float
    pose: Pose | None
    value: float | None


@dataclass(slots=True)
class RuleCheck:
    """What rules say of a file of poses."""

    frame_size: tuple[int, int] = (0, 0)
    began_pts: float = 0.0
    ended_pts: float = 0.0
    changes: list[Event] = field(default_factory=list)
    """Every opening, change and end, in order."""
    lanes: dict[tuple[str, tuple[int, ...]], Lane] = field(default_factory=dict)
    """By rule and whom it is about."""
    peaks: dict[str, Peak] = field(default_factory=dict)
    """By the event's id."""

    @property
    def events(self) -> list[Event]:
        """Each event as it ended, by when it began."""
        return sorted((event for event in self.changes if event.state == "ended"), key=lambda event: event.began_pts)


def check_rules(rules: RuleSet, path: Path) -> RuleCheck:
    """Run rules over the JSON lines of a live view or of recorded video.

    Raises:
        SourceError: The file cannot be read, or does not say what the rules need.
        UsageError: A rule names what the model of these poses does not have.
    """
    checking = _Checking(rules, path)
    for line in stream_poses(path):
        checking.take(line)
    return checking.finish()


class _Checking:
    def __init__(self, rules: RuleSet, path: Path) -> None:
        self._rules = rules
        self._path = path
        self._engine = RuleEngine(rules, camera=stem_text(path), new_id=lambda: uuid4().hex)
        self._classes: dict[str, Skeleton] = {}
        self._found = RuleCheck()
        self._has_evidence = False
        self._count = 0

    def take(self, line: RecordedPoses) -> None:
        self._note(line)
        poses_by_id = {pose.tracker_id: pose for pose in line.poses}
        for observation in observations_of(
            pts=line.pts,
            frame_index=line.frame_index,
            frame_size=self._found.frame_size,
            poses=line.poses,
            stale=line.stale,
            answers=line.answers,
            is_answered=line.result_frame_index is not None,
        ):
            changes = self._engine.observe(observation)
            self._found.changes += changes
            poses_by_id |= {pose.tracker_id: pose for pose in observation.measured}
            for event in changes:
                self._mark_peak(event, observation.pts, poses_by_id)
        self._plot(line.pts, self._engine.readings)

    def finish(self) -> RuleCheck:
        seen = [rule for rule in self._rules.rules if not set(rule.classes) - self._classes.keys()]
        faults = model_faults(RuleSet(tuple(seen)), self._classes) if self._classes else []
        if faults:
            raise UsageError("\n".join(faults))
        if self._count and not self._has_evidence:
            _log.warning(
                "%s: it is of a live view and has no answers, so nothing can open: record it with this version",
                self._path,
            )
        self._found.changes += self._engine.finish()
        return self._found

    def _note(self, line: RecordedPoses) -> None:
        if isnan(line.pts):
            raise SourceOpenError(f"{self._path}: frame {line.frame_index} has no pts, which rules need")
        if line.frame_size is None and self._rules.needs_frame_size:
            raise SourceOpenError(f"{self._path}: it has no frame_size, which zones and lines need: make it anew")
        if not self._count:
            self._found.began_pts = line.pts
        self._count += 1
        self._found.frame_size = line.frame_size or self._found.frame_size
        self._found.ended_pts = line.pts
        poses = [*line.poses, *(pose for answer in line.answers or () for pose in answer.poses)]
        self._classes |= {pose.class_name: pose.skeleton for pose in poses}
        is_measured = any(pose.origin != "predicted" for pose in poses)
        self._has_evidence = self._has_evidence or is_measured or not line.poses

    def _mark_peak(self, event: Event, pts: float, poses: dict[int | None, Pose]) -> None:
        known = self._found.peaks.get(event.id)
        if known is not None and abs(event.value or 0.0) <= abs(known.value or 0.0):
            return
        pose = next((poses[number] for number in event.tracker_ids if number in poses), None)
        if known is None or pose is not None:
            self._found.peaks[event.id] = Peak(pts, pose, event.value)

    def _plot(self, pts: float, readings: tuple[Reading, ...]) -> None:
        for reading in readings:
            lane = self._found.lanes.setdefault((reading.rule, reading.subject), Lane())
            lane.tracker_ids, samples = reading.tracker_ids, lane.samples
            if not samples or pts > samples[-1].pts:
                samples.append(Sample(pts, reading.truth, reading.value))
            if len(samples) > 2 * _SAMPLES:
                del samples[1::2]
