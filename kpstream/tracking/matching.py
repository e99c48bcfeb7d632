"""How far poses are from each other, and which belongs to which track."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
from lap import lapjv  # type: ignore[import-untyped] # what scipy has for it costs each process 0.25 s and 48 MB

from kpstream.entities import Pose
from kpstream.tracking.geometry import Points, widen
from kpstream.tracking.settings import DEFAULT

Costs = npt.NDArray[np.float64]


def distances(some: Sequence[Pose], others: Sequence[Pose]) -> Costs:
    """The mean distance of what two outlines know, in diagonals of the larger box; infinite between classes.

    Returns:
        Shape ``(len(some), len(others))``.
    """
    rows = max(len(pose.xy) for pose in (*some, *others)) + 2
    one, other = (np.stack([widen(outline(pose), rows) for pose in poses]) for poses in (some, others))
    apart = np.linalg.norm(one[:, None] - other, axis=3).astype(float)
    known = ~np.isnan(apart)
    size, its_size = (np.hypot(*(poses[:, 1] - poses[:, 0]).T) for poses in (one, other))
    mean = np.where(known, apart, 0).sum(2) / np.maximum(known.sum(2), 1)
    alike = np.equal.outer([pose.class_id for pose in some], [pose.class_id for pose in others])
    larger = np.maximum(np.maximum.outer(size, its_size), 1e-6)
    apart_in_sizes: Costs = np.where(alike & known.any(2), mean / larger, np.inf)
    return apart_in_sizes


def nearest(expected: Sequence[Sequence[Pose]], found: Sequence[Pose]) -> Costs:
    """How far poses are from tracks.

    Args:
        expected: For each track where it may be; the nearest of them counts.
        found: The poses of the answer.

    Returns:
        Shape ``(len(expected), len(found))``; infinite for a track that is nowhere.
    """
    places = [pose for poses in expected for pose in poses]
    if not places or not found:
        return np.full((len(expected), len(found)), np.inf)
    ends = np.cumsum([len(poses) for poses in expected])
    apart = distances(places, found)
    return np.stack(
        [apart[end - len(poses) : end].min(0, initial=np.inf) for end, poses in zip(ends, expected, strict=True)]
    )


def match(costs: Costs, max_distance: float = DEFAULT.max_distance) -> dict[int, int]:
    """The assignment of poses to tracks with the least distance in all.

    Args:
        costs: How far each pose is from each track, shape ``(tracks, poses)``.
        max_distance: Diagonals from which on a pose belongs to somebody else.

    Returns:
        The number of the track by the number of the pose; poses that are too far from all tracks are left out.
    """
    if not costs.size:
        return {}
    _, columns, _ = lapjv(np.fmin(costs, max_distance), extend_cost=True)
    pairs = enumerate(columns.tolist())
    return {column: row for row, column in pairs if column >= 0 and costs[row, column] < max_distance}


def outline(pose: Pose) -> Points:
    """The keypoints and two corners of the box, shape ``(K + 2, 2)``: a bare box has points too."""
    return np.concatenate([pose.xyxy.reshape(2, 2), pose.xy])
