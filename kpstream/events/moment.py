"""What the rules read at one moment: all objects at once, as arrays.

N objects, in pixels of the source picture, x to the right and y down. Unknown numbers are NaN.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import lru_cache

import numpy as np
import numpy.typing as npt

from kpstream.entities import Pose
from kpstream.events.rules import ANKLES, HIPS, KNEES, SHOULDERS, Anchor, Zone
from kpstream.skeleton import Skeleton

Array = npt.NDArray[np.float64]


@dataclass(slots=True)
class Moment:
    """The objects that were measured at one moment.

    Args:
        pts: Of the moment, in seconds.
        frame_size: (width, height) in pixels.
        poses: N poses.
        ids: The identities of the N objects, which outlive a change of `tracker_id`.
        keypoint_confidence: Keypoints below it are unknown.
    """

    pts: float
    frame_size: tuple[int, int]
    poses: Sequence[Pose]
    ids: tuple[int, ...]
    keypoint_confidence: float
    heights: Array = field(default_factory=lambda: np.empty(0))
    """Body heights in pixels, shape ``(N,)``; filled in by `Bodies.measure`."""
    _keypoints: dict[str, Array] = field(default_factory=dict, repr=False)
    _boxes: Array | None = None
    _torso: Array | None = None
    _middles: dict[tuple[str, str], Array] = field(default_factory=dict, repr=False)
    _anchors: dict[Anchor, Array] = field(default_factory=dict, repr=False)
    _depths: dict[tuple[Zone, Anchor | tuple[str, ...]], Array] = field(default_factory=dict, repr=False)
    _angles: dict[tuple[str, str, str], Array] = field(default_factory=dict, repr=False)
    _centers: list[Sequence[float]] | None = None
    _above_feet: dict[tuple[str, str], Array] = field(default_factory=dict, repr=False)
    _subjects: tuple[tuple[int], ...] | None = None
    _groups: list[tuple[Skeleton, list[int], Array]] | None = field(default=None, repr=False)

    @property
    def subjects(self) -> tuple[tuple[int], ...]:
        """The identities one by one, as subjects of rules."""
        if self._subjects is None:
            self._subjects = tuple((body_id,) for body_id in self.ids)
        return self._subjects

    @property
    def boxes(self) -> Array:
        """Shape ``(N, 4)``: x_min, y_min, x_max, y_max."""
        if self._boxes is None:
            boxes = [pose.xyxy for pose in self.poses]
            self._boxes = np.asarray(boxes, float).reshape(-1, 4)
        return self._boxes

    def anchors(self, anchor: Anchor) -> Array:
        """One point of each box, shape ``(N, 2)``."""
        known = self._anchors.get(anchor)
        if known is None:
            boxes = self.boxes
            known = self._anchors[anchor] = (boxes[:, :2] + boxes[:, 2:]) / 2
            if anchor == "bottom_center":
                known[:, 1] = boxes[:, 3]
        return known

    @property
    def centers(self) -> list[Sequence[float]]:
        """The middle of each torso, of the box where none is known: x and y."""
        if self._centers is None:
            torso = (self.middle(SHOULDERS) + self.middle(HIPS)) / 2
            self._centers = np.where(np.isnan(torso), self.anchors("center"), torso).tolist()
        return self._centers

    def depth(self, zone: Zone, anchor: Anchor) -> Array:
        """How deep each anchor lies in a zone, in pixels, shape ``(N,)``; negative outside."""
        known = self._depths.get((zone, anchor))
        if known is None:
            known = self._depths[zone, anchor] = _border(zone, self.frame_size).inside(self.anchors(anchor))
        return known

    def keypoint_depths(self, zone: Zone, names: tuple[str, ...]) -> Array:
        """How deep keypoints of each object are in a zone, in pixels, shape ``(K, N)``; NaN where it is not known."""
        known = self._depths.get((zone, names))
        if known is None:
            points = np.concatenate([self.keypoint(name) for name in names])
            depths = _border(zone, self.frame_size).inside(points).reshape(len(names), len(self.poses))
            known = self._depths[zone, names] = depths
        return known

    def angle(self, names: tuple[str, str, str]) -> Array:
        """Degrees at the second of three keypoints of each object, shape ``(N,)``; NaN where it is not known."""
        known = self._angles.get(names)
        if known is None:
            known = self._angles[names] = angle_at(*(self.keypoint(name) for name in names))
        return known

    def keypoint(self, name: str) -> Array:
        """A keypoint of each object, shape ``(N, 2)``; NaN where it is missing or below the confidence."""
        known = self._keypoints.get(name)
        if known is None:
            known = self._keypoints[name] = self._gather(name)
        return known

    def _gather(self, name: str) -> Array:
        groups = self._by_skeleton()
        if len(groups) == 1:  # the usual case, without a copy
            skeleton, _, known = groups[0]
            index = skeleton.index(name)
            if index is not None and index < known.shape[1]:
                return known[:, index]
        points = np.full((len(self.poses), 2), np.nan)
        for skeleton, rows, known in groups:
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

    def above_feet(self, names: tuple[str, str]) -> Array:
        """How high the middle of two keypoints is above the lowest of the feet, else knees, shape ``(N,)``.

        In body heights; NaN where it is not known.
        """
        above = self._above_feet.get(names)
        if above is None:
            feet, knees = (
                np.fmax(self.keypoint(left)[:, 1], self.keypoint(right)[:, 1]) for left, right in (ANKLES, KNEES)
            )
            ground = np.where(np.isnan(feet), knees, feet)
            above = self._above_feet[names] = (ground - self.middle(names)[:, 1]) / self.heights
        return above

    @property
    def torso(self) -> Array:
        """How far each torso leans from upright, in degrees, 0 to 180, shape ``(N,)``; NaN where it is not known."""
        if self._torso is None:
            self._torso = lean(self.middle(HIPS), self.middle(SHOULDERS))
        return self._torso

    def limit(self, rows: npt.NDArray[np.bool_]) -> Moment:
        """The same moment with some of its objects.

        Args:
            rows: Which of them, shape ``(N,)``.
        """
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
    """Degrees from upright of the lines from lower to upper points, 0 to 180, shape ``(N,)``; NaN where they are one.

    Args:
        lower: Shape ``(N, 2)``.
        upper: Shape ``(N, 2)``.
    """
    across, down = (upper - lower).T
    degrees = np.degrees(np.arctan2(np.abs(across), -down))
    leans: Array = np.where((across == 0) & (down == 0), np.nan, degrees)
    return leans


def angle_at(first: Array, corner: Array, last: Array) -> Array:
    """Degrees between the lines from a corner to two points, 0 to 180, shape ``(N,)``; NaN where one has no length.

    Args:
        first: Shape ``(N, 2)``.
        corner: Shape ``(N, 2)``.
        last: Shape ``(N, 2)``.
    """
    one, other = first - corner, last - corner
    lengths = np.hypot(*one.T) * np.hypot(*other.T)
    cosine = (one * other).sum(axis=1) / lengths
    degrees: Array = np.degrees(np.arccos(np.clip(cosine, -1, 1)))
    return degrees


@lru_cache(maxsize=64)
def _border(zone: Zone, frame_size: tuple[int, int]) -> Border:
    return Border(np.multiply(zone.polygon, frame_size))


class Border:
    """The border of a polygon in the picture.

    Args:
        polygon: Shape ``(M, 2)`` in pixels, not closed; M is at least 3.
    """

    def __init__(self, polygon: Array) -> None:
        self._begin = polygon.T[:, None].astype(float)  # (2, 1, M)
        self._edge = np.roll(polygon, -1, axis=0).T[:, None] - self._begin
        self._length = np.maximum((self._edge**2).sum(axis=0), 1e-12)
        self._rises = np.sign(self._edge[1])
        self._ends_at = self._begin[1] + self._edge[1]

    def inside(self, points: Array) -> Array:
        """Signed distances of points from it, in pixels: positive within it, shape ``(N,)``.

        Args:
            points: Shape ``(N, 2)``; NaN gives NaN.
        """
        to_point = points.T[..., None] - self._begin
        (x, y), (across, down) = to_point, self._edge
        share = np.clip((x * across + y * down) / self._length, 0, 1)
        distance = np.sqrt(((to_point - share * self._edge) ** 2).sum(axis=0).min(axis=1))
        below = points[:, 1, None]
        crosses = (below >= self._begin[1]) != (below >= self._ends_at)
        right = (across * y - down * x) * self._rises > 0
        within = (crosses & right).sum(axis=1) % 2 == 1
        signed: Array = np.where(within, distance, -distance)
        return signed
