"""Points and boxes in plain arrays, NaN-aware.

Points are float32 arrays of shape ``(K, 2)``, or ``(N, K, 2)`` for N objects; a point that is not known is NaN in
both coordinates.
"""

from __future__ import annotations

from math import hypot

import numpy as np
import numpy.typing as npt

Points = npt.NDArray[np.float32]
Weights = npt.NDArray[np.float32]
Mask = npt.NDArray[np.bool_]


def widen(values: Points, rows: int, fill: float = np.nan) -> Points:
    """The same rows, and as many more of ``fill`` as it takes to have ``rows``."""
    if len(values) >= rows:
        return values
    shape = (rows - len(values), *values.shape[1:])
    return np.concatenate([values, np.full(shape, fill, np.float32)])


def zeroed(points: Points) -> Points:
    """The same points, zero where they are not known."""
    filled: Points = np.where(np.isnan(points), np.float32(0), points)
    return filled


def shift(before: Points, after: Points) -> Points:
    """The median displacement of the points that both sides know, shape ``(2,)``; zero where they share none."""
    ways = after - before
    return middle(ways[~np.isnan(ways[:, 0])])


def middle(ways: Points) -> Points:
    """The median of known displacements of shape ``(P, 2)``, shape ``(2,)``; zero where there are none."""
    if not len(ways):
        return np.zeros(2, np.float32)
    ways = np.sort(ways, axis=0)  # np.median is ten times slower
    way: Points = (ways[(len(ways) - 1) // 2] + ways[len(ways) // 2]) / 2
    return way


def middles(values: Points) -> Points:
    """The median of what is known in each of N sets, shape ``(N, C)`` from ``(N, K, C)``; zero where nothing is."""
    count = (~np.isnan(values[..., 0])).sum(1)
    if not values.shape[1]:
        return np.zeros((len(values), values.shape[2]), np.float32)
    ordered, rows = np.sort(values, axis=1), np.arange(len(values))  # NaN comes last; np.median is ten times slower
    middle = (ordered[rows, np.maximum(count - 1, 0) // 2] + ordered[rows, count // 2 % values.shape[1]]) / 2
    found: Points = np.where(count[:, None] > 0, middle, np.float32(0)).astype(np.float32)
    return found


def between(before: Points, after: Points, share: float) -> Points:
    """Points on the straight line from ``before`` to ``after``.

    A point that only one side knows moves along with the others.

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


def box_around(points: Points) -> Points:
    """The smallest box that holds all known points, shape ``(4,)``: x_min, y_min, x_max, y_max; NaN without any."""
    if not len(points):
        return np.full(4, np.nan, np.float32)
    return np.concatenate([np.fmin.reduce(points), np.fmax.reduce(points)])


def diagonal(box: Points) -> float:
    """The diagonal of a box, shape ``(4,)``; at least one pixel."""
    left, top, right, bottom = box.tolist()  # a sixth of the time that numpy takes for four numbers
    return max(1.0, hypot(right - left, bottom - top))


def is_inside(box: Points, size: tuple[int, int]) -> bool:
    """Whether the middle of a box, shape ``(4,)``, is in a picture of this (width, height)."""
    left, top, right, bottom = box.tolist()
    return bool(0 <= left + right <= 2 * size[0] and 0 <= top + bottom <= 2 * size[1])
