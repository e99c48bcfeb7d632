"""Colours, and pictures that change in the middle of a stream."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import av
import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from kpstream.entities import Image
from kpstream.sources.picture import Converter, turns

BT709, UNSPECIFIED, BT601, BT2020 = 1, 2, 6, 9
LIMITED, FULL = 1, 2
RANDOM = np.random.default_rng(7)
WEIGHTS = {BT709: (0.2126, 0.0722), UNSPECIFIED: (0.299, 0.114), BT601: (0.299, 0.114), BT2020: (0.2627, 0.0593)}
"""What red and blue weigh in the brightness. Source: ITU-R BT.709, BT.601, BT.2020."""


def plain(yuv: tuple[int, int, int], matrix: int, colour_range: int, form: str = "yuv420p") -> av.VideoFrame:
    """A picture of one colour."""
    frame = av.VideoFrame(64, 48, form)
    for plane, level in zip(frame.planes, yuv, strict=True):
        plane.update(bytes([level]) * plane.buffer_size)
    frame.colorspace, frame.color_range = matrix, colour_range
    return frame


def bgr_of(yuv: tuple[int, int, int], matrix: int, colour_range: int) -> list[float]:
    """The colour by its definition, 0 to 255."""
    red_weight, blue_weight = WEIGHTS[matrix]
    black, bright, chroma = (0, 255, 255) if colour_range == FULL else (16, 219, 224)
    y, blue_difference, red_difference = (yuv[0] - black) / bright, (yuv[1] - 128) / chroma, (yuv[2] - 128) / chroma
    red = y + 2 * (1 - red_weight) * red_difference
    blue = y + 2 * (1 - blue_weight) * blue_difference
    green = (y - red_weight * red - blue_weight * blue) / (1 - red_weight - blue_weight)
    return [min(255.0, max(0.0, 255 * level)) for level in (blue, green, red)]


@given(
    yuv=st.tuples(st.integers(16, 235), st.integers(16, 240), st.integers(16, 240)),
    matrix=st.sampled_from(sorted(WEIGHTS)),
    colour_range=st.sampled_from([LIMITED, FULL]),
    form=st.sampled_from(["yuv420p", "yuv422p", "yuv444p"]),
)
def test_colours_are_those_that_matrix_and_range_define(
    yuv: tuple[int, int, int], matrix: int, colour_range: int, form: str
) -> None:
    image = Converter()(plain(yuv, matrix, colour_range, form)).image
    assert image[24, 32].astype(float) == pytest.approx(bgr_of(yuv, matrix, colour_range), abs=4)


def test_a_stream_may_change_its_size_form_and_colours() -> None:
    convert = Converter()
    colour = (120, 90, 180)
    for matrix, colour_range in itertools.product((BT709, BT601), (LIMITED, FULL)):
        image = convert(plain(colour, matrix, colour_range)).image
        assert image[0, 0].astype(float) == pytest.approx(bgr_of(colour, matrix, colour_range), abs=4)
    assert convert(av.VideoFrame(32, 18, "rgb24")).image.shape == (18, 32, 3)
    assert convert(av.VideoFrame(33, 19, "gray")).image.shape == (19, 33, 3)


@pytest.mark.parametrize("matrix", range(18))
def test_a_matrix_that_nobody_uses_is_still_a_picture(matrix: int) -> None:
    assert Converter()(plain((200, 128, 128), matrix, FULL)).image.mean() > 150


def test_pictures_that_are_kept_are_not_written_over() -> None:
    convert = Converter()
    kept = [convert(plain((level, 128, 128), BT709, FULL)) for level in range(0, 250, 10)]
    assert [int(picture.image[0, 0, 0]) for picture in kept] == pytest.approx(list(range(0, 250, 10)), abs=2)


@given(st.integers(0, 3), st.booleans())
def test_a_display_matrix_moves_corners_where_it_says(quarters: int, mirrored: bool) -> None:
    cosine, sine = [(1, 0), (0, 1), (-1, 0), (0, -1)][quarters]
    sign = -1 if mirrored else 1
    matrix = (sign * cosine, sign * sine, 0, -sine, cosine, 0, 0, 0, 1)
    picture = np.arange(6, dtype=np.uint8).reshape(2, 3)
    points = [(x - 1, y - 0.5) for y in range(2) for x in range(3)]
    shown = [(x * matrix[0] + y * matrix[3], x * matrix[1] + y * matrix[4]) for x, y in points]
    rows = sorted({y for _, y in shown})
    expected = [[n for _, n in sorted((x, n) for n, (x, y) in enumerate(shown) if y == row)] for row in rows]
    assert turned(picture, turns(tuple(65536 * number for number in matrix))).tolist() == expected


def turned(picture: Image, filters: list[tuple[str, str]]) -> Image:
    """What FFmpeg's documentation says that these filters do."""
    does: dict[tuple[str, str], Callable[[Image], Image]] = {
        ("transpose", "dir=clock"): lambda image: np.rot90(image, -1),
        ("transpose", "dir=cclock"): np.rot90,
        ("transpose", "dir=cclock_flip"): lambda image: image.T,
        ("transpose", "dir=clock_flip"): lambda image: np.rot90(image, -1)[::-1],
        ("hflip", ""): lambda image: image[:, ::-1],
        ("vflip", ""): lambda image: image[::-1],
    }
    for each in filters:
        picture = does[each](picture)
    return picture


