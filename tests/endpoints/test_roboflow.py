"""The endpoint sends what the service documents, reads what it says, and keeps the key to itself."""

from __future__ import annotations

import base64
import json
import logging
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from math import inf
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from kpstream.endpoints.inference import percent
from kpstream.endpoints.roboflow import RoboflowEndpoint
from kpstream.entities import Filters, Image
from kpstream.errors import (
    EndpointError,
    EndpointRejected,
    EndpointUnavailable,
    KpstreamError,
    ResponseFormatError,
    UsageError,
)
from kpstream.interfaces import Endpoint
from kpstream.skeleton import COCO, Skeleton
from kpstream.testing import Recorded, Reply, ScriptedServer, canned_answer

DATA = Path(__file__).parents[1] / "data"
KEY = "rfKey0123456789"
BLACK = np.zeros((480, 640, 3), np.uint8)


def recorded(name: str) -> Any:
    return json.loads((DATA / name).read_text())


@contextmanager
def asking(server: ScriptedServer, **options: Any) -> Iterator[RoboflowEndpoint]:
    """An endpoint that asks a server, for pictures and for skeletons."""
    defaults = {"endpoint_url": server.url, "api_url": server.url, "api_key": KEY, "timeout": 20.0}
    endpoint = RoboflowEndpoint(options.pop("model", "my-pose/3"), **{**defaults, **options})
    try:
        yield endpoint
    finally:
        endpoint.close()


def picture_in(request: Recorded) -> Image:
    decoded = cv2.imdecode(np.frombuffer(request.picture, np.uint8), cv2.IMREAD_COLOR)
    assert decoded is not None
    return decoded.astype(np.uint8)


def answer_of_its_size(request: Recorded) -> dict[str, Any]:
    height, width = picture_in(request).shape[:2]
    return canned_answer(width, height)


def test_it_is_an_endpoint() -> None:
    endpoint: Endpoint = RoboflowEndpoint("my-pose/3", api_key=KEY)
    assert endpoint.name == "my-pose/3 at serverless.roboflow.com"
    assert endpoint.max_in_flight == 32
    assert KEY not in repr(endpoint)
    endpoint.close()


def test_what_is_documented_is_sent() -> None:
    filters = Filters(0.4, 0.3, ("person", "big dog"), 0.25, 50)
    with ScriptedServer() as server, asking(server) as endpoint:
        endpoint.infer(BLACK, filters)
    request = server.predictions[0]
    assert (request.method, request.path) == ("POST", "/my-pose/3")
    assert request.query == {
        "api_key": KEY, "confidence": "40", "overlap": "30", "classes": "person,big dog", "format": "json",
        "max_detections": "50", "keypoint_confidence": "0.25",
    }  # fmt: skip
    assert request.headers["content-type"].startswith("multipart/form-data; boundary=")
    assert picture_in(request).shape == BLACK.shape


def test_the_documented_body_can_be_asked_for_and_the_key_can_go_into_the_header() -> None:
    with ScriptedServer() as server, asking(server, body="base64", key_in="header") as endpoint:
        endpoint.infer(BLACK)
    request = server.predictions[0]
    assert request.headers["content-type"] == "application/x-www-form-urlencoded"
    assert picture_in(request).shape == BLACK.shape
    assert request.headers["authorization"] == f"Bearer {KEY}"
    assert not any(KEY in str(request.query) for request in server.requests)


@given(st.floats(0, 1))
def test_the_service_reads_the_share_that_was_meant(share: float) -> None:
    sent = float(percent(share))
    read = sent / 100 if sent >= 1 else sent  # as the real server does
    assert read == pytest.approx(share, rel=1e-5, abs=1e-12)


@pytest.mark.parametrize(
    ("share", "sent"), [(1.0, "100"), (0.4, "40"), (0.29, "29"), (0.01, "1"), (0.005, "0.005"), (0, "0")]
)
def test_shares_in_the_words_of_the_wire(share: float, sent: str) -> None:
    assert percent(share) == sent


@pytest.mark.parametrize(("width", "height"), [(1768, 994), (1001, 777), (1, 1), (320, 2), (7680, 4320)])
def test_answers_are_in_pixels_of_the_picture_whatever_was_sent(width: int, height: int) -> None:
    with ScriptedServer(answer=answer_of_its_size) as server, asking(server) as endpoint:
        answer = endpoint.infer(np.zeros((height, width, 3), np.uint8))
    assert max(picture_in(server.predictions[0]).shape) <= 640
    x_min, y_min, x_max, y_max = answer.poses[0].xyxy
    assert ((x_min + x_max) / 2, (y_min + y_max) / 2) == pytest.approx((width / 2, height / 2), rel=0.01)
    assert (x_max - x_min, y_max - y_min) == pytest.approx((width / 4, height / 2), rel=0.01)
    assert answer.bytes_sent == len(server.predictions[0].body)


