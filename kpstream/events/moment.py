"""What the rules can see at one moment: all objects at once, as arrays.

N objects, in pixels of the source picture, x to the right and y down. What is not known is NaN.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from kpstream.entities import Pose
from kpstream.events.rules import HIPS, SHOULDERS, Anchor, Zone
from kpstream.skeleton import Skeleton

Array = npt.NDArray[np.float64]


@dataclass(slots=True)
class Moment:
    """The objects that were measured at one moment.

    Args:
        pts: Seconds.
        frame_size: (width, height) in pixels.
        poses: N of them.
        ids: Their identities, which outlive a change of `tracker_id`.
        keypoint_confidence: Keypoints below it are not known.
    """

    pts: float
    frame_size: tuple[int, int]
    poses: Sequence[Pose]
    ids: tuple[int, ...]
    keypoint_confidence: float
    heights: Array = field(default_factory=lambda: np.empty(0))
    """Body heights in pixels, shape ``(N,)``; filled in by whoever follows the bodies."""
    _keypoints: dict[str, Array] = field(default_factory=dict, repr=False)
    _boxes: Array | None = None
    _torso: Array | None = None
    _middles: dict[tuple[str, str], Array] = field(default_factory=dict, repr=False)
    _depths: dict[tuple[str, str], Array] = field(default_factory=dict, repr=False)
    _groups: list[tuple[Skeleton, list[int], Array]] | None = field(default=None, repr=False)

    @property
    def boxes(self) -> Array:
        """Shape ``(N, 4)``: x_min, y_min, x_max, y_max."""
        if self._boxes is None:
            boxes = [pose.xyxy for pose in self.poses]
            self._boxes = np.asarray(boxes, float).reshape(-1, 4)
        return self._boxes

    def anchors(self, anchor: Anchor) -> Array:
        """One point of each box, shape ``(N, 2)``."""
        boxes = self.boxes
        middle = (boxes[:, :2] + boxes[:, 2:]) / 2
        if anchor == "center":
            return middle
        return np.column_stack([middle[:, 0], boxes[:, 3]])

    def depth(self, zone: Zone, anchor: Anchor) -> Array:
        """How deep each anchor is in a zone, in pixels, shape ``(N,)``; negative beside it."""
        return self._depth(zone, anchor, self.anchors(anchor))

    def keypoint_depth(self, zone: Zone, name: str) -> Array:
        """How deep a keypoint of each object is in a zone, in pixels, shape ``(N,)``; NaN where it is not known."""
        return self._depth(zone, f"keypoint {name}", self.keypoint(name))

    def _depth(self, zone: Zone, of: str, points: Array) -> Array:
        depth = self._depths.get((zone.name, of))
        if depth is None:
            depth = self._depths[zone.name, of] = inside(points, np.multiply(zone.polygon, self.frame_size))
        return depth

    def keypoint(self, name: str) -> Array:
        """Where each object has a keypoint, shape ``(N, 2)``; NaN where it is missing or doubtful."""
        known = self._keypoints.get(name)
        if known is None:
            known = self._keypoints[name] = self._gather(name)
        return known

    def _gather(self, name: str) -> Array:
        points = np.full((len(self.poses), 2), np.nan)
        for skeleton, rows, known in self._by_skeleton():
            index = skeleton.index(name)
            if index is not None and index < known.shape[1]:
                points[rows] = known[:, index]
        return points

    def _by_skeleton(self) -> list[tuple[Skeleton, list[int], Array]]:
        """The poses of each skeleton: their rows, and their known keypoints, shape ``(n, K, 2)``."""
        if self._groups is None:
            rows: dict[tuple[int, int], list[int]] = {}
            for row, pose in enumerate(self.poses):
                rows.setdefault((id(pose.skeleton), len(pose.xy)), []).append(row)
            self._groups = [(self.poses[group[0]].skeleton, group, self._known(group)) for group in rows.values()]
        return self._groups

    def _known(self, rows: list[int]) -> Array:
        points = np.array([self.poses[row].xy for row in rows], float)
        confidence = np.array([self.poses[row].keypoint_confidence for row in rows])
        points[confidence < self.keypoint_confidence] = np.nan
        return points

    def middle(self, names: tuple[str, str]) -> Array:
        """The middle of two keypoints of each object, or the one that is known, shape ``(N, 2)``; NaN where none is."""
        middle = self._middles.get(names)
        if middle is None:
            one, other = (self.keypoint(name) for name in names)
            middle = np.where(np.isnan(one), other, np.where(np.isnan(other), one, (one + other) / 2))
            self._middles[names] = middle
        return middle

    @property
    def torso(self) -> Array:
        """How far each torso leans from upright, in degrees, 0 to 180, shape ``(N,)``; NaN where it is not known."""
        if self._torso is None:
            self._torso = lean(self.middle(HIPS), self.middle(SHOULDERS))
        return self._torso

    def limit(self, rows: npt.NDArray[np.bool_]) -> Moment:
        """The same moment with some of its objects."""
        keep = np.flatnonzero(rows).tolist()
        return Moment(
            self.pts,
            self.frame_size,
            [self.poses[row] for row in keep],
            tuple(self.ids[row] for row in keep),
            self.keypoint_confidence,
            self.heights[keep] if len(self.heights) else self.heights,
            {name: points[keep] for name, points in self._keypoints.items()},
        )


def lean(lower: Array, upper: Array) -> Array:
    """Degrees from upright of the lines from lower to upper points, 0 to 180.

    Args:
        lower: Shape ``(N, 2)``.
        upper: Shape ``(N, 2)``.
    """
    across, down = (upper - lower).T
    degrees = np.degrees(np.arctan2(np.abs(across), -down))
    leans: Array = np.where((across == 0) & (down == 0), np.nan, degrees)
    return leans


def angle_at(first: Array, corner: Array, last: Array) -> Array:
    """Degrees between the lines from a corner to two points, 0 to 180; NaN where one of them has no length.

    Args:
        first: Shape ``(N, 2)``.
        corner: Shape ``(N, 2)``.
        last: Shape ``(N, 2)``.
    """
    one, other = first - corner, last - corner
    lengths = np.hypot(*one.T) * np.hypot(*other.T)
    with np.errstate(invalid="ignore", divide="ignore"):
        cosine = (one * other).sum(axis=1) / lengths
    degrees: Array = np.degrees(np.arccos(np.clip(cosine, -1, 1)))
    return degrees


def inside(points: Array, polygon: Array) -> Array:
    """Signed distances of points from the border of a polygon, in pixels: positive within it.

    Args:
        points: Shape ``(N, 2)``; NaN gives NaN.
        polygon: Shape ``(M, 2)``, not closed; M is at least 3.
    """
    begin, end = polygon, np.roll(polygon, -1, axis=0)
    edge = end - begin
    to_point = points[:, None, :] - begin[None]
    length = np.maximum((edge**2).sum(axis=1), 1e-12)
    share = np.clip((to_point * edge).sum(axis=2) / length, 0, 1)
    away = to_point - share[..., None] * edge
    distance = np.sqrt((away**2).sum(axis=2)).min(axis=1)
    above = points[:, None, 1] >= begin[None, :, 1]
    crosses = above != (points[:, None, 1] >= end[None, :, 1])
    with np.errstate(invalid="ignore"):
        right = (edge[:, 0] * to_point[..., 1] - edge[:, 1] * to_point[..., 0]) * np.sign(edge[:, 1]) > 0
    within = (crosses & right).sum(axis=1) % 2 == 1
    signed: Array = np.where(within, distance, -distance)
    return signed
