"""The JSON route and the registry of models."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
import requests

from tests.support.local_endpoint import (
    BASE64,
    ask,
    confidences,
    declared,
    message,
    people,
    serving,
)


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    with serving() as address:
        yield address


def test_json_route_answers_one_picture_and_a_list(url: str) -> None:
    one = ask(url, image=declared(), id="frame-7", visualize_predictions=True)
    several = ask(url, image=[declared(), declared(f"data:image/jpeg;base64,{BASE64}")])

    assert len(people(one)) == 2
    assert one.json()["inference_id"] == "frame-7"
    assert one.json()["visualization"]
    assert [len(answer["predictions"]) for answer in several.json()] == [2, 2]
    assert ask(url, image=[]).json() == []


def test_json_route_takes_fractions_only(url: str) -> None:
    assert confidences(ask(url, image=declared(), confidence=0.6)) == [0.91]
    assert confidences(ask(url, image=declared(), confidence=40)) == []
    assert confidences(ask(url, image=declared(), confidence=None, max_detections=1)) == [0.91]
    assert people(ask(url, image=declared(), class_filter=["dog"])) == []
    assert len(people(ask(url, image=declared(), keypoint_confidence=0.9))[0]["keypoints"]) == 2


@pytest.mark.parametrize(
    ("body", "status"),
    [
        ({}, 422), ({"image": 5}, 422), ({"image": {"type": "base64"}}, 422), ({"image": {"value": BASE64}}, 422),
        ({"image": declared(kind="numpy")}, 400), ({"image": declared(kind="file")}, 400),
        ({"image": declared(kind="film")}, 400), ({"image": declared("no")}, 400), ({"image": declared("\ud800")}, 400),
        ({"image": [declared()] * 65}, 400), ({"image": declared(), "model_id": ""}, 400),
        ({"image": declared(), "confidence": "best"}, 422), ({"image": declared(), "max_detections": 1.5}, 422),
        ({"image": declared(), "confidence": [[]]}, 422), ({"image": declared(), "class_filter": "dog"}, 422),
        ({"image": declared("http://127.0.0.1/", "url")}, 400),
        ({"image": declared(), "model_id": "x" * 201}, 400),
        ({"image": declared(), "id": "x" * 201}, 422),
    ],
)  # fmt: skip
def test_json_route_refuses_what_it_cannot_read(url: str, body: dict[str, Any], status: int) -> None:
    answer = ask(url, **body)

    assert answer.status_code == status
    assert BASE64[:120] not in answer.text  # no picture is sent back


@pytest.mark.parametrize("body", [b"{", b"[]", b"\xff", b"[" * 100_000, b'{"a":' * 100_000, b"1" * 5000])
def test_json_route_refuses_what_is_no_json(url: str, body: bytes) -> None:
    answer = requests.post(f"{url}/infer/keypoints_detection", data=body, timeout=20)

    assert answer.status_code == 422


def test_the_registry_keeps_what_clients_add(url: str) -> None:
    def ids(answer: requests.Response) -> list[str]:
        models = answer.json()["models"]
        assert all(model["task_type"] == "keypoint-detection" for model in models)
        return [model["model_id"] for model in models]

    def model(verb: str, name: str | None = None) -> requests.Response:
        return requests.post(f"{url}/model/{verb}", json=None if name is None else {"model_id": name}, timeout=20)

    model("clear")  # what other tests added
    assert ids(model("add", "a/1")) == ["a/1"]
    assert ids(model("add", "b/2")) == ["a/1", "b/2"]
    assert ids(model("remove", "a/1")) == ["b/2"]
    assert ids(requests.get(f"{url}/model/registry", timeout=20)) == ["b/2"]
    assert ids(model("clear")) == []
    assert message(model("add"), 400) == "Invalid Model ID sent in request."


def test_the_registry_does_not_grow_for_ever(url: str) -> None:
    with requests.Session() as session:
        for number in range(110):
            added = session.post(f"{url}/model/add", json={"model_id": f"a/{number}"}, timeout=20).json()["models"]

    assert 0 < len(added) <= 100
    assert added[-1]["model_id"] == "a/109"


def test_the_server_says_who_it_is(url: str) -> None:
    info = requests.get(f"{url}/info", timeout=20).json()

    assert info["name"] == "kpstream"
    assert set(info) == {"name", "version", "uuid"}
    assert requests.get(f"{url}/healthz", timeout=20).json() == {"status": "healthy"}
    assert requests.get(f"{url}/readiness", timeout=20).json() == {"status": "ready"}
