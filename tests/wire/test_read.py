"""Answers become poses, or one of two errors; never anything else."""

from __future__ import annotations

import copy
import json
import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kpstream.entities import Pose
from kpstream.errors import EndpointRejected, ResponseFormatError
from kpstream.skeleton import COCO, Skeleton
from kpstream.wire.classes import ClassRegistry
from kpstream.wire.read import read_answer, read_json, rescaled

DATA = Path(__file__).parents[1] / "data"
anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=12,
)


def recorded(name: str) -> Any:
    return json.loads((DATA / name).read_text())


def poses_of(
    document: object, size: tuple[float, float] | None = None, known: ClassRegistry | None = None
) -> tuple[Pose, ...]:
    return read_answer(document, size, ClassRegistry() if known is None else known).poses


def answer(*keypoints: dict[str, Any], class_name: object = "person", **prediction: Any) -> dict[str, Any]:
    """An answer with one object, whose keypoints are given as far as they matter."""
    points = [{"x": 1.0, "y": 1.0, "confidence": 0.9, **point} for point in keypoints]
    box = {"x": 50.0, "y": 50.0, "width": 10.0, "height": 10.0, "confidence": 0.9, "class": class_name}
    return {"image": {"width": 100, "height": 100}, "predictions": [{**box, "keypoints": points, **prediction}]}


def test_what_the_real_server_says_is_read() -> None:
    person, dog = poses_of(recorded("answer_real.json"))
    assert (person.class_name, person.class_id, dog.class_name, dog.class_id) == ("person", 0, "dog", 1)
    assert person.confidence == pytest.approx(0.91)
    assert person.xyxy.tolist() == [10, 5, 50, 45]
    assert person.skeleton.names[:3] == ("nose", "left_eye", "right_eye")
    assert person.xy[[0, 2]].tolist() == [[12, 9], [30, 11]]
    assert np.isnan(person.xy[1]).all()
    assert person.keypoint_confidence[:3] == pytest.approx([0.99, 0, 0.55])
    assert dog.skeleton.names == ("tail", "paw")


def test_what_the_documentation_shows_is_read() -> None:
    (helmet,) = poses_of(recorded("answer_documented.json"))
    assert (helmet.class_name, helmet.class_id) == ("helmet", 0)
    assert helmet.skeleton.names == ("top", "bottom")
    assert helmet.xy.tolist() == [[189, 20], [188, 180]]


def test_poses_are_scaled_to_the_picture_that_was_asked_about() -> None:
    person, _ = poses_of(recorded("answer_real.json"), (128, 144))
    assert person.xyxy.tolist() == [20, 15, 100, 135]
    assert person.xy[0].tolist() == [24, 27]


def test_without_a_size_in_the_answer_it_speaks_of_what_was_sent() -> None:
    document = answer({"class_id": 0, "x": 40.0})
    del document["image"]
    assert poses_of(document, (200, 200))[0].xy[0, 0] == 40


def test_nobody_there_is_an_answer() -> None:
    reading = read_answer(recorded("answer_empty.json"), None, ClassRegistry())
    assert reading.poses == ()
    assert not reading.boxes_only


def test_boxes_without_keypoints_are_poses_without_keypoints() -> None:
    reading = read_answer(recorded("answer_detection.json"), None, ClassRegistry())
    assert reading.boxes_only
    assert reading.poses[0].xy.shape == (0, 2)
    assert reading.poses[0].xyxy.tolist() == [270, 140, 370, 340]


def test_an_object_of_which_no_keypoint_is_seen_has_all_of_them_missing() -> None:
    known = ClassRegistry()
    known.set_skeletons({"person": COCO})
    reading = read_answer(answer(), None, known)
    assert not reading.boxes_only
    assert reading.poses[0].xy.shape == (17, 2)
    assert np.isnan(reading.poses[0].xy).all()


def test_an_untrained_version_is_refused() -> None:
    with pytest.raises(EndpointRejected, match="no trained model"):
        poses_of(recorded("answer_stub.json"))


def test_keypoints_stand_where_their_id_says_else_their_name_else_their_turn() -> None:
    known = ClassRegistry()
    known.set_skeletons({"person": Skeleton(("a", "b", "c"), ((0, 1),))})
    document = answer({"class_id": 2, "x": 2.0}, {"class": "a", "x": 3.0})
    assert poses_of(document, known=known)[0].xy[[2, 0], 0].tolist() == [2, 3]
    assert poses_of(answer({"x": 4.0}, {"x": 5.0}))[0].xy[:, 0].tolist() == [4, 5]


