"""What is wrong with a file that cannot be read, as far as its bytes tell, and what to do."""

from __future__ import annotations

import struct
from pathlib import Path
from typing import BinaryIO

_HEAD = 65536
_HEIC = {b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"mif1", b"msf1"}
_MOST_PIXELS = 2**30
"""Of one picture; OpenCV's limit."""
_LONGEST_SIDE = 2**20
_MOST_BOXES = 10000
_CUT_SHORT = "it was cut short: copy it again"


def fault_of(path: str | Path) -> str:
    """What is wrong with a file, in words for its user; empty where its bytes do not tell, or cannot be read."""
    try:
        with Path(path).open("rb") as file:
            head = file.read(_HEAD)
            size = file.seek(0, 2)
            file.seek(max(0, size - _HEAD))
            tail = file.read(_HEAD)
            boxes = _boxes(file, size) if head[4:8] == b"ftyp" else {}
    except (OSError, ValueError):
        return ""
    if boxes:
        return _fault_of_boxes(head, boxes, size)
    return _fault_of_bytes(head, tail)


def _fault_of_bytes(head: bytes, tail: bytes) -> str:
    if not head:
        return "it is empty"
    if head.startswith(b"\xff\xd8\xff"):
        return "" if b"\xff\xd9" in tail[2:] else _CUT_SHORT
    if head.startswith(b"\x89PNG\r\n\x1a\n"):
        return _fault_of_png(head, tail)
    is_page = head.lstrip()[:15].lower().startswith((b"<!doctype html", b"<html"))
    return "a web page, and neither a picture nor a video" if is_page else ""


def _fault_of_boxes(head: bytes, boxes: dict[bytes, int], size: int) -> str:
    """Of a file of the MP4 family: where its boxes end, by their names."""
    if head[8:12] in _HEIC:
        return "a HEIC photo, which is not read here: save it as JPEG, or have the phone take JPEGs"
    if b"moov" not in boxes:
        cut = "cut short or " if max(boxes.values()) > size else ""
        return (
            f"it was {cut}never finished: its index (moov) is missing, as while it is written, or when a camera loses "
            "power; untrunc can mend it by another video of the same camera"
        )
    if max(boxes.values()) > size:
        return _CUT_SHORT
    return ""


def _boxes(file: BinaryIO, size: int) -> dict[bytes, int]:
    """The outermost boxes of a file, each with where it says that it ends."""
    found: dict[bytes, int] = {}
    place = 0
    while place + 8 <= size and len(found) < _MOST_BOXES:
        file.seek(place)
        header = file.read(16)
        length, name = struct.unpack(">I4s", header[:8])
        if length == 1 and len(header) == 16:
            (length,) = struct.unpack(">Q", header[8:])
        end = size if length == 0 else place + length
        if end <= place:
            break
        found[name] = max(end, found.get(name, 0))
        place = end
    return found


def _fault_of_png(head: bytes, tail: bytes) -> str:
    if len(head) >= 24:
        width, height = struct.unpack(">II", head[16:24])
        if width * height > _MOST_PIXELS or max(width, height) > _LONGEST_SIDE:
            return f"it is too large, {width}x{height} pixels: make it smaller"
    return "" if b"IEND" in tail else _CUT_SHORT
