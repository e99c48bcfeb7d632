"""One object, and what the tracker keeps of all of them."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field, replace
from itertools import islice, pairwise
from statistics import median
from typing import NamedTuple

import numpy as np

from kpstream.entities import Pose
from kpstream.tracking.appearance import Appearance
from kpstream.tracking.frames import FrameHistory
from kpstream.tracking.geometry import Points, box_around, diagonal, middle, shift, widen
from kpstream.tracking.matching import outline
from kpstream.tracking.motion import Motion
from kpstream.tracking.presence import Presence
from kpstream.tracking.settings import TrackerSettings
from kpstream.tracking.trajectory import PointState


class Keyframe(NamedTuple):
    """One answered pose."""

    pts: float
    frame_index: int
    pose: Pose


class Way(NamedTuple):
    """How one object went, by an answer and a later one, which are the same where there is but one."""

    start: Keyframe
    end: Keyframe

    def pose_at(self, pts: float) -> Pose:
        """Its last answer, moved on as a whole."""
        last, seconds = self.end.pose, self.end.pts - self.start.pts
        if not seconds:
            return last
        rows = max(len(keyframe.pose.xy) for keyframe in self) + 2
        moved = shift(*(widen(outline(keyframe.pose), rows) for keyframe in self)) * ((pts - self.end.pts) / seconds)
        return replace(last, xy=last.xy + moved, xyxy=last.xyxy + np.tile(moved, 2))


class InterpolatedPath(NamedTuple):
    """Where the points of one object are on every picture from one answer to the next."""

    first: int
    """The number of the earlier answer's picture."""
    xy: list[Points]
    """The points on each picture, each of shape ``(P, 2)``."""

    def joins(self, first: int, last: int) -> bool:
        """Whether it leads from one of these pictures to the other."""
        return (first, last) == (self.first, self.first + len(self.xy) - 1)


