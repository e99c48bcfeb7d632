"""Whatever comes, it is no fault of ours."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
import requests
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from tests.support.local_endpoint import (
    declared,
    post,
    serving,
)


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    with serving() as address:
        yield address


NAMES = st.sampled_from(
    ["confidence", "overlap", "keypoint_confidence", "max_detections", "classes", "format", "labels", "stroke", "image",
     "image_type", "disable_preproc_auto_orient", "api_key", "name", "iou_threshold"]
)  # fmt: skip
VALUES = st.one_of(
    st.text(max_size=20),
    st.integers().map(str),
    st.floats().map(str),
    st.sampled_from(
        ["true", "best", "image", "image_and_json", "http://", "https://a", "http://[::1", "//x", "ftp://a/b"]
    ),
)


@settings(
    max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)
@given(query=st.dictionaries(NAMES, VALUES, max_size=4))
@example(query={"stroke": "9" * 5000})
@example(query={"keypoint_confidence": "1e300"})
@example(query={"stroke": "-1", "format": "image"})
@example(query={"image": "http://[fe80::1%25lo]/x"})
@example(query={"image": "http://xn--a/"})
@example(query={"image": "http://a..b/"})
@example(query={"image": "http://" + "a" * 300 + "/"})
def test_no_query_is_a_fault_of_ours(url: str, query: dict[str, str]) -> None:
    answer = post(url, **query)

    assert answer.status_code in (200, 400, 422)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=10),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)
FIELDS = st.sampled_from(
    ["confidence", "iou_threshold", "keypoint_confidence", "max_detections", "class_filter", "visualize_predictions",
     "visualization_labels", "visualization_stroke_width", "disable_preproc_auto_orient", "id", "image", "model_id"]
)  # fmt: skip


@settings(
    max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)
@given(body=st.dictionaries(FIELDS, JSON, max_size=4))
@example(body={"model_id": "\ud800", "id": "\ud800"})
def test_no_json_is_a_fault_of_ours(url: str, body: dict[str, Any]) -> None:
    answer = requests.post(
        f"{url}/infer/keypoints_detection",
        data=json.dumps({"model_id": "a/1", "image": declared(), **body}),
        timeout=20,
    )

    assert answer.status_code in (200, 400, 422)


@settings(
    max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)
@given(path=st.text(st.characters(exclude_categories=["Cs"]), max_size=30), method=st.sampled_from(["GET", "POST"]))
def test_no_path_is_a_fault_of_ours(url: str, path: str, method: str) -> None:
    assert requests.request(method, f"{url}/{path}", timeout=20).status_code < 500
