"""Faults of the camera and of the way to it, and what picture and recording do."""

from __future__ import annotations

import itertools
import threading
import time
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler
from itertools import pairwise
from pathlib import Path

import cv2
import pytest

from kpstream.entities import Answer, Stats
from kpstream.interfaces import Source
from kpstream.pipeline import Pipeline
from kpstream.sinks.video import VideoSink
from kpstream.sources import open_source
from kpstream.testing import FakeEndpoint
from tests.rig.parts.fault_table import SLACK, Table, row, times_in
from tests.rig.parts.processes import FaultyNetwork, RtspCamera
from tests.support.source_clips import picture
from tests.support.source_servers import MjpegCamera

pytestmark = pytest.mark.rig

NOTICED, BACK = 5.0, 2.5
"""Seconds until trouble is told, and until pictures are back, where nothing holds the program up."""
HELD_UP = 5.0
"""Seconds that a machine may stand still; what hangs for good takes longer."""


class Show:
    """A pipeline before a camera in a thread of its own, and what its user sees."""

    def __init__(self, source: Source, folder: Path) -> None:
        self.video = folder / "out.mp4"
        self.shown: list[tuple[float, tuple[int, int]]] = []
        """When each picture was shown, and its size."""
        self.delays: list[float] = []
        """How long after its time each picture was shown, from whichever moment."""
        self.troubles: list[tuple[float, str]] = []
        """What was said while no picture came, and when."""
        endpoint, recording = FakeEndpoint(lambda _: Answer(())), VideoSink(self.video, preset="ultrafast")
        self.pipeline = Pipeline(source, endpoint, sinks=[recording], annotator=None, on_idle=self._note_trouble)
        self._thread = threading.Thread(target=self._run)

    def _run(self) -> None:
        with self.pipeline:
            for scene in self.pipeline:
                now = time.monotonic()
                self.delays.append(now - scene.frame.pts)
                self.shown.append((now, scene.frame.size))
                self._note_trouble(scene.stats)

    def _note_trouble(self, stats: Stats) -> None:
        if stats.source_trouble:
            self.troubles.append((time.monotonic(), stats.source_trouble))

    def wait_for(self, condition: Callable[[], bool]) -> float:
        """Wait until it is so; when that was seen."""
        give_up_at = time.monotonic() + 60
        while not condition():
            assert time.monotonic() < give_up_at, f"it never happened; trouble: {self.troubles[-1:]}"
            time.sleep(0.01)
        return time.monotonic()

    def back_after(self, moment: float) -> float:
        """Wait for the first picture that is shown after a moment; seconds from that moment."""
        self.wait_for(lambda: self.shown[-1][0] > moment)
        return next(at for at, _ in self.shown if at > moment) - moment

    def noticed_after(self, moment: float) -> float:
        """Wait until trouble is told; seconds from that moment."""
        self.wait_for(lambda: bool(self.troubles) and self.troubles[-1][0] > moment)
        return next(at for at, _ in self.troubles if at > moment) - moment

    @property
    def largest_gap(self) -> float:
        return max(after[0] - before[0] for before, after in pairwise(self.shown))

    def __enter__(self) -> Show:
        self._thread.start()
        self.wait_for(lambda: len(self.shown) > 30)
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        try:
            if kind is None:
                self._wait_for_true_time()
        finally:
            self.pipeline.stop()
            self._thread.join(20)
        if kind is None:
            pts = [at - delay for (at, _), delay in zip(self.shown, self.delays, strict=True)]
            assert times_in(self.video) == pytest.approx([each - pts[0] for each in pts], abs=0.002)

    def _wait_for_true_time(self) -> None:
        """Wait until pictures come as long after their time as the first ones; some that a machine held up do not."""
        before = len(self.delays)
        self.wait_for(
            lambda: len(self.delays) > before + 30 and abs(min(self.delays[-30:]) - min(self.delays[:30])) < SLACK
        )


def camera_row(table: Table, done: str, noticed: float, recovery: str) -> None:
    told = f"the last one stays; told after {noticed:.1f} s"
    row(table, done, told, "stays with it", "goes on in true time", "none, it goes on", recovery)


@pytest.fixture
def camera() -> Iterator[RtspCamera]:
    with RtspCamera() as camera:
        yield camera


