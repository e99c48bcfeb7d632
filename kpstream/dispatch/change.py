"""Tells whether a picture has changed, apart from a camera's noise and the light. Pure: no clock, no I/O."""

from __future__ import annotations

import cv2
import numpy as np
import numpy.typing as npt

from kpstream.entities import Frame
from kpstream.media.frame import Picture, as_grey

_GRID = (32, 24)
_SAMPLES = 6  # pixels along each side of a cell
_LEAST = 3.0  # grey levels
_OF_NOISE = 6.0

_Cells = npt.NDArray[np.float32]


class ChangeDetector:
    """Compares frames with one reference frame; keeps two small grey pictures."""

    def __init__(self) -> None:
        self._kept: _Cells | None = None
        self._newest: tuple[int, _Cells] | None = None

    def keep(self, frame: Frame) -> None:
        """Make this frame the reference."""
        self._kept = self._cells(frame)

    def has_changed(self, frame: Frame) -> bool:
        """Whether a frame differs from the reference; True before there is one.

        An equal change of all cells counts as a change of the light, and the median of what is left as noise.
        """
        if self._kept is None:
            return True
        change = self._cells(frame) - self._kept
        change -= _median(change)
        size = np.abs(change)
        return bool(size.max() > max(_LEAST, _OF_NOISE * _median(size)))

    def _cells(self, frame: Frame) -> _Cells:
        if self._newest is None or self._newest[0] != frame.index:
            self._newest = (frame.index, _brightness(frame.picture))
        return self._newest[1]


def _median(cells: _Cells) -> float:
    """The median of an even number of cells: np.median takes five times as long."""
    middle = cells.size // 2
    ordered = np.partition(cells, (middle - 1, middle), axis=None)
    return (float(ordered[middle - 1]) + float(ordered[middle])) / 2


def _brightness(picture: Picture) -> _Cells:
    """The mean brightness of 32 x 24 cells of a picture, from a sparse sample of its luma, or its green pixels.

    The mean of a cell's 36 pixels keeps the noise of a sensor small: a sigma of 6 grey levels becomes 1.

    Returns:
        Grey levels, shape ``(24, 32)``.
    """
    (width, height), luma = picture.size, picture.luma
    columns, rows = min(width, _GRID[0] * _SAMPLES), min(height, _GRID[1] * _SAMPLES)
    if luma is None:
        ys, xs = (np.linspace(0, side - 1, count).astype(np.intp) for side, count in ((height, rows), (width, columns)))
        sparse = picture.image[ys[:, None], xs, 1]
    else:
        sparse = np.asarray(cv2.resize(luma.plane, (columns, rows), interpolation=cv2.INTER_NEAREST), np.uint8)
        sparse = as_grey(sparse, luma.to_grey)
    return np.asarray(cv2.resize(sparse, _GRID, interpolation=cv2.INTER_AREA), np.float32)
