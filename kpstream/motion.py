"""Moving points between two moments, in plain arrays: NaN-aware, no clock, no I/O.

Points are float32 arrays of shape ``(K, 2)``; a point that is not known is NaN in both coordinates.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

Points = npt.NDArray[np.float32]
Weights = npt.NDArray[np.float32]


def widen(values: Points, rows: int, fill: float = np.nan) -> Points:
    """The same rows, and as many more of ``fill`` as it takes to have ``rows``."""
    if len(values) >= rows:
        return values
    shape = (rows - len(values), *values.shape[1:])
    return np.concatenate([values, np.full(shape, fill, np.float32)])


def shift(before: Points, after: Points) -> Points:
    """The median displacement of the points that both sides know, shape ``(2,)``; zero where they share none."""
    moved = after - before
    moved = moved[~np.isnan(moved[:, 0])]
    if not len(moved):
        return np.zeros(2, np.float32)
    middle: Points = np.median(moved, axis=0).astype(np.float32)
    return middle


def between(before: Points, after: Points, share: float) -> Points:
    """Points on the straight way from ``before`` to ``after``.

    A point that one side alone knows moves along with the others.

    Args:
        before: Shape ``(K, 2)``.
        after: Shape ``(K, 2)``.
        share: 0 gives ``before``, 1 gives ``after``.
    """
    way = shift(before, after)
    start = np.where(np.isnan(before), after - way, before)
    end = np.where(np.isnan(after), before + way, after)
    points: Points = ((1 - share) * start + share * end).astype(np.float32)
    return points