def test_a_frozen_camera_is_noticed_and_its_picture_comes_back(
    camera: RtspCamera, tmp_path: Path, table: Table
) -> None:
    with Show(open_source(camera.url), tmp_path) as show:
        camera.freeze()
        frozen_at = time.monotonic()
        noticed = show.noticed_after(frozen_at)
        assert noticed <= NOTICED + HELD_UP
        show.wait_for(lambda: time.monotonic() > frozen_at + 8)
        show.wait_for(lambda: any("trying again" in text for _, text in show.troubles))
        camera.thaw()
        back = show.back_after(time.monotonic())
        assert back <= BACK + HELD_UP
    camera_row(table, "RTSP camera frozen for 8 s, its connection open", noticed, f"{back:.1f} s after it went on")


def test_a_killed_server_that_comes_back_with_another_size_and_rate(
    camera: RtspCamera, tmp_path: Path, table: Table
) -> None:
    with Show(open_source(camera.url), tmp_path) as show:
        camera.kill()
        killed_at = time.monotonic()
        noticed = show.noticed_after(killed_at)
        show.wait_for(lambda: time.monotonic() > killed_at + 4)
        camera.restart("--size", "320x240", "--fps", "15")
        outage = time.monotonic() - killed_at
        show.back_after(time.monotonic())
        shown = len(show.shown)
        show.wait_for(lambda: len(show.shown) > shown + 30)
        assert 1 <= show.pipeline.stats.reconnects <= 2
    gap = show.largest_gap
    assert gap <= outage + BACK + HELD_UP
    assert next(size for _, size in show.shown) == (640, 480)
    assert [size for _, size in show.shown][-1] == (320, 240)
    done = f"RTSP server killed, back {outage:.1f} s later with half the size and rate"
    camera_row(table, done, noticed, f"{gap - outage:.1f} s after the server")


@pytest.mark.parametrize(
    ("fault", "done"),
    [
        ({"stall": 1}, "network stalls for 6 s, connections open"),
        ({"blackhole": 1, "reset": 1}, "cable pulled for 6 s"),
    ],
    ids=["stall", "cable"],
)
def test_a_network_that_fails(
    fault: dict[str, float], done: str, camera: RtspCamera, tmp_path: Path, table: Table
) -> None:
    with FaultyNetwork(camera.port) as network:
        with Show(open_source(f"rtsp://127.0.0.1:{network.port}/cam"), tmp_path) as show:
            network.set(**fault)
            failed_at = time.monotonic()
            noticed = show.noticed_after(failed_at)
            assert noticed <= NOTICED + HELD_UP
            show.wait_for(lambda: time.monotonic() > failed_at + 6)
            network.set(**dict.fromkeys(fault, 0))
            back = show.back_after(time.monotonic())
            assert back <= BACK + HELD_UP
        camera_row(table, done, noticed, f"{back:.1f} s after the network")


class HangingEncoder(MjpegCamera):
    """Its connections repeat one picture once `hang` is set; those made later are well once `go_on` is, too."""

    hang, go_on = threading.Event(), threading.Event()

    def send_pictures(self, handler: BaseHTTPRequestHandler) -> None:
        handler.send_response(200)
        handler.send_header("Content-Type", "multipart/x-mixed-replace; boundary=picture")
        handler.end_headers()
        is_well, number = self.hang.is_set(), 0
        if is_well:
            self.go_on.wait(60)
        for number_now in itertools.count():
            number = number if self.hang.is_set() and not is_well else number_now
            jpeg = cv2.imencode(".jpg", picture(number))[1].tobytes()
            head = f"--picture\r\nContent-Type: image/jpeg\r\nContent-Length: {len(jpeg)}\r\n\r\n"
            handler.wfile.write(head.encode() + jpeg + b"\r\n")
            if self._off.wait(0.033):
                return


def test_a_camera_that_repeats_one_picture_is_noticed_and_opened_again(tmp_path: Path, table: Table) -> None:
    camera = HangingEncoder()
    try:
        with Show(open_source(camera.url), tmp_path) as show:
            camera.hang.set()
            hung_at = time.monotonic()
            noticed = show.noticed_after(hung_at)
            assert noticed <= NOTICED + HELD_UP
            show.wait_for(lambda: any("one and the same picture" in text for _, text in show.troubles))
            went_on_at = time.monotonic()
            camera.go_on.set()  # not before it was told: of a trouble that is over nothing may be seen
            back = show.back_after(went_on_at)
            assert back <= BACK + HELD_UP
            assert 1 <= show.pipeline.stats.reconnects <= 2
    finally:
        camera.go_on.set()
        camera.switch_off()
    camera_row(table, "camera's encoder repeats one picture", noticed, f"{back:.1f} s after it was noticed")