def noisy(form: str, colour_range: int, size: tuple[int, int] = (150, 96)) -> av.VideoFrame:
    """A picture of all shades of grey."""
    frame = av.VideoFrame(*size, form)
    for number, plane in enumerate(frame.planes):
        shades = RANDOM.integers(16, 236, plane.buffer_size, np.uint8)
        plane.update(shades.tobytes() if number == 0 else bytes([128]) * plane.buffer_size)
    frame.colorspace, frame.color_range = BT709, colour_range
    return frame


@pytest.mark.parametrize("colour_range", [LIMITED, FULL])
@pytest.mark.parametrize("form", ["yuv420p", "yuvj420p", "yuv422p", "yuv444p", "nv12"])
def test_luma_is_the_grey_of_the_picture(form: str, colour_range: int) -> None:
    picture = Converter()(noisy(form, FULL if form.startswith("yuvj") else colour_range))
    assert picture.luma is not None
    plane, to_grey = picture.luma.plane, picture.luma.to_grey
    grey = plane if to_grey is None else to_grey[plane]
    assert grey.shape == picture.size[::-1]
    assert np.abs(grey.astype(int) - cv2.cvtColor(picture.image, cv2.COLOR_BGR2GRAY)).max() <= 2


@pytest.mark.parametrize("form", ["rgb24", "gray", "yuv420p10le", "gbrp"])
def test_pictures_without_a_plane_of_grey_have_no_luma(form: str) -> None:
    assert Converter()(av.VideoFrame(32, 18, form)).luma is None


def test_what_is_converted_late_and_by_several_threads_is_the_same_to_the_last_bit() -> None:
    frames = [noisy("yuv420p", LIMITED) for _ in range(8)]
    at_once, late = Converter(), Converter()
    expected = [at_once(frame).image for frame in frames]
    pictures = [late(frame) for frame in frames]
    with ThreadPoolExecutor(4) as pool:
        images = list(pool.map(lambda picture: picture.image, pictures * 4))
    assert all(np.array_equal(image, expected[number % 8]) for number, image in enumerate(images))
    assert all(picture.image is image for picture, image in zip(pictures, images[8:16], strict=True))


@pytest.mark.parametrize("colour_range", [LIMITED, FULL])
@pytest.mark.parametrize("size", [(300, 170), (151, 277), (360, 202)])
def test_what_is_made_smaller_before_it_is_converted_looks_the_same(size: tuple[int, int], colour_range: int) -> None:
    smooth = noisy("yuv420p", colour_range, (30, 17)).reformat(*size, "yuv420p")
    smooth.color_range = colour_range
    picture = Converter()(smooth)
    small, (width, height) = picture.shrunk(100)
    shown = picture.image[:height, :width]
    wanted = cv2.resize(shown, (small.shape[1], small.shape[0]), interpolation=cv2.INTER_AREA)
    assert 98 <= max(small.shape[:2]) <= 100
    assert np.abs(small.astype(int) - wanted).mean() < 3


@pytest.mark.parametrize("form", ["yuv444p", "rgb24", "yuv420p"])
def test_a_smaller_picture_of_any_form_says_what_it_shows(form: str) -> None:
    small, (width, height) = Converter()(noisy(form, LIMITED)).shrunk(64)
    assert max(small.shape[:2]) == 64
    assert (width in (148, 150), height) == (True, 96)
