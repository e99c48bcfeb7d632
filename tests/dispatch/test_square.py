"""Pixels that are not square: the model sees people as they are, and coordinates are those of the stored picture."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from kpstream.dispatch.square import ask
from kpstream.entities import Answer, Filters, Frame, Image
from kpstream.media.frame import Picture
from kpstream.testing import FakeEndpoint, truth

aspects = st.fractions(Fraction(1, 3), Fraction(3), max_denominator=64)


def frame(aspect: Fraction, size: tuple[int, int] = (96, 64)) -> Frame:
    width, height = size
    return Frame(0, 0.0, 0.0, np.zeros((height, width, 3), np.uint8), aspect)


@given(aspects)
def test_the_model_is_given_square_pixels_and_no_fewer(aspect: Fraction) -> None:
    given_sizes: list[tuple[int, int]] = []

    def answer(image: Image) -> Answer:
        given_sizes.append((image.shape[1], image.shape[0]))
        return Answer(())

    ask(FakeEndpoint(answer), frame(aspect), Filters())
    ((width, height),) = given_sizes
    assert width >= 96
    assert height >= 64
    assert width / height == pytest.approx(96 / 64 * float(aspect), rel=0.02)


@given(aspects)
def test_what_is_found_lies_in_the_stored_picture(aspect: Fraction) -> None:
    true = truth(5)

    def answer(image: Image) -> Answer:
        height, width = image.shape[:2]
        factors = np.array([width / 96, height / 64], np.float32)
        pose = truth(5)
        return Answer((pose.__class__(
            pose.xy * factors, pose.keypoint_confidence, pose.xyxy * np.tile(factors, 2), pose.confidence,
            pose.class_id, pose.class_name, pose.skeleton,
        ),))  # fmt: skip

    (pose,) = ask(FakeEndpoint(answer), frame(aspect), Filters()).poses
    assert pose.xy == pytest.approx(true.xy, abs=1e-3)
    assert pose.xyxy == pytest.approx(true.xyxy, abs=1e-3)


def test_a_picture_of_square_pixels_is_given_as_it_is() -> None:
    seen: list[Image] = []

    def answer(image: Image) -> Answer:
        seen.append(image)
        return Answer(())

    given_frame = frame(Fraction(1))
    ask(FakeEndpoint(answer), given_frame, Filters())
    assert seen[0] is given_frame.image


class Sizes(FakeEndpoint):
    """Chooses how large a picture is sent."""

    def __init__(self) -> None:
        super().__init__()
        self.pictures: list[Picture] = []

    def infer_picture(self, picture: Picture, filters: Filters = Filters()) -> Answer:
        self.pictures.append(picture)
        return self.infer(picture.shrunk(32)[0], filters)


def test_who_chooses_the_size_is_given_the_picture_before_it_is_converted() -> None:
    endpoint, square, flat = Sizes(), frame(Fraction(1)), frame(Fraction(2))
    ask(endpoint, square, Filters())
    ask(endpoint, flat, Filters())
    assert endpoint.pictures == [square.picture]
