"""What is a little wrong in an answer is mended and remarked; what cannot be true is left for the reader to refuse."""

from __future__ import annotations

import copy
import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kpstream.entities import Pose
from kpstream.errors import EndpointRejected, ResponseFormatError
from kpstream.wire.classes import ClassRegistry
from kpstream.wire.mend import mended
from kpstream.wire.read import read_answer
from tests.wire.test_read import anything, is_sound

NAMES = ("mouth", "fin", "tail")


def answer(fields: dict[str, Any] | None = None, *, point: dict[str, Any] | None = None) -> dict[str, Any]:
    """A fish with three keypoints; of the one in the middle, and of the fish, some fields are others."""
    points: list[dict[str, Any]] = [
        {"x": 10.0 * place, "y": 5.0, "confidence": 0.9, "class_id": place, "class": name}
        for place, name in enumerate(NAMES)
    ]
    points[1] |= point or {}
    fish = {"x": 50.0, "y": 50.0, "width": 10.0, "height": 10.0, "confidence": 0.8, "class": "fish", "class_id": 4}
    return {"image": {"width": 100, "height": 100}, "predictions": [{**fish, "keypoints": points, **(fields or {})}]}


def read(document: Any) -> Pose:
    (pose,) = read_answer(mended(document)[0], None, ClassRegistry()).poses
    return pose


def test_an_answer_without_fault_is_left_as_it_is() -> None:
    document = answer()
    found, remarks = mended(document)
    assert found is document
    assert remarks == {}


@pytest.mark.parametrize(
    ("value", "taken"),
    [(1.0862956, 1.0), (1.0000001, 1.0), (1.1, 1.0), (-1e-7, 0.0), (-0.1, 0.0), (1, 1.0), (0, 0.0), (0.5, 0.5)],
)
def test_a_confidence_a_little_outside_its_bounds_is_brought_in(value: float, taken: float) -> None:
    outside = value not in (0, 1, 0.5)
    document = answer({"confidence": value})
    assert read(document).confidence == taken
    assert [repr(value) in text for text in mended(document)[1].values()] == ([True] if outside else [])
    document = answer(point={"confidence": value})
    assert read(document).keypoint_confidence[1] == pytest.approx(taken)
    assert bool(mended(document)[1]) == outside


@pytest.mark.parametrize("value", [1.11, -0.11, 2, -1, 95, math.nan, math.inf, "0.9", True, [], 10**400])
def test_a_confidence_far_outside_or_of_another_kind_is_refused(value: Any) -> None:
    for document in (answer({"confidence": value}), answer(point={"confidence": value})):
        with pytest.raises(ResponseFormatError):
            read(document)


@pytest.mark.parametrize("missing", ["x", "y"])
@pytest.mark.parametrize("how", ["null", "absent"])
@pytest.mark.parametrize("named", [True, False])
def test_a_keypoint_without_a_coordinate_is_left_out_and_moves_no_other(missing: str, how: str, named: bool) -> None:
    document = answer()
    points = document["predictions"][0]["keypoints"]
    if how == "null":
        points[1][missing] = None
    else:
        del points[1][missing]
    if not named:
        for point in points:
            del point["class_id"], point["class"]
    pose = read(document)
    assert pose.visible(0.0).tolist() == [True, False, True]
    assert pose.xy[[0, 2], 0].tolist() == [0.0, 20.0]
    (remark,) = mended(document)[1].values()
    assert f"has no {missing}" in remark


@pytest.mark.parametrize("how", ["null", "absent"])
def test_a_keypoint_of_unknown_confidence_is_there(how: str) -> None:
    document = answer(point={"confidence": None})
    if how == "absent":
        del document["predictions"][0]["keypoints"][1]["confidence"]
    assert read(document).visible(0.99).tolist() == [False, True, False]
    assert len(mended(document)[1]) == 1


def test_an_empty_name_becomes_the_number() -> None:
    assert read(answer({"class": ""})).class_name == "4"
    assert read(answer(point={"class": " "})).skeleton.names == ("mouth", "1", "tail")
    assert read(answer(point={"class": None, "class_name": ""})).skeleton.names == ("mouth", "1", "tail")
    with pytest.raises(ResponseFormatError):
        read(answer({"class": "", "class_id": None}))


def test_a_number_for_a_name_is_taken_as_text() -> None:
    assert read(answer({"class": 7})).class_name == "7"
    with pytest.raises(ResponseFormatError):
        read(answer({"class": 7.5}))


def test_an_integral_float_is_an_integer() -> None:
    assert read(answer({"class_id": 2.0})).class_id == 2
    assert read(answer(point={"class_id": 1.0})).skeleton.names == NAMES
    for value in (1.5, math.nan, "1", -1.0):
        with pytest.raises(ResponseFormatError):
            read(answer(point={"class_id": value}))


@pytest.mark.parametrize("value", [math.nan, math.inf, 1e4, "12", True, []])
def test_a_coordinate_that_cannot_be_true_is_still_refused(value: Any) -> None:
    for document in (
        answer({"x": value}),
        answer({"width": value}),
        answer(point={"x": value}),
        answer(point={"y": value}),
    ):
        with pytest.raises(ResponseFormatError):
            read(document)


@pytest.mark.parametrize("side", ["x", "y", "width", "height", "confidence"])
def test_an_object_without_a_box_or_a_confidence_is_still_refused(side: str) -> None:
    document = answer()
    del document["predictions"][0][side]
    for each in (document, answer({side: None})):
        with pytest.raises(ResponseFormatError):
            read(each)


@given(anything | st.fixed_dictionaries({"predictions": st.lists(anything, max_size=3)}))
def test_whatever_comes_is_mended_to_sound_poses_or_refused_and_left_alone(document: Any) -> None:
    before = copy.deepcopy(document)
    found, _ = mended(document)
    assert repr(document) == repr(before)
    assert repr(mended(found)[0]) == repr(found)
    try:
        poses = read_answer(found, (640, 480), ClassRegistry()).poses
    except (ResponseFormatError, EndpointRejected):
        return
    assert all(map(is_sound, poses))