def test_a_new_name_without_an_id_gets_a_place_and_keeps_it() -> None:
    known = ClassRegistry()
    poses_of(answer({"class": "left"}, {"class": "right"}), known=known)
    (pose,) = poses_of(answer({"class": "right", "x": 7.0}), known=known)
    assert pose.skeleton.names == ("left", "right")
    assert pose.xy[1, 0] == 7


def test_of_two_keypoints_in_one_place_the_surer_counts() -> None:
    twice = answer({"class_id": 0, "x": 1.0, "confidence": 0.5}, {"class_id": 0, "x": 2.0, "confidence": 0.7})
    assert poses_of(twice)[0].xy.tolist() == [[2, 1]]


def test_a_keypoint_without_confidence_is_a_phantom() -> None:
    (pose,) = poses_of(
        answer({"class_id": 0, "class": "a"}, {"class_id": 1, "class": "b", "x": 0, "y": 0, "confidence": 0})
    )
    assert np.isnan(pose.xy[1]).all()
    assert pose.skeleton.names == ("a", "b")


def test_names_are_learned_answer_by_answer_and_keypoints_never_get_fewer() -> None:
    known = ClassRegistry()
    first = poses_of(answer({"class_id": 3, "class": "tail"}), known=known)[0]
    assert first.skeleton.names == ("", "", "", "tail")
    second = poses_of(answer({"class_id": 1, "class": "neck"}), known=known)[0]
    assert second.skeleton.names == ("", "neck", "", "tail")
    assert len(second.xy) == 4


def test_a_model_taken_for_coco_stops_being_it_and_keeps_its_keypoints() -> None:
    known = ClassRegistry()
    assert poses_of(answer({"class_id": 0, "class": "nose"}), known=known)[0].skeleton.edges == COCO.edges
    (pose,) = poses_of(answer({"class_id": 1, "class": "tail"}), known=known)
    assert pose.skeleton.names == ("nose", "tail", *[""] * 15)
    assert pose.skeleton.edges == ()


def test_a_skeleton_that_was_told_counts_for_more_and_grows_with_what_it_lacks() -> None:
    known = ClassRegistry()
    known.set_skeletons({"person": Skeleton(("a", "b"), ((0, 1),), ("#000000", "#FFFFFF"), ("#123456",))})
    (pose,) = poses_of(answer({"class_id": 0, "class": "nose"}, {"class_id": 2, "class": "c"}), known=known)
    assert pose.skeleton == Skeleton(("a", "b", "c"), ((0, 1),), (), ("#123456",))
    assert known.is_known("person")
    assert not known.is_known("dog")


def test_classes_without_numbers_keep_the_ones_they_got() -> None:
    known = ClassRegistry()
    numbers = [poses_of(answer(class_name=name), known=known)[0].class_id for name in ("b", "a", "b", "c", "a")]
    assert numbers == [0, 1, 0, 2, 1]
    poses_of(answer(class_name="d", class_id=7), known=known)
    assert poses_of(answer(class_name="d"), known=known)[0].class_id == 7


@pytest.mark.parametrize("value", [None, True, "1", math.nan, math.inf, -math.inf, 1e9, -1e9, [], {}, 10**400])
@pytest.mark.parametrize(
    "where", ["x", "y", "width", "height", "confidence", "point x", "point y", "point confidence", "image"]
)
def test_one_number_that_cannot_be_true_condemns_the_answer(where: str, value: Any) -> None:
    if value is None and where == "point confidence":
        return  # it is not known
    document = answer({"class_id": 0}, {"class_id": 1})
    if where == "image":
        document["image"]["width"] = value
    elif where.startswith("point"):
        document["predictions"][0]["keypoints"][1][where.split()[1]] = value
    else:
        document["predictions"][0][where] = value
    with pytest.raises(ResponseFormatError):
        poses_of(document)


