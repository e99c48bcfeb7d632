"""Pictures of half the size."""

from __future__ import annotations

import numpy as np
import pytest

from kpstream.media.halving import halved


@pytest.mark.parametrize("channels", [(), (3,)])
def test_each_pixel_is_the_mean_of_four_and_what_is_odd_is_cut_off(channels: tuple[int, ...]) -> None:
    image = np.zeros((5, 3, *channels), np.uint8)
    image[0:2, 0:2] = np.array([[10, 20], [30, 40]], np.uint8).reshape(2, 2, *([1] * len(channels)))
    image[4], image[:, 2] = 255, 255
    assert halved(image).shape == (2, 1, *channels)
    assert (halved(image)[:, 0] == np.array([25, 0]).reshape(2, *([1] * len(channels)))).all()


def test_a_single_row_or_column_stays() -> None:
    row = np.array([[10, 20, 30, 50, 99]], np.uint8)
    assert (halved(row) == [[15, 40]]).all()
    assert (halved(row.T) == [[15], [40]]).all()
    assert (halved(row[:, :1]) == [[10]]).all()
