"""Pictures of a camera that hangs on its side, upside down, or looks into a mirror."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import Literal

import cv2
import numpy as np

from kpstream.entities import Frame, Image
from kpstream.interfaces import Source
from kpstream.sources.altered import Altered, AlteredPicture

Degrees = Literal[0, 90, 180, 270]

_CODES = {90: cv2.ROTATE_90_CLOCKWISE, 180: cv2.ROTATE_180, 270: cv2.ROTATE_90_COUNTERCLOCKWISE}


class Turned(Altered):
    """A source whose pictures are turned, and then mirrored; coordinates count in the picture as it is given.

    Args:
        source: Read and closed by this object from now on.
        degrees: By how much each picture is turned, clockwise.
        mirrored: Whether left and right are then swapped.
    """

    def __init__(self, source: Source, degrees: Degrees = 0, *, mirrored: bool = False) -> None:
        super().__init__(source, partial(_turned, degrees=degrees, mirrored=mirrored))


def _turned(frame: Frame, *, degrees: Degrees, mirrored: bool) -> Frame:
    size, aspect = frame.size, frame.pixel_aspect
    if degrees in (90, 270):
        size, aspect = size[::-1], 1 / aspect
    turn = partial(_turned_image, degrees=degrees, mirrored=mirrored)
    return replace(frame, picture=AlteredPicture(frame.picture, size, turn), pixel_aspect=aspect)


def _turned_image(image: Image, *, degrees: Degrees, mirrored: bool) -> Image:
    if degrees:
        image = np.asarray(cv2.rotate(image, _CODES[degrees]), np.uint8)
    if mirrored:
        image = np.asarray(cv2.flip(image, 1), np.uint8)
    return image