@pytest.mark.parametrize(
    "document",
    [
        None, [], "text", 7, {}, {"predictions": None}, {"predictions": {"x": "left"}, "image": None},
        {"predictions": [1]}, {"predictions": [{}] * 10_001}, {"message": "not what you wanted"},
        {"predictions": [], "image": []}, {"predictions": [], "image": {"width": 0, "height": 5}},
        answer(width=-1.0), answer(height=-0.5), answer(confidence=1.01), answer(confidence=-0.01),
        answer(class_name=5), answer(class_name=""), answer(class_name="\x00"), answer(class_name=None),
        answer(class_id="0"), answer(class_id=-1), answer(class_id=10**9), answer(class_id=True),
        answer(keypoints={}), answer(keypoints=[5]), answer(*[{"class_id": 0}] * 1001),
        answer({"class_id": -1}), answer({"class_id": 10**9}), answer({"class_id": 1.5}), answer({"class": 5}),
    ],
)  # fmt: skip
def test_an_answer_of_another_form_is_refused(document: Any) -> None:
    with pytest.raises(ResponseFormatError):
        poses_of(document)


def test_an_endpoint_that_invents_classes_for_ever_is_stopped() -> None:
    known = ClassRegistry()
    for number in range(1000):
        poses_of(answer(class_name=f"class {number}"), known=known)
    with pytest.raises(ResponseFormatError, match="classes"):
        poses_of(answer(class_name="one more"), known=known)


def test_names_that_would_garble_a_terminal_are_made_plain() -> None:
    (pose,) = poses_of(answer({"class_id": 0, "class": "no\x1b[31mse\ud800"}, class_name="per\nson" + "x" * 1000))
    assert pose.class_name == ("person" + "x" * 1000)[:100]
    assert pose.skeleton.names[0] == "no[31mse"


@pytest.mark.parametrize(
    "body", [b"", b"\x00\xff", b'{"predictions": [', b"[" * 100_000, b"1" * 10_000, "ü".encode("latin-1")]
)
def test_what_is_not_json_is_said_not_to_be(body: bytes) -> None:
    with pytest.raises(ResponseFormatError, match="not JSON"):
        read_json(body)


def test_a_web_page_is_said_to_be_one() -> None:
    with pytest.raises(ResponseFormatError, match="web page"):
        read_json(b"\n<html><body>502 Bad Gateway</body></html>")


def test_an_answer_can_be_told_in_pixels_of_another_size() -> None:
    document = recorded("answer_real.json")
    larger = rescaled(document, (128, 144))
    assert larger["image"] == {"width": 128, "height": 144}
    for told, read in zip(poses_of(larger), poses_of(document, (128, 144)), strict=True):
        np.testing.assert_allclose(told.xy, read.xy)
        np.testing.assert_allclose(told.xyxy, read.xyxy)
    assert document == recorded("answer_real.json")


def is_sound(pose: Pose) -> bool:
    present = pose.keypoint_confidence > 0
    return bool(
        np.isfinite(pose.xyxy).all()
        and np.isfinite(pose.xy[present]).all()
        and np.isnan(pose.xy[~present]).all()
        and len(pose.xy) == len(pose.keypoint_confidence) == len(pose.skeleton.names)
        and 0 <= pose.confidence <= 1
        and all(end < len(pose.skeleton.names) for pair in pose.skeleton.edges for end in pair)
    )


@given(anything | st.fixed_dictionaries({"predictions": st.lists(anything, max_size=3)}, optional={"image": anything}))
def test_any_json_is_sound_poses_or_a_known_error(document: Any) -> None:
    try:
        poses = poses_of(document, (640, 480))
    except (ResponseFormatError, EndpointRejected):
        return
    assert all(map(is_sound, poses))


def leaves(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [path, *(found for key, child in inner for found in leaves(child, (*path, key)))]


@settings(max_examples=300)
@given(st.data())
def test_an_answer_damaged_anywhere_is_sound_poses_or_a_known_error(data: st.DataObject) -> None:
    document = copy.deepcopy(recorded(data.draw(st.sampled_from(["answer_real.json", "answer_documented.json"]))))
    *parents, last = data.draw(st.sampled_from(leaves(document)[1:]))
    place = document
    for key in parents:
        place = place[key]
    place[last] = data.draw(anything | st.sampled_from([1e308, -1e308, 10**400, 5e-324, "\ud800"]))
    try:
        poses = poses_of(document, (640, 480))
    except (ResponseFormatError, EndpointRejected):
        return
    assert all(map(is_sound, poses))
