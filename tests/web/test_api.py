"""What programs ask for, and what may be changed."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import cv2
import httpx
import numpy as np
import pytest
import schemathesis
from hypothesis import HealthCheck, given, settings
from openapi_spec_validator import OpenAPIV31SpecValidator
from schemathesis.core.failures import FailureGroup

import kpstream.web
from kpstream.entities import Stats
from kpstream.errors import SinkError
from kpstream.sinks.jsonl import JsonLinesSink
from kpstream.web import Page
from kpstream.web.recordings import Recordings
from tests.support.event_store import delivering, opened
from tests.support.file_sizes import files_no_longer_than
from tests.support.sink_contract import bare_box, person, picture
from tests.support.web_page import STATS, Camera, FakeControls, client_of, files_in, served


@pytest.fixture
def camera() -> Camera:
    return Camera()


@pytest.fixture
def page(camera: Camera, tmp_path: Path) -> Iterator[Page]:
    with served(camera, recordings=tmp_path) as page:
        yield page


@pytest.fixture
def client(page: Page) -> Iterator[httpx.Client]:
    with client_of(page) as client:
        yield client


def test_a_camera_is_found_by_what_people_call_it_too(camera: Camera, client: httpx.Client) -> None:
    camera.show(person())
    for place in ("api/cameras/{}", "cameras/{}/snapshot.jpg"):
        answers = [client.get("/" + place.format(name)) for name in ("Front door", "front-door", "FRONT")]
        assert [answer.status_code for answer in answers] == [200, 200, 404]


def test_a_camera_says_how_it_is_doing(camera: Camera, client: httpx.Client) -> None:
    before = client.get("/api/cameras/front-door").json()
    assert (before["state"], before["size"], before["frame_index"]) == ("waiting", None, None)
    camera.show(person(), bare_box())
    about = client.get("/api/cameras/front-door").json()
    assert (about["name"], about["title"], about["state"]) == ("front-door", "Front door", "live")
    assert (about["size"], about["frame_index"], about["poses_in_view"]) == ([64, 48], 0, 2)
    assert (about["picture_age"], about["answer_age"]) == (0.2, 0.0)
    stats = about["stats"]
    for name in Stats.__dataclass_fields__:
        if not name.endswith("trouble"):
            assert stats[name] == getattr(STATS, name), name
    assert about["settings"] == {"rate": 5.0, "confidence": 0.3, "keypoint_confidence": 0.2}
    assert client.get("/api/cameras").json()["cameras"] == [about]


def test_unknown_figures_are_null(camera: Camera, client: httpx.Client) -> None:
    camera.show(stats=Stats(), result_age=float("nan"), rendered_at=float("inf"))
    about = client.get("/api/cameras/front-door").json()
    assert (about["stats"]["latency"], about["answer_age"], about["picture_age"]) == (None, None, None)


def test_no_limit_is_null(camera: Camera, client: httpx.Client) -> None:
    camera.controls.settings = replace(camera.controls.settings, rate=float("inf"))
    assert client.get("/api/cameras/front-door").json()["settings"]["rate"] is None


def test_the_page_needs_nothing_from_elsewhere_and_reads_nothing_as_markup(client: httpx.Client) -> None:
    folder = Path(kpstream.web.__file__).parent / "static"
    for path in folder.iterdir():
        answer = client.get(f"/static/{path.name}")
        assert answer.status_code == 200
        text = answer.text.replace("http://www.w3.org/", "")
        for word in ("http:", "https:", "innerHTML", "eval(", "insertAdjacentHTML", "document.write"):
            assert word not in text.replace('"https:"', ""), f"{path.name}: {word}"


def test_the_page_asks_for_everything_beside_itself(client: httpx.Client) -> None:
    folder = Path(kpstream.web.__file__).parent / "static"
    relative = r"""(?:addressOf|socketOf|read|send)\((?:"[A-Z]+", )?["'`]/"""
    for path in folder.iterdir():
        text = re.sub(relative, "", client.get(f"/static/{path.name}").text)
        assert not re.search(r"""["'`(]/(?:api|ws|static|cameras|recordings)\b|location\.(?:host|origin)""", text), (
            path.name
        )


def test_poses_are_those_of_the_json_lines(camera: Camera, client: httpx.Client, tmp_path: Path) -> None:
    assert client.get("/api/cameras/front-door/poses").status_code == 503
    shown = camera.show(person(), bare_box())
    lines = JsonLinesSink(tmp_path / "one.jsonl")
    lines.write(shown, shown.frame.image)
    lines.close()
    assert client.get("/api/cameras/front-door/poses").json() == json.loads((tmp_path / "one.jsonl").read_text())


def test_a_snapshot_is_the_newest_drawn_picture_in_its_own_size(camera: Camera, client: httpx.Client) -> None:
    assert client.get("/cameras/front-door/snapshot.jpg").status_code == 503
    camera.show(size=(1600, 90))
    answer = client.get("/cameras/front-door/snapshot.jpg")
    assert answer.headers["content-type"] == "image/jpeg"
    image = cv2.imdecode(np.frombuffer(answer.content, np.uint8), cv2.IMREAD_COLOR)
    assert image is not None
    assert image.shape == (90, 1600, 3)
    assert np.abs(image.astype(int) - picture(0, (1600, 90))).mean() < 3


def test_settings_are_changed_one_at_a_time(camera: Camera, client: httpx.Client) -> None:
    answer = client.patch("/api/cameras/front-door", json={"rate": 2.5})
    assert answer.status_code == 200
    assert answer.json()["settings"]["rate"] == 2.5
    client.patch("/api/cameras/front-door", json={"confidence": 0.6, "keypoint_confidence": 1})
    assert camera.controls.settings == replace(
        camera.controls.settings, rate=2.5, confidence=0.6, keypoint_confidence=1
    )


@pytest.mark.parametrize(
    ("body", "status"),
    [
        (b"", 422),
        (b"{}", 422),
        (b"[]", 400),
        (b"{", 400),
        (b"[" * 10_000, 400),
        (b"\xff", 400),
        (b'{"rate": 0}', 422),
        (b'{"rate": 61}', 422),
        (b'{"rate": NaN}', 422),
        (b'{"rate": 1' + b"0" * 400 + b"}", 422),
        (b'{"rate": "5"}', 422),
        (b'{"rate": true}', 422),
        (b'{"confidence": 1.01}', 422),
        (b'{"color": 1}', 422),
        (b'{"recording": 1}', 422),
        (b'{"recording": true, "rate": 5}', 422),
        (b" " * 20_000, 413),
    ],
)
def test_what_cannot_be_changed_is_refused_with_the_reason(
    camera: Camera, client: httpx.Client, body: bytes, status: int
) -> None:
    before = camera.controls.settings
    answer = client.patch("/api/cameras/front-door", content=body)
    assert answer.status_code == status
    assert answer.json()["error"]
    assert camera.controls.settings == before


def test_a_recording_is_started_and_stopped(camera: Camera, client: httpx.Client) -> None:
    assert client.patch("/api/cameras/front-door", json={"recording": True}).json()["recording"] is True
    assert camera.controls.recording is True
    assert client.patch("/api/cameras/front-door", json={"recording": False}).json()["recording"] is False


def test_what_the_camera_cannot_do_is_said_without_secrets() -> None:
    cannot, fails = Camera("one", FakeControls(recording=None)), Camera("two", FakeControls(fails="rtsp://u:geheim@x"))
    plain = Camera("three")
    plain.feed.controls = None
    with served(cannot, fails, plain) as page, client_of(page) as client:
        assert "cannot be recorded" in client.patch("/api/cameras/one", json={"recording": True}).json()["error"]
        answer = client.patch("/api/cameras/two", json={"recording": True})
        assert (answer.status_code, answer.json()["error"]) == (409, "rtsp://***@x")
        assert client.patch("/api/cameras/three", json={"rate": 3}).status_code == 409
        assert client.get("/api/cameras/three").json()["settings"] is None
        assert client.post("/api/cameras/one/snapshot").status_code == 409


def test_names_and_troubles_are_shown_without_passwords() -> None:
    camera = Camera("rtsp://admin:geheim@door/stream")
    camera.show(
        stats=Stats(source_trouble="rtsp://admin:geheim@door lost", endpoint_trouble="?api_key=geheim said 429")
    )
    with served(camera) as page, client_of(page) as client:
        for path in ("/api/cameras", "/healthz", "/metrics"):
            assert "geheim" not in client.get(path).text
        assert client.get("/api/cameras/door-stream").json()["title"] == "rtsp://***@door/stream"


def test_a_snapshot_is_kept_among_the_recordings(camera: Camera, client: httpx.Client, tmp_path: Path) -> None:
    assert client.post("/api/cameras/front-door/snapshot").status_code == 503
    camera.show()
    kept = [client.post("/api/cameras/front-door/snapshot").json() for _ in range(2)]
    assert files_in(tmp_path) == sorted(one["name"] for one in kept)
    assert client.get(kept[0]["url"]).headers["content-type"] == "image/jpeg"
    assert {one["name"] for one in client.get("/api/recordings").json()["recordings"]} == set(files_in(tmp_path))


def test_a_snapshot_that_a_full_disk_cuts_short_is_not_kept(tmp_path: Path) -> None:
    with files_no_longer_than(1000), pytest.raises(SinkError, match="could not be saved"):
        Recordings(tmp_path).keep_snapshot("door", bytes(50_000))
    assert files_in(tmp_path) == []


def test_recordings_are_listed_and_given_in_parts(client: httpx.Client, tmp_path: Path) -> None:
    (tmp_path / "day one").mkdir()
    (tmp_path / "day one" / "größe 1.mp4").write_bytes(bytes(range(100)))
    for name in (".hidden.mp4", "notes.txt", "key.pem", b"\xff.mp4"):  # the last one has no address
        (tmp_path / os.fsdecode(name)).write_text("no")
    found = client.get("/api/recordings").json()["recordings"]
    assert [(one["name"], one["kind"], one["bytes"]) for one in found] == [("day one/größe 1.mp4", "video", 100)]
    whole = client.get(found[0]["url"])
    assert (whole.headers["content-type"], whole.content) == ("video/mp4", bytes(range(100)))
    part = client.get(found[0]["url"], headers={"range": "bytes=10-19"})
    assert (part.status_code, part.content) == (206, bytes(range(10, 20)))
    assert client.get(found[0]["url"], headers={"range": "bytes=200-"}).status_code == 416


@pytest.mark.parametrize(
    "name",
    [
        "../secret.mp4", "%2e%2e/secret.mp4", "..%2fsecret.mp4", "a/../../secret.mp4", "%2fetc%2fpasswd", "link.mp4",
        ".hidden.mp4", "notes.txt", "", ".", "a%00.mp4", "..%5csecret.mp4", "folder.mp4", "linked/secret.mp4",
        "loop.mp4",
    ],
)  # fmt: skip
def test_nothing_outside_of_the_folder_is_given(tmp_path: Path, name: str) -> None:
    folder = tmp_path / "inside"
    folder.mkdir()
    (tmp_path / "secret.mp4").write_text("secret")
    (folder / "link.mp4").symlink_to(tmp_path / "secret.mp4")
    (folder / "linked").symlink_to(tmp_path)
    (folder / "loop.mp4").symlink_to("loop.mp4")
    (folder / ".hidden.mp4").write_text("secret")
    (folder / "notes.txt").write_text("secret")
    (folder / "folder.mp4").mkdir()
    with served(recordings=folder) as page, client_of(page) as client:
        answer = client.get(f"/recordings/{name}")
        assert answer.status_code == 404
        assert "secret" not in answer.text
        assert client.get("/api/recordings").json()["recordings"] == []


def test_beside_other_files_only_those_of_the_recording_are_shown(camera: Camera, tmp_path: Path) -> None:
    for name in ("door.mp4", "door_2026-11-23T14-05-00Z.mp4", "private.jpg", "album/door.mp4"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(b"film")
    with served(camera, recordings=tmp_path, name_prefix="door") as page, client_of(page) as client:
        shown = {one["name"] for one in client.get("/api/recordings").json()["recordings"]}
        assert shown == {"door.mp4", "door_2026-11-23T14-05-00Z.mp4"}
        assert client.get("/recordings/door.mp4").status_code == 200
        assert client.get("/recordings/private.jpg").status_code == 404
        assert client.get("/recordings/album/door.mp4").status_code == 404


def test_a_folder_that_does_not_exist_has_no_recordings(tmp_path: Path) -> None:
    with served(recordings=tmp_path / "not-yet") as page, client_of(page) as client:
        assert client.get("/api/recordings").json() == {"recordings": []}


def test_health_tells_a_silent_camera_from_a_dead_one(camera: Camera, client: httpx.Client) -> None:
    def told() -> list[tuple[int, str]]:
        answers = [client.get(path) for path in ("/healthz", "/readyz")]
        return [(answer.status_code, answer.json()["status"]) for answer in answers]

    assert told() == [(200, "degraded"), (503, "not ready")]
    camera.show()
    assert told() == [(200, "ok"), (200, "ok")]
    camera.clock.advance(60)
    camera.feed.idle(replace(STATS, source_trouble="no answer - trying again"))
    assert told() == [(200, "degraded"), (200, "degraded")]
    assert "silent for 60 s: no answer" in client.get("/healthz").json()["cameras"]["front-door"]["text"]
    camera.show()
    assert told()[0] == (200, "ok")
    camera.clock.advance(60)
    assert told() == [(503, "dead"), (503, "not ready")]
    camera.show()
    camera.feed.close()
    assert told() == [(503, "dead"), (503, "not ready")]


def test_one_dead_camera_of_two_degrades(tmp_path: Path) -> None:
    alive, dead = Camera("alive"), Camera("dead")
    alive.show()
    dead.feed.close()
    with served(alive, dead, recordings=tmp_path) as page, client_of(page) as client:
        assert (client.get("/healthz").status_code, client.get("/healthz").json()["status"]) == (200, "degraded")


def test_unknown_names_and_methods_are_answered_in_json(client: httpx.Client) -> None:
    for path in ("/api/cameras/nobody", "/cameras/nobody/stream.mjpg", "/api/nothing", "/static/../app.py", "/static/"):
        assert (client.get(path).status_code, "error" in client.get(path).json()) == (404, True), path
    assert client.delete("/api/cameras").status_code == 405


def test_the_openapi_document_is_valid_and_names_every_route(client: httpx.Client, page: Page) -> None:
    document = client.get("/openapi.json").json()
    OpenAPIV31SpecValidator(document).validate()
    for path, operations in document["paths"].items():
        assert client.options(path.replace("{name}", "front-door")).status_code in (404, 405), path
        for method in operations:
            assert method in ("get", "patch", "post", "put")
    for path in (
        "/api/cameras/{name}/events",
        "/api/events/{event}/clip.mp4",
        "/metrics",
        "/readyz",
        "/recordings/{name}",
        "/api/site",
    ):
        assert path in document["paths"]


def test_no_request_that_fits_the_document_or_does_not_makes_it_fail(tmp_path: Path) -> None:
    camera = Camera()
    camera.show()
    with (
        delivering(tmp_path / "store") as (store, deliveries),
        served(camera, deliveries=deliveries, recordings=tmp_path) as page,
    ):
        store.put(opened("0").to_json())  # an identity that is tried
        schema = schemathesis.openapi.from_url(f"{page.url}/openapi.json")
        endless = ("events", "stream", "eventStream")
        for found in schema.get_all_operations():
            operation = found.ok()  # type: ignore[union-attr]
            if operation.definition.raw["operationId"] in endless:
                continue

            @settings(max_examples=12, deadline=None, database=None, suppress_health_check=list(HealthCheck))
            @given(case=operation.as_strategy())
            def ask(case: schemathesis.Case[Any]) -> None:
                answer = case.call(base_url=page.url)
                assert answer.status_code < 500 or (answer.status_code == 503 and "ready" in case.path), case.path
                try:
                    case.validate_response(answer)
                except FailureGroup as failure:
                    pytest.fail(str(failure))

            ask()
