"""What a service may answer, damaged in every way: poses that are sound, or one of the errors that are documented."""

from __future__ import annotations

import copy
import json
from collections.abc import Mapping
from contextlib import closing, suppress
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from kpstream.endpoints.refusals import refusal
from kpstream.endpoints.roboflow import RoboflowEndpoint
from kpstream.endpoints.transport import Access, Response
from kpstream.endpoints.versions import load_skeleton_file
from kpstream.entities import Pose
from kpstream.errors import EndpointError, EndpointRejected, EndpointUnavailable, ResponseFormatError, UsageError
from kpstream.skeleton import MAX_KEYPOINTS
from kpstream.testing import Recorded, Reply, ScriptedServer
from kpstream.wire.classes import ClassRegistry
from kpstream.wire.mend import mended
from kpstream.wire.read import read_answer, read_json, rescaled, without_secrets

DATA = Path(__file__).parents[1] / "data"
ANSWERS = ["answer_real.json", "answer_documented.json", "answer_detection.json", "answer_empty.json"]
SIZE = (640, 480)


def recorded(name: str) -> Any:
    return json.loads((DATA / name).read_text())


numbers = st.sampled_from(
    [float("nan"), float("inf"), -float("inf"), 1e9, 1e308, -1e308, 5e-324, 10**400, -1, 0, -0.0, 2**63, 0.5, True]
)
texts = st.sampled_from(["", " ", "\ud800", "\x00", "\u202e", "a" * 100_000, "NaN", "1", "person", "nose", "*" * 101])
scalars = st.none() | st.booleans() | numbers | texts | st.integers() | st.floats() | st.text(max_size=8)
values = st.recursive(
    scalars,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8) | st.just("x"), inner, max_size=3),
    max_leaves=8,
)