def test_the_upload_size_and_the_quality_are_kept_to() -> None:
    noise = np.random.default_rng(1).integers(0, 255, (480, 640, 3), np.uint8)
    with ScriptedServer(answer=answer_of_its_size) as server:
        for size, quality in ((320, 80), (320, 30), (5000, 80)):
            with asking(server, upload_size=size, jpeg_quality=quality) as endpoint:
                endpoint.infer(noise)
    small, poor, whole = server.predictions
    assert picture_in(small).shape == (240, 320, 3)
    assert len(poor.body) < len(small.body)
    assert picture_in(whole).shape == (480, 640, 3)


def test_what_the_service_ignores_is_kept_to_here() -> None:
    document = recorded("answer_real.json")
    with ScriptedServer(*[Reply(body=document)] * 3) as server, asking(server) as endpoint:
        sure = endpoint.infer(BLACK, Filters(confidence=0.6)).poses
        assert [pose.class_name for pose in sure] == ["person"]
        dogs = endpoint.infer(BLACK, Filters(classes=("dog",))).poses
        assert [pose.class_name for pose in dogs] == ["dog"]
        person = endpoint.infer(BLACK, Filters(keypoint_confidence=0.6)).poses[0]
        assert person.visible(0).tolist()[:3] == [True, False, False]


def test_each_request_is_sent_with_its_own_filters_and_keeps_to_them() -> None:
    document = recorded("answer_real.json")
    with ScriptedServer(*[Reply(body=document)] * 3) as server, asking(server) as endpoint:
        endpoint.infer(BLACK)
        strict = endpoint.infer(BLACK, Filters(confidence=0.6))
        assert [pose.class_name for pose in strict.poses] == ["person"]
        endpoint.infer(BLACK)
    assert [request.query["confidence"] for request in server.predictions] == ["40", "60", "40"]


# -- the form of the body


def base64_only(status: int, message: str) -> Callable[[Recorded], Reply]:
    def reply(request: Recorded) -> Reply:
        multipart = request.headers["content-type"].startswith("multipart")
        return Reply(status, {"message": message}) if multipart else Reply()

    return reply


@pytest.mark.parametrize(
    ("status", "message"),
    [
        (400, "Invalid base64 input: the image payload contains raw bytes, not base64-encoded text."),
        (400, "Could not load input image. Cause: Malformed base64 input image."),
        (415, "Unsupported Media Type"),
        (422, "no"),
    ],
)
def test_an_endpoint_that_refuses_multipart_is_asked_in_base64_and_stays_with_it(status: int, message: str) -> None:
    with ScriptedServer(*[base64_only(status, message)] * 4) as server, asking(server) as endpoint:
        first = endpoint.infer(BLACK)
        assert len(first.poses) == 1
        assert first.bytes_sent == sum(len(request.body) for request in server.predictions)
        endpoint.infer(BLACK)
    kinds = [request.headers["content-type"].partition(";")[0] for request in server.predictions]
    assert kinds == ["multipart/form-data", "application/x-www-form-urlencoded", "application/x-www-form-urlencoded"]


def test_threads_that_are_refused_at_the_same_time_each_get_their_answer() -> None:
    go = threading.Event()

    def reply(request: Recorded) -> Reply:
        multipart = request.headers["content-type"].startswith("multipart")
        return Reply(415, {}, hold=go) if multipart else Reply()

    answers: list[int] = []
    with ScriptedServer(*[reply] * 20) as server, asking(server, skeletons={"person": COCO}) as endpoint:
        threads = [threading.Thread(target=lambda: answers.append(len(endpoint.infer(BLACK).poses))) for _ in range(8)]
        for thread in threads:
            thread.start()
        server.wait_for(8)
        go.set()
        for thread in threads:
            thread.join()
    assert answers == [1] * 8
    assert len(server.predictions) == 16


def test_a_picture_that_is_refused_in_both_forms_is_not_asked_twice_again() -> None:
    refused = Reply(400, {"message": "Could not load input image."})
    with ScriptedServer(refused, refused, refused, Reply()) as server, asking(server) as endpoint:
        for asked in (2, 3):
            with pytest.raises(EndpointRejected, match="Could not load input image"):
                endpoint.infer(BLACK)
            assert len(server.predictions) == asked
        endpoint.infer(BLACK)
    assert server.predictions[-1].headers["content-type"].startswith("multipart")


