"""The heads of the network that are computed only in the cells where somebody asks."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache

import numpy as np
import numpy.typing as npt

from kpstream.entities import Floats

Indices = npt.NDArray[np.intp]

PARTS = ("depthwise", "depthwise_bias", "hidden", "hidden_bias", "last", "last_bias")
_NEAR = np.arange(-1, 2)
_ROWS = 96
"""Cells in one product of matrices: for larger ones numpy's library wakes threads, which costs ten times as much."""


class CellHead:
    """A depthwise convolution of 3 by 3 cells, a hidden layer that is clipped at 0, and a last one.

    Args:
        weights: The numbers of each of `PARTS`, as a convolution has them.
    """

    def __init__(self, weights: Mapping[str, Floats]) -> None:
        self._depthwise = weights["depthwise"].reshape(len(weights["depthwise"]), -1)
        self._depthwise_bias = weights["depthwise_bias"]
        self._hidden = weights["hidden"].reshape(weights["hidden"].shape[:2]).T
        self._hidden_bias = weights["hidden_bias"]
        self._last = weights["last"].reshape(weights["last"].shape[:2]).T
        self._last_bias = weights["last_bias"]

    def of(self, patches: Floats) -> Floats:
        """What it says of some cells, shape ``(n, its channels)``, of the `patches` around them."""
        mixed = np.einsum("cnp,cp->nc", patches, self._depthwise) + self._depthwise_bias
        return np.concatenate([self._layers(mixed[at : at + _ROWS]) for at in range(0, len(mixed), _ROWS)])

    def _layers(self, mixed: Floats) -> Floats:
        hidden = mixed @ self._hidden
        hidden += self._hidden_bias
        answer: Floats = np.maximum(hidden, 0, out=hidden) @ self._last
        return answer + self._last_bias


def patches(features: Floats, rows: Indices, columns: Indices) -> Floats:
    """The features of 3 by 3 cells around each of n, shape ``(channels, n, 9)``; 0 outside of the grid.

    Args:
        features: Shape ``(channels, h, w)``.
        rows: Of the cells, shape ``(n,)``.
        columns: As ``rows``.
    """
    channels, height, width = features.shape
    neighbours, inside = _neighbours(height, width)
    cells = rows * width + columns
    near: Floats = features.reshape(channels, -1).take(neighbours[cells], axis=1)
    near *= inside[cells]
    return near


@lru_cache(maxsize=8)
def _neighbours(height: int, width: int) -> tuple[Indices, Floats]:
    """The 3 by 3 cells around each cell of a grid, and 1 for those inside of it; both of shape ``(h * w, 9)``."""
    rows, columns = np.divmod(np.arange(height * width), width)
    y, x = (rows[:, None] + _NEAR)[:, :, None], (columns[:, None] + _NEAR)[:, None, :]
    inside = ((y >= 0) & (y < height) & (x >= 0) & (x < width)).reshape(len(rows), -1)
    return np.where(inside, (y * width + x).reshape(inside.shape), 0), inside.astype(np.float32)
