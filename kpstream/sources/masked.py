"""Parts of the picture that nobody is to see: painted over whatever a frame of the source is asked for."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import partial

import cv2
import numpy as np
import numpy.typing as npt

from kpstream.entities import Frame, Image
from kpstream.interfaces import Source
from kpstream.sources.altered import Altered, AlteredPicture

Zone = Sequence[tuple[float, float]]
"""The corners of a polygon, at least three, each (x, y) as fractions of the picture's width and height."""

_BLACK = (0, 0, 0)
_SHIFT = 8
"""Bits below one pixel in cv2's coordinates."""
_MARGIN = 3
"""Width in pixels of the line around a zone: what it hides does not show through at its edge."""


class Masked(Altered):
    """A source whose pictures are black in some zones, whatever their size is.

    Args:
        source: Read and closed by this object from now on.
        zones: What is painted over.
    """

    def __init__(self, source: Source, zones: Sequence[Zone]) -> None:
        super().__init__(source, partial(_masked, polygons=[np.array(zone, float) for zone in zones]))


def _masked(frame: Frame, *, polygons: Sequence[npt.NDArray[np.float64]]) -> Frame:
    paint = partial(_painted, polygons=polygons)
    return replace(frame, picture=AlteredPicture(frame.picture, frame.size, paint))


def _painted(image: Image, *, polygons: Sequence[npt.NDArray[np.float64]]) -> Image:
    height, width = image.shape[:2]
    canvas = image.copy()
    for polygon in polygons:
        # A fraction counts from the picture's edge, cv2's coordinates from the middle of the first pixel.
        corners = np.rint((polygon * (width, height) - 0.5) * 2**_SHIFT).astype(np.int32)
        cv2.fillPoly(canvas, [corners], _BLACK, shift=_SHIFT)
        cv2.polylines(canvas, [corners], True, _BLACK, _MARGIN, shift=_SHIFT)
    return canvas
