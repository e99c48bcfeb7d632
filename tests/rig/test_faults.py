"""The fault table: what is done to the camera and to the endpoint, and what picture, overlay, recording and exit do.

Each test adds its rows to ``fault_table.jsonl`` in pytest's folder; ``scripts/soak.py --fault-table FILE`` prints them.
"""

from __future__ import annotations

import itertools
import json
import shutil
import ssl
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler
from itertools import pairwise
from pathlib import Path
from typing import Any

import av
import cv2
import pytest

from kpstream.entities import Answer, Stats
from kpstream.interfaces import Source
from kpstream.pipeline import Pipeline
from kpstream.sinks.video import VideoSink
from kpstream.sources import open_source
from kpstream.testing import FakeEndpoint, ScriptedServer
from tests.rig.parts.processes import FaultyNetwork, RtspCamera
from tests.rig.parts.programs import CLIP, KEY, Endpoint, Live
from tests.support.source_clips import picture
from tests.support.source_servers import MjpegCamera

pytestmark = pytest.mark.rig

LATENCY = 0.15
LASTS = 3.0
MIX = "500:0.1,429:0.1,reset:0.05,hang:0.02,truncated:0.05,garbage:0.05,nan:0.05,wrong:0.05"
SLACK = 1.0
"""Seconds that a machine with other work may add to any time here."""
Table = Path
"""A file of JSON lines, one a row, that several processes of tests may write at once."""


@pytest.fixture(scope="module")
def table(tmp_path_factory: pytest.TempPathFactory, worker_id: str) -> Table:
    folder = tmp_path_factory.getbasetemp()
    return (folder if worker_id == "master" else folder.parent) / "fault_table.jsonl"


def row(table: Table, done: str, picture: str, overlay: str, recording: str, code: str, recovery: str) -> None:
    heads = ("what was done", "picture", "overlay", "recording", "exit code", "time to recovery")
    line = json.dumps(dict(zip(heads, (done, picture, overlay, recording, code, recovery), strict=True)))
    with table.open("a") as file:
        file.write(f"{line}\n")


# -- the camera ---------------------------------------------------------------------------------------------------


class Show:
    """A pipeline before a camera in a thread of its own, and what its user sees."""

    def __init__(self, source: Source, folder: Path) -> None:
        self.video = folder / "out.mp4"
        self.shown: list[tuple[float, tuple[int, int]]] = []
        """When each picture was shown, and its size."""
        self.troubles: list[tuple[float, str]] = []
        """What was said while no picture came, and when."""
        endpoint, recording = FakeEndpoint(lambda _: Answer(())), VideoSink(self.video, preset="ultrafast")
        self.pipeline = Pipeline(source, endpoint, sinks=[recording], annotator=None, on_idle=self._note_trouble)
        self._thread = threading.Thread(target=self._run)

    def _run(self) -> None:
        with self.pipeline:
            for scene in self.pipeline:
                self.shown.append((time.monotonic(), scene.frame.size))
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
        self.pipeline.stop()
        self._thread.join(20)
        if kind is None:
            times = times_in(self.video)
            assert len(times) == len(self.shown)
            assert times[-1] == pytest.approx(self.shown[-1][0] - self.shown[0][0], abs=SLACK), "not in true time"


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
        assert noticed <= 5 + SLACK
        show.wait_for(lambda: time.monotonic() > frozen_at + 8)
        assert any("trying again" in text for _, text in show.troubles)
        camera.thaw()
        back = show.back_after(time.monotonic())
        assert back <= 2.5 + SLACK
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
        assert show.pipeline.stats.reconnects == 1
    gap = show.largest_gap
    assert gap <= outage + 2.5 + SLACK
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
            assert noticed <= 5 + SLACK
            show.wait_for(lambda: time.monotonic() > failed_at + 6)
            network.set(**dict.fromkeys(fault, 0))
            back = show.back_after(time.monotonic())
            assert back <= 2.5 + SLACK
        camera_row(table, done, noticed, f"{back:.1f} s after the network")


class HangingEncoder(MjpegCamera):
    """Its connections repeat one picture once `hang` is set; those that are made later are well."""

    hang = threading.Event()

    def send_pictures(self, handler: BaseHTTPRequestHandler) -> None:
        handler.send_response(200)
        handler.send_header("Content-Type", "multipart/x-mixed-replace; boundary=picture")
        handler.end_headers()
        is_well, number = self.hang.is_set(), 0
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
            assert noticed <= 5 + SLACK
            assert "one and the same picture" in show.troubles[0][1]
            back = show.back_after(hung_at + noticed)
            assert back <= 2.5 + SLACK
            assert show.pipeline.stats.reconnects == 1
    finally:
        camera.switch_off()
    camera_row(table, "camera's encoder repeats one picture", noticed, f"{back:.1f} s after it was noticed")