@dataclass(slots=True, eq=False)
class Track:
    """One object, and where the answers and the pictures since have found it."""

    tracker_id: int
    presence: Presence
    appearance: Appearance
    motion: Motion
    keyframes: deque[Keyframe] = field(default_factory=lambda: deque(maxlen=512))
    """Answered poses in order: the last ones before the newest frame, and all after it."""
    recent: deque[Keyframe] = field(default_factory=deque)
    """The answers that tell of its way as a whole: those of the last moments, or the last two."""
    answered_velocity: Points | None = None
    """Pixels a second, by the last two answers, shape ``(P, 2)``; None until somebody asks."""
    path: InterpolatedPath | None = None
    """The way between the last answer before the newest frame and the first one after it."""
    residual: Points | None = None
    """How far the points were drawn last from that way, shape ``(K, 2)``, where the later answer came half-way."""

    @classmethod
    def begin(cls, tracker_id: int, pose: Pose, pts: float, settings: TrackerSettings) -> Track:
        """A track that begins with an answer."""
        pose = replace(pose, tracker_id=tracker_id)
        return cls(tracker_id, Presence(pts, settings), Appearance(pose), Motion(settings))

    @property
    def pose(self) -> Pose:
        """The newest answer that was used."""
        return self.appearance.pose

    @property
    def size(self) -> float:
        """The diagonal of its box, in pixels."""
        return diagonal(self.pose.xyxy)

    def neighbours(self, pts: float) -> tuple[Keyframe | None, Keyframe | None]:
        """The last keyframe at or before ``pts`` and the first one after it."""
        before = None
        for keyframe in self.keyframes:
            if keyframe.pts > pts:
                return before, keyframe
            before = keyframe
        return before, None

    def answered_motion(self, rows: int, seconds: float) -> Points:
        """How far its points go in so many seconds, by the last two answers; shape ``(rows, 2)``, zero if unknown."""
        if self.answered_velocity is None or len(self.answered_velocity) != rows:
            self.answered_velocity = self._answered_velocity(rows)
        return np.asarray(self.answered_velocity * np.float32(seconds))

    @property
    def is_motion_answered(self) -> bool:
        """Whether two answers tell how it moves."""
        limit = self.presence.settings.max_answer_gap
        return len(self.keyframes) > 1 and self.keyframes[-1].pts - self.keyframes[-2].pts <= limit

    def _answered_velocity(self, rows: int) -> Points:
        velocity = np.zeros((rows, 2), np.float32)
        if not self.is_motion_answered:
            return velocity
        before, last = self.keyframes[-2], self.keyframes[-1]
        shared = min(rows, len(before.pose.xy), len(last.pose.xy))
        start, end = before.pose.xy[:shared], last.pose.xy[:shared]
        velocity[:] = shift(start, end)
        known = ~np.isnan(start[:, 0] + end[:, 0])
        velocity[:shared][known] = (end - start)[known]
        return velocity / np.float32(last.pts - before.pts)

    def answer(self, keyframe: Keyframe) -> None:
        """Take in an answer that found it."""
        self.keyframes.append(keyframe)
        self.recent.append(keyframe)
        while len(self.recent) > 2 and self.recent[0].pts < keyframe.pts - self.presence.settings.way_over:
            self.recent.popleft()
        self.presence.confirm(keyframe.pts)
        self.answered_velocity = None

    @property
    def way(self) -> Way:
        """How it went of late, as a whole."""
        return Way(self.recent[0], self.recent[-1])

    def forget(self, pts: float) -> None:
        """Drop the keyframes that no later frame needs."""
        while len(self.keyframes) > 2 and self.keyframes[2].pts <= pts:
            self.keyframes.popleft()

    def correct(self, keyframe: Keyframe, number: int, coordinate_step: float) -> None:
        """Take in an answer to an old picture; see `Motion.correct`."""
        state = self.motion.correct(keyframe.pose, number, coordinate_step)
        self.appearance.remember(keyframe.pts, keyframe.pose, state)

    def restart(self, keyframe: Keyframe, number: int) -> None:
        """Begin anew from an answer to the newest picture, exactly as it was answered."""
        state = self.motion.restart(keyframe.pose, number)
        self.appearance.remember(keyframe.pts, keyframe.pose, state)
        self.residual = None

    def belief(self) -> float:
        """How likely it is still there and where it is thought to be."""
        uncertainty = self.motion.uncertainty() / self.size if self.presence.misses > 1 else 0.0
        return self.presence.belief(uncertainty)

    def risk(self, pts: float, seconds: float) -> float:
        """How likely its points have lost it since the last answer; beyond 1 they are stale.

        Args:
            pts: The moment.
            seconds: The time since the picture before.
        """
        settings, trajectory = self.presence.settings, self.motion.trajectory or self.motion.retracked
        disagreement, deformation = settings.unknown_motion, 0.0
        if trajectory is not None:
            way, deformed = trajectory.motion()
            deformation = deformed / self.size
            answered = self.answered_motion(len(trajectory.states[0].xy), pts - self.keyframes[-1].pts)
            if self.is_motion_answered:
                disagreement = float(np.hypot(*(way - middle(answered)))) / self.size
        return (
            deformation / settings.max_deformation
            + self.appearance.misfit / settings.max_misfit
            + disagreement / settings.max_disagreement * min(1.0, seconds / settings.disagrees_from)
        )

    def rest(self, pts: float) -> None:
        """While no answer comes: an object that has not moved since the last one is still there."""
        points = self.motion.newest_points()
        if points is None:
            return
        moved = box_around(points) + self.appearance.margins - self.pose.xyxy
        if np.nanmax(np.abs(moved), initial=0) <= self.presence.settings.rests_within * self.size:
            self.presence.extend(pts)

    def pose_of(self, state: PointState, pts: float, fresh_for: float) -> Pose:
        """The pose that a state stands for; see `Appearance.pose_of`."""
        return self.appearance.pose_of(state, pts, self.presence, fresh_for)


class Memory:
    """What the parts of the tracker share: the tracks, the pictures and when answers came."""

    def __init__(self, settings: TrackerSettings) -> None:
        self.settings = settings
        self.tracks: list[Track] = []
        self.frames = FrameHistory(settings)
        self.answered: deque[tuple[float, int]] = deque(maxlen=512)
        """Pts and frame index of each answer."""
        self.gap = 0.0
        """Seconds between two answers, as of late."""
        self.shown: tuple[float, int] | None = None
        """Pts and picture number of the newest frame that was asked for."""
        self.lag = 0.0
        """Seconds by which the newest answer came after its frame was shown; 0 where it came in time."""
        self.coordinate_step = 1.0
        """The step of an answer's coordinates, in pixels."""

    def note_answer(self, pts: float, frame_index: int) -> None:
        """Take in when an answer came."""
        self.answered.append((pts, frame_index))
        times = [pts for pts, _ in islice(reversed(self.answered), 6)]
        self.gap = median([after - before for after, before in pairwise(times)] or [0.0])

    @property
    def lifetime(self) -> float:
        """Seconds from one answer that finds an object to when it is given up, if the answer came at once."""
        return self.settings.max_age + self.gap + self.settings.tardiness

    @property
    def fresh_for(self) -> float:
        """Seconds for which what an answer said counts in full: until the next one should be here."""
        return self.lag + self.gap + self.settings.tardiness
