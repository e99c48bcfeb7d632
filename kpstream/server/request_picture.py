"""From the body of a request to a picture: every form in which clients send one."""

from __future__ import annotations

import binascii
import json
import re
from dataclasses import dataclass
from math import ceil
from typing import TYPE_CHECKING

import cv2
import numpy as np
from python_multipart.exceptions import FormParserError
from python_multipart.multipart import MultipartParser, parse_options_header

from kpstream.entities import Image
from kpstream.server.faults import unreadable
from kpstream.serving.picture_size import Size, claimed_size

if TYPE_CHECKING:
    from python_multipart.multipart import MultipartCallbacks

MAX_PIXELS = 100_000_000
"""Larger pictures are refused before they are decoded: 300 MB is what one of this size takes."""
MALFORMED = "Malformed base64 input image."
UNDECODABLE = "Could not decode bytes into image."
_RAW_BYTES = (
    "Invalid base64 input: the image payload contains raw bytes instead of a base64-encoded string. "
    "Please base64-encode the image before sending."
)
_EMPTY = "Empty image payload."
_PART_MISSING = "Expected image to be send in part named 'file' of multipart/form-data request"
_DATA_URL = re.compile(rb"data:image/[a-z]+;base64,")
_WHITE = b" \t\r\n"
_JPEG = b"\xff\xd8\xff"
_READ_SMALLER = {
    1: cv2.IMREAD_COLOR_BGR,
    2: cv2.IMREAD_REDUCED_COLOR_2,
    4: cv2.IMREAD_REDUCED_COLOR_4,
    8: cv2.IMREAD_REDUCED_COLOR_8,
}


def encoded_picture(body: bytes, content_type: str) -> tuple[bytes, str]:
    """Take the picture's own bytes (JPEG, PNG …) out of a request's body.

    Args:
        body: The whole body: multipart with a part ``file``, or base64 in any dress, whatever the type says.
        content_type: The header, empty where there was none.

    Returns:
        The bytes, and what to say where they turn out to be no picture.

    Raises:
        Fault: 400, there are no such bytes.
    """
    if "multipart/form-data" in content_type.lower():
        return _part(body, content_type), UNDECODABLE
    return from_base64(body), MALFORMED


def from_base64(text: bytes) -> bytes:
    """Decode base64: flat or in lines, bare or in JSON quotes, with or without the head of a ``data:`` URL.

    Only white space is dropped. To drop all that is not of the alphabet, as other decoders do, would make a picture
    of another one's bytes where the sender escaped its plus signs.

    Raises:
        Fault: 400, it is not base64.
    """
    text = text.strip(_WHITE)
    if not text.isascii():
        raise unreadable(MALFORMED if _is_utf8(text) else _RAW_BYTES)
    if text.startswith(b'"'):
        text = _unquoted(text)
    if head := _DATA_URL.match(text):
        text = text[head.end() :]
    try:
        decoded = _decoded(text)
    except binascii.Error:
        raise unreadable(MALFORMED) from None
    if not decoded:
        raise unreadable(_EMPTY)
    return decoded


def _is_utf8(text: bytes) -> bool:
    try:
        text.decode()
    except UnicodeDecodeError:
        return False
    return True


def _decoded(text: bytes) -> bytes:
    try:
        return binascii.a2b_base64(text, strict_mode=True)
    except binascii.Error:
        if not any(white in text for white in _WHITE):
            raise
    return binascii.a2b_base64(text.translate(None, _WHITE), strict_mode=True)


def _unquoted(text: bytes) -> bytes:
    try:
        value = json.loads(text, strict=False)
    except ValueError:
        value = None
    if not isinstance(value, str) or not value.isascii():
        raise unreadable(MALFORMED)
    return value.encode()


