"""The management routes: where clients look for the skeleton, the workspace and the model."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
import requests

from kpstream.skeleton import COCO
from kpstream.wire.skeletons import from_metadata, from_version
from tests.support.local_endpoint import BASE64, people, serving


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    with serving() as address:
        yield address


def get(url: str, path: str) -> dict[str, Any]:
    answer = requests.get(url + path, params={"api_key": "any"}, timeout=20)
    assert answer.status_code == 200
    body: dict[str, Any] = answer.json()
    return body


def test_the_version_names_the_skeleton(url: str) -> None:
    body = get(url, "/my-space/my-pose/3")

    skeleton = from_version(body["version"]["skeletons"])["person"]
    assert skeleton.names == COCO.names
    assert skeleton.edges == COCO.edges
    assert skeleton.symmetries == COCO.symmetries
    assert len(skeleton.vertex_colors) == len(skeleton.names)
    assert len(skeleton.edge_colors) == len(skeleton.edges)
    assert body["version"]["id"] == "my-space/my-pose/3"
    assert body["project"]["type"] == "keypoint-detection"
    assert body["workspace"]["url"] == "my-space"


def test_the_template_of_the_skeleton_stands_upright_and_is_symmetric(url: str) -> None:
    vertices = get(url, "/w/p/1")["version"]["skeletons"]["person"]["vertices"]
    place = {vertex["name"]: (vertex["x"], vertex["y"]) for vertex in vertices}

    assert all(0 < x < 1 and 0 < y < 1 for x, y in place.values())
    assert place["nose"][1] < place["left_hip"][1] < place["left_ankle"][1]
    for left, right in COCO.symmetries:
        (left_x, left_y), (right_x, right_y) = place[COCO.names[left]], place[COCO.names[right]]
        assert (left_x + right_x, left_y) == (pytest.approx(1), right_y)
        assert left_x > right_x  # a person that is looked at has the left arm on the right


def test_the_weights_route_names_the_keypoints_without_a_workspace(url: str) -> None:
    ort = get(url, "/ort/my-pose/3")["ort"]

    skeleton = from_metadata(ort["keypoints_metadata"])["person"]
    assert (skeleton.names, skeleton.edges) == (COCO.names, COCO.edges)
    assert ort["classes"] == list(ort["colors"]) == ["person"]


@pytest.mark.parametrize("method", ["GET", "POST"])
def test_the_root_names_the_workspace(url: str, method: str) -> None:
    answer = requests.request(method, f"{url}/?api_key=any", timeout=20)

    assert answer.json()["workspace"] == "local"


def test_a_get_without_a_picture_is_management_and_with_one_is_not(url: str) -> None:
    assert get(url, "/my-space/my-pose")["project"]["id"] == "my-space/my-pose"
    assert len(people(requests.get(f"{url}/my-pose/3", data=BASE64, timeout=20))) == 2
    assert len(people(requests.get(f"{url}/my-pose/3", data=iter([BASE64.encode()]), timeout=20))) == 2
    assert requests.get(f"{url}/my-pose/3?image=", timeout=20).status_code == 400
    assert requests.head(f"{url}/my-pose/3", timeout=20).status_code == 200


def test_any_version_that_a_client_may_look_for_is_listed(url: str) -> None:
    versions = get(url, "/w/p")["versions"]

    assert {"w/p/1", "w/p/42", "w/p/99"} <= {version["id"] for version in versions}
    assert all(version["model"]["id"] for version in versions)


def test_trainings_name_the_model(url: str) -> None:
    [training] = get(url, "/w/my-pose/3/v2/trainings")["trainings"]
    bundle = get(url, "/w/my-pose/3/v2/trainings/get")

    assert training["modelIds"] == [model["modelId"] for model in bundle["models"]] == ["my-pose/3"]
    assert "pose" in bundle["models"][0]["modelType"]
    assert training["trainingId"] == bundle["trainingId"]


def test_names_in_a_path_are_only_sent_back(url: str) -> None:
    assert get(url, "/ü%0d%0aX: y/%22%7b%7d")["project"]["name"] == '"{}'
