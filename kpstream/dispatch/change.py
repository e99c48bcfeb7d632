"""Whether anything happened in a picture: the change that people make, not the noise that cameras make.

The rules that hold here: no clock, no I/O, and nothing is kept but one small grey picture.
"""

from __future__ import annotations

import cv2
import numpy as np
import numpy.typing as npt

from kpstream.entities import Image

_GRID = (32, 24)
_SAMPLES = 6  # pixels that are looked at along each side of a cell
_LEAST = 3.0  # grey levels
_OF_NOISE = 6.0

Cells = npt.NDArray[np.float32]


def cells_of(image: Image) -> Cells:
    """The mean brightness of 32 x 24 cells of a picture, from a sparse sample of its green pixels.

    The mean of a cell's 36 pixels keeps the noise of a sensor small: a sigma of 6 grey levels becomes 1.

    Args:
        image: BGR, shape ``(height, width, 3)``.

    Returns:
        Grey levels, shape ``(24, 32)``.
    """
    height, width = image.shape[:2]
    rows = np.linspace(0, height - 1, min(height, _GRID[1] * _SAMPLES)).astype(np.intp)
    columns = np.linspace(0, width - 1, min(width, _GRID[0] * _SAMPLES)).astype(np.intp)
    sparse = image[rows[:, None], columns, 1]
    return np.asarray(cv2.resize(sparse, _GRID, interpolation=cv2.INTER_AREA), np.float32)


def differs(before: Cells, after: Cells) -> bool:
    """Whether something moved, came or went between two pictures.

    A change of the light all over the picture is none; what most cells do is taken for the noise.

    Args:
        before: As of `cells_of`.
        after: As of `cells_of`.
    """
    change = after - before
    change -= np.median(change)
    size = np.abs(change)
    return bool(size.max() > max(_LEAST, _OF_NOISE * float(np.median(size))))
