"""What is asked of a picture, and what is answered."""

from __future__ import annotations

import base64
from collections.abc import Iterator
from typing import Any

import cv2
import numpy as np
import pytest

from tests.support.local_endpoint import (
    HEIGHT,
    WIDTH,
    KnownFinder,
    confidences,
    encoded,
    people,
    picture,
    post,
    serving,
)


@pytest.fixture(scope="module")
def finder() -> KnownFinder:
    return KnownFinder()


@pytest.fixture(scope="module")
def url(finder: KnownFinder) -> Iterator[str]:
    with serving(finder) as address:
        yield address


@pytest.mark.parametrize(
    ("confidence", "expected"),
    [
        ("40", [0.91, 0.5]), ("0.4", [0.91, 0.5]), ("60", [0.91]), ("0.6", [0.91]), ("1", [0.91, 0.5]), ("95", []),
        ("0", [0.91, 0.5]), ("-5", [0.91, 0.5]), ("250", []), ("default", [0.91, 0.5]), ("best", [0.91, 0.5]),
    ],
)  # fmt: skip
def test_confidence_is_percent_from_one_on(url: str, confidence: str, expected: list[float]) -> None:
    assert confidences(post(url, confidence=confidence)) == expected


@pytest.mark.parametrize(
    ("overlap", "expected"), [("30", 0.3), ("0.3", 0.3), ("1", 0.01), ("100", 1), ("0", 0), ("-1", 0)]
)
def test_overlap_is_percent_from_one_on(url: str, finder: KnownFinder, overlap: str, expected: float) -> None:
    people(post(url, overlap=overlap))

    assert finder.overlaps[-1] == pytest.approx(expected)


def test_classes_keep_what_they_name(url: str) -> None:
    assert len(people(post(url, classes="dog, person"))) == 2
    assert people(post(url, classes="dog")) == []
    assert len(people(post(url, classes=""))) == 2


def test_max_detections_keeps_the_surest(url: str) -> None:
    assert confidences(post(url, max_detections=1)) == [0.91]
    assert people(post(url, max_detections=-3)) == []


def test_keypoints_below_their_confidence_are_left_out(url: str) -> None:
    everything = people(post(url))[0]["keypoints"]
    sure = people(post(url, keypoint_confidence=0.5))[0]["keypoints"]

    assert [point["class_id"] for point in everything] == [0, 1, 2, *range(4, 17)]
    assert 0 < len(sure) < len(everything)
    assert min(point["confidence"] for point in sure) >= 0.5


@pytest.mark.parametrize(
    ("query", "kind"),
    [
        ({"confidence": "abc"}, "float_parsing"), ({"overlap": ""}, "float_parsing"),
        ({"keypoint_confidence": "nan"}, "finite_number"), ({"stroke": "2.5"}, "int_parsing"),
        ({"stroke": "abc"}, "int_parsing"), ({"max_detections": "1e3"}, "int_parsing"),
        ({"labels": "maybe"}, "bool_parsing"),
    ],
)  # fmt: skip
def test_a_parameter_that_cannot_be_read_is_named(url: str, query: dict[str, str], kind: str) -> None:
    answer = post(url, **query)

    assert answer.status_code == 422
    [detail] = answer.json()["detail"]
    [(name, value)] = query.items()
    assert (detail["type"], detail["loc"], detail["input"]) == (kind, ["query", name], value)


def test_unknown_parameters_and_formats_change_nothing(url: str) -> None:
    assert len(people(post(url, format="xml", tile=3, name="x.jpg", countinference="maybe"))) == 2


def test_an_answer_has_the_documented_members_and_whole_pixels(url: str) -> None:
    answer = post(url)
    body = answer.json()

    assert set(body) == {"inference_id", "time", "image", "predictions"}
    person = body["predictions"][0]
    assert (person["x"], person["y"], person["width"], person["height"]) == (56.0, 66.0, 80.0, 84.0)
    assert (person["class"], person["class_id"]) == ("person", 0)
    assert person["keypoints"][0] == {
        "x": 24.0, "y": 32.0, "confidence": pytest.approx(0.95), "class_id": 0, "class": "nose", "class_name": "nose",
    }  # fmt: skip
    assert all(isinstance(point[axis], float) for point in person["keypoints"] for axis in "xy")
    assert all(point[axis] == round(point[axis]) for point in person["keypoints"] for axis in "xy")
    assert len({body["inference_id"], *(one["detection_id"] for one in body["predictions"])}) == 3


def test_a_centre_may_lie_on_half_a_pixel(url: str) -> None:
    person = people(post(url, base64.b64encode(encoded(picture(161, 121)))))[0]

    # 16.1 to 96.6 and 24.2 to 108.9, rounded
    assert (person["x"], person["width"], person["y"], person["height"]) == (56.5, 81.0, 66.5, 85.0)


def test_headers_tell_what_it_took(url: str) -> None:
    answer = post(url)

    assert 0 <= float(answer.headers["x-processing-time"]) < 10
    assert answer.headers["x-model-id"] == "my-pose/3"
    assert answer.headers["x-model-cold-start"] == "false"


def test_format_image_is_a_jpeg_of_the_pictures_size(url: str) -> None:
    plain = post(url, format="image", confidence=95)
    drawn = post(url, format="image", stroke=2, labels="true")

    assert drawn.headers["content-type"] == "image/jpeg"
    images = [cv2.imdecode(np.frombuffer(answer.content, np.uint8), 1) for answer in (plain, drawn)]
    assert images[0] is not None
    assert images[1] is not None
    assert images[1].shape == (HEIGHT, WIDTH, 3)
    assert np.abs(images[0].astype(int) - images[1]).max() > 80


def test_labels_and_stroke_change_the_drawing(url: str) -> None:
    forms: list[dict[str, Any]] = [
        {},
        {"labels": "true"},
        {"stroke": 4},
        {"stroke": 0},
        {"stroke": -1},
        {"stroke": 10**9},
    ]
    drawings = [post(url, format="image", **form).content for form in forms]

    assert len({drawings[0], drawings[1], drawings[2]}) == 3
    assert drawings[0] == drawings[3] == drawings[4]  # nothing is thinner than a pixel


def test_image_and_json_has_both(url: str) -> None:
    body = post(url, format="image_and_json").json()

    assert len(body["predictions"]) == 2
    assert base64.b64decode(body["visualization"]).startswith(b"\xff\xd8")