def places_in(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [path, *(place for key, child in inner for place in places_in(child, (*path, key)))]


def damage(document: Any, draw: st.DrawFn) -> Any:
    """One change somewhere: another value or type, missing, there many times, wrapped, or moved to another place."""
    place = draw(st.sampled_from(places_in(document)))
    if not place:
        return draw(values)
    parent = document
    for key in place[:-1]:
        parent = parent[key]
    how = draw(st.sampled_from(["replace", "replace", "drop", "repeat", "wrap", "unwrap", "move"]))
    old = parent[place[-1]]
    if how == "drop":
        del parent[place[-1]]
    elif how == "repeat" and isinstance(parent, list):
        parent.extend(copy.deepcopy([old] * draw(st.sampled_from([1, 5, 700]))))
    elif how == "wrap":
        parent[place[-1]] = draw(st.sampled_from([[old], {"value": old}, [[old]], str(old)[:1000]]))
    elif how == "unwrap" and isinstance(old, list | dict) and old:
        parent[place[-1]] = next(iter(old.values() if isinstance(old, dict) else old))
    elif how == "move" and isinstance(parent, dict):
        parent[draw(st.sampled_from(["x", "class", "keypoints", "image", "class_id", "predictions"]))] = old
    else:
        parent[place[-1]] = draw(values)
    return document


@st.composite
def damaged(draw: st.DrawFn, names: list[str]) -> Any:
    """A recorded document with one to four faults."""
    document = copy.deepcopy(recorded(draw(st.sampled_from(names))))
    for _ in range(draw(st.integers(1, 4))):
        document = damage(document, draw)
    return document


def assert_sound(pose: Pose) -> None:
    present = pose.keypoint_confidence > 0
    names, edges = pose.skeleton.names, pose.skeleton.edges
    assert np.isfinite(pose.xyxy).all()
    assert np.isfinite(pose.xy[present]).all()
    assert np.isnan(pose.xy[~present]).all()
    assert len(pose.xy) == len(pose.keypoint_confidence) == len(names) <= MAX_KEYPOINTS
    assert 0 <= pose.confidence <= 1
    assert pose.class_name.isprintable()
    assert 0 < len(pose.class_name) <= 100
    assert all(name.isprintable() and len(name) <= 100 for name in names)
    assert all(end < len(names) for pair in edges for end in pair)


@settings(max_examples=400, deadline=None)
@given(damaged(ANSWERS))
def test_a_damaged_answer_is_sound_poses_or_a_known_error(document: Any) -> None:
    try:
        reading = read_answer(mended(document)[0], SIZE, ClassRegistry())
    except (ResponseFormatError, EndpointRejected):
        return
    for pose in reading.poses:
        assert_sound(pose)


@settings(max_examples=200, deadline=None)
@given(damaged(ANSWERS))
def test_what_is_accepted_can_be_scaled_cleaned_and_printed(document: Any) -> None:
    document, _ = mended(document)
    try:
        before = read_answer(document, None, ClassRegistry()).poses
    except (ResponseFormatError, EndpointRejected):
        return
    cleaned = without_secrets(rescaled(document, SIZE))
    assert len(read_answer(json.loads(json.dumps(cleaned)), None, ClassRegistry()).poses) == len(before)


@settings(max_examples=100, deadline=None)
@given(st.lists(damaged(ANSWERS), min_size=1, max_size=6))
def test_what_was_damaged_does_not_spoil_what_comes_after(documents: list[Any]) -> None:
    registry, slots = ClassRegistry(), 0
    for document in documents:
        with suppress(ResponseFormatError, EndpointRejected):
            read_answer(document, SIZE, registry)
        person, dog = read_answer(recorded("answer_real.json"), SIZE, registry).poses
        for pose in (person, dog):
            assert_sound(pose)
        assert (person.class_name, dog.class_name) == ("person", "dog")
        assert np.isfinite(person.xy[0]).all()
        assert len(person.skeleton.names) >= slots, "the poses of a class shrank"
        slots = len(person.skeleton.names)


@settings(max_examples=300, deadline=None)
@given(st.data())
def test_damaged_bytes_are_sound_poses_or_a_known_error(data: st.DataObject) -> None:
    body = bytearray((DATA / data.draw(st.sampled_from(ANSWERS))).read_bytes())
    for _ in range(data.draw(st.integers(1, 8))):
        at = data.draw(st.integers(0, max(0, len(body) - 1)))
        body[at : at + data.draw(st.integers(0, 4))] = data.draw(
            st.binary(max_size=4)
            | st.sampled_from([b"[" * 5000, b"1e999", b"NaN", b"-", b'"', b"\xff\xfe", b"{}", b","])
        )
    try:
        poses = read_answer(read_json(bytes(body)), SIZE, ClassRegistry()).poses
    except (ResponseFormatError, EndpointRejected):
        return
    for pose in poses:
        assert_sound(pose)


dates = st.sampled_from(
    ["Thu, 01 Jan 1970 00:00:00 GMT", "Fri, 31 Dec 9999 23:59:59 GMT", "Fri, 31 Dec 99999 23:59:59"]
)
header_values = dates | st.sampled_from(["999999999", "0", "-1", "1e9", "http://[", "text/html"]) | st.text(max_size=40)


@settings(max_examples=300, deadline=None)
@given(
    st.sampled_from([429, 503, 302, 500]) | st.integers(300, 599),
    st.dictionaries(st.sampled_from(["Content-Type", "Retry-After", "Location"]), header_values),
    damaged(["errors.json"]) | st.binary(max_size=60),
)
def test_any_refusal_is_one_short_line(status: int, headers: Mapping[str, str], said: Any) -> None:
    body = said if isinstance(said, bytes) else json.dumps(said).encode()
    error = refusal(Response(status, headers, body), host="host.test", model="my-pose/3", access=Access("key"))
    assert isinstance(error, EndpointRejected | EndpointUnavailable)
    assert str(error).isprintable()
    assert len(str(error)) < 600
    if isinstance(error, EndpointUnavailable) and error.retry_after is not None:
        assert 0 <= error.retry_after <= 3600


@settings(
    max_examples=200, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)
@given(document=damaged(["version.json", "ort.json", "workspace.json", "weights.json"]))
def test_a_damaged_skeleton_is_sound_or_a_known_error(document: Any, tmp_path: Path) -> None:
    path = tmp_path / "skeleton.json"
    path.write_text(json.dumps(document))
    try:
        skeletons = load_skeleton_file(path)
    except UsageError:
        return
    for skeleton in skeletons.values():
        assert len(skeleton.names) <= MAX_KEYPOINTS
        assert all(0 <= end < len(skeleton.names) for pair in skeleton.edges for end in pair)


@pytest.mark.parametrize("output", ["json", "image", "image_and_json"])
def test_a_whole_exchange_ends_with_an_answer_or_a_known_error(output: Any) -> None:
    replies: list[Reply] = []
    image = np.zeros((48, 64, 3), np.uint8)

    def next_of(_: Recorded) -> Reply:
        return replies[-1]

    with (
        ScriptedServer(*[next_of] * 10_000) as server,
        closing(RoboflowEndpoint("my-pose/3", endpoint_url=server.url, api_url=server.url, api_key="key0")) as endpoint,
    ):

        @settings(max_examples=60, deadline=None)
        @given(st.sampled_from([200, 200, 200, 201, 400, 429, 500]), damaged(ANSWERS))
        def asked(status: int, document: Any) -> None:
            replies.append(Reply(status, json.dumps(document).encode()))
            with suppress(EndpointError):
                for pose in endpoint.predict(image, output=output).poses:
                    assert_sound(pose)
            with suppress(EndpointError):
                for pose in endpoint.infer(image).poses:
                    assert_sound(pose)

        asked()
