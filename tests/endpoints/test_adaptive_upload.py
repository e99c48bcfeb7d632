"""How large a live picture is sent."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from kpstream.endpoints.adaptive_upload import AdaptiveUpload, UploadSize
from kpstream.entities import Answer, Image, Pose
from kpstream.options import UPLOAD_SIZES
from kpstream.testing import FakeEndpoint, truth

LONGEST = 1920


def person(tall: float, x: float = 100) -> Pose:
    return replace(truth(0), xyxy=np.array([x, 50, x + tall / 3, 50 + tall], np.float32))


def asked(*answers: list[float], sent: int = 40_000) -> list[int]:
    """The sizes of the pictures, the people in whose answers are so tall on 1080p."""
    choice, sizes = UploadSize(), []
    for tall in answers:
        sizes.append(choice.next)
        choice.note(sizes[-1], LONGEST, [person(one) for one in tall], sent)
    return sizes


def test_near_people_are_sent_as_small_as_ever() -> None:
    assert set(asked(*[[700.0, 500.0]] * 20)) == {640}


def test_far_people_are_sent_larger_from_the_second_picture_on() -> None:
    assert asked(*[[130.0]] * 4) == [640, 1280, 1280, 1280]
    assert asked(*[[300.0]] * 3) == [640, 960, 960]


def test_one_far_person_among_many_near_ones_is_what_counts() -> None:
    assert asked(*[[700.0, 130.0, 650.0]] * 3)[-1] == 1280


def test_size_does_not_go_to_and_fro() -> None:
    sizes = asked(*[[365.0], [355.0]] * 20)
    assert sum(a != b for a, b in pairwise(sizes)) <= 1


def test_size_falls_again_when_people_come_near() -> None:
    assert asked(*[[130.0]] * 5, *[[700.0]] * 20)[-1] == 640


def test_empty_street_is_looked_at_closely_now_and_then() -> None:
    sizes = asked(*[[]] * 60)
    assert sizes.count(1280) == 5
    assert sizes.count(640) == 55
    assert asked(*[[130.0]] * 3, *[[]] * 40)[-9:].count(640) >= 8


@given(st.integers(1_000, 2_000_000), st.floats(20, 1000))
def test_bytes_stay_in_their_bounds_where_640_does(at_640: int, tall: float) -> None:
    choice = UploadSize(max_bytes=200_000)
    for _ in range(15):
        size = choice.next
        sent = round(at_640 * (size / 640) ** 1.6)
        assert size == 640 or sent <= 205_000
        choice.note(size, LONGEST, [person(tall)], sent)


@pytest.mark.parametrize("tall", [130.0, 800.0])
def test_answers_are_in_pixels_of_the_camera_s_picture(tall: float) -> None:
    shapes = []

    def answer(image: Image) -> Answer:
        shapes.append(max(image.shape[:2]))
        share = image.shape[1] / LONGEST
        pose = person(tall)
        return Answer((replace(pose, xy=pose.xy * share, xyxy=pose.xyxy * share),), 40_000)

    endpoint = AdaptiveUpload(FakeEndpoint(answer))
    for _ in range(3):
        (pose,) = endpoint.infer(np.zeros((1080, LONGEST, 3), np.uint8)).poses
        assert pose.xyxy == pytest.approx(person(tall).xyxy, abs=0.01)
        assert pose.xy == pytest.approx(person(tall).xy, abs=0.01)
    assert shapes == ([640, 1280, 1280] if tall < 200 else [640] * 3)


def test_it_is_the_endpoint_in_all_else() -> None:
    inner = FakeEndpoint(max_rate=3.0, max_in_flight=5)
    endpoint = AdaptiveUpload(inner)
    assert (endpoint.name, endpoint.max_rate, endpoint.max_in_flight) == (inner.name, 3.0, 5)
    assert endpoint.credits_per_request == inner.credits_per_request
    endpoint.close()
    assert inner.closed


def test_no_picture_is_enlarged() -> None:
    assert UPLOAD_SIZES[0] == 640
    shapes = []

    def answer(image: Image) -> Answer:
        shapes.append(image.shape)
        return Answer((person(30),))

    endpoint = AdaptiveUpload(FakeEndpoint(answer))
    for _ in range(2):
        endpoint.infer(np.zeros((90, 160, 3), np.uint8))
    assert shapes == [(90, 160, 3)] * 2