# -- the endpoint -------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def endpoint() -> Iterator[Endpoint]:
    with Endpoint(LATENCY) as endpoint:
        yield endpoint


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> str:
    """The sample at half its size, which leaves the machine something to spare."""
    path = tmp_path_factory.mktemp("clip") / "small.mp4"
    with av.open(str(CLIP)) as source, av.open(str(path), "w") as target:
        stream = target.add_stream("libx264", rate=30, options={"preset": "ultrafast", "crf": "18"})
        stream.width, stream.height, stream.pix_fmt = 640, 360, "yuv420p"
        for frame in source.decode(video=0):
            small = frame.reformat(640, 360, "yuv420p")
            small.pict_type = av.video.frame.PictureType.NONE
            target.mux(stream.encode(small))
        target.mux(stream.encode(None))
    return str(path)


@pytest.fixture(scope="module")
def live(endpoint: Endpoint, clip: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Live]:
    folder = tmp_path_factory.mktemp("live")
    with Live(clip, endpoint.url, folder, ["--loop"]) as live:
        live.wait_for(lambda lines: bool(lines) and lines[-1]["result_frame_index"] is not None)
        yield live
        assert live.end() == 0
        assert_whole(live)


def times_in(video: Path) -> list[float]:
    with av.open(str(video)) as container:
        return [float(frame.time or 0) for frame in container.decode(video=0)]


def assert_whole(live: Live) -> None:
    """The recording plays, in the video's time, and nothing was said that should not be."""
    lines, times = live.lines(), times_in(live.video)
    assert len(times) >= 0.8 * len(lines), "a busy machine may not encode them all"
    assert times[-1] == pytest.approx(lines[-1]["pts"] - lines[0]["pts"], abs=0.25)
    assert "Traceback" not in live.said()
    assert KEY not in live.said() + live.jsonl.read_text()


def back_after(lines: list[dict[str, Any]], moment: float) -> float | None:
    """Seconds from a moment until an answer for a picture that was taken after it was shown; None for not yet."""
    taken = {line["frame_index"] for line in lines if line["captured_at"] > moment}
    return next((float(line["rendered_at"]) - moment for line in lines if line["result_frame_index"] in taken), None)


def shown_share(lines: list[dict[str, Any]]) -> float:
    """How many of the source's frames were shown."""
    return len(lines) / (int(lines[-1]["frame_index"]) - int(lines[0]["frame_index"]) + 1)


def suffer(
    table: Table, done: str, live: Live, begin: Callable[[], None], end: Callable[[], None], lasts: float = LASTS
) -> float:
    """Let a fault be for some seconds, and add its row; seconds until answers were back."""
    seen = len(live.lines())
    usual = shown_share(live.lines()[-90:])  # less than all of them where the machine has other work
    begin()
    live.wait_for(lambda lines: len(lines) > seen and lines[-1]["captured_at"] - lines[seen]["captured_at"] > lasts)
    end()
    ended_at = time.monotonic()
    live.wait_for(lambda lines: back_after(lines, ended_at) is not None)
    during = live.lines()[seen:]
    assert max(after["rendered_at"] - before["rendered_at"] for before, after in pairwise(during)) < 0.5 + SLACK
    assert shown_share(during) >= 0.8 * usual
    back = back_after(during, ended_at) or 0.0
    overlay = "predicted, then stale" if any(line["stale"] for line in during) else "predicted"
    row(table, f"endpoint: {done}", percentage(during), overlay, "whole", "none, it goes on", f"{back:.2f} s")
    return back


def percentage(lines: list[dict[str, Any]]) -> str:
    return f"{100 * shown_share(lines):.1f} % of the frames shown"


FAULTS = {
    "500": "500 to every request",
    "502": "502 to every request",
    "503": "503, Retry-After: 1",
    "429": "429, Retry-After: 1",
    "429bare": "429 without Retry-After",
    "hang": "takes requests and never answers",
    "reset": "resets every connection",
    "slow": "sends a byte each 50 ms",
    "truncated": "half of a JSON answer",
    "garbage": "bytes that are no JSON",
    "html": "a web page",
    "wrong": "JSON of another shape",
    "nan": "NaN for coordinates",
    "huge": "coordinates of 1e9",
    "flood": "bodies of 100 MB",
    MIX: "some of each: 47 % of the requests fail",
}


@pytest.mark.xdist_group("one live view")
@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault.partition(":")[0] if ":" in fault else fault)
def test_an_endpoint_that_fails_costs_no_frame(fault: str, endpoint: Endpoint, live: Live, table: Table) -> None:
    lasts = 15.0 if fault == MIX else LASTS
    back = suffer(table, FAULTS[fault], live, lambda: endpoint.fail(fault), lambda: endpoint.fail(""), lasts)
    assert back <= (2 if fault in ("429", "503", MIX) else 1) + LATENCY + SLACK


@pytest.mark.xdist_group("one live view")
def test_an_endpoint_that_is_gone_costs_no_frame(endpoint: Endpoint, live: Live, table: Table) -> None:
    back = suffer(table, "is gone: connections are refused", live, endpoint.kill, endpoint.restart)
    assert back <= 1 + LATENCY + SLACK


