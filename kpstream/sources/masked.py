"""Parts of the picture that nobody is to see: painted over before a frame leaves the source."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import partial

import cv2
import numpy as np

from kpstream.entities import Frame, Image
from kpstream.interfaces import Opener, Reopenable, Source

Zone = Sequence[tuple[float, float]]
"""The corners of a polygon, at least three, each (x, y) as fractions of the picture's width and height."""

_BLACK = (0, 0, 0)
_SHIFT = 8
"""Bits below one pixel in cv2's coordinates."""
_MARGIN = 3
"""Width in pixels of the line around a zone: what it hides does not show through at its edge."""


class Masked:
    """A source whose pictures are black in some zones, whatever their size is; all else is the source's own.

    Args:
        source: Read and closed by this object from now on.
        zones: What is painted over.
    """

    def __init__(self, source: Source, zones: Sequence[Zone]) -> None:
        self._source = source
        self._zones = tuple(zones)
        self._polygons = [np.array(zone, float) for zone in zones]

    @property
    def name(self) -> str:
        """The source's."""
        return self._source.name

    @property
    def is_live(self) -> bool:
        """The source's."""
        return self._source.is_live

    @property
    def frame_rate(self) -> float:
        """The source's."""
        return self._source.frame_rate

    @property
    def stall_timeout(self) -> float:
        """The source's."""
        return self._source.stall_timeout

    @property
    def opener(self) -> Opener | None:
        """Opens another source in the place of this one, with the same zones."""
        inner = self._source.opener if isinstance(self._source, Reopenable) else None
        return None if inner is None else Opener(inner.name, partial(_opened, inner, self._zones))

    def read(self) -> Frame | None:
        """Block for the next frame, painted over; None at the end.

        Raises:
            SourceReadError: The device or stream failed.
        """
        frame = self._source.read()
        return None if frame is None else replace(frame, image=self._painted(frame.image))

    def close(self) -> None:
        """Close the source. Idempotent."""
        self._source.close()

    def _painted(self, image: Image) -> Image:
        height, width = image.shape[:2]
        canvas = image.copy()
        for polygon in self._polygons:
            # A fraction counts from the picture's edge, cv2's coordinates from the middle of the first pixel.
            corners = np.rint((polygon * (width, height) - 0.5) * 2**_SHIFT).astype(np.int32)
            cv2.fillPoly(canvas, [corners], _BLACK, shift=_SHIFT)
            cv2.polylines(canvas, [corners], True, _BLACK, _MARGIN, shift=_SHIFT)
        return canvas

    def __repr__(self) -> str:
        return f"<Masked {len(self._zones)} zones of {self._source!r}>"


def _opened(opener: Opener, zones: Sequence[Zone]) -> Masked:
    return Masked(opener.open(), zones)
