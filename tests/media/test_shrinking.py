"""A small picture shows the same, and says which part of the picture it shows."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kpstream.entities import Image
from kpstream.media.shrinking import shrinking, shrunk


def gradient(width: int, height: int) -> Image:
    """A picture whose blue is 255 * x / width and whose green is 255 * y / height, at the centre of each pixel."""
    x, y = np.meshgrid((np.arange(width) + 0.5) / width, (np.arange(height) + 0.5) / height)
    return np.stack([x * 255, y * 255, x * 0], axis=2).round().astype(np.uint8)


@settings(deadline=None)
@given(st.integers(1, 3000), st.integers(1, 3000), st.integers(1, 1000))
def test_a_picture_gets_no_larger_than_asked_and_never_larger_than_it_was(
    width: int, height: int, longest: int
) -> None:
    picture, shown = shrunk(np.zeros((height, width, 3), np.uint8), longest)
    assert min(picture.shape[:2]) >= 1
    assert max(picture.shape[:2]) <= max(longest, 1)
    assert picture.shape[1] <= width
    assert picture.shape[0] <= height
    assert shown[0] <= width
    assert shown[1] <= height


@pytest.mark.parametrize(
    ("width", "height", "expected"),
    [
        (1768, 994, (640, 360)),
        (1920, 1080, (640, 360)),
        (641, 480, (640, 479)),
        (1270, 720, (635, 360)),
        (1240, 720, (640, 372)),
        (1279, 719, (639, 359)),
        (640, 480, (640, 480)),
        (1, 1, (1, 1)),
        (10_000, 1, (640, 1)),
        (7680, 4320, (640, 360)),
    ],
)
def test_the_longest_side_becomes_what_was_asked_or_hardly_less(
    width: int, height: int, expected: tuple[int, int]
) -> None:
    assert shrunk(np.zeros((height, width, 3), np.uint8), 640)[0].shape[1::-1] == expected


@pytest.mark.parametrize(
    ("width", "height", "longest"),
    [(1768, 994, 640), (1999, 1333, 640), (967, 1801, 640), (2001, 1503, 320), (59, 47, 10), (131, 131, 34)],
)
def test_a_point_of_the_small_picture_is_where_the_shown_part_says(width: int, height: int, longest: int) -> None:
    picture, shown = shrunk(gradient(width, height), longest)
    rows, columns = picture.shape[:2]
    x = (np.arange(columns) + 0.5) * shown[0] / columns / width * 255
    y = (np.arange(rows) + 0.5) * shown[1] / rows / height * 255
    assert np.abs(picture[rows // 2, :, 0] - x).max() < 2
    assert np.abs(picture[:, columns // 2, 1] - y).max() < 2


def test_fine_detail_is_averaged_and_not_picked_at_random() -> None:
    stripes = np.zeros((900, 1600, 3), np.uint8)
    stripes[:, ::2] = 255
    small = shrunk(stripes, 640)[0]
    assert small.mean() == pytest.approx(127.5, abs=2)
    assert small.std() < 25


def test_a_picture_that_is_small_enough_is_sent_as_it_is() -> None:
    image = gradient(64, 48)
    assert shrunk(image, 640)[0] is image


def test_a_view_is_as_good_as_a_picture_and_is_not_written_to() -> None:
    image = gradient(1500, 1000)
    image.flags.writeable = False
    assert shrunk(image[::2, 100:1400], 640)[0].shape == (246, 640, 3)


def test_planes_of_half_the_size_are_made_smaller_alike() -> None:
    how = shrinking((967, 1801), 640, step=2)
    assert how is not None
    assert [side % 2 for side in (*how.size, *how.shown)] == [0, 0, 0, 0]
    whole = gradient(967, 1801)
    small, colour = how.of(whole), how.of(np.ascontiguousarray(whole[::2, ::2]), part=2)
    assert colour.shape[:2] == (small.shape[0] // 2, small.shape[1] // 2)
    assert np.abs(small[::2, ::2].astype(int) - colour).max() <= 2
