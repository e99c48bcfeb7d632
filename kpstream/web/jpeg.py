"""Pictures as JPEG, and back."""

from __future__ import annotations

import cv2
import numpy as np

from kpstream.entities import Image
from kpstream.media.halving import halved

_QUALITY = 80
_SNAPSHOT_QUALITY = 92


def for_viewers(image: Image, max_width: int) -> bytes:
    """A picture as viewers get it, BGR in; never enlarged."""
    height, width = image.shape[:2]
    if width <= max_width:
        return _encoded(image, _QUALITY)
    target = max_width, max(1, round(height * max_width / width))
    # Halves are averaged, which is fast for halves alone, until the rest is a step that needs no averaging.
    while width >= 2 * max_width and height >= 2:
        height, width = height // 2, width // 2
        image = halved(image)
    return _encoded(cv2.resize(image, target, interpolation=cv2.INTER_LINEAR), _QUALITY)


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
