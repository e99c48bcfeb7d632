"""RTSP from a real server: codecs, ways, passwords, age, and every way to lose it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from statistics import median
from typing import Literal

import av
import numpy as np
import pytest

from kpstream.entities import Frame, Image, Scene
from kpstream.errors import SourceError, SourceOpenError, SourceReadError
from kpstream.interfaces import Source
from kpstream.pipeline.splice import Splice
from kpstream.sinks.video import VideoSink
from kpstream.sources import Stream, open_source
from tests.rig.parts.processes import FaultyNetwork, RtspCamera
from tests.support.errors import texts_of
from tests.support.source_contract import SourceContract, opened_again, opened_at_last

pytestmark = pytest.mark.rig

PASSWORD = "hunter22-secret"
TIMEOUT = 3.0
"""Seconds in which a camera has to begin as well, also on a machine that has other work."""


def row_of(image: Image, row: int) -> int:
    """The number in one row of sixteen squares."""
    bits = [image[16 * row + 8, 16 * column + 8].mean() > 128 for column in range(16)]
    return int("".join(str(int(bit)) for bit in bits), 2)


def shown_at(frame: Frame) -> float:
    """When the camera made the picture, on the monotonic clock."""
    return (row_of(frame.image, 0) * 65536 + row_of(frame.image, 1)) / 1000


def number_of(frame: Frame) -> int:
    """How many pictures the camera made before this one."""
    return row_of(frame.image, 2)


def frames_of(source: Source, count: int) -> list[Frame]:
    frames = [source.read() for _ in range(count)]
    return [frame for frame in frames if frame is not None]


def undisturbed(read: Callable[[], list[Frame]]) -> list[Frame]:
    """The first of five runs in which no picture was held up: a machine that stands still loses what UDP brings.

    Those of a stream's first second may be.
    """
    for _ in range(4):
        frames = read()
        ages = [frame.captured_at - shown_at(frame) for frame in frames[30:]]
        if max(ages) - min(ages) < 0.3:
            return frames
    return read()


def begun(open_: Callable[[], Source], count: int) -> tuple[Source, list[Frame]]:
    """What opens and gives as many frames, though the machine may stand still for longer than a timeout."""
    for _ in range(9):
        source = opened_at_last(open_)
        with suppress(SourceReadError):
            return source, frames_of(source, count)
        source.close()
    source = opened_at_last(open_)
    return source, frames_of(source, count)


def lose(source: Source, last: Frame) -> tuple[Frame, SourceReadError]:
    """Read until the connection is lost: the last frame, and the error that came instead of the next."""
    while True:
        try:
            last = frames_of(source, 1)[0]
        except SourceReadError as error:
            return last, error


@pytest.fixture
def camera() -> Iterator[RtspCamera]:
    with RtspCamera() as camera:
        yield camera


class TestContract(SourceContract):
    @pytest.fixture
    def make(self, camera: RtspCamera) -> Callable[[], Source]:
        return lambda: open_source(camera.url)


@pytest.mark.quiet
@pytest.mark.parametrize("transport", ["tcp", "udp"])
@pytest.mark.parametrize("codec", ["h264", "h265", "mjpeg"])
def test_pictures_come_whole_fresh_and_at_their_true_times(codec: str, transport: Literal["tcp", "udp"]) -> None:
    with RtspCamera("--codec", codec) as camera:

        def read() -> list[Frame]:
            source = open_source(camera.url, rtsp_transport=transport)
            frames = frames_of(source, 90)
            source.close()
            assert source.is_live
            assert source.frame_rate == pytest.approx(30, rel=0.05)
            return frames

        frames = undisturbed(read)
    assert {frame.size for frame in frames} == {(640, 480)}
    numbers = [number_of(frame) for frame in frames]
    assert numbers == list(range(numbers[0], numbers[0] + 90))
    assert [frame.index for frame in frames] == list(range(90))
    settled = frames[30:]
    ages = [frame.captured_at - shown_at(frame) for frame in settled]
    print(f"{codec} {transport}: age {1000 * median(ages):.0f} ms, longest {1000 * max(ages):.0f} ms")
    assert median(ages) < 0.3
    passed = settled[-1].pts - settled[0].pts
    assert passed == pytest.approx(shown_at(settled[-1]) - shown_at(settled[0]), abs=0.1)


@pytest.mark.parametrize("with_sound", [True, False])
@pytest.mark.parametrize("transport", ["tcp", "udp"])
def test_sound_beside_the_pictures_changes_nothing(transport: Literal["tcp", "udp"], with_sound: bool) -> None:
    with RtspCamera("--audio") as camera:

        def read() -> list[Frame]:
            source = open_source(camera.url, rtsp_transport=transport, with_sound=with_sound)
            frames = frames_of(source, 60)
            source.close()
            return frames

        frames = undisturbed(read)
    assert all((frame.sound is not None) == with_sound for frame in frames)
    numbers = [number_of(frame) for frame in frames]
    assert numbers == list(range(numbers[0], numbers[0] + 60))
    assert frames[-1].pts == pytest.approx(shown_at(frames[-1]) - shown_at(frames[0]), abs=0.1)


def test_sound_is_recorded_beside_the_pictures(tmp_path: Path) -> None:
    with RtspCamera("--audio") as camera:

        def read() -> list[Frame]:
            source = open_source(camera.url, with_sound=True)
            frames = frames_of(source, 120)
            source.close()
            return frames

        frames = undisturbed(read)
    sink = VideoSink(tmp_path / "a.mp4", preset="ultrafast", frame_rate=30)
    for frame in frames:
        sink.write(Scene(frame, ()), frame.image)
    sink.close()
    with av.open(str(tmp_path / "a.mp4")) as container:
        sound = [frame for frame in container.decode(audio=0) if frame.time is not None]
    assert (sound[0].time or 0.0) < 0.1
    assert sound[-1].time == pytest.approx(4.0, abs=0.4)
    assert np.mean([np.abs(frame.to_ndarray()).max() > 0.1 for frame in sound]) > 0.9


def test_sound_that_is_refused_costs_no_picture(caplog: pytest.LogCaptureFixture) -> None:
    with RtspCamera("--audio", "refused") as camera:
        source = open_source(camera.url, with_sound=True)
        frames = frames_of(source, 30)
        source.close()
    assert {frame.sound for frame in frames} == {None}
    assert "the sound is left out" in caplog.text


def test_a_camera_that_refuses_tcp_is_read_over_udp() -> None:
    with RtspCamera("--udp-only") as camera:
        source = open_source(camera.url)
        assert len(frames_of(source, 30)) == 30
        source.close()
        with pytest.raises(SourceOpenError):
            open_source(camera.url, rtsp_transport="tcp")


@pytest.mark.parametrize("how", [[], ["--digest"]], ids=["basic", "digest"])
def test_who_knows_the_password_is_let_in(how: list[str]) -> None:
    with RtspCamera("--user", "admin", "--password", PASSWORD, *how) as camera:
        source = open_source(camera.url.replace("://", f"://admin:{PASSWORD}@"))
        frames = frames_of(source, 3)
        assert len(frames) == 3
        assert PASSWORD not in source.name + repr(source)
        camera.kill()
        _, lost = lose(source, frames[-1])
        with pytest.raises(SourceOpenError) as closed:
            opened_again(source)
        assert PASSWORD not in texts_of(lost) + texts_of(closed.value)
        source.close()


@pytest.mark.parametrize("how", [[], ["--digest"]], ids=["basic", "digest"])
@pytest.mark.parametrize("login", ["", "admin:wrong-password@"], ids=["none", "wrong"])
def test_a_wrong_password_is_told_and_not_shown(how: list[str], login: str) -> None:
    with (
        RtspCamera("--user", "admin", "--password", PASSWORD, *how) as camera,
        pytest.raises(SourceOpenError, match="user name or password refused; write them as rtsp://USER") as caught,
    ):
        open_source(camera.url.replace("://", f"://{login}"))
    assert "wrong-password" not in texts_of(caught.value)


def test_a_wrong_path_is_told(camera: RtspCamera) -> None:
    with pytest.raises(SourceOpenError, match="no such stream"):
        open_source(camera.url + "/wrong")


@pytest.mark.parametrize("transport", ["tcp", "udp"])
def test_a_camera_that_is_cut_off_comes_back_in_true_time(transport: Literal["tcp", "udp"]) -> None:
    with RtspCamera("--size", "640x480") as camera:
        source, frames = begun(lambda: open_source(camera.url, rtsp_transport=transport, timeout=TIMEOUT), 40)
        camera.kill()
        before, _ = lose(source, frames[-1])
        with pytest.raises(SourceOpenError, match="nothing listens there"):
            opened_again(source)
        camera.restart("--size", "320x240")
        again, after = begun(lambda: opened_again(source), 40)
        again.close()
    splice = Splice()
    before = splice.join(before)
    splice.cut()
    after = [splice.join(frame) for frame in after]
    assert {frame.size for frame in after} == {(320, 240)}
    ages = [frame.captured_at - shown_at(frame) for frame in after]
    assert min(ages) < 5  # of pictures that were kept somewhere meanwhile, none would be new
    passed = shown_at(after[-1]) - shown_at(before)
    assert after[-1].pts - before.pts == pytest.approx(passed, abs=1.0 + ages[0])


@pytest.mark.parametrize("transport", ["tcp", "udp"])
def test_a_frozen_camera_is_noticed_and_comes_back(camera: RtspCamera, transport: Literal["tcp", "udp"]) -> None:
    source, frames = begun(lambda: open_source(camera.url, rtsp_transport=transport, timeout=TIMEOUT), 40)
    camera.freeze()
    before, error = lose(source, frames[-1])
    assert "nothing came for 3 s" in str(error)
    with pytest.raises(SourceOpenError, match="no answer within 3 s"):
        opened_again(source)
    camera.thaw()
    again, after = begun(lambda: opened_again(source), 1)
    assert after[0].captured_at > before.captured_at + TIMEOUT
    again.close()


def test_a_stream_that_the_server_ends_is_a_lost_one() -> None:
    with RtspCamera("--frames", "40") as camera:
        source = opened_at_last(lambda: open_source(camera.url, timeout=TIMEOUT))
        last, _ = lose(source, frames_of(source, 1)[0])
        source.close()
    assert number_of(last) == 39


@pytest.mark.parametrize("fault", [{"reset": 1}, {"stall": 1}, {"drop_after": 1}], ids=["reset", "stall", "cut"])
def test_a_network_that_fails_is_a_lost_camera(camera: RtspCamera, fault: dict[str, float]) -> None:
    with FaultyNetwork(camera.port) as network:
        source, frames = begun(lambda: Stream(f"rtsp://127.0.0.1:{network.port}/cam", timeout=TIMEOUT), 20)
        network.set(**fault)
        before, _ = lose(source, frames[-1])
        network.set(stall=0, drop_after=0)
        again, after = begun(lambda: opened_again(source), 1)
        assert shown_at(after[0]) > shown_at(before)
        again.close()


@pytest.mark.parametrize("fault", [{"blackhole": 1}, {"refuse": 1}, {"drop_after": 100}], ids=["hole", "reset", "cut"])
def test_a_network_that_fails_at_once_is_no_camera(camera: RtspCamera, fault: dict[str, float]) -> None:
    with FaultyNetwork(camera.port) as network:
        network.set(**fault)
        with pytest.raises(SourceError, match="cannot open"):
            Stream(f"rtsp://127.0.0.1:{network.port}/cam", timeout=TIMEOUT)


def test_a_slow_network_makes_pictures_late_and_loses_none(camera: RtspCamera) -> None:
    with FaultyNetwork(camera.port) as network:
        network.set(delay=0.15, jitter=0.05)
        source = Stream(f"rtsp://127.0.0.1:{network.port}/cam")
        frames = frames_of(source, 60)
        source.close()
    numbers = [number_of(frame) for frame in frames]
    assert numbers == list(range(numbers[0], numbers[0] + 60))
    assert frames[-1].captured_at - shown_at(frames[-1]) > 0.15
    assert frames[-1].pts == pytest.approx(shown_at(frames[-1]) - shown_at(frames[0]), abs=0.1)
