"""The way of an object's points from the picture of an answer to the newest one.

An answer to an old picture corrects the trajectory where it then was, by as much as the trajectory is uncertain:
points at rest are hardly uncertain, which keeps the jitter of the answers out; points that came a long way are, and
the answer counts almost alone.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import NamedTuple

import numpy as np

from kpstream.entities import Pose
from kpstream.tracking.flow import Mesh
from kpstream.tracking.geometry import Points, Weights, diagonal, middle, shift, zeroed
from kpstream.tracking.settings import TrackerSettings

_LATTICE = np.array([(x, y) for y in (0.2, 0.5, 0.8) for x in (0.2, 0.5, 0.8)], np.float32)
_LATTICE_EDGES = tuple((i, i + 1) for i in range(8) if i % 3 < 2) + tuple((i, i + 3) for i in range(6))


class PointState(NamedTuple):
    """Where the points of an object were on one picture."""

    xy: Points
    """Shape ``(P, 2)``: the keypoints; for an object with too few of them a lattice in its box follows."""
    variance: Weights
    """The variance of each point, shape ``(P,)``, in square pixels."""


@dataclass(slots=True, eq=False)
class Trajectory:
    """The states of consecutive pictures."""

    first: int
    """The number of the first state's picture."""
    states: list[PointState]

    @property
    def last(self) -> int:
        """The number of the last state's picture."""
        return self.first + len(self.states) - 1

    def at(self, number: int) -> PointState | None:
        """The state on this picture; None where the trajectory does not lead."""
        place = number - self.first
        return self.states[place] if 0 <= place < len(self.states) else None

    def displacement(self, number: int, stride: int = 1) -> Points | None:
        """How far the points moved to this picture from ``stride`` before; None where that is not known."""
        here, before = self.at(number), self.at(number - stride)
        if here is None or before is None or here.xy.shape != before.xy.shape:
            return None
        return zeroed(here.xy - before.xy)

    def velocity(self, number: int) -> Points:
        """The same, zero where that is not known."""
        moved = self.displacement(number)
        return np.zeros_like(self.states[0].xy) if moved is None else moved

    def motion(self) -> tuple[Points, float]:
        """How far the object as a whole has moved since the answer, and how far its points otherwise, on average.

        Returns:
            Pixels, shape ``(2,)``, and pixels.
        """
        ways = self.states[-1].xy - self.states[0].xy
        ways = ways[~np.isnan(ways[:, 0])]
        way = middle(ways)
        right, down = (ways - way).T
        return way, float(np.hypot(right, down).sum()) / max(1, len(ways))

    def narrowed(self, rows: int) -> Trajectory:
        """The same trajectory of the first ``rows`` points alone."""
        return Trajectory(self.first, [PointState(state.xy[:rows], state.variance[:rows]) for state in self.states])

    def extend(self, xy: Points, size: float, settings: TrackerSettings) -> None:
        """Go one picture further.

        Args:
            xy: Where the points are on it.
            size: The diagonal of the object's box.
            settings: What a step adds to the variance.
        """
        last = self.states[-1]
        right, down = (xy - last.xy).T
        added = settings.slip**2 * (right * right + down * down) + (settings.step_noise * size) ** 2
        self.states.append(PointState(xy, last.variance + added))

    def through(self, number: int, state: PointState) -> Trajectory:
        """The same way from this picture on, through another state on it."""
        old, later = self.states[number - self.first], self.states[number - self.first + 1 :]
        if not later:
            return Trajectory(number, [state])
        known = ~np.isnan(old.xy[:, :1])
        along = np.array([it.xy for it in later]) - old.xy
        added = np.array([it.variance for it in later]) - old.variance
        if not known.all():
            along = np.where(known, along, np.stack([shift(old.xy, it.xy) for it in later])[:, None])
            added = np.where(known[:, 0], added, np.float32(0))
        return Trajectory(number, [state, *map(PointState, state.xy + along, state.variance + added)])


def points_of(pose: Pose, settings: TrackerSettings, prior: Points | None = None) -> Points:
    """What is tracked of a pose, shape ``(P, 2)``: its keypoints, and a lattice where few of them are known.

    Args:
        pose: An answer.
        settings: How many keypoints are few, and how many enough.
        prior: What was tracked of the object so far; the lattice stays until there are clearly enough keypoints.
    """
    rows, known = len(pose.xy), (~np.isnan(pose.xy[:, 0])).sum()
    if known >= settings.enough_keypoints or (prior is not None and rows and len(prior) == rows):
        return pose.xy
    if known >= settings.few_keypoints and (prior is None or len(prior) != rows + len(_LATTICE)):
        return pose.xy
    lattice = pose.xyxy[:2] + _LATTICE * (pose.xyxy[2:] - pose.xyxy[:2])
    return np.concatenate([pose.xy, lattice.astype(np.float32)])


def mesh_of(pose: Pose, points: int, settings: TrackerSettings) -> Mesh:
    """What holds the ``points`` of such a pose together."""
    return _mesh(len(pose.xy), points, pose.skeleton.edges, settings)


@lru_cache(maxsize=32)
def _mesh(keypoints: int, points: int, edges: tuple[tuple[int, int], ...], settings: TrackerSettings) -> Mesh:
    bones = [(a, b) for a, b in edges if a < keypoints and b < keypoints]
    if points > keypoints:
        bones += [(a + keypoints, b + keypoints) for a, b in _LATTICE_EDGES]
    return Mesh(points, bones, settings)


def fuse(prior: PointState | None, pose: Pose, coordinate_step: float, settings: TrackerSettings) -> PointState:
    """What to believe of a picture, from the trajectory so far and an answer.

    Args:
        prior: The trajectory's state on the answered picture; None, or with other points, does not count.
        pose: The answer.
        coordinate_step: The step of the answer's coordinates, in pixels.
        settings: How exact answers are.
    """
    answer = points_of(pose, settings, None if prior is None else prior.xy)
    size = diagonal(pose.xyxy)
    noise = np.full(len(answer), (settings.answer_noise * size) ** 2 + coordinate_step**2 / 12, np.float32)
    if prior is None or len(prior.xy) != len(answer):
        return PointState(answer, noise)
    surprise = answer - prior.xy
    is_wrong = (surprise**2).sum(1) > settings.surprise**2 * (prior.variance + noise)
    variance = np.where(is_wrong, np.inf, prior.variance)
    gain = np.where(np.isinf(variance), 1, prior.variance / (prior.variance + noise))
    xy = np.where(np.isnan(surprise), np.where(np.isnan(answer), prior.xy, answer), prior.xy + gain[:, None] * surprise)
    left = np.where(np.isnan(surprise[:, 0]), np.where(np.isnan(answer[:, 0]), prior.variance, noise), gain * noise)
    return PointState(xy.astype(np.float32), left.astype(np.float32))
