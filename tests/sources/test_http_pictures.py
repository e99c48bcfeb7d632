"""Cameras that give single pictures over HTTP, with headers that are right, wrong or missing."""

from __future__ import annotations

import hashlib
import re
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from kpstream.entities import Frame
from kpstream.errors import SourceOpenError, SourceReadError
from kpstream.interfaces import Opener, Source
from kpstream.sources import HttpAccess, Stream, open_source
from kpstream.sources.http import NoAnswer, get
from kpstream.sources.http_pictures import MjpegStream, Snapshots, open_pictures
from kpstream.sources.stall import StallTimeout
from tests.support.errors import texts_of
from tests.support.source_clips import number_in, picture, write_video
from tests.support.source_contract import SourceContract

PASSWORD = "p@ss#1"
Serve = Callable[[BaseHTTPRequestHandler, int], None]


class _Server(ThreadingHTTPServer):
    daemon_threads = False

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A reader hangs up whenever it likes."""


@contextmanager
def served(serve: Serve) -> Iterator[tuple[str, list[str]]]:
    """A server that answers each request with ``serve(handler, number)``; gives its address, and the requests."""
    requests: list[str] = []

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            requests.append(f"{self.path}\n{self.headers}")
            self.close_connection = True
            serve(self, len(requests) - 1)

        def log_message(self, *_: Any) -> None:
            pass

    server = _Server(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}/cam.jpg", requests
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def head(handler: BaseHTTPRequestHandler, content_type: str = "", length: int | None = None, status: int = 200) -> None:
    handler.send_response(status)
    if content_type:
        handler.send_header("Content-Type", content_type)
    if length is not None:
        handler.send_header("Content-Length", str(length))
    handler.send_header("Connection", "close")
    handler.end_headers()


def jpeg(number: int) -> bytes:
    return cv2.imencode(".jpg", picture(number))[1].tobytes()


def stream_of(content_type: str, before: bytes, after: bytes, *, length: bool = True, count: int = 8) -> Serve:
    def serve(handler: BaseHTTPRequestHandler, _: int) -> None:
        head(handler, content_type)
        for number in range(count):
            data = jpeg(number)
            told = before.replace(b"LENGTH", f"Content-Length: {len(data)}\r\n".encode() if length else b"")
            handler.wfile.write(told + data + after)

    return serve


def next_of(source: Source) -> Frame:
    frame = source.read()
    assert frame is not None
    return frame


PART = b"--frame\r\nContent-Type: image/jpeg\r\nLENGTH\r\n"
MULTIPART = "multipart/x-mixed-replace; boundary=frame"
STREAMS = {
    "as it should be": stream_of(MULTIPART, PART, b"\r\n"),
    "no length": stream_of(MULTIPART, PART, b"\r\n", length=False),
    "boundary with dashes": stream_of("multipart/x-mixed-replace; boundary=--frame", PART, b"\r\n"),
    "quoted boundary": stream_of('multipart/x-mixed-replace;boundary="frame"', PART, b"\r\n"),
    "no boundary told": stream_of("multipart/x-mixed-replace", PART, b"\r\n"),
    "another boundary told": stream_of("multipart/x-mixed-replace; boundary=other", PART, b"\r\n"),
    "no type": stream_of("", PART, b"\r\n"),
    "first boundary missing": stream_of(MULTIPART, b"Content-Type: image/jpeg\r\nLENGTH\r\n", b"\r\n--frame\r\n"),
    "no heads of parts": stream_of(MULTIPART, b"--frame\r\n\r\n", b"\r\n"),
    "nothing between": stream_of(MULTIPART, b"", b""),
    "pictures alone": stream_of("image/jpeg", b"", b""),
    "bytes of any kind": stream_of("application/octet-stream", PART, b"\r\n"),
    "video": stream_of("video/x-motion-jpeg", b"", b""),
    "text": stream_of("text/plain", PART, b"\r\n"),
}


@pytest.mark.parametrize("kind", STREAMS)
def test_pictures_are_found_whatever_the_headers_say(kind: str) -> None:
    with served(STREAMS[kind]) as (url, _):
        source = open_source(url)
        assert isinstance(source, MjpegStream)
        frames = [next_of(source) for _ in range(8)]
        with pytest.raises(SourceReadError, match="the stream ended"):
            source.read()
        source.close()
    assert [number_in(frame.image) for frame in frames] == list(range(8))
    assert [frame.index for frame in frames] == list(range(8))
    assert not any(frame.is_damaged for frame in frames)


class TestContractOfSnapshots(SourceContract):
    @pytest.fixture
    def make(self) -> Iterator[Callable[[], Source]]:
        with served(snapshot()) as (url, _):
            yield lambda: open_source(url, frame_rate=200.0)


def snapshot(content_type: str = "image/jpeg", *, length: bool = True, suffix: str = ".jpg") -> Serve:
    def serve(handler: BaseHTTPRequestHandler, number: int) -> None:
        data = cv2.imencode(suffix, picture(number))[1].tobytes()
        head(handler, content_type, len(data) if length else None)
        handler.wfile.write(data)

    return serve


@pytest.mark.parametrize("length", [True, False])
@pytest.mark.parametrize("content_type", ["image/jpeg", "image/png", "text/html", "application/octet-stream", ""])
@pytest.mark.parametrize("suffix", [".jpg", ".png", ".bmp"])
def test_an_address_of_one_picture_is_a_camera(content_type: str, length: bool, suffix: str) -> None:
    with served(snapshot(content_type, length=length, suffix=suffix)) as (url, requests):
        source = open_source(url, frame_rate=100.0)
        assert isinstance(source, Snapshots)
        assert source.is_live
        frames = [next_of(source) for _ in range(4)]
        source.close()
    numbers = [number_in(frame.image) for frame in frames]
    assert numbers == list(range(numbers[0], numbers[0] + 4))
    assert len(requests) <= 6


def test_a_picture_is_asked_for_once_a_second_where_nobody_says() -> None:
    with served(snapshot()) as (url, _):
        source = open_source(url)
        assert source.frame_rate == 1.0
        first, second = next_of(source), next_of(source)
        source.close()
    assert second.captured_at - first.captured_at == pytest.approx(1.0, abs=0.2)
    assert second.pts == pytest.approx(second.captured_at - first.captured_at)


def test_a_snapshot_that_fails_is_a_lost_camera_and_comes_back() -> None:
    def serve(handler: BaseHTTPRequestHandler, number: int) -> None:
        if number in (2, 3):
            head(handler, "text/plain", 0, status=503)
        else:
            snapshot()(handler, number)

    with served(serve) as (url, _):
        source = open_source(url, frame_rate=100.0)
        next_of(source)
        with pytest.raises(SourceReadError, match="no picture came"):
            source.read()
        source.close()
        assert isinstance(source, Snapshots)
        again = source.opener.open()
        assert next_of(again).index == 0
        again.close()


def after(seconds: float, then: Serve) -> Serve:
    def serve(handler: BaseHTTPRequestHandler, number: int) -> None:
        time.sleep(seconds)
        then(handler, number)

    return serve


def test_a_camera_may_take_longer_to_answer_than_to_be_reached() -> None:
    with served(after(0.5, snapshot())) as (url, _):
        ask = partial(get, url, HttpAccess(), 0.25)
        with pytest.raises(NoAnswer, match=r"no answer within 0\.1 s"):
            ask(0.1)
        source = Snapshots(ask, "mjpeg", Opener(url, lambda: open_source(url)), 100.0, StallTimeout())
        assert [next_of(source).index for _ in range(2)] == [0, 1]
        source.close()


def test_a_camera_that_takes_seconds_to_answer_is_opened() -> None:
    with served(after(3.3, snapshot())) as (url, requests):  # longer than a server may take to be reached
        source = open_source(url)
        assert isinstance(source, Snapshots)
        assert len(requests) == 1
        source.close()


def test_what_cannot_be_decoded_is_counted_and_what_is_cut_short_is_damaged() -> None:
    def serve(handler: BaseHTTPRequestHandler, _: int) -> None:
        head(handler, MULTIPART)
        grain = np.random.default_rng(1).integers(0, 256, (64, 96, 3), np.uint8)
        whole = cv2.imencode(".jpg", grain)[1].tobytes()
        noise = b"\xff\xd8\xff\xe0\x00\x04ab\xff\xda" + bytes(range(200)) + b"\xff\xd9"
        for data in (whole, noise, whole, whole[: len(whole) * 2 // 3], whole):
            handler.wfile.write(PART.replace(b"LENGTH", b"") + data + b"\r\n")

    with served(serve) as (url, _):
        source = open_source(url)
        frames = [next_of(source) for _ in range(4)]
        source.close()
    assert [frame.undecoded for frame in frames] == [0, 1, 0, 0]
    assert [frame.is_damaged for frame in frames] == [False, False, True, False]


def asks_for_a_password(algorithm: str, then: Serve | None = None) -> Serve:
    """Lets ``admin`` with PASSWORD in, by Digest, or Basic where no algorithm is named."""
    serve_them = then or snapshot()

    def is_right(given: str, path: str) -> bool:
        if not algorithm:
            return given == "Basic YWRtaW46cEBzcyMx"
        fields = dict(re.findall(r'(\w+)="?([^",]+)"?', given))
        hash_of = hashlib.sha256 if algorithm == "SHA-256" else hashlib.md5
        one, two = (hash_of(text.encode()).hexdigest() for text in (f"admin:cam:{PASSWORD}", f"GET:{path}"))
        wanted = f"{one}:n1:{fields.get('nc')}:{fields.get('cnonce')}:auth:{two}"
        return fields.get("response") == hash_of(wanted.encode()).hexdigest()

    def serve(handler: BaseHTTPRequestHandler, number: int) -> None:
        if is_right(handler.headers.get("Authorization", ""), handler.path):
            serve_them(handler, number)
            return
        digest = f'Digest realm="cam", nonce="n1", qop="auth", algorithm={algorithm}'
        handler.send_response(401)
        handler.send_header("WWW-Authenticate", digest if algorithm else 'Basic realm="cam"')
        handler.send_header("Content-Length", "0")
        handler.end_headers()

    return serve


@pytest.mark.parametrize("algorithm", ["", "MD5", "SHA-256"])
def test_a_password_is_given_as_the_camera_asks_for_it(algorithm: str) -> None:
    with served(asks_for_a_password(algorithm)) as (url, _):
        login = url.replace("://", "://admin:p%40ss%231@")
        source = open_source(login, frame_rate=100.0)
        assert next_of(source).index == 0
        assert "p%40ss" not in source.name + repr(source)
        source.close()


@pytest.mark.parametrize("login", ["", "admin:wrong-password@"])
def test_a_wrong_password_is_told_and_not_shown(login: str) -> None:
    with (
        served(asks_for_a_password("")) as (url, _),
        pytest.raises(SourceOpenError, match="user name or password refused") as caught,
    ):
        open_source(url.replace("://", f"://{login}"))
    assert "wrong-password" not in texts_of(caught.value)


def test_headers_of_the_users_own_are_sent_and_a_redirection_is_followed() -> None:
    def serve(handler: BaseHTTPRequestHandler, number: int) -> None:
        if handler.path != "/real":
            handler.send_response(302)
            handler.send_header("Location", "/real")
            handler.send_header("Content-Length", "0")
            handler.end_headers()
        else:
            snapshot()(handler, number)

    with served(serve) as (url, requests):
        source = open_source(url, frame_rate=100.0, access=HttpAccess({"X-Token": "a-secret-of-mine"}))
        next_of(source)
        assert "a-secret-of-mine" not in repr(source) + repr(vars(source).get("opener"))
        source.close()
    assert all("X-Token: a-secret-of-mine" in request for request in requests)


def redirects_to(where: str) -> Serve:
    def serve(handler: BaseHTTPRequestHandler, _: int) -> None:
        handler.send_response(302)
        handler.send_header("Location", where)
        handler.send_header("Content-Length", "0")
        handler.end_headers()

    return serve


@pytest.mark.parametrize("open_it", [open_source, Stream])
def test_headers_and_password_are_not_taken_along_to_another_origin(open_it: Callable[..., Source]) -> None:
    with served(stream_of(MULTIPART, PART, b"\r\n")) as (camera, asked):
        elsewhere = camera.replace("127.0.0.1", "localhost")
        with served(asks_for_a_password("", redirects_to(elsewhere))) as (url, requests):
            login = url.replace("://", "://admin:p%40ss%231@")
            source = open_it(login, access=HttpAccess({"X-Token": "a-secret-of-mine"}))
            assert next_of(source).index == 0
            source.close()
    assert requests
    assert all("X-Token: a-secret-of-mine" in request for request in requests)
    assert asked
    assert not [request for request in asked if "a-secret-of-mine" in request or "Authorization" in request]


@pytest.mark.parametrize("open_it", [open_source, Stream])
def test_headers_and_password_are_taken_along_within_an_origin(open_it: Callable[..., Source]) -> None:
    camera = stream_of(MULTIPART, PART, b"\r\n")

    def serve(handler: BaseHTTPRequestHandler, number: int) -> None:
        if handler.path == "/real":
            camera(handler, number)
        else:
            redirects_to(f"http://{handler.headers['Host']}/real")(handler, number)

    with served(asks_for_a_password("", serve)) as (url, requests):
        login = url.replace("://", "://admin:p%40ss%231@")
        source = open_it(login, access=HttpAccess({"X-Token": "a-secret-of-mine"}))
        assert next_of(source).index == 0
        source.close()
    assert any(request.startswith("/real") for request in requests)
    assert all("X-Token: a-secret-of-mine" in request for request in requests)


def test_headers_of_the_users_own_get_a_recorded_file_too_also_when_it_begins_again(tmp_path: Path) -> None:
    video = write_video(tmp_path / "clip.mp4", [0, 40, 80]).read_bytes()

    def serve(handler: BaseHTTPRequestHandler, _: int) -> None:
        if handler.headers["X-Token"] != "a-secret-of-mine":
            handler.send_error(403)
            return
        head(handler, "video/mp4", len(video))
        handler.wfile.write(video)

    with served(serve) as (url, _):
        access = HttpAccess({"X-Token": "a-secret-of-mine"})
        source = open_source(f"{url}clip.mp4", paced=True, loop=True, access=access)
        frames = [next_of(source)]
        while frames[-1].index < 4:  # there are three in the file
            frames.append(next_of(source))
        source.close()
    indices = [frame.index for frame in frames]
    assert indices == sorted(set(indices))  # some are left out where the machine is late


def test_a_redirection_to_a_file_of_this_machine_is_not_followed(tmp_path: Path) -> None:
    path = write_video(tmp_path / "mine.mp4", [0, 40])
    with served(redirects_to(path.as_uri())) as (url, _), pytest.raises(SourceOpenError):
        Stream(url, access=HttpAccess({"X-Token": "a-secret-of-mine"}))


def test_a_page_is_no_camera() -> None:
    def serve(handler: BaseHTTPRequestHandler, _: int) -> None:
        page = b"<html><body>log in</body></html>"
        head(handler, "text/html", len(page))
        handler.wfile.write(page)

    with served(serve) as (url, _), pytest.raises(SourceOpenError):
        open_source(url)


def test_what_begins_as_a_picture_and_never_ends_is_not_read_for_ever() -> None:
    def serve(handler: BaseHTTPRequestHandler, _: int) -> None:
        head(handler, "image/jpeg", None)
        handler.wfile.write(b"\xff\xd8\xff\xda")
        while True:  # until it is hung up on
            handler.wfile.write(bytes(2**20))

    with served(serve) as (url, _):
        source = open_pictures(url, access=HttpAccess(), rate=None, timeout=20.0)
        assert isinstance(source, MjpegStream)
        source.close()


def test_a_snapshot_is_asked_for_less_often_where_fewer_are_wanted() -> None:
    with served(snapshot()) as (url, requests):
        source = open_source(url, frame_rate=200.0)
        assert isinstance(source, Snapshots)
        next_of(source)
        before = len(requests)
        source.decimate(20)
        frames = [next_of(source) for _ in range(3)]
        source.close()
        assert len(requests) == before + 3
    assert frames[-1].pts - frames[0].pts > 0.05


def test_what_nobody_wants_of_an_endless_answer_is_passed_over_and_counted() -> None:
    with served(stream_of(MULTIPART, PART, b"\r\n", count=20)) as (url, _):
        source = open_source(url)
        assert isinstance(source, MjpegStream)
        source.decimate(0.01)
        first = next_of(source)
        assert (first.index, number_in(first.image)) == (0, 0)
        with pytest.raises(SourceReadError, match="the stream ended"):
            source.read()
        assert "20 frames read" in repr(source)
        source.close()
