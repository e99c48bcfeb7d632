"""Pictures as JPEG, and back."""

from __future__ import annotations

import cv2
import numpy as np

from kpstream.media.frame import Image

LONGEST_SIDE = 65_500
"""Pixels for which a JPEG, as OpenCV writes it, has room."""


def encoded(image: Image, quality: int) -> bytes:
    """A BGR picture as a JPEG file; ``quality`` is 1 to 100.

    Raises:
        ValueError: JPEG has no room for a picture so large.
    """
    height, width = image.shape[:2]
    if max(width, height) > LONGEST_SIDE:
        raise ValueError(f"a picture of {width}x{height} cannot be a JPEG")
    return cv2.imencode(".jpg", image, (cv2.IMWRITE_JPEG_QUALITY, quality))[1].tobytes()


def decoded(data: bytes) -> Image | None:
    """The picture of a file, BGR; None where it cannot be read."""
    try:
        image = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR) if data else None
    except cv2.error:
        return None
    return None if image is None else np.asarray(image, np.uint8)
