"""What goes on for as long as somebody looks."""

from __future__ import annotations

import asyncio
import json
import struct
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import replace
from fractions import Fraction
from typing import Any

import cv2
import numpy as np
import pytest
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import ClientConnection

from kpstream.entities import Image
from kpstream.skeleton import COCO, Skeleton
from kpstream.web import Feed, Page
from kpstream.web.camera_feed import DRAWN
from kpstream.web.hub import Hub
from kpstream.web.streams import mjpeg
from tests.support.sink_contract import bare_box, person, picture, scene
from tests.support.web_page import Camera, Writing, client_of, is_passed_on_at_once, served, socket_of


class Viewer:
    """What looks at one camera, as the page does."""

    def __init__(self, page: Page, name: str = "front-door", path: str = "/ws/cameras/{}") -> None:
        self._connecting = socket_of(page, path.format(name))
        self.socket: ClientConnection
        self.texts: list[dict[str, Any]] = []
        """What was said since the last picture."""

    def __enter__(self) -> Viewer:
        self.socket = self._connecting.__enter__()
        return self

    def __exit__(self, *_: object) -> None:
        self._connecting.__exit__(None, None, None)

    def picture(self, width: int | None = None) -> tuple[dict[str, Any], Image]:
        """Ask for a picture that is shown in some width, and wait for it: its frame and its pixels."""
        self.socket.send("more" if width is None else f"more {width}")
        self.texts = []
        while isinstance(data := self.socket.recv(10), str):
            self.texts.append(json.loads(data))
        (length,) = struct.unpack_from(">I", data)
        image = cv2.imdecode(np.frombuffer(data[4 + length :], np.uint8), cv2.IMREAD_COLOR)
        assert image is not None
        return json.loads(data[4 : 4 + length]), image.astype(np.uint8, copy=False)

    def told(self, kind: str) -> dict[str, Any]:
        """Wait for the next text of a kind."""
        while True:
            data = self.socket.recv(10)
            if isinstance(data, str) and (text := json.loads(data))["type"] == kind:
                return dict(text)

    def closed_with(self) -> int | None:
        """Wait for the end of the connection; the code that it ended with."""
        try:
            while True:
                self.socket.recv(10)
        except ConnectionClosed as closed:
            return None if closed.rcvd is None else closed.rcvd.code


def test_picture_and_poses_of_one_frame_are_one_message() -> None:
    camera = Camera()
    with served(camera) as page, Viewer(page) as viewer:
        for index in range(3):
            camera.show(person(3 + index))
            frame, image = viewer.picture()
            assert (frame["index"], frame["size"], frame["stale"]) == (index, [64, 48], False)
            assert [pose["id"] for pose in frame["poses"]] == [3 + index]
            assert np.abs(image.astype(int) - picture(index)).mean() < 4


def test_poses_are_told_in_pixels_of_the_source_with_gaps_where_nothing_is_drawn() -> None:
    camera = Camera()
    with served(camera) as page, Viewer(page) as viewer:
        camera.show(person(missing=(1, 4)), bare_box(), size=(2560, 64))
        frame, image = viewer.picture()
        assert image.shape == (32, 1280, 3)
        first, second = frame["poses"]
        assert first["box"] == [8.0, 9.0, 44.0, 41.5]
        assert first["points"][0] == [10.06, 10.98, 0.9]
        assert (first["points"][1], first["points"][4]) == (None, None)
        assert (first["confidence"], first["origin"]) == (0.913, "predicted")
        assert (second["points"], second["id"]) == ([], None)


