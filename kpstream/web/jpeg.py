"""Pictures as JPEG, and back."""

from __future__ import annotations

import cv2
import numpy as np

from kpstream.entities import Image

MAX_WIDTH = 1280
"""Pixels. Wider pictures are sent in this width: a browser decodes and moves half as much as for 1080p."""
_QUALITY = 80
_SNAPSHOT_QUALITY = 92


def for_viewers(image: Image) -> bytes:
    """A picture as viewers get it, BGR in, at most `MAX_WIDTH` wide."""
    height, width = image.shape[:2]
    if width > MAX_WIDTH:
        # Averaging looks better only where more than half of the pixels go, and takes three times as long.
        kind = cv2.INTER_AREA if width > 2 * MAX_WIDTH else cv2.INTER_LINEAR
        size = (MAX_WIDTH, max(1, round(height * MAX_WIDTH / width)))
        return _encoded(cv2.resize(image, size, interpolation=kind), _QUALITY)
    return _encoded(image, _QUALITY)


def for_keeping(image: Image) -> bytes:
    """A picture in its own size and in good quality, BGR in."""
    return _encoded(image, _SNAPSHOT_QUALITY)


def _encoded(image: object, quality: int) -> bytes:
    _, data = cv2.imencode(".jpg", image, [cv2.IMWRITE_JPEG_QUALITY, quality])  # type: ignore[call-overload]
    encoded: bytes = data.tobytes()
    return encoded


def decoded(data: bytes) -> Image | None:
    """The picture, BGR; None where it cannot be read."""
    image = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR)
    return None if image is None else image.astype(np.uint8, copy=False)
