"""What stands beside the pictures: turns and mirrors are undone, and all that nobody knows is passed over."""

from __future__ import annotations

import struct
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import cast

import av
import cv2
import numpy as np
import pytest
from av.sidedata.sidedata import SideData, Type
from av.video.frame import VideoFrame
from av.video.stream import VideoStream

from kpstream.entities import Image
from kpstream.sources import VideoFile
from kpstream.sources.picture import Converter, upright

CORNERS: Image = np.zeros((48, 64, 3), np.uint8)
CORNERS[:24, :32] = 255
"""White at its top left, black elsewhere."""

WHITE_AT = {
    1: "top left", 2: "top right", 3: "bottom right", 4: "bottom left",
    5: "top left", 6: "top right", 7: "bottom right", 8: "bottom left",
}  # fmt: skip
"""Where the top left of the stored picture is seen, by EXIF's orientation; from 5 on the picture stands on its side."""


def exif(orientation: int) -> bytes:
    """An APP1 segment that says how a picture is turned."""
    tiff = b"MM\0*" + struct.pack(">IHHHIHHI", 8, 1, 0x0112, 3, 1, orientation, 0, 0)
    body = b"Exif\0\0" + tiff
    return b"\xff\xe1" + struct.pack(">H", len(body) + 2) + body


def jpeg(*segments: bytes, image: Image = CORNERS) -> bytes:
    """A JPEG with segments behind its start."""
    data = cv2.imencode(".jpg", image)[1].tobytes()
    return data[:2] + b"".join(segments) + data[2:]


def first_of(path: Path) -> Image:
    source = VideoFile(path)
    frame = source.read()
    source.close()
    assert frame is not None
    return frame.image


def white_at(image: Image) -> str:
    height, width = image.shape[:2]
    quarters = {
        f"{row} {column}": image[y : y + height // 2, x : x + width // 2].mean()
        for row, y in (("top", 0), ("bottom", height // 2))
        for column, x in (("left", 0), ("right", width // 2))
    }
    return max(quarters, key=lambda quarter: quarters[quarter])


@pytest.mark.parametrize("orientation", WHITE_AT)
def test_a_picture_is_shown_as_its_exif_says(orientation: int, tmp_path: Path) -> None:
    path = tmp_path / "picture.jpg"
    path.write_bytes(jpeg(exif(orientation)))
    image = first_of(path)
    assert image.shape[:2] == ((48, 64) if orientation < 5 else (64, 48))
    assert white_at(image) == WHITE_AT[orientation]


@pytest.mark.parametrize("orientation", [0, 9, 65535])
def test_an_orientation_that_there_is_not_turns_nothing(orientation: int, tmp_path: Path) -> None:
    path = tmp_path / "picture.jpg"
    path.write_bytes(jpeg(exif(orientation)))
    assert white_at(first_of(path)) == "top left"


@pytest.mark.parametrize(
    "segment",
    [
        b"\xff\xe1\x00\x10" + b"http://ns.ado\0",
        b"\xff\xe1\x00\x08Exif\0\0",
        b"\xff\xe1\x00\x0cExif\0\0II*\0",
        b"\xff\xe2\x00\x30" + b"ICC_PROFILE\0\x01\x01" + bytes(32),
        b"\xff\xed\x00\x06abcd",
        b"\xff\xfe\x00\x0ba comment",
    ],
)
def test_other_segments_change_nothing(segment: bytes, tmp_path: Path) -> None:
    path = tmp_path / "picture.jpg"
    path.write_bytes(jpeg(segment, exif(3)))
    assert white_at(first_of(path)) == "bottom right"


@pytest.mark.parametrize("number", [28, 31, 32, 999])
def test_every_number_of_a_newer_ffmpeg_has_a_member(number: int) -> None:
    assert cast(int, Type(number).value) == number
    assert Type(number).name not in Type.__members__
    assert Type(6) is Type.DISPLAYMATRIX


@pytest.mark.parametrize(
    ("rotation", "filters"),
    [
        (0, []),
        (90, [("transpose", "dir=cclock")]),
        (-90, [("transpose", "dir=clock")]),
        (180, [("hflip", ""), ("vflip", "")]),
        (-180, [("hflip", ""), ("vflip", "")]),
    ],
)
def test_where_side_data_cannot_be_read_the_turn_is_known(rotation: int, filters: list[tuple[str, str]]) -> None:
    def unreadable(_: VideoFrame) -> list[SideData]:
        raise ValueError("31 is not a valid Type")

    assert upright(cast(VideoFrame, SimpleNamespace(rotation=rotation)), unreadable) == filters


def test_a_picture_is_held_by_nobody_afterwards() -> None:
    """PyAV's own `side_data` makes a circle, in which the buffers of a lost camera's decoder would stay."""
    picture = VideoFrame(64, 48, "yuv420p")
    before = sys.getrefcount(picture)
    upright(picture)
    assert sys.getrefcount(picture) == before


@pytest.mark.parametrize("suffix", [".mkv", ".mp4", ".avi"])
def test_a_title_in_another_encoding_is_no_reason_to_fail(suffix: str, tmp_path: Path) -> None:
    path = tmp_path / f"clip{suffix}"
    with av.open(str(path), "w") as container:
        container.metadata["title"] = "Cafeterie"
        stream = container.add_stream("mpeg4", rate=25, options={})
        assert isinstance(stream, VideoStream)
        stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv420p"
        container.mux(stream.encode(VideoFrame.from_ndarray(CORNERS, "bgr24")))
        container.mux(stream.encode(None))
    data = path.read_bytes()
    assert b"Cafeterie" in data
    path.write_bytes(data.replace(b"Cafeterie", b"Caf\xe9t\xe9rie"))
    assert first_of(path).any()


@pytest.mark.parametrize("attribute", ["colorspace", "color_range", "color_primaries", "color_trc"])
@pytest.mark.parametrize("number", [*range(24), 255])
def test_colours_that_nobody_can_name_are_shown_somehow(attribute: str, number: int) -> None:
    picture = VideoFrame.from_ndarray(CORNERS, "bgr24").reformat(format="yuv420p")
    setattr(picture, attribute, number)
    assert white_at(Converter()(picture).image) == "top left"
