"""Which pose of an answer belongs to which track."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from kpstream.entities import Pose, Result
from kpstream.tracking.encounters import Encounters
from kpstream.tracking.geometry import Points, box_around
from kpstream.tracking.matching import match, nearest
from kpstream.tracking.track import Memory, Track


class Association:
    """Gives each pose of an answer its track, and notes which objects an answer did not find."""

    def __init__(self, memory: Memory) -> None:
        self._memory = memory
        self._settings = memory.settings
        self._encounters = Encounters(memory.settings)
        self._next_id = 1
        self._judged_at = -np.inf

    @property
    def ids_given(self) -> int:
        """How many tracks there have been."""
        return self._next_id - 1

    def assign(self, result: Result, *, late: bool) -> list[tuple[Track, Pose]]:
        """The track of each pose of a result, new where there was none, and what of the pose belongs to it.

        Args:
            result: The answer.
            late: Whether its frame was shown already.
        """
        known = list(self._memory.tracks)
        places = [self._places(track, result, late=late) for track in known]
        costs = nearest(places, result.poses)
        pairs = self._encounters.settle(result, known, costs, match(costs, self._settings.max_distance))
        self._encounters.note(result.pts, known, costs, pairs)
        missed = [track for place, track in enumerate(known) if place not in pairs.values()]
        number = self._memory.frames.number(result.frame_index) if late else None
        hidden = [] if number is None else [track for track in missed if self._is_hidden(track, result, number)]
        owned: list[tuple[Track, Pose]] = []
        for place, answered in enumerate(result.poses):
            pose = answered
            track = known[pairs[place]] if place in pairs else self._begin(pose, result.pts)
            if place in pairs and number is not None:
                for other in list(missed):
                    pose, is_merged = self._own_part(pose, track, other, number)
                    if is_merged:
                        missed.remove(other)
            owned.append((track, pose))
        self._judge(result.pts, [track for track in missed if track not in hidden])
        return owned

    def _is_hidden(self, track: Track, result: Result, number: int) -> bool:
        """Whether an object that an answer lacks was behind others that it found.

        Its trajectory may have stayed with whoever hides it, so the place to which its last answers lead counts, too.
        """
        state = track.motion.state(number)
        places = [] if state is None else [state.xy, *(pose.xy for pose in _led(track, result.pts))]
        boxes = np.array([pose.xyxy for pose in result.poses]).reshape(-1, 4)
        for xy in places:
            points = xy[~np.isnan(xy[:, 0]), None]
            outside: Points = np.maximum(boxes[:, :2] - points, points - boxes[:, 2:])
            if (outside.max(2) <= 0).any(1).sum() > self._settings.mostly_covered * len(points):
                return True
        return False

    def _own_part(self, pose: Pose, track: Track, other: Track, number: int) -> tuple[Pose, bool]:
        """What of a pose is not another object's, which the answer lacks; and whether some of it is.

        Models answer with one pose for two people who pass each other, made of both. A point that lies where the
        other one's was expected, and not where its own was, is left out.
        """
        own, its = track.motion.state(number), other.motion.state(number)
        rows = len(pose.xy)
        if own is None or its is None or min(len(own.xy), len(its.xy)) < rows or pose.class_id != other.pose.class_id:
            return pose, False
        off, its_off = (np.hypot(*(pose.xy - state.xy[:rows]).T) for state in (own, its))
        astray = np.where(its_off < 0.5 * off, off, 0) / track.size
        if (astray > self._settings.astray_beyond).sum() < self._settings.min_astray:
            return pose, False
        foreign = astray > self._settings.foreign_beyond
        if not foreign.any():
            return pose, True
        xy, confidence = pose.xy.copy(), pose.keypoint_confidence.copy()
        xy[foreign], confidence[foreign] = np.nan, 0
        box = box_around(np.where(foreign[:, None], own.xy[:rows], xy)) + track.appearance.margins
        return replace(pose, xy=xy, keypoint_confidence=confidence, xyxy=box.astype(np.float32)), True

    def retire(self, pts: float) -> None:
        """End the tracks that no answer has confirmed for too long."""
        memory = self._memory
        limit = pts - memory.lifetime - memory.lag
        memory.tracks = [track for track in memory.tracks if track.presence.known_at >= limit]
        for track in memory.tracks:
            track.forget(pts)

    def _places(self, track: Track, result: Result, *, late: bool) -> list[Pose]:
        """Where a track may be on the picture of a result; nowhere if it ended before."""
        last, pts, frames = track.keyframes[-1], result.pts, self._memory.frames
        start, number = (frames.number(index) for index in (last.frame_index, result.frame_index))
        cut = start is not None and number is not None and not frames.is_continuous(start, number)
        if cut or pts - track.presence.known_at > self._memory.lifetime:
            return []
        if number is not None and late:
            states = [trajectory.at(number) for trajectory in track.motion.trajectories()]
            poses = [track.pose_of(state, pts, np.inf) for state in states if state is not None]
            if poses:
                return [*poses, *_led(track, pts)]
        return [last.pose, *_led(track, pts)]

    def _judge(self, pts: float, missed: Sequence[Track]) -> None:
        """Note who was not found. Answers close together overlook the same: they count once."""
        if pts - self._judged_at >= self._settings.judged_every:
            self._judged_at = pts
            for track in missed:
                track.presence.record_miss(pts)

    def _begin(self, pose: Pose, pts: float) -> Track:
        track = Track.begin(self._next_id, pose, pts, self._settings)
        self._next_id += 1
        self._memory.tracks.append(track)
        return track


def _led(track: Track, pts: float) -> list[Pose]:
    """Where its way leads, which takes two answers to tell."""
    return [track.way.pose_at(pts)] if len(track.recent) > 1 else []
