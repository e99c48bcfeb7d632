"""The heads of the network that are computed only in the cells where somebody asks."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import numpy.typing as npt

from kpstream.entities import Floats

Indices = npt.NDArray[np.intp]

PARTS = ("depthwise", "depthwise_bias", "hidden", "hidden_bias", "last", "last_bias")
_NEAR = np.arange(-1, 2)


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
        mixed = np.einsum("ncp,cp->nc", patches, self._depthwise) + self._depthwise_bias
        hidden = np.maximum(mixed @ self._hidden + self._hidden_bias, 0)
        answer: Floats = hidden @ self._last + self._last_bias
        return answer


def patches(features: Floats, rows: Indices, columns: Indices) -> Floats:
    """The features of 3 by 3 cells around each of n, shape ``(n, channels, 9)``; 0 outside of the grid.

    Args:
        features: Shape ``(channels, h, w)``.
        rows: Of the cells, shape ``(n,)``.
        columns: As ``rows``.
    """
    height, width = features.shape[1:]
    y, x = rows[:, None] + _NEAR, columns[:, None] + _NEAR
    inside = ((y >= 0) & (y < height))[:, :, None] & ((x >= 0) & (x < width))[:, None, :]
    near = features[:, y.clip(0, height - 1)[:, :, None], x.clip(0, width - 1)[:, None, :]] * inside
    return np.ascontiguousarray(near.reshape(len(features), len(rows), -1).transpose(1, 0, 2))
