"""Pictures as JPEG, and what a JPEG says about itself before it is decoded."""

from __future__ import annotations

import struct

import cv2
import numpy as np

from kpstream.entities import Image

MAX_WIDTH = 1280
"""Pixels. Wider pictures are sent in this width: a browser decodes and moves half as much as for 1080p."""
_QUALITY = 80
_SNAPSHOT_QUALITY = 92
_START_OF_FRAME = frozenset({*range(0xC0, 0xD0)} - {0xC4, 0xC8, 0xCC})
_ALONE = frozenset({0x01, *range(0xD0, 0xD9)})


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


def size_of(data: bytes) -> tuple[int, int] | None:
    """(width, height) as a JPEG's own header says; None where it is no JPEG. Looks at the header alone."""
    if data[:2] != b"\xff\xd8":
        return None
    at = 2
    while at + 9 <= len(data) and data[at] == 0xFF:
        marker = data[at + 1]
        if marker in _START_OF_FRAME:
            height, width = struct.unpack_from(">HH", data, at + 5)
            return (width, height) if width and height else None
        if marker == 0xFF:
            at += 1
        elif marker in _ALONE:
            at += 2
        else:
            at += 2 + int(struct.unpack_from(">H", data, at + 2)[0])
    return None


def decoded(data: bytes) -> Image | None:
    """The picture, BGR; None where it cannot be read."""
    image = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR)
    return None if image is None else image.astype(np.uint8, copy=False)
