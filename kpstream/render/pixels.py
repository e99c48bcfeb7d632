"""Pictures whose pixels are not square, made square for whoever looks at them."""

from __future__ import annotations

from typing import cast

import cv2

from kpstream.entities import Frame, Image


def squared(frame: Frame, picture: Image) -> Image:
    """A picture of a frame with square pixels: itself where they are.

    Args:
        frame: Says how wide they are.
        picture: BGR, of the frame's size.
    """
    if frame.square_size == frame.size:
        return picture
    return cast(Image, cv2.resize(picture, frame.square_size, interpolation=cv2.INTER_LINEAR))