@pytest.mark.parametrize("fault", ["401", "402", "403", "404", "redirect"])
def test_a_refusal_for_good_ends_it_whole(fault: str, tmp_path: Path, clip: str, table: Table) -> None:
    with Endpoint(0.05) as endpoint, Live(clip, endpoint.url, tmp_path, ["--loop"]) as live:
        live.wait_for(lambda lines: len(lines) > 30 and lines[-1]["result_frame_index"] is not None)
        endpoint.fail(fault)
        failed_at = time.monotonic()
        assert live.process.wait(30) == 4
        ended = time.monotonic() - failed_at
        errors = [line for line in live.said().splitlines() if "error" in line]
        assert len(errors) == 1
        assert errors[0].startswith("kpstream: error: ")
        assert_whole(live)
    done = f"endpoint: {fault}{' elsewhere' if fault == 'redirect' else ''}, in the middle of a run"
    row(table, done, "ends", "ends", "whole", "4, with one line", f"ended after {ended:.1f} s")


def test_a_host_that_nobody_knows_costs_no_frame(tmp_path: Path, clip: str, table: Table) -> None:
    with Live(clip, "http://endpoint.invalid", tmp_path, ["--loop"]) as live:
        live.wait_for(lambda lines: len(lines) > 90)
        assert live.end() == 0
        assert_whole(live)
    row(table, "endpoint: its name is not found", percentage(live.lines()), "none", "whole", "none, it goes on", "-")


def test_a_server_without_tls_costs_no_frame(tmp_path: Path, clip: str, table: Table) -> None:
    with (
        ScriptedServer() as server,
        Live(clip, server.url.replace("http:", "https:"), tmp_path, ["--loop"]) as live,
    ):
        live.wait_for(lambda lines: len(lines) > 90)
        assert live.end() == 0
        assert_whole(live)
    row(table, "endpoint: its TLS fails", percentage(live.lines()), "none", "whole", "none, it goes on", "-")


def test_a_certificate_that_nobody_signed_is_refused_for_good(tmp_path: Path, clip: str, table: Table) -> None:
    if shutil.which("openssl") is None:
        pytest.skip("openssl is not installed")
    certificate, key = tmp_path / "certificate.pem", tmp_path / "key.pem"
    command = (
        "openssl req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=127.0.0.1 -addext subjectAltName=IP:127.0.0.1"
    )
    subprocess.run([*command.split(), "-keyout", key, "-out", certificate], check=True, capture_output=True)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    with ScriptedServer(tls=context) as server, Live(clip, server.url, tmp_path, ["--loop"]) as live:
        assert live.process.wait(30) == 4
        assert "is not trusted" in live.said()
        assert not server.requests
    row(table, "endpoint: its certificate is nobody's", "ends", "ends", "whole", "4, with one line", "-")


@pytest.mark.parametrize(
    ("variable", "value", "words"),
    [
        ("HTTPS_PROXY", "http://127.0.0.1:1", "the proxy 127.0.0.1:1 is not there"),
        ("REQUESTS_CA_BUNDLE", "/not/there.pem", "REQUESTS_CA_BUNDLE names /not/there.pem"),
    ],
)
def test_a_proxy_or_certificates_that_are_not_there_are_refused_for_good(
    variable: str, value: str, words: str, tmp_path: Path, clip: str, table: Table, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(variable, value)
    with Live(clip, "https://endpoint.invalid", tmp_path, ["--loop"]) as live:
        assert live.process.wait(30) == 4
        assert words in live.said()
    row(table, f"{variable} names what is not there", "ends", "ends", "whole", "4, with one line", "-")


def test_recorded_video_gets_every_answer_in_the_end(tmp_path: Path, clip: str, table: Table) -> None:
    lines, video = tmp_path / "out.jsonl", tmp_path / "out.mp4"
    with Endpoint(0.05, seed=3) as endpoint:
        endpoint.fail(MIX)
        at = ["--model", "my-pose/3", "--endpoint", endpoint.url, "--api-url", endpoint.url, "--timeout", "2"]
        command = [sys.executable, "-m", "kpstream", "annotate", clip, "--end", "3"]
        began_at = time.monotonic()
        done = subprocess.run(
            [*command, "-o", str(video), "--jsonl", str(lines), *at], capture_output=True, text=True, check=False
        )
        took = time.monotonic() - began_at
        asked = endpoint.asked()
    assert done.returncode == 0, done.stderr
    scenes = [json.loads(line) for line in lines.read_text().splitlines()]
    assert len(scenes) == len(times_in(video)) == 90
    assert all(scene["result_frame_index"] == scene["frame_index"] for scene in scenes)
    assert "Traceback" not in done.stderr
    did = f"annotate, 47 % of the requests fail ({asked} for 90 frames)"
    row(table, did, "every frame", "every frame measured", "whole", "0", f"{took:.0f} s in all")
