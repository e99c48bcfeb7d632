"""A frame's number as a strip of black and white squares in the picture, so that a viewer can say which one it sees.

Needs only NumPy: the peers read it in their own environments.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

CELL = 16
"""Pixels: two blocks of JPEG, so that compression leaves the squares alone."""
BITS = 12
_MARKS = (1, 0)


def draw(image: npt.NDArray[np.uint8], number: int) -> None:
    """Write a number, below 4096, into the upper left corner of a BGR picture, in place."""
    bits = [(number >> bit) & 1 for bit in range(BITS)]
    for column, bit in enumerate((*_MARKS, *bits, sum(bits) % 2)):
        image[:CELL, column * CELL : (column + 1) * CELL] = 255 * bit


def read(image: npt.NDArray[Any]) -> int | None:
    """The number in a picture of the size it was drawn at; None where there is none to be read."""
    quarter, cells = CELL // 4, len(_MARKS) + BITS + 1
    row = image[quarter : CELL - quarter, : cells * CELL].reshape(CELL - 2 * quarter, cells, CELL, -1)
    levels = row[:, :, quarter:-quarter].mean(axis=(0, 2, 3))
    if ((levels > 64) & (levels < 192)).any():
        return None
    marks, bits, parity = np.split((levels > 128).astype(int), [len(_MARKS), len(_MARKS) + BITS])
    if tuple(marks) != _MARKS or bits.sum() % 2 != parity[0]:
        return None
    return int((bits << np.arange(BITS)).sum())
