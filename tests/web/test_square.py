"""What a page shows of a picture whose pixels are not square."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction

import numpy as np
import pytest

from kpstream.entities import Frame, Scene, Stats
from kpstream.render.pixels import squared
from kpstream.testing import truth
from kpstream.web.square import as_seen


def scene(aspect: Fraction) -> Scene:
    frame = Frame(0, 0.0, 0.0, np.zeros((64, 96, 3), np.uint8), aspect)
    return Scene(frame, (truth(3),), Stats(), None, 0.0)


def test_pictures_are_made_wider_or_higher_and_poses_with_them() -> None:
    wide, high = as_seen(scene(Fraction(3, 2))), as_seen(scene(Fraction(1, 2)))
    assert (wide.frame.size, high.frame.size) == ((144, 64), (96, 128))
    assert wide.poses[0].xyxy == pytest.approx(truth(3).xyxy * [1.5, 1, 1.5, 1])
    assert high.poses[0].xy == pytest.approx(truth(3).xy * [1, 2])
    assert wide.frame.pixel_aspect == 1


def test_square_pixels_stay_as_they_are() -> None:
    given_scene = scene(Fraction(1))
    assert as_seen(given_scene) is given_scene
    assert squared(given_scene.frame, given_scene.frame.image) is given_scene.frame.image


def test_the_drawn_picture_is_squared_by_its_frame() -> None:
    frame = replace(scene(Fraction(2)).frame)
    assert squared(frame, np.zeros((64, 96, 3), np.uint8)).shape == (64, 192, 3)