def test_a_viewer_gets_pictures_as_wide_as_it_shows_them_and_never_enlarged() -> None:
    camera = Camera()
    wide = {None: 1280, 1: 160, 479: 448, 480: 480, 1000: 992, 5000: 1280}
    with served(camera) as page, Viewer(page) as viewer:
        for width, expected in wide.items():
            shown = camera.show(person(), size=(1920, 1080))
            frame, image = viewer.picture(width)
            assert image.shape == (expected * 9 // 16, expected, 3)
            assert frame["size"] == [1920, 1080]
            assert frame["poses"][0]["box"] == np.round(shown.poses[0].xyxy, 3).tolist(), "in pixels of the source"
        camera.show(size=(200, 100))
        assert viewer.picture(480)[1].shape == (100, 200, 3)


def test_viewers_of_several_sizes_look_at_once_and_what_is_no_size_is_not_heard() -> None:
    camera = Camera()
    with served(camera) as page, Viewer(page) as small, Viewer(page) as large:
        for text in ("more 0", "more -1", "more x", "more 480 480", "more 999999", "more ²", "more\n"):
            small.socket.send(text)
        for index in range(3):
            camera.show(size=(1280, 720))
            (one, tile), (other, full) = small.picture(320), large.picture()
            assert (one["index"], other["index"]) == (index, index)
            assert (tile.shape, full.shape) == ((180, 320, 3), (720, 1280, 3))
            assert np.abs(full[2::4, 2::4].astype(int) - tile).mean() < 4, "the same picture"


@pytest.mark.parametrize(("aspect", "size"), [(Fraction(3, 2), (96, 48)), (Fraction(1, 2), (64, 96))])
def test_pixels_that_are_not_square_are_made_so_in_the_picture_and_in_what_is_kept(
    aspect: Fraction, size: tuple[int, int]
) -> None:
    camera = Camera()
    with served(camera) as page, Viewer(page) as viewer, client_of(page) as client:
        camera.show(frame=replace(scene(0).frame, pixel_aspect=aspect))
        frame, image = viewer.picture()
        snapshot = client.get("/cameras/front-door/snapshot.jpg").content
    kept = cv2.imdecode(np.frombuffer(snapshot, np.uint8), cv2.IMREAD_COLOR)
    assert kept is not None
    assert tuple(frame["size"]) == size
    assert image.shape == kept.shape == (*size[::-1], 3)


def test_a_skeleton_is_told_once_and_before_it_is_needed() -> None:
    camera = Camera()
    other = Skeleton(("a", "b"), ((0, 1),), ("#112233", "#445566"), ("#778899",), ((0, 1),))
    with served(camera) as page, Viewer(page) as viewer:
        camera.show(person())
        frame, _ = viewer.picture()
        classes = [text for text in viewer.texts if text["type"] == "class"]
        assert [(one["number"], one["name"], len(one["edges"])) for one in classes] == [
            (frame["poses"][0]["class"], "person", len(COCO.edges))
        ]
        camera.show(person(), person(None, skeleton=other, missing=()))
        frame, _ = viewer.picture()
        (told,) = [text for text in viewer.texts if text["type"] == "class"]
        assert told["number"] == frame["poses"][1]["class"] != frame["poses"][0]["class"]
        assert (told["edge_colors"], told["vertex_colors"]) == (["#778899"], ["#112233", "#445566"])


def test_a_viewer_gets_a_picture_only_when_it_asks_and_then_the_newest() -> None:
    camera = Camera()
    with served(camera) as page, Viewer(page) as viewer:
        camera.show()
        assert viewer.picture()[0]["index"] == 0
        for _ in range(20):
            camera.show()
        while viewer.told("status")["camera"]["frame_index"] != 20:
            pass
        assert viewer.picture()[0]["index"] == 20


def test_a_viewer_who_takes_nothing_holds_up_nobody() -> None:
    camera = Camera()
    with served(camera) as page, Viewer(page) as asleep, Viewer(page) as viewer:
        for _ in range(50):
            asleep.socket.send("more")
        with Writing(camera, (1280, 720)):
            seen = [viewer.picture()[0]["index"] for _ in range(60)]
        assert sorted(set(seen)) == seen


def test_status_says_how_the_camera_is_doing_also_without_pictures() -> None:
    camera = Camera()
    with served(camera) as page, Viewer(page) as viewer:
        status = viewer.told("status")
        assert (status["camera"]["state"], status["camera"]["viewers"]) == ("waiting", 1)
        camera.show()
        camera.clock.advance(4)
        while (about := viewer.told("status")["camera"])["state"] != "silent":
            pass
        assert about["text"] == "camera silent for 4 s, trying again"


def test_the_plots_begin_with_what_was_before() -> None:
    camera = Camera()
    for _ in range(400):
        camera.show()
        camera.clock.advance(1)
    with served(camera) as page, Viewer(page) as viewer:
        assert len(viewer.told("status")["readings"]) == 300
        assert viewer.told("status")["readings"] == []
        camera.show()
        while not (readings := viewer.told("status")["readings"]):
            pass
        assert readings == [[29.5, 30.0, 5.0, 0.2, pytest.approx(400 / 30, abs=0.01), 0.41, 2]]


def test_the_end_of_a_camera_is_seen_and_its_last_picture_stays() -> None:
    camera = Camera()
    camera.show()
    camera.feed.close()
    with served(camera) as page, Viewer(page) as viewer:
        assert viewer.picture()[0]["index"] == 0
        viewer.socket.send("more")
        assert viewer.told("status")["camera"]["state"] == "ended"


def test_the_viewers_of_a_camera_that_is_taken_off_the_page_are_disconnected() -> None:
    camera, other = Camera(), Camera("other")
    with served(camera, other) as page, Viewer(page) as viewer, client_of(page) as client:
        camera.show()
        viewer.picture()
        page.remove(camera.feed)
        assert viewer.closed_with() == 4404
        camera.show()  # the pipeline goes on
        assert client.get("/api/cameras/front-door").status_code == 404
        page.add(Feed("Front door"))
        assert client.get("/api/cameras/front-door").json()["state"] == "waiting"


def test_json_lines_come_whole_over_a_websocket() -> None:
    camera = Camera()
    with served(camera) as page, Viewer(page, path="/ws/cameras/{}/lines") as viewer, client_of(page) as client:
        while client.get("/api/cameras/front-door").json()["viewers"] == 0:
            pass
        for _ in range(30):
            camera.show()
        lines = [json.loads(viewer.socket.recv(10)) for _ in range(30)]
        assert [line["frame_index"] for line in lines] == list(range(30))
        assert lines[4]["poses"][0]["class"] == "person"


def test_json_lines_come_as_events() -> None:
    camera = Camera()
    camera.show()
    with (
        served(camera) as page,
        client_of(page) as client,
        client.stream("GET", "/api/cameras/front-door/events") as answer,
    ):
        assert answer.headers["content-type"].startswith("text/event-stream")
        assert is_passed_on_at_once(answer.headers)
        lines = answer.iter_lines()
        found: list[int] = []
        while len(found) < 5:
            line = next(lines)
            if line.startswith("data: "):
                found.append(json.loads(line.removeprefix("data: "))["frame_index"])
                assert next(lines) == ""
                camera.show()
        assert found == [0, 1, 2, 3, 4]


def test_motion_jpeg_gives_the_newest_picture_again_while_none_comes() -> None:
    camera = Camera()
    camera.show()

    async def three_parts() -> list[bytes]:
        with ThreadPoolExecutor(1) as encoder:
            parts, found = mjpeg(Hub(camera.feed, encoder), DRAWN, keep_alive=0.01), list[bytes]()
            while len(found) < 3:
                part = await anext(parts)
                found += [part] if b"image/jpeg" in part else []
            return found

    first, *others = asyncio.run(three_parts())
    assert others == [first, first]


def test_drawn_pictures_come_as_motion_jpeg() -> None:
    camera = Camera()
    camera.show()
    with (
        served(camera) as page,
        client_of(page) as client,
        client.stream("GET", "/cameras/front-door/stream.mjpg") as answer,
    ):
        assert answer.headers["content-type"] == "multipart/x-mixed-replace; boundary=frame"
        assert is_passed_on_at_once(answer.headers)
        data, shown = b"", 0
        for chunk in answer.iter_raw():
            data += chunk
            parts = data.split(b"--frame\r\n")
            if len(parts) == shown + 3:  # what was begun ends with the picture, not with the one after it
                shown += 1
                header, _, body = parts[shown].partition(b"\r\n\r\n")
                assert b"Content-Type: image/jpeg" in header
                image = cv2.imdecode(np.frombuffer(body, np.uint8), cv2.IMREAD_COLOR)
                assert image is not None
                assert np.abs(image.astype(int) - picture(shown - 1)).mean() < 4
                if shown == 3:
                    break
                camera.show()


def test_motion_jpeg_comes_in_the_width_that_is_asked_for() -> None:
    camera = Camera()
    camera.show(size=(1280, 720))
    with served(camera) as page, client_of(page) as client:
        for width, expected in {"?width=640": 640, "?width=700": 672, "": 1280}.items():
            with client.stream("GET", f"/cameras/front-door/stream.mjpg{width}") as answer:
                data = b""
                for chunk in answer.iter_raw():
                    data += chunk
                    if data.count(b"--frame\r\n") == 2:
                        break
            body = data.split(b"--frame\r\n")[1].partition(b"\r\n\r\n")[2]
            image = cv2.imdecode(np.frombuffer(body, np.uint8), cv2.IMREAD_COLOR)
            assert image is not None
            assert image.shape[1] == expected
        for text in ("0", "-1", "wide", "640.5", "1000000", ""):
            refused = client.get("/cameras/front-door/stream.mjpg", params={"width": text})
            assert refused.status_code == 422
            assert refused.json() == {"error": "width is a number of pixels from 1 to 99999"}


def test_too_many_viewers_are_told_to_try_later(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("kpstream.web.cameras.MAX_VIEWERS", 8)
    camera = Camera()
    camera.show()
    with served(camera) as page, client_of(page) as client:
        with ExitStack() as viewers:
            for _ in range(8):
                viewers.enter_context(Viewer(page))
            while client.get("/api/cameras/front-door").json()["viewers"] < 8:
                pass
            assert client.get("/cameras/front-door/stream.mjpg").status_code == 503
            assert client.get("/api/cameras/front-door/events").status_code == 503
            with Viewer(page) as one_more:
                assert one_more.closed_with() == 1013
        while client.get("/api/cameras/front-door").json()["viewers"]:
            pass
        with Viewer(page) as one_more:
            assert one_more.picture()[0]["index"] == 0


def test_pages_end_while_everybody_looks() -> None:
    camera = Camera()
    with (
        served(camera) as page,
        client_of(page) as client,
        Viewer(page) as viewer,
        Viewer(page, path="/ws/cameras/{}/lines"),
        client.stream("GET", "/cameras/front-door/stream.mjpg"),
        client.stream("GET", "/api/cameras/front-door/events"),
    ):
        camera.show(size=(1280, 720))
        for _ in range(3):
            viewer.socket.send("more")
        page.close()
        camera.show()
