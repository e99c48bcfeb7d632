"""The heads in cells say what convolutions over the whole grid would say there."""

from __future__ import annotations

import numpy as np

from kpstream.entities import Floats
from kpstream.models.cell_heads import CellHead, patches

CHANNELS, HIDDEN, LAST, GRID = 3, 5, 2, (4, 6)


def _everywhere(features: Floats, weights: dict[str, Floats]) -> Floats:
    """The head over all cells, shape ``(h, w, LAST)``; outside of the grid there is nothing."""
    padded = np.pad(features, ((0, 0), (1, 1), (1, 1)))
    mixed = sum(
        padded[:, y : y + GRID[0], x : x + GRID[1]] * weights["depthwise"][:, :, y, x, None]
        for y in range(3)
        for x in range(3)
    )
    mixed = mixed + weights["depthwise_bias"][:, None, None]
    hidden = np.tensordot(weights["hidden"][:, :, 0, 0], mixed, 1) + weights["hidden_bias"][:, None, None]
    last = np.tensordot(weights["last"][:, :, 0, 0], np.maximum(hidden, 0), 1) + weights["last_bias"][:, None, None]
    return np.asarray(last.transpose(1, 2, 0), np.float32)


def test_heads_in_cells_are_those_of_the_whole_grid_and_know_where_it_ends() -> None:
    rng = np.random.default_rng(3)
    shapes = {
        "depthwise": (CHANNELS, 1, 3, 3),
        "depthwise_bias": (CHANNELS,),
        "hidden": (HIDDEN, CHANNELS, 1, 1),
        "hidden_bias": (HIDDEN,),
        "last": (LAST, HIDDEN, 1, 1),
        "last_bias": (LAST,),
    }
    weights = {part: rng.normal(size=shape).astype(np.float32) for part, shape in shapes.items()}
    features = rng.normal(size=(CHANNELS, *GRID)).astype(np.float32)
    rows, columns = np.indices(GRID).reshape(2, -1)
    answered = CellHead(weights).of(patches(features, rows, columns))
    np.testing.assert_allclose(answered.reshape(*GRID, LAST), _everywhere(features, weights), rtol=1e-4, atol=1e-5)
