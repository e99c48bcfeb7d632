"""How large a picture says that it is, and what becomes of those that say too much."""

from __future__ import annotations

import base64
import struct
import zlib
from collections.abc import Iterator

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from kpstream.serving.picture_size import claimed_size
from tests.support.local_endpoint import JPEG, encoded, message, picture, post, serving, with_orientation


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    with serving() as address:
        yield address


def png(width: int, height: int) -> bytes:
    """A whole PNG of one bit a pixel, all black: the bomb."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    packer = zlib.compressobj(9)
    row = b"\0" * (1 + (width + 7) // 8)
    rows = b"".join(packer.compress(row) for _ in range(height)) + packer.flush()
    head = struct.pack(">IIBBBBB", width, height, 1, 0, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", rows) + chunk(b"IEND", b"")


def bmp(width: int, height: int) -> bytes:
    return b"BM" + struct.pack("<IHHIIii", 100, 0, 0, 54, 40, width, height) + bytes(60)


def gif(width: int, height: int) -> bytes:
    return b"GIF89a" + struct.pack("<HHBBB", width, height, 0, 0, 0)


def tiff(width: int, height: int, order: str = "<", **tile: int) -> bytes:
    tags = {256: width, 257: height} | ({322: tile["tile"], 323: tile["tile"]} if tile else {})
    entries = b"".join(struct.pack(order + "HHII", tag, 4, 1, value) for tag, value in tags.items())
    magic = b"II*\0" if order == "<" else b"MM\0*"
    return magic + struct.pack(order + "IH", 8, len(tags)) + entries + bytes(4)


def jpeg(width: int, height: int) -> bytes:
    at = JPEG.index(b"\xff\xc0") + 5
    return JPEG[:at] + struct.pack(">HH", height, width) + JPEG[at + 4 :]


def webp(width: int, height: int) -> bytes:
    sides = (width - 1).to_bytes(3, "little") + (height - 1).to_bytes(3, "little")
    return b"RIFF" + struct.pack("<I", 30) + b"WEBPVP8X" + struct.pack("<II", 10, 0) + sides


@pytest.mark.parametrize(
    "bomb",
    [png(20_000, 15_000), jpeg(60_000, 60_000), bmp(2**30, 2**30), bmp(40_000, -40_000), gif(65_535, 65_535),
     tiff(100_000, 100_000), tiff(2**31, 2**31, ">"), tiff(10, 10, tile=2**20), webp(2**24, 2**24)],
    ids=["png", "jpeg", "bmp", "bmp down", "gif", "tiff", "tiff big-endian", "tiff tile", "webp"],
)  # fmt: skip
def test_a_picture_that_would_eat_the_memory_is_refused_unread(url: str, bomb: bytes) -> None:
    assert len(bomb) < 100_000

    assert "pixels, at most 100000000 are read." in message(post(url, base64.b64encode(bomb)), 400)


@pytest.mark.parametrize("form", ["image", "image_and_json"])
def test_a_drawing_for_which_no_jpeg_has_room_is_refused_in_one_line(url: str, form: str) -> None:
    wide = base64.b64encode(png(65_501, 1))

    assert message(post(url, wide, format=form), 400) == (
        "No JPEG has room for a drawing of 65501 x 1 pixels. Ask for format=json."
    )
    assert post(url, wide).status_code == 200


@pytest.mark.parametrize("extension", [".jpg", ".png", ".webp", ".bmp", ".gif", ".tiff"])
@given(width=st.integers(1, 90), height=st.integers(1, 90))
def test_the_claimed_size_is_the_decoded_one(extension: str, width: int, height: int) -> None:
    assert claimed_size(encoded(picture(width, height), extension)) == (width, height)


@pytest.mark.parametrize(
    ("extension", "options"),
    [
        (".jpg", [cv2.IMWRITE_JPEG_PROGRESSIVE, 1]),
        (".jpg", [cv2.IMWRITE_JPEG_RST_INTERVAL, 4]),
        (".webp", [cv2.IMWRITE_WEBP_QUALITY, 101]),
        (".webp", [cv2.IMWRITE_WEBP_QUALITY, 50]),
    ],
)
def test_other_codings_of_a_format_are_known(extension: str, options: list[int]) -> None:
    for channels in (3, 4) if extension == ".webp" else (3,):
        image = np.dstack([picture(70, 50)] * 2)[:, :, :channels]
        assert claimed_size(cv2.imencode(extension, image, options)[1].tobytes()) == (70, 50)


def test_what_stands_before_the_frame_header_of_a_jpeg_hides_nothing() -> None:
    assert claimed_size(with_orientation(JPEG, 3)) == (160, 120)
    assert JPEG[:4] == b"\xff\xd8\xff\xe0"  # the first segment is 18 bytes long
    for junk in (b"\xff\xff\xff", b"\xff\xe2\x00\x04\xff\xc0", b"\xff\xd0", b"\x12\x34"):
        assert claimed_size(JPEG[:20] + junk + JPEG[20:]) == (160, 120)


MAGIC = [b"", b"\xff\xd8\xff", b"\x89PNG\r\n\x1a\n", b"RIFF\0\0\0\0WEBPVP8X", b"RIFF\0\0\0\0WEBPVP8L", b"BM", b"GIF8",
         b"RIFF\0\0\0\0WEBPVP8 ", b"II*\0", b"MM\0*"]  # fmt: skip


@given(magic=st.sampled_from(MAGIC), rest=st.binary(max_size=60))
def test_no_bytes_make_it_fail(magic: bytes, rest: bytes) -> None:
    size = claimed_size(magic + rest)

    assert size is None or (len(size) == 2 and min(size) >= 0)


@given(
    make=st.sampled_from([jpeg, bmp, gif, tiff, webp]),
    at=st.integers(0, 200),
    value=st.integers(0, 255),
    cut=st.integers(0, 200),
)
def test_a_damaged_header_is_a_refusal_and_no_fault_of_ours(
    url: str, make: object, at: int, value: int, cut: int
) -> None:
    assert callable(make)
    damaged = bytearray(make(30, 20))
    damaged[at % len(damaged)] = value

    answer = post(url, base64.b64encode(bytes(damaged[: max(1, len(damaged) - cut)])))

    assert answer.status_code in (200, 400)
