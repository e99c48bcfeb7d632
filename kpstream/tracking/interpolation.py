"""Poses between two answers that are both known.

A straight line is enough over a few frames. Over half a second a leg swings out and back, and the pictures show it:
the points of the earlier answer are tracked up to the later one, and the other way round. How far they miss the other
side says how much they are to be trusted.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from kpstream.entities import Frame, Pose
from kpstream.tracking.flow import Mesh
from kpstream.tracking.frames import FrameHistory
from kpstream.tracking.geometry import Points, between, box_around, diagonal, is_inside, widen, zeroed
from kpstream.tracking.settings import TrackerSettings
from kpstream.tracking.track import InterpolatedPath, Keyframe, Memory, Track
from kpstream.tracking.trajectory import mesh_of, points_of

Pair = tuple[Keyframe, Keyframe]
"""The answers to one object before and after."""


def ends(pair: Pair) -> tuple[Points, Points]:
    """The keypoints of both sides; what one side alone knows has moved along with the others."""
    rows = max(len(keyframe.pose.xy) for keyframe in pair)
    start, end = (widen(keyframe.pose.xy, rows) for keyframe in pair)
    return between(start, end, 0), between(start, end, 1)


def moves(pair: Pair, settings: TrackerSettings) -> bool:
    """Whether tracking through the pictures between two answers is of use for this object."""
    start, end = ends(pair)
    farthest = np.nanmax(np.hypot(*(end - start).T), initial=0)
    return bool(farthest > settings.moves_between * diagonal(pair[0].pose.xyxy))


def connect(
    frames: FrameHistory, pairs: Sequence[Pair], first: int, last: int, settings: TrackerSettings
) -> list[InterpolatedPath]:
    """The paths of objects with one mesh that were answered on the same two pictures.

    Args:
        frames: Hold every picture from the first to the last, without a cut.
        pairs: The answers to each object.
        first: The number of the earlier answer's picture.
        last: The number of the later one's.
        settings: What the paths are trusted to be.
    """
    start, end = (np.stack(side) for side in zip(*map(ends, pairs), strict=True))
    mesh = mesh_of(pairs[0][1].pose, start.shape[1], settings)
    forth = frames.follow(mesh, start, range(first, last + 1))
    back = frames.follow(mesh, end, range(last, first - 1, -1))[::-1]
    best = settings.path_noise * np.array([[diagonal(before.pose.xyxy)] for before, _ in pairs], np.float32)
    trust = [1 / (_length(miss) ** 2 + best**2) for miss in (forth[-1] - end, back[0] - start, end - start)]
    points = []
    for number, (ahead, behind) in enumerate(zip(forth, back, strict=True)):
        share = number / (last - first)
        ways = (
            ahead + share * (end - forth[-1]),
            behind + (1 - share) * (start - back[0]),
            (1 - share) * start + share * end,
        )
        weights = np.stack([(1 - share) * trust[0], share * trust[1], settings.straight_weight * trust[2]])[..., None]
        mean = (weights * np.stack(ways)).sum(0) / weights.sum(0)
        points.append(mean.astype(np.float32))
    return [InterpolatedPath(first, [xy[i] for xy in points]) for i in range(len(pairs))]


def pose_between(pair: Pair, pts: float, xy: Points | None) -> Pose:
    """The pose between two answers: its keypoints as given, or on the straight way."""
    before, after = pair
    share = (pts - before.pts) / (after.pts - before.pts)
    start, end = ends(pair)
    straight = between(start, end, share)
    xy = straight if xy is None else xy
    confidence = [widen(keyframe.pose.keypoint_confidence, len(xy), 0.0) for keyframe in pair]
    nearer = before.pose if share < 0.5 else after.pose
    box = (1 - share) * before.pose.xyxy + share * after.pose.xyxy
    if not np.isnan(xy).all():
        box = box + box_around(xy) - box_around(straight)
    return replace(
        nearer,
        xy=xy,
        keypoint_confidence=((1 - share) * confidence[0] + share * confidence[1]).astype(np.float32),
        xyxy=box.astype(np.float32),
        confidence=(1 - share) * before.pose.confidence + share * after.pose.confidence,
        skeleton=after.pose.skeleton,
        origin="interpolated",
    )


def back_track(frames: FrameHistory, pose: Pose, first: int, last: int, settings: TrackerSettings) -> InterpolatedPath:
    """The way of an object back from the first answer that finds it to the one before, which does not.

    Args:
        frames: Hold every picture from the first to the last, without a cut.
        pose: The answer that finds it.
        first: The number of the picture on which it was not found.
        last: The number of the one on which it was.
        settings: What is tracked of it.
    """
    points = points_of(pose, settings)
    mesh = mesh_of(pose, len(points), settings)
    ways = frames.follow(mesh, points[None], range(last, first - 1, -1))
    return InterpolatedPath(first, [xy[0] for xy in reversed(ways)])


def pose_at_entry(pose: Pose, path: InterpolatedPath, number: int) -> Pose:
    """The pose on a picture of the way on which an object enters."""
    xy = path.xy[number - path.first]
    box = pose.xyxy + box_around(xy) - box_around(path.xy[-1])
    return replace(pose, xy=xy[: len(pose.xy)], xyxy=box.astype(np.float32), origin="interpolated")


def entry_frame(pose: Pose, path: InterpolatedPath, size: tuple[int, int]) -> float:
    """The number of the picture on which an object enters: from over the edge, or else half of the way back.

    Args:
        pose: The answer that finds it.
        path: Its way up to that answer.
        size: The frame's (width, height).
    """
    numbers = range(path.first, path.first + len(path.xy))
    outside = [number for number in numbers if not is_inside(pose_at_entry(pose, path, number).xyxy, size)]
    return outside[-1] + 1 if outside else (numbers[0] + numbers[-1]) / 2


def _length(ways: Points) -> Points:
    length: Points = np.hypot(ways[..., 0], ways[..., 1])
    return length


class Interpolation:
    """Poses on frames for which a later answer is known already."""

    def __init__(self, memory: Memory) -> None:
        self._memory = memory
        self._settings = memory.settings

    def between(self, track: Track, pair: Pair, frame: Frame, last: tuple[float, int] | None) -> Pose:
        """The pose between two answers; where the later one came in the middle of the way, without a jump.

        Args:
            track: The object.
            pair: The answers before and after the frame.
            frame: The newest frame.
            last: Pts and picture number of the frame that was shown before.
        """
        pose = self._on_path(track, pair, frame.pts, self._memory.frames.number(frame.index))
        drawn = track.motion.last_drawn
        state = None if last is None or drawn is None else drawn.at(last[1])
        if state is not None and last is not None and last[0] > pair[0].pts:
            begun = self._on_path(track, pair, *last)
            rows = min(len(begun.xy), len(state.xy))
            track.residual = zeroed(widen(state.xy[:rows] - begun.xy[:rows], len(begun.xy)))
        track.motion.last_drawn = None
        return self._eased(track, pose, 0.0 if last is None else frame.pts - last[0])

    def entering(self, track: Track, after: Keyframe, frame: Frame, number: int) -> Pose | None:
        """Before the first answer that finds an object: from where it enters, or half of the way back."""
        frames, answered = self._memory.frames, self._memory.answered
        absent = max((answer for answer in answered if answer[0] < after.pts), default=(after.pts, -1))
        first, last = (frames.number(index) for index in (absent[1], after.frame_index))
        if first is None or last is None or number < first or not frames.is_continuous(first, last):
            return replace(after.pose, origin="interpolated") if frame.pts >= (absent[0] + after.pts) / 2 else None
        if track.path is None or not track.path.joins(first, last):
            track.path = back_track(frames, after.pose, first, last, self._settings)
        if number < entry_frame(after.pose, track.path, frame.size):
            return None
        return pose_at_entry(after.pose, track.path, number)

    def _eased(self, track: Track, pose: Pose, seconds: float) -> Pose:
        """The pose, on its way from where it was drawn last to where it should be."""
        if track.residual is None:
            return pose
        residual = track.residual = (self._settings.glide_after(seconds) * track.residual).astype(np.float32)
        moved = np.tile(np.median(residual, axis=0), 2).astype(np.float32)
        return replace(pose, xy=pose.xy + residual, xyxy=pose.xyxy + moved)

    def _on_path(self, track: Track, pair: Pair, pts: float, here: int | None) -> Pose:
        """Through the pictures where they were observed ahead, or on the straight line."""
        frames = self._memory.frames
        first, last = (frames.number(keyframe.frame_index) for keyframe in pair)
        if first is None or here is None or last is None or not first < here < last or not moves(pair, self._settings):
            return replace(pose_between(pair, pts, None), tracker_id=track.tracker_id)
        if track.path is None or not track.path.joins(first, last):
            if not frames.is_continuous(first, last):
                side = pair[0] if frames.is_continuous(first, here) else pair[1]
                return replace(side.pose, origin="interpolated")
            self._connect(pair, first, last)
        assert track.path is not None
        return pose_between(pair, pts, track.path.xy[here - first])

    def _connect(self, pair: Pair, first: int, last: int) -> None:
        """Build the paths of all objects that were answered on these two frames, one mesh at a time."""
        wanted: dict[Mesh, list[tuple[Track, Pair]]] = {}
        for track in self._memory.tracks:
            before, after = track.neighbours(pair[0].pts)
            if before is None or after is None or (before.pts, after.pts) != (pair[0].pts, pair[1].pts):
                continue
            if moves((before, after), self._settings):
                mesh = mesh_of(after.pose, len(ends((before, after))[0]), self._settings)
                wanted.setdefault(mesh, []).append((track, (before, after)))
        for group in wanted.values():
            paths = connect(self._memory.frames, [keys for _, keys in group], first, last, self._settings)
            for (track, _), path in zip(group, paths, strict=True):
                track.path = path