def test_once_multipart_was_taken_a_refusal_is_about_something_else() -> None:
    with ScriptedServer(Reply(), Reply(422, {"detail": "x"})) as server, asking(server) as endpoint:
        endpoint.infer(BLACK)
        with pytest.raises(EndpointRejected):
            endpoint.infer(BLACK)
        assert len(server.predictions) == 2


# -- what goes wrong


def failures(server: ScriptedServer) -> dict[str, Reply]:
    return {
        "hang": Reply(fault="hang"),
        "reset": Reply(fault="reset"),
        "truncate": Reply(fault="truncate"),
        "refused": Reply(401, {"message": f"no such key {KEY}"}),
        "forbidden": Reply(403, {"Message": "User is not authorized to access this resource"}),
        "busy": Reply(429, {"message": f"https://x/?api_key={KEY}"}, {"Retry-After": "2"}),
        "broken": Reply(500, f"<title>{KEY}</title>", {"Content-Type": "text/html"}),
        "moved": Reply(302, b"", {"Location": f"{server.url}/login?api_key={KEY}"}),
        "page": Reply(200, "<html>hello</html>", {"Content-Type": "text/html"}),
        "garbage": Reply(200, b"\x00\xff"),
        "wrong": Reply(200, {"predictions": {"x": "left"}, "image": None}),
        "stub": Reply(200, recorded("answer_stub.json")),
        "huge": Reply(200, b" " * (16 * 2**20 + 1)),
    }


def everything_in(error: BaseException, seen: set[int]) -> Iterator[str]:
    """All text that hangs on an exception: what a log, a crash report or a debugger would show of it."""
    if id(error) in seen:
        return
    seen.add(id(error))
    yield f"{error!s} {error!r} {error.args!r} {vars(error)!r}"
    for inner in (error.__cause__, error.__context__, *error.args, *vars(error).values()):
        if isinstance(inner, BaseException):
            yield from everything_in(inner, seen)


