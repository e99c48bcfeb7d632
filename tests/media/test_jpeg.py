"""Pictures as JPEG, and back."""

from __future__ import annotations

import numpy as np
import pytest

from kpstream.entities import Image
from kpstream.media.jpeg import decoded, encoded


def gradient(width: int, height: int) -> Image:
    x, y = np.meshgrid(np.linspace(0, 255, width), np.linspace(0, 255, height))
    return np.stack([x, y, 255 - x], axis=2).astype(np.uint8)


@pytest.mark.parametrize(("width", "height", "difference"), [(1, 1, 60), (17, 3, 60), (640, 360, 4)])
def test_the_jpeg_shows_the_picture(width: int, height: int, difference: float) -> None:
    image = gradient(width, height)
    shown = decoded(encoded(image, 95))
    assert shown is not None
    assert np.abs(shown.astype(int) - image).mean() < difference


def test_what_has_no_room_in_a_jpeg_is_told() -> None:
    with pytest.raises(ValueError, match="70000x1 cannot"):
        encoded(np.zeros((1, 70_000, 3), np.uint8), 80)


@pytest.mark.parametrize("data", [b"", b"no picture", b"\xff\xd8\xff"])
def test_what_is_no_picture_gives_none(data: bytes) -> None:
    assert decoded(data) is None
