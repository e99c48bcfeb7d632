"""How large a picture says that it is, read from its first bytes, before anything is decoded.

A picture of a few hundred bytes may claim to be gigabytes large, so no decoder is asked before its claim is known.
A form that is not known here has no size, and is not read.
"""

from __future__ import annotations

import re
import struct
from collections.abc import Callable

Size = tuple[int, int]
"""(width, height) in pixels, as stored: before any EXIF orientation."""

_JPEG_FRAMES = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}
"""The markers of a frame header; the three within that range mean other things."""
_JPEG_BARE = frozenset({0x01, *range(0xD0, 0xD9)})
"""Markers without a length."""
_JPEG_MARKER = re.compile(rb"\xff+([^\x00\xff])", re.DOTALL)
_MAX_JPEG_SEGMENTS = 2000
_TIFF_SIDES = {256: 0, 257: 1, 322: 2, 323: 3}
"""Tags: width, height, and those of a tile, which the decoder allocates as well."""
_TIFF_FORMATS = {3: "H", 4: "I"}
_MAX_TIFF_TAGS = 1000


def claimed_size(encoded: bytes) -> Size | None:
    """The size that a JPEG, PNG, WebP, BMP, GIF or TIFF claims; None where it is none of these, or is cut off.

    Never raises, whatever the bytes are.
    """
    for magic, read in _READERS:
        if encoded.startswith(magic):
            try:
                return read(encoded)
            except (struct.error, IndexError):
                return None
    return None


def _png(data: bytes) -> Size | None:
    length, kind, width, height = struct.unpack_from(">I4sII", data, 8)
    return (width, height) if (length, kind) == (13, b"IHDR") else None


def _jpeg(data: bytes) -> Size | None:
    at = 2
    for _ in range(_MAX_JPEG_SEGMENTS):
        # Bytes between two segments belong to none and are skipped by decoders, so they must not hide the frame header.
        found = _JPEG_MARKER.search(data, at)
        if found is None:
            return None
        marker, at = found[1][0], found.end()
        if marker in _JPEG_FRAMES:
            height, width = struct.unpack_from(">HH", data, at + 3)
            return width, height
        if marker not in _JPEG_BARE:
            at += int(struct.unpack_from(">H", data, at)[0])
    return None


def _webp(data: bytes) -> Size | None:
    kind = data[12:16]
    if data[8:12] != b"WEBP":
        return None
    if kind == b"VP8X":
        return 1 + int.from_bytes(data[24:27], "little"), 1 + int.from_bytes(data[27:30], "little")
    if kind == b"VP8L":
        bits = struct.unpack_from("<I", data, 21)[0]
        return 1 + (bits & 0x3FFF), 1 + (bits >> 14 & 0x3FFF)
    if kind == b"VP8 ":
        width, height = struct.unpack_from("<HH", data, 26)
        return width & 0x3FFF, height & 0x3FFF
    return None


def _bmp(data: bytes) -> Size | None:
    if struct.unpack_from("<I", data, 14)[0] == 12:
        width, height = struct.unpack_from("<HH", data, 18)
    else:
        width, height = struct.unpack_from("<ii", data, 18)
    return abs(width), abs(height)  # a negative height means that rows run downwards


def _gif(data: bytes) -> Size | None:
    width, height = struct.unpack_from("<HH", data, 6)
    return width, height


def _tiff(data: bytes) -> Size | None:
    order = "<" if data.startswith(b"II") else ">"
    start = struct.unpack_from(order + "I", data, 4)[0]
    count = struct.unpack_from(order + "H", data, start)[0]
    sides = [0, 0, 0, 0]
    for at in range(start + 2, start + 2 + 12 * min(count, _MAX_TIFF_TAGS), 12):
        tag, kind = struct.unpack_from(order + "HH", data, at)
        if tag in _TIFF_SIDES and kind in _TIFF_FORMATS:
            sides[_TIFF_SIDES[tag]] = struct.unpack_from(order + _TIFF_FORMATS[kind], data, at + 8)[0]
    width, height, tile_width, tile_height = sides
    return (max(width, tile_width), max(height, tile_height)) if width and height else None


_READERS: tuple[tuple[bytes, Callable[[bytes], Size | None]], ...] = (
    (b"\xff\xd8\xff", _jpeg),
    (b"\x89PNG\r\n\x1a\n", _png),
    (b"RIFF", _webp),
    (b"BM", _bmp),
    (b"GIF8", _gif),
    (b"II*\0", _tiff),
    (b"MM\0*", _tiff),
)
