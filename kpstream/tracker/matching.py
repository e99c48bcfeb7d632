"""Which pose of an answer belongs to which track."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
from scipy.optimize import linear_sum_assignment

from kpstream.entities import Pose
from kpstream.motion import Points, widen

TOO_FAR = 0.5
"""A pose further than this from a track, in diagonals of its box, is somebody else."""


def distance(one: Pose, other: Pose) -> float:
    """The mean distance of what both outlines know, in diagonals of the larger box; infinite between classes."""
    if one.class_id != other.class_id:
        return np.inf
    rows = max(len(one.xy), len(other.xy)) + 2
    apart = widen(outline(one), rows) - widen(outline(other), rows)
    size = max(float(np.hypot(*(pose.xyxy[2:] - pose.xyxy[:2]))) for pose in (one, other))
    known = apart[~np.isnan(apart[:, 0])]
    return float(np.hypot(known[:, 0], known[:, 1]).mean()) / max(size, 1e-6) if len(known) else np.inf


def match(expected: Sequence[Sequence[Pose]], found: Sequence[Pose]) -> dict[int, int]:
    """The assignment of poses to tracks with the least distance in all.

    Args:
        expected: For each track where it may be; the nearest of them counts.
        found: The poses of the answer.

    Returns:
        The number of the track by the number of the pose; poses that are too far from all tracks are left out.
    """
    if not expected or not found:
        return {}
    costs: npt.NDArray[np.float64] = np.array(
        [[min((distance(pose, new) for pose in places), default=np.inf) for new in found] for places in expected]
    )
    rows, columns = linear_sum_assignment(np.minimum(costs, TOO_FAR))
    pairs = zip(rows.tolist(), columns.tolist(), strict=True)
    return {column: row for row, column in pairs if costs[row, column] < TOO_FAR}


def outline(pose: Pose) -> Points:
    """The keypoints and two corners of the box, shape ``(K + 2, 2)``: a bare box has points too."""
    return np.concatenate([pose.xyxy.reshape(2, 2), pose.xy])
