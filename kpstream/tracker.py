"""Who is who, and every pose at any moment: before, between and after the answers.

The rules that hold here: no clock, no I/O, one thread. Time is the pts of frames and results. A frame that was
answered is given back exactly as answered. Everything that is kept is bounded.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import pairwise

import numpy as np
import numpy.typing as npt
from scipy.optimize import linear_sum_assignment

from kpstream.entities import Frame, Pose, Result
from kpstream.motion import Points, between, widen

_TOO_FAR = 0.5
"""A pose further than this from a track, in box diagonals, is somebody else."""


@dataclass(frozen=True, slots=True)
class _Key:
    """One answered pose of one track."""

    pts: float
    pose: Pose


@dataclass(slots=True, eq=False)
class _Track:
    """One object, and where the answers found it."""

    tracker_id: int
    keys: deque[_Key] = field(default_factory=lambda: deque(maxlen=512))

    def around(self, pts: float) -> tuple[_Key | None, _Key | None]:
        """The last key at or before ``pts`` and the first one after it."""
        before = after = None
        for key in self.keys:
            if key.pts > pts:
                after = key
                break
            before = key
        return before, after

    def forget(self, pts: float) -> None:
        """Drop the keys that no later frame needs."""
        while len(self.keys) > 2 and self.keys[2].pts <= pts:
            self.keys.popleft()


class Tracker:
    """Follows every object through the answers and knows its pose on every frame.

    Between two answers poses are interpolated; after the last they are carried on. Which of the two it is follows
    from the order of the calls alone: a result may be older than the newest frame (live), or newer (recorded).

    Args:
        patience: Seconds for which a track lives on without a confirming answer.
    """

    def __init__(self, *, patience: float = 1.0) -> None:
        self._patience = patience
        self._tracks: list[_Track] = []
        self._answered: deque[tuple[float, int]] = deque(maxlen=512)
        self._next_id = 1
        self._shown = -np.inf
        self._lag = 0.0

    def __repr__(self) -> str:
        return f"Tracker(tracks={len(self._tracks)}, ids_given={self._next_id - 1})"

    def update(self, result: Result) -> None:
        """Take in a measurement.

        Raises:
            ValueError: ``result.pts`` is not after the last one.
        """
        if self._answered and result.pts <= self._answered[-1][0]:
            raise ValueError(f"the result at {result.pts} s comes after the one at {self._answered[-1][0]} s")
        self._lag = max(0.0, self._shown - result.pts) if np.isfinite(self._shown) else 0.0
        living = [track for track in self._tracks if result.pts - track.keys[-1].pts <= self._life()]
        owners = _match(living, result.poses)
        for number, pose in enumerate(result.poses):
            track = owners.get(number) or self._new_track()
            track.keys.append(_Key(result.pts, pose.but(tracker_id=track.tracker_id, origin="measured")))
        self._answered.append((result.pts, result.frame_index))

    def predict(self, frame: Frame) -> tuple[Pose, ...]:
        """The poses on ``frame``: before, between or after the measurements.

        Called once for every frame, in order: the picture itself carries the points on.
        """
        self._shown = frame.pts
        limit = frame.pts - self._life() - self._lag
        self._tracks = [track for track in self._tracks if track.keys[-1].pts >= limit]
        for track in self._tracks:
            track.forget(frame.pts)
        measured = any(pts == frame.pts for pts, _ in self._answered)
        poses = (self._at(track, frame.pts, measured) for track in self._tracks)
        return tuple(pose for pose in poses if pose is not None)

    def _life(self) -> float:
        times = [pts for pts, _ in self._answered]
        gaps = [b - a for a, b in pairwise(times[-5:])]
        return max(self._patience, 1.5 * float(np.median(gaps)) if gaps else 0.0)

    def _new_track(self) -> _Track:
        track = _Track(self._next_id)
        self._next_id += 1
        self._tracks.append(track)
        return track

    def _at(self, track: _Track, pts: float, measured: bool) -> Pose | None:
        before, after = track.around(pts)
        if before is not None and before.pts == pts:
            return before.pose
        if measured:
            return None
        if before is not None and after is not None:
            return _interpolated(before, after, pts)
        if before is not None:
            unseen = next((at for at, _ in self._answered if at > before.pts), None)
            if unseen is not None and pts > (before.pts + unseen) / 2 and unseen > pts:
                return None
            return before.pose.but(origin="predicted")
        assert after is not None
        absent = max((at for at, _ in self._answered if at < after.pts), default=after.pts)
        return after.pose.but(origin="interpolated") if pts >= (absent + after.pts) / 2 else None


def _outline(pose: Pose) -> Points:
    """The keypoints and two corners of the box, shape ``(K + 2, 2)``: a bare box has points too."""
    return np.concatenate([pose.xyxy.reshape(2, 2), pose.xy])


def _distance(one: Pose, other: Pose) -> float:
    """The mean distance of what both poses know, in diagonals of the larger box; infinite between classes."""
    if one.class_id != other.class_id:
        return np.inf
    rows = max(len(one.xy), len(other.xy)) + 2
    apart = widen(_outline(one), rows) - widen(_outline(other), rows)
    size = max(float(np.hypot(*(pose.xyxy[2:] - pose.xyxy[:2]))) for pose in (one, other))
    return float(np.nanmean(np.hypot(apart[:, 0], apart[:, 1]))) / max(size, 1e-6)


def _match(tracks: Sequence[_Track], poses: Sequence[Pose]) -> dict[int, _Track]:
    """Which pose, by its number, belongs to which track: the assignment with the least distance in all."""
    if not tracks or not poses:
        return {}
    costs: npt.NDArray[np.float64] = np.array(
        [[min(_distance(track.keys[-1].pose, pose), 1e3) for pose in poses] for track in tracks]
    )
    rows, columns = linear_sum_assignment(np.minimum(costs, _TOO_FAR))
    return {
        int(column): tracks[int(row)]
        for row, column in zip(rows, columns, strict=True)
        if costs[row, column] < _TOO_FAR
    }


def _interpolated(before: _Key, after: _Key, pts: float) -> Pose:
    share = (pts - before.pts) / (after.pts - before.pts)
    rows = max(len(before.pose.xy), len(after.pose.xy))
    confidence = [widen(key.pose.keypoint_confidence, rows, 0.0) for key in (before, after)]
    nearer = before.pose if share < 0.5 else after.pose
    return nearer.but(
        xy=between(widen(before.pose.xy, rows), widen(after.pose.xy, rows), share),
        keypoint_confidence=((1 - share) * confidence[0] + share * confidence[1]).astype(np.float32),
        xyxy=((1 - share) * before.pose.xyxy + share * after.pose.xyxy).astype(np.float32),
        confidence=(1 - share) * before.pose.confidence + share * after.pose.confidence,
        skeleton=after.pose.skeleton,
        origin="interpolated",
    )
