"""A change is what people make: movement, somebody who comes or goes; not noise, and not the light."""

from __future__ import annotations

import numpy as np
import pytest

from kpstream.dispatch.change import ChangeDetector
from kpstream.entities import Frame, Image
from kpstream.media.frame import BgrPicture
from tests.support.pictures import LumaOnly

RANDOM = np.random.default_rng(1)
ROOM: Image = RANDOM.integers(60, 200, (240, 320, 3), np.uint8)


def frame(index: int, image: Image) -> Frame:
    return Frame(index, index / 30, 0.0, image)


def with_somebody(left: int, size: tuple[int, int] = (40, 20)) -> Image:
    image, (height, width) = ROOM.copy(), size
    image[100 : 100 + height, left : left + width] = 250
    return image


def changed(before: Image, after: Image) -> bool:
    """Whether it is a change, the same by what a camera gives and by what a decoder does."""
    found = []
    for make in (BgrPicture, LumaOnly):
        detector = ChangeDetector()
        detector.keep(Frame(0, 0.0, 0.0, picture=make(before)))
        found.append(detector.has_changed(Frame(1, 0.1, 0.1, picture=make(after))))
    assert found[0] == found[1]
    return found[0]


def test_before_the_first_frame_is_kept_everything_is_new() -> None:
    assert ChangeDetector().has_changed(frame(0, ROOM))


@pytest.mark.parametrize(
    ("before", "after"),
    [(ROOM, with_somebody(50)), (with_somebody(50), ROOM), (with_somebody(50), with_somebody(65))],
    ids=["comes", "goes", "moves"],
)
def test_who_comes_goes_or_moves_is_a_change(before: Image, after: Image) -> None:
    assert changed(before, after)


def test_noise_and_light_are_none() -> None:
    noise = RANDOM.normal(0, 6, ROOM.shape)
    assert not changed(ROOM, np.clip(ROOM + noise, 0, 255).astype(np.uint8))
    assert not changed(ROOM, (ROOM - 30).astype(np.uint8))


def test_a_change_is_one_until_another_frame_is_kept() -> None:
    detector = ChangeDetector()
    detector.keep(frame(0, ROOM))
    assert detector.has_changed(frame(1, with_somebody(50)))
    assert detector.has_changed(frame(2, with_somebody(50)))
    detector.keep(frame(2, with_somebody(50)))
    assert not detector.has_changed(frame(3, with_somebody(50)))


def test_a_picture_smaller_than_the_grid_is_no_fault() -> None:
    dot = np.zeros((1, 4, 3), np.uint8)
    assert not changed(dot, dot)
