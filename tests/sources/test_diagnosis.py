"""What is said about files that cannot be read."""

from __future__ import annotations

import struct
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest

from kpstream.errors import SourceOpenError
from kpstream.image import read_picture
from kpstream.sources import VideoFile
from kpstream.sources.diagnosis import fault_of
from tests.support.source_clips import write_video

GRAIN = np.random.default_rng(1).integers(0, 256, (200, 300, 3), np.uint8)
JPEG, PNG = (cv2.imencode(suffix, GRAIN)[1].tobytes() for suffix in (".jpg", ".png"))


def heic() -> bytes:
    return struct.pack(">I4s4sI4s4s", 24, b"ftyp", b"heic", 0, b"mif1", b"heic") + bytes(500)


def huge() -> bytes:
    return PNG[:16] + struct.pack(">II", 40000, 40000) + PNG[24:]


def video(folder: Path, *, fragmented: bool = False) -> bytes:
    options = {"movflags": "frag_keyframe+empty_moov"} if fragmented else {}
    path = write_video(folder / "whole.mp4", [40 * number for number in range(30)], container_options=options)
    return path.read_bytes()


def without_index(folder: Path) -> bytes:
    data = video(folder)
    return data[: data.index(b"moov") - 4]


FAULTS: dict[str, tuple[str, Callable[[Path], bytes], str]] = {
    "nothing": ("a.mp4", lambda _: b"", "it is empty"),
    "a picture of nothing": ("a.jpg", lambda _: b"", "it is empty"),
    "a photo of a phone": ("a.heic", lambda _: heic(), "HEIC photo.*save it as JPEG"),
    "half a JPEG": ("a.jpg", lambda _: JPEG[: len(JPEG) // 2], "cut short"),
    "half a PNG": ("a.png", lambda _: PNG[: len(PNG) // 2], "cut short"),
    "a PNG beyond all measure": ("a.png", lambda _: huge(), "too large, 40000x40000 pixels"),
    "a video without its index": (
        "a.mp4",
        without_index,
        r"never finished: its index \(moov\) is missing, as while.*untrunc",
    ),
    "half a video": ("a.mp4", lambda folder: video(folder)[:1000], "cut short"),
    "a page": ("a.jpg", lambda _: b"<!DOCTYPE html><html>log in</html>", "a web page"),
}


@pytest.mark.parametrize("kind", FAULTS)
def test_what_is_wrong_is_told_by_the_bytes(kind: str, tmp_path: Path) -> None:
    name, make, words = FAULTS[kind]
    path = tmp_path / name
    path.write_bytes(make(tmp_path))
    read: Callable[[Path], object] = VideoFile if name.endswith("mp4") else read_picture
    with pytest.raises(SourceOpenError, match=words):
        read(path)


@pytest.mark.parametrize("data", [JPEG, PNG, JPEG + bytes(100)], ids=["jpeg", "png", "jpeg with more behind it"])
def test_what_is_whole_has_no_fault(data: bytes, tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(data)
    assert fault_of(tmp_path / "a") == ""
    assert read_picture(tmp_path / "a").shape == (200, 300, 3)


@pytest.mark.parametrize("fragmented", [False, True])
def test_a_whole_video_has_no_fault(fragmented: bool, tmp_path: Path) -> None:
    (tmp_path / "a.mp4").write_bytes(video(tmp_path, fragmented=fragmented))
    assert fault_of(tmp_path / "a.mp4") == ""


@pytest.mark.parametrize("data", [b"x", b"\0\0\0\x08ftyp", b"\0\0\0\0ftypheic", b"\xff" * 40, b"\x89PNG\r\n\x1a\n"])
def test_odd_bytes_are_no_reason_to_fail(data: bytes, tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(data)
    assert isinstance(fault_of(tmp_path / "a"), str)


def test_what_cannot_be_read_at_all_has_no_words(tmp_path: Path) -> None:
    assert fault_of(tmp_path / "nothing") == ""
    assert fault_of(tmp_path) == ""