def _part(body: bytes, content_type: str) -> bytes:
    """The first part named ``file`` of a multipart body."""
    part = _FilePart()
    try:
        # Without a boundary there are no parts, as with one that never comes.
        boundary = parse_options_header(content_type)[1].get(b"boundary", b"")
        parser = MultipartParser(boundary, part.callbacks())
        parser.write(body)
        parser.finalize()
    except FormParserError:
        raise unreadable("The multipart body is malformed.") from None
    if part.content is None:
        raise unreadable(_PART_MISSING)
    if not part.content:
        raise unreadable(_EMPTY)
    return bytes(part.content)


class _FilePart:
    """Keeps what a multipart parser finds in the first part named ``file``, in memory, and drops the rest."""

    def __init__(self) -> None:
        self.content: bytearray | None = None
        self._inside = False
        self._name = bytearray()
        self._value = bytearray()

    def callbacks(self) -> MultipartCallbacks:
        return {
            "on_header_field": lambda data, start, end: self._name.extend(data[start:end]),
            "on_header_value": lambda data, start, end: self._value.extend(data[start:end]),
            "on_header_end": self._end_header,
            "on_part_data": self._take,
            "on_part_end": self._end_part,
        }

    def _end_header(self) -> None:
        if self._name.lower() == b"content-disposition" and self.content is None:
            self._inside = parse_options_header(bytes(self._value))[1].get(b"name") == b"file"
            self.content = bytearray() if self._inside else None
        self._name.clear()
        self._value.clear()

    def _take(self, data: bytes, start: int, end: int) -> None:
        if self._inside and self.content is not None:
            self.content += data[start:end]

    def _end_part(self) -> None:
        self._inside = False


@dataclass(frozen=True, slots=True, eq=False)
class Decoded:
    """A picture as its pixels are looked at."""

    image: Image
    """BGR, shape ``(height, width, 3)``."""
    times: int
    """How many pixels of the whole picture, in a row or a column, one of these stands for."""
    size: Size
    """The whole picture's (width, height), turned as ``image`` is."""


def decode(encoded: bytes, failure: str, *, ignores_orientation: bool = False, enough: int | None = None) -> Decoded:
    """Decode a picture, turned as its EXIF orientation says; blocks while it computes.

    Args:
        encoded: JPEG, PNG, WebP, BMP, GIF or TIFF of any depth; transparency is dropped.
        failure: What to say where it is not.
        ignores_orientation: Whether to leave it as stored.
        enough: Pixels that its longer side must have at least. A JPEG that has twice as many is decoded at a half, a
            quarter or an eighth of its size, which takes a fraction of the time. None wants all that there are.

    Raises:
        Fault: 400, it is no picture, or too large a one.
    """
    size = claimed_size(encoded)
    if size is None:
        raise unreadable(failure)
    if size[0] * size[1] > MAX_PIXELS:
        raise unreadable(f"The image has {size[0]} x {size[1]} pixels, at most {MAX_PIXELS} are read.")
    times = 1 if enough is None or not encoded.startswith(_JPEG) else _times_larger(size, enough)
    flags = _READ_SMALLER[times] | (cv2.IMREAD_IGNORE_ORIENTATION if ignores_orientation else 0)
    try:
        image = cv2.imdecode(np.frombuffer(encoded, np.uint8), flags)
    except cv2.error:
        image = None
    if image is None or not image.size:
        raise unreadable(failure)
    height, width = image.shape[:2]
    if times == 1:
        size = width, height
    elif (width > height) != (size[0] > size[1]):
        size = size[1], size[0]
    return Decoded(np.asarray(image, np.uint8), times, size)


def _times_larger(size: Size, enough: int) -> int:
    """How many times as large a JPEG is as the smallest picture of it that is enough.

    A side that is no multiple of it is rounded up. Where that makes two different sides equal, nobody could tell
    from the smaller picture whether it was turned.
    """
    fitting = (
        times
        for times in _READ_SMALLER
        if max(size) >= times * enough and (size[0] == size[1] or ceil(size[0] / times) != ceil(size[1] / times))
    )
    return max(fitting, default=1)
