"""Pictures as those who look at the page get them, as JPEG."""

from __future__ import annotations

import cv2

from kpstream.entities import Image
from kpstream.media.halving import halved
from kpstream.media.jpeg import encoded

_QUALITY = 80
_SNAPSHOT_QUALITY = 92


def for_viewers(image: Image, max_width: int) -> bytes:
    """A picture as viewers get it, BGR in; never enlarged."""
    height, width = image.shape[:2]
    if width <= max_width:
        return encoded(image, _QUALITY)
    target = max_width, max(1, round(height * max_width / width))
    # Halves are averaged, which is fast for halves alone, until the rest is a step that needs no averaging.
    while width >= 2 * max_width and height >= 2:
        height, width = height // 2, width // 2
        image = halved(image)
    small: Image = cv2.resize(image, target, interpolation=cv2.INTER_LINEAR)  # type: ignore[assignment]
    return encoded(small, _QUALITY)


def for_keeping(image: Image) -> bytes:
    """A picture in its own size and in good quality, BGR in."""
    return encoded(image, _SNAPSHOT_QUALITY)
