"""JPEGs in a stream of bytes, whatever stands between them."""

from __future__ import annotations

import random

import cv2
from hypothesis import given
from hypothesis import strategies as st

from kpstream.sources.jpegs import JpegSplitter
from tests.support.source_clips import picture

JPEGS = [cv2.imencode(".jpg", picture(number))[1].tobytes() for number in range(6)]
PROGRESSIVE = cv2.imencode(".jpg", picture(9), [cv2.IMWRITE_JPEG_PROGRESSIVE, 1])[1].tobytes()

between = st.sampled_from(
    [
        b"",
        b"\r\n--frame\r\nContent-Type: image/jpeg\r\n\r\n",
        b"\r\n",
        b"--x\r\n\r\n",
        bytes(300),
        b"\xff\xd8 no picture",
    ]
)


def cut(data: bytes, size: int) -> list[bytes]:
    splitter = JpegSplitter()
    return [found for place in range(0, len(data), size) for found in splitter.feed(data[place : place + size])]


@given(st.lists(st.tuples(between, st.sampled_from([*JPEGS, PROGRESSIVE])), max_size=8), st.integers(1, 3000))
def test_each_picture_is_found_as_it_was_sent(parts: list[tuple[bytes, bytes]], size: int) -> None:
    assert cut(b"".join(gap + jpeg for gap, jpeg in parts), size) == [jpeg for _, jpeg in parts]


@given(st.integers(0, 5), st.floats(0.1, 0.99), st.integers(1, 3000))
def test_one_that_was_cut_short_takes_none_of_the_next_ones_with_it(victim: int, share: float, size: int) -> None:
    sent = [jpeg[: int(share * len(jpeg))] if number == victim else jpeg for number, jpeg in enumerate(JPEGS)]
    whole = [jpeg for number, jpeg in enumerate(JPEGS) if number != victim]
    found = cut(b"\r\n--frame\r\n".join(sent) + b"\r\n--frame\r\n", size)
    assert [jpeg for jpeg in found if jpeg in whole] == whole
    assert all(jpeg.startswith(b"\xff\xd8\xff") for jpeg in found)


def test_a_small_picture_inside_another_is_a_part_of_it() -> None:
    small = cv2.imencode(".jpg", picture(1, (24, 12)))[1].tobytes()
    segment = b"\xff\xe1" + (len(small) + 8).to_bytes(2) + b"Exif\0\0" + small
    with_small = JPEGS[0][:2] + segment + JPEGS[0][2:]
    assert cut(with_small + JPEGS[1], 500) == [with_small, JPEGS[1]]


def test_noise_holds_no_picture_and_no_memory() -> None:
    splitter, chance = JpegSplitter(), random.Random(1)
    assert not [found for _ in range(200) for found in splitter.feed(chance.randbytes(10_000)) if found in JPEGS]
    assert splitter.feed(JPEGS[0] + JPEGS[1])[-1:] == [JPEGS[1]]
