"""Live streams over HTTP, from servers in this process; RTSP is in tests/rig."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler
from itertools import pairwise
from pathlib import Path

import cv2
import pytest

from kpstream.entities import Frame
from kpstream.errors import SourceError, SourceOpenError, SourceReadError
from kpstream.interfaces import Source
from kpstream.sources import Stream
from tests.support.errors import texts_of
from tests.support.ports import own_port
from tests.support.source_clips import number_in, picture, write_video
from tests.support.source_contract import SourceContract, opened_at_last
from tests.support.source_servers import MjpegCamera, files_served

PASSWORD = "hunter22-secret"


@pytest.fixture
def camera() -> Iterator[MjpegCamera]:
    camera = MjpegCamera()
    yield camera
    camera.switch_off()


def next_of(source: Source) -> Frame:
    frame = source.read()
    assert frame is not None
    return frame


def read_until_lost(source: Source) -> Frame:
    """The last frame before the connection is lost."""
    last = next_of(source)
    try:
        while True:
            last = next_of(source)
    except SourceReadError:
        return last


class TestContract(SourceContract):
    @pytest.fixture
    def make(self, camera: MjpegCamera) -> Callable[[], Source]:
        return lambda: Stream(camera.url)


class TestContractOfSegments(SourceContract):
    @pytest.fixture
    def make(self, tmp_path: Path) -> Iterator[Callable[[], Source]]:
        write_segments(tmp_path)
        with files_served(tmp_path) as address:
            yield lambda: Stream(f"{address}/live.m3u8")


def write_segments(folder: Path) -> None:
    """An HLS playlist of four seconds that goes on being written."""
    times = [40 * number for number in range(100)]
    options = {"hls_time": "1", "hls_list_size": "0"}
    write_video(folder / "live.m3u8", times, options={"x264-params": "keyint=25:bframes=0"}, container_options=options)
    playlist = (folder / "live.m3u8").read_text()
    (folder / "live.m3u8").write_text(playlist.replace("#EXT-X-ENDLIST\n", ""))


def test_pictures_without_timestamps_are_timed_by_their_arrival(camera: MjpegCamera) -> None:
    source = Stream(camera.url)
    frames = [next_of(source) for _ in range(10)]
    source.close()
    first = frames[0]
    for frame in frames[1:]:
        assert frame.pts == pytest.approx(max(frame.captured_at - first.captured_at, 1e-3 * frame.index), abs=5e-3)
    numbers = [number_in(frame.image) for frame in frames]
    assert numbers == list(range(numbers[0], numbers[0] + 10))


def test_a_camera_that_goes_and_comes_back_is_opened_anew() -> None:
    camera = MjpegCamera(own_port())
    source = Stream(camera.url)
    next_of(source)
    camera.switch_off()
    read_until_lost(source)
    source.close()
    with pytest.raises(SourceOpenError):
        source.opener.open()
    again = MjpegCamera(camera.port)
    other = source.opener.open()
    assert (next_of(other).index, other.name) == (0, source.name)
    other.close()
    again.switch_off()


def test_segments_are_played_at_their_own_pace(tmp_path: Path) -> None:
    write_segments(tmp_path)
    with files_served(tmp_path) as address:
        source = Stream(f"{address}/live.m3u8")
        frames = [next_of(source) for _ in range(8)]
        source.close()
    assert [after.pts - before.pts for before, after in pairwise(frames)] == pytest.approx([0.04] * 7, abs=2e-3)
    shown = frames[-1].captured_at - frames[0].captured_at
    assert shown > 0.2  # read at once, they would be there in a hundredth of that


def unanswered() -> str:
    """The address of nobody."""
    return f"127.0.0.1:{own_port()}"


@pytest.mark.parametrize("scheme", ["rtsp", "http"])
def test_the_password_is_in_no_error_and_no_name(scheme: str) -> None:
    url = f"{scheme}://admin:{PASSWORD}@{unanswered()}/cam?token={PASSWORD}"
    with pytest.raises(SourceOpenError, match="nothing listens there") as caught:
        Stream(url)
    assert PASSWORD not in texts_of(caught.value)
    assert caught.value.__cause__ is None
    assert caught.value.__context__ is None


def test_where_a_proxy_is_asked_that_is_what_the_line_says(monkeypatch: pytest.MonkeyPatch) -> None:
    proxy = unanswered()
    monkeypatch.setenv("http_proxy", f"http://user:{PASSWORD}@{proxy}")
    monkeypatch.setenv("no_proxy", "127.0.0.2,.lan")
    with pytest.raises(SourceOpenError, match=rf"\(asked through the proxy {proxy}, which http_proxy names") as caught:
        Stream("http://192.0.2.1/cam")
    assert PASSWORD not in texts_of(caught.value)
    for address in ("http://127.0.0.2:9/cam", "rtsp://127.0.0.1:9/cam"):
        with pytest.raises(SourceOpenError, match="nothing listens there") as caught:
            Stream(address)
        assert "proxy" not in str(caught.value)


def test_the_password_is_not_shown_by_an_open_stream_or_its_loss() -> None:
    camera = MjpegCamera(password=PASSWORD)
    source = Stream(camera.url.replace("://", f"://admin:{PASSWORD}@"))
    next_of(source)
    assert PASSWORD not in source.name + repr(source) + repr(source.opener)
    assert source.name == camera.url.replace("://", "://***@")
    camera.switch_off()
    errors: list[SourceError] = []
    for act in (lambda: [next_of(source) for _ in range(1000)], source.opener.open):
        with pytest.raises(SourceError) as caught:
            act()
        errors.append(caught.value)
    source.close()
    assert not [error for error in errors if PASSWORD in texts_of(error)]


def test_a_refused_user_is_told_where_to_write_the_password() -> None:
    camera = MjpegCamera(password=PASSWORD)
    try:
        with pytest.raises(SourceOpenError, match=r"http://USER:PASSWORD@HOST"):
            Stream(camera.url)
    finally:
        camera.switch_off()


def test_a_missing_stream_is_told_from_a_missing_server(tmp_path: Path) -> None:
    with files_served(tmp_path) as address, pytest.raises(SourceOpenError, match="no such stream"):
        Stream(f"{address}/nothing")


@pytest.mark.parametrize("scheme", ["rtsp", "http"])
def test_a_server_that_says_nothing_is_given_up(scheme: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        url = f"{scheme}://127.0.0.1:{server.getsockname()[1]}/cam"
        with pytest.raises(SourceOpenError, match=r"no answer within 0\.3 s"):
            Stream(url, timeout=0.3)


def test_a_camera_that_falls_silent_is_lost() -> None:
    camera = MjpegCamera(pictures=10)
    try:
        source = opened_at_last(lambda: Stream(camera.url, timeout=2.0))
        with pytest.raises(SourceReadError, match="nothing came for 2 s"):
            [next_of(source) for _ in range(11)]
        source.close()
    finally:
        camera.switch_off()


def test_an_unknown_host_is_named() -> None:
    with pytest.raises(SourceOpenError, match=r"no host named camera\.invalid"):
        Stream("rtsp://camera.invalid/cam")


def test_an_unknown_kind_of_address_is_named() -> None:
    with pytest.raises(SourceOpenError, match="no such kind of address"):
        Stream("carrier-pigeon://camera/1")


def test_another_one_is_opened_while_it_is_still_stuck() -> None:
    camera = MjpegCamera(pictures=5)
    source = Stream(camera.url, timeout=20.0)
    for _ in range(4):
        next_of(source)
    stuck = threading.Thread(target=source.read)
    stuck.start()
    other = source.opener.open()
    try:
        assert next_of(other).index == 0
    finally:
        camera.switch_off()
        stuck.join(20)
        other.close()
        source.close()


class TornCamera(MjpegCamera):
    """Every second of its pictures is no picture."""

    def send_pictures(self, handler: BaseHTTPRequestHandler) -> None:
        handler.send_response(200)
        handler.send_header("Content-Type", "multipart/x-mixed-replace; boundary=picture")
        handler.end_headers()
        for number in range(20):
            jpeg = cv2.imencode(".jpg", picture(number))[1].tobytes() if number % 2 == 0 else bytes(2000)
            head = f"--picture\r\nContent-Type: image/jpeg\r\nContent-Length: {len(jpeg)}\r\n\r\n"
            handler.wfile.write(head.encode() + jpeg + b"\r\n")


def test_pictures_that_cannot_be_decoded_are_passed_over() -> None:
    camera = TornCamera()
    try:
        source = Stream(camera.url)
        frames = [next_of(source) for _ in range(8)]
        source.close()
    finally:
        camera.switch_off()
    assert [number_in(frame.image) for frame in frames] == list(range(0, 16, 2))


def test_fewer_pictures_are_given_where_fewer_are_wanted(tmp_path: Path) -> None:
    write_segments(tmp_path)
    with files_served(tmp_path) as address:
        source = Stream(f"{address}/live.m3u8")
        first = number_in(next_of(source).image)
        assert source.decimate(5)
        frames = [next_of(source) for _ in range(6)][1:]
        source.close()
    assert [after.index - before.index for before, after in pairwise(frames)] == [5, 5, 5, 5]
    assert [number_in(frame.image) for frame in frames] == [first + frame.index for frame in frames]


def test_fewer_pictures_are_given_of_a_stream_without_timestamps(camera: MjpegCamera) -> None:
    source = Stream(camera.url)
    frames = [next_of(source)]
    assert source.decimate(10)
    # There are a hundred a second; of fewer, where the machine is late, more are kept.
    while len(frames) < 5 or frames[-1].index < 3 * len(frames):
        frames.append(next_of(source))
    source.close()
    assert [number_in(frame.image) for frame in frames] == [frame.index for frame in frames]