@pytest.mark.parametrize("key_in", ["query", "header"])
def test_no_failure_carries_the_key_not_even_in_a_log_at_its_loudest(
    key_in: str, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    with ScriptedServer() as server:
        for name, reply in failures(server).items():
            within = 1.0 if name == "hang" else 20.0
            with ScriptedServer(reply) as failing, asking(failing, key_in=key_in, timeout=within) as endpoint:
                with pytest.raises(EndpointError) as caught:
                    endpoint.infer(BLACK)
                text = " ".join(everything_in(caught.value, set()))
                assert KEY not in text, name
                assert "\n" not in str(caught.value), name
                assert failing.predictions, name
                assert KEY in f"{failing.predictions[0].query}{failing.predictions[0].headers}", "it was sent"
    assert server.requests == [], "nobody follows a redirect"
    assert "POST /my-pose/3" in caplog.text, "the loudest log was on"
    assert KEY not in caplog.text


@pytest.mark.parametrize(
    ("name", "kind", "words"),
    [
        ("hang", EndpointUnavailable, "within 0.3 s"),
        ("reset", EndpointUnavailable, "broke off"),
        ("truncate", EndpointUnavailable, "broke off"),
        ("refused", EndpointRejected, "ROBOFLOW_API_KEY or `api_key`"),
        ("forbidden", EndpointRejected, "my-pose/3"),
        ("moved", EndpointRejected, "/login"),
        ("page", ResponseFormatError, "`endpoint`"),
        ("garbage", ResponseFormatError, "not JSON"),
        ("wrong", ResponseFormatError, "predictions"),
        ("stub", EndpointRejected, "no trained model"),
        ("huge", ResponseFormatError, "longer"),
    ],
)
def test_each_failure_is_the_error_that_it_should_be(name: str, kind: type[EndpointError], words: str) -> None:
    with (
        ScriptedServer() as server,
        ScriptedServer(failures(server)[name]) as failing,
        asking(failing, timeout=0.3 if name == "hang" else 20) as endpoint,
        pytest.raises(kind, match=words),
    ):
        endpoint.infer(BLACK)


def test_being_asked_too_much_is_told_with_the_wait() -> None:
    with (
        ScriptedServer(Reply(429, {}, {"Retry-After": "2"})) as server,
        asking(server) as endpoint,
        pytest.raises(EndpointUnavailable) as caught,
    ):
        endpoint.infer(BLACK)
    assert caught.value.slow_down
    assert caught.value.retry_after == 2


def test_after_a_failure_the_next_picture_is_answered() -> None:
    with (
        ScriptedServer(Reply(fault="reset"), Reply(503), Reply(fault="truncate")) as server,
        asking(server) as endpoint,
    ):
        for _ in range(3):
            with pytest.raises(EndpointUnavailable):
                endpoint.infer(BLACK)
        assert len(endpoint.infer(BLACK).poses) == 1


def test_closing_gives_up_the_requests_in_flight() -> None:
    caught: list[KpstreamError] = []

    def ask(endpoint: RoboflowEndpoint) -> None:
        try:
            endpoint.infer(BLACK)
        except KpstreamError as error:
            caught.append(error)

    with ScriptedServer(*[Reply(fault="hang")] * 3) as server, asking(server) as endpoint:
        threads = [threading.Thread(target=ask, args=(endpoint,)) for _ in range(3)]
        for thread in threads:
            thread.start()
        server.wait_for(3)
        endpoint.close()
        for thread in threads:
            thread.join()
        endpoint.close()
        ask(endpoint)
        assert len(server.requests) == 3
    assert [type(error) for error in caught] == [EndpointUnavailable] * 4


# -- the key


def test_the_hosted_service_is_not_asked_without_a_key() -> None:
    endpoint = RoboflowEndpoint("my-pose/3")
    for ask in (endpoint.check, lambda: endpoint.infer(BLACK), lambda: endpoint.predict_url("https://x.example/a.jpg")):
        with pytest.raises(
            EndpointRejected, match=r"put it in ROBOFLOW_API_KEY, or give `api_key`; .*EmbeddedEndpoint"
        ):
            ask()
    endpoint.close()


def test_a_server_of_one_s_own_may_want_no_key() -> None:
    with ScriptedServer() as server, asking(server, api_key=None) as endpoint:
        endpoint.check()
        endpoint.infer(BLACK)
    assert "api_key" not in server.predictions[0].query


def test_the_key_of_the_environment_is_used(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ROBOFLOW_API_KEY", KEY)
    with ScriptedServer() as server, asking(server, api_key=None) as endpoint:
        endpoint.infer(BLACK)
    assert server.predictions[0].query["api_key"] == KEY


# -- skeletons


def routes_of(version: Mapping[str, Any]) -> dict[str, Reply]:
    return {"/": Reply(body=recorded("workspace.json")), "/demo-ws/my-pose/3": Reply(body=version)}


def test_the_first_answer_already_has_the_version_s_skeleton(caplog: pytest.LogCaptureFixture) -> None:
    with ScriptedServer(routes=routes_of(recorded("version.json"))) as server, asking(server) as endpoint:
        skeletons = [endpoint.infer(BLACK).poses[0].skeleton for _ in range(3)]
    assert skeletons[0].edge_colors == ("#00FFCE", "#8622FF")
    assert skeletons[0] is skeletons[2]
    assert [request.path for request in server.requests if request.method == "GET"] == ["/", "/demo-ws/my-pose/3"]
    assert caplog.records == []


def test_a_skeleton_by_hand_is_taken_and_nobody_is_asked() -> None:
    mine = Skeleton(("nose", "left_eye", "right_eye"), ((0, 2),))
    with ScriptedServer() as server, asking(server, skeletons={"person": mine}) as endpoint:
        assert endpoint.infer(BLACK).poses[0].skeleton is mine
    assert [request.method for request in server.requests] == ["POST"]


@pytest.mark.parametrize("body", [b"<html><title>404 Not Found</title></html>", b"", {"detail": "Not Found"}])
def test_a_404_that_is_not_about_the_model_names_the_address_too(body: bytes | dict[str, Any]) -> None:
    with ScriptedServer(Reply(404, body)) as server, asking(server) as endpoint, pytest.raises(EndpointRejected) as hit:
        endpoint.infer(BLACK)
    assert "check `model` and `endpoint`" in str(hit.value)


def test_a_model_with_coco_s_names_needs_nobody_to_tell_its_edges(caplog: pytest.LogCaptureFixture) -> None:
    with ScriptedServer() as server, asking(server) as endpoint:
        assert endpoint.infer(BLACK).poses[0].skeleton.edges == COCO.edges
    assert caplog.records == []


def unnamed(_: Recorded) -> dict[str, Any]:
    document = canned_answer()
    for point in document["predictions"][0]["keypoints"]:
        point["class"] = f"joint {point['class_id']}"
    return document


@pytest.mark.parametrize(
    ("options", "why"),
    [
        ({}, "404"),
        ({"api_key": None, "api_url": "https://api.roboflow.com"}, "no API key"),
        ({"skeletons": {"dog": COCO}}, "has only dog"),
    ],
)
def test_unknown_edges_are_said_once(options: dict[str, Any], why: str, caplog: pytest.LogCaptureFixture) -> None:
    with ScriptedServer(answer=unnamed) as server, asking(server, **options) as endpoint:
        for _ in range(3):
            assert endpoint.infer(BLACK).poses[0].skeleton.edges == ()
    (record,) = caplog.records
    assert "without edges" in record.getMessage()
    assert why in record.getMessage()
    assert "`skeleton`" in record.getMessage()


def test_the_management_api_being_down_costs_no_answer(caplog: pytest.LogCaptureFixture) -> None:
    with ScriptedServer(answer=unnamed, routes={"/": Reply(fault="reset")}) as server, asking(server) as endpoint:
        for _ in range(3):
            assert len(endpoint.infer(BLACK).poses) == 1
        assert len(server.requests) == 4
    assert "broke off" in caplog.text


def test_a_model_without_keypoints_is_said_to_be_one_once(caplog: pytest.LogCaptureFixture) -> None:
    with ScriptedServer(answer=lambda _: recorded("answer_detection.json")) as server, asking(server) as endpoint:
        for _ in range(3):
            assert endpoint.infer(BLACK).poses[0].xy.shape == (0, 2)
    (record,) = caplog.records
    assert "object detection" in record.getMessage()


# -- single pictures


def test_a_picture_s_json_is_in_its_own_pixels() -> None:
    with ScriptedServer(answer=answer_of_its_size) as server, asking(server) as endpoint:
        said = endpoint.predict(np.zeros((994, 1768, 3), np.uint8))
    assert said.document is not None
    assert said.document["image"] == {"width": 1768, "height": 994}
    assert said.document["predictions"][0]["x"] == pytest.approx(884, abs=1)
    assert said.poses[0].xy[0] == pytest.approx((884, 469.4), abs=1)
    assert said.drawing is None
    assert "stroke" not in server.predictions[0].query


def test_an_image_file_is_sent_as_it_is() -> None:
    file = cv2.imencode(".png", BLACK)[1].tobytes()
    with ScriptedServer(answer=answer_of_its_size) as server, asking(server) as endpoint:
        said = endpoint.predict(file)
    assert server.predictions[0].picture == file
    assert said.document is not None
    assert said.document["image"] == {"width": 640, "height": 480}


def test_the_endpoint_s_own_drawing_is_handed_over() -> None:
    drawing = Reply(200, b"\xff\xd8drawn", {"Content-Type": "image/jpeg"})
    with ScriptedServer(drawing) as server, asking(server) as endpoint:
        said = endpoint.predict(BLACK, output="image", stroke=3, labels=True)
    assert (said.document, said.drawing, said.poses) == (None, b"\xff\xd8drawn", ())
    query = server.predictions[0].query
    assert (query["format"], query["stroke"], query["labels"]) == ("image", "3", "true")


def test_json_and_drawing_come_together() -> None:
    document = {"visualization": base64.b64encode(b"\xff\xd8drawn").decode(), **canned_answer(640, 480)}
    with ScriptedServer(Reply(body=document)) as server, asking(server) as endpoint:
        said = endpoint.predict(BLACK, output="image_and_json")
    assert said.drawing == b"\xff\xd8drawn"
    assert said.document is not None
    assert "visualization" not in said.document
    assert len(said.poses) == 1


@pytest.mark.parametrize("visualization", ["not base64!", "ü", 5, None])
def test_a_drawing_that_is_none_is_a_fault(visualization: object) -> None:
    document = {**canned_answer(640, 480), "visualization": visualization}
    with ScriptedServer(Reply(body=document), Reply(body=document)) as server, asking(server) as endpoint:
        with pytest.raises(ResponseFormatError):
            endpoint.predict(BLACK, output="image_and_json")
        with pytest.raises(ResponseFormatError):
            endpoint.predict(BLACK, output="image")


def test_a_url_is_handed_over_and_not_fetched() -> None:
    with ScriptedServer() as elsewhere, ScriptedServer() as server, asking(server) as endpoint:
        url = f"{elsewhere.url}/a picture.jpg?size=1&token=t"
        said = endpoint.predict_url(url)
        assert elsewhere.requests == []
    assert said.poses
    request = server.predictions[0]
    assert (request.query["image"], request.body) == (url, b"")


@pytest.mark.parametrize("image", [None, "absent", {"width": "640", "height": "360"}, {"width": "Undefined"}])
def test_an_answer_that_names_no_size_speaks_of_the_picture_that_was_sent(image: object) -> None:
    document = canned_answer(640, 360)
    right = {**document, "image": {"width": 640, "height": 360}}
    wrong = {key: value for key, value in document.items() if key != "image"}
    if image != "absent":
        wrong["image"] = image
    large = np.zeros((720, 1280, 3), np.uint8)
    with ScriptedServer(*[Reply(body=body) for body in (right, wrong, wrong)]) as server, asking(server) as endpoint:
        (expected,), (pose,) = endpoint.infer(large).poses, endpoint.infer(large).poses
        printed = endpoint.predict(large).document
    np.testing.assert_allclose(pose.xyxy, expected.xyxy)
    np.testing.assert_allclose(pose.xy, expected.xy)
    assert printed is not None
    assert printed["image"] == {"width": 1280, "height": 720}
    assert printed["predictions"][0]["x"] == pytest.approx(2 * document["predictions"][0]["x"])


def test_an_answer_that_is_a_little_wrong_is_used_and_each_kind_of_fault_told_once(
    caplog: pytest.LogCaptureFixture,
) -> None:
    document = canned_answer(640, 480)
    points = document["predictions"][0]["keypoints"]
    document["predictions"][0]["keypoints"] = points = points[:2]
    points[0]["x"] = None
    points[1]["confidence"] = 1.0862956
    with ScriptedServer(*[Reply(body=document)] * 3) as server, asking(server) as endpoint:
        for _ in range(2):
            (pose,) = endpoint.infer(BLACK).poses
        printed = endpoint.predict(BLACK).document
    there = pose.visible(0.0)
    assert (there[points[0]["class_id"]], there[points[1]["class_id"]]) == (False, True)
    assert printed is not None
    assert len(printed["predictions"][0]["keypoints"]) == len(points) - 1
    told = [record.getMessage() for record in caplog.records if "a little wrong" in record.getMessage()]
    assert len(told) == 2
    assert any("has no x" in line for line in told)
    assert any("1.0862956" in line for line in told)


def test_the_filters_hold_for_a_picture_s_json_too() -> None:
    real = Reply(body=recorded("answer_real.json"))
    with ScriptedServer(real) as server, asking(server) as endpoint:
        said = endpoint.predict(BLACK, Filters(classes=("dog",)))
    assert said.document is not None
    assert [item["class"] for item in said.document["predictions"]] == ["dog"]
    assert [pose.class_name for pose in said.poses] == ["dog"]


# -- what is asked for


@pytest.mark.parametrize("model", ["my-pose/3", "demo-ws/my_model.v2", "infer/1"])
def test_model_ids(model: str) -> None:
    with ScriptedServer() as server, asking(server, model=model) as endpoint:
        endpoint.infer(BLACK)
    assert server.predictions[0].path == f"/{model}"


@pytest.mark.parametrize(
    "model",
    ["", "my-pose", "a/b/c", "/3", "a/", "../3", "a/..", "a b/3", "a/3?x=1", "a/3#", "https://x/a/3", "a/3\n", "ü/3"],
)
def test_what_is_no_model_id_is_a_usage_error(model: str) -> None:
    with pytest.raises(UsageError, match="PROJECT/VERSION") as caught:
        RoboflowEndpoint(model)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    "options",
    [
        {"endpoint_url": "serverless.roboflow.com"}, {"endpoint_url": "ftp://a.example"}, {"endpoint_url": "https://"},
        {"endpoint_url": "https://a.example?x=1"}, {"endpoint_url": "http://a:99999"}, {"endpoint_url": "http://[a"},
        {"endpoint_url": "http://serverless.roboflow.com"}, {"api_url": "http://api.roboflow.com"}, {"api_url": "x"},
        {"endpoint_url": "https://me:word@a.example", "key_in": "header"}, {"endpoint_url": "https://a b.example"},
        {"upload_size": 0}, {"jpeg_quality": 0}, {"jpeg_quality": 101}, {"timeout": 0}, {"timeout": inf},
    ],
)  # fmt: skip
def test_what_cannot_work_is_a_usage_error(options: dict[str, Any]) -> None:
    with pytest.raises(UsageError):
        RoboflowEndpoint("my-pose/3", **options)
