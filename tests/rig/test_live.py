"""The whole program before a real camera: ``kpstream live`` on RTSP, recording, with the camera lost in between."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import av
import pytest

from kpstream.testing import ScriptedServer
from tests.rig.parts.processes import RtspCamera

pytestmark = pytest.mark.rig


class Live:
    """A ``kpstream live`` in a process of its own.

    Args:
        source: What it shows.
        folder: Where it records to.
        endpoint: The endpoint's address.
    """

    def __init__(self, source: str, folder: Path, endpoint: str) -> None:
        self.video, self.jsonl = folder / "out.mp4", folder / "out.jsonl"
        at = ["--model", "my-pose/3", "--endpoint", endpoint, "--api-url", endpoint]
        outputs = ["--no-window", "--record", str(self.video), "--jsonl", str(self.jsonl)]
        command = [sys.executable, "-m", "kpstream", "live", source, *outputs, *at]
        environment = {**os.environ, "ROBOFLOW_API_KEY": "marked-api-key"}
        self.process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True, env=environment)

    def lines(self) -> list[dict[str, Any]]:
        """The whole lines so far."""
        if not self.jsonl.exists():
            return []
        return [json.loads(line) for line in self.jsonl.read_text().splitlines(keepends=True) if line.endswith("\n")]

    def wait_for(self, condition: Callable[[list[dict[str, Any]]], bool]) -> None:
        """Block until the lines say so."""
        give_up_at = time.monotonic() + 60
        while not condition(self.lines()):
            assert self.process.poll() is None, "it ended"
            assert time.monotonic() < give_up_at, "it never happened"
            time.sleep(0.05)

    def end(self, number: int) -> tuple[int, str]:
        """Send a signal; gives the exit code and what was said."""
        self.process.send_signal(number)
        _, said = self.process.communicate(timeout=30)
        return self.process.returncode, said


@pytest.fixture
def endpoint() -> Iterator[ScriptedServer]:
    with ScriptedServer() as server:
        yield server


def times_in(video: Path) -> list[float]:
    with av.open(str(video)) as container:
        return [float(frame.time or 0) for frame in container.decode(video=0)]


def assert_recorded_in_true_time(live: Live) -> None:
    lines, times = live.lines(), times_in(live.video)
    assert len(times) == len(lines)
    first = lines[0]["pts"]
    assert times == pytest.approx([line["pts"] - first for line in lines], abs=0.002)
    shown_for = lines[-1]["captured_at"] - lines[0]["captured_at"]
    assert times[-1] == pytest.approx(shown_for, abs=0.25)


def test_a_stream_is_shown_and_recorded_in_its_true_time(tmp_path: Path, endpoint: ScriptedServer) -> None:
    with RtspCamera() as camera:
        live = Live(camera.url, tmp_path, endpoint.url)
        live.wait_for(lambda lines: len(lines) > 90)
        code, said = live.end(signal.SIGTERM)
    assert code == 0, said
    assert_recorded_in_true_time(live)
    lines = live.lines()
    assert {pose["origin"] for line in lines for pose in line["poses"]} <= {"measured", "predicted"}
    assert any(line["poses"] for line in lines)
    assert "Traceback" not in said


def test_a_camera_that_is_lost_comes_back_and_the_recording_goes_on(tmp_path: Path, endpoint: ScriptedServer) -> None:
    with RtspCamera("--user", "watcher", "--password", "marked-password") as camera:
        url = camera.url.replace("rtsp://", "rtsp://watcher:marked-password@")
        live = Live(url, tmp_path, endpoint.url)
        live.wait_for(lambda lines: len(lines) > 30)
        camera.kill()
        with RtspCamera("--user", "watcher", "--password", "marked-password", "--port", str(camera.port)):
            seen = len(live.lines())
            live.wait_for(lambda lines: len(lines) > seen + 60)
            code, said = live.end(signal.SIGINT)
    assert code == 130, said
    assert "1 reconnect" in said
    assert_recorded_in_true_time(live)
    indices = [line["frame_index"] for line in live.lines()]
    assert indices == sorted(set(indices))
    assert "marked-password" not in said + live.jsonl.read_text()
    assert "marked-api-key" not in said + live.jsonl.read_text()


def test_a_killed_recording_plays_but_for_its_last_second(tmp_path: Path, endpoint: ScriptedServer) -> None:
    with RtspCamera() as camera:
        live = Live(camera.url, tmp_path, endpoint.url)
        live.wait_for(lambda lines: len(lines) > 120)
        live.end(signal.SIGKILL)
    lines, times = live.lines(), times_in(live.video)
    assert lines[-1]["pts"] - lines[0]["pts"] - times[-1] < 1.0


def test_a_person_sees_it_in_a_window_and_ends_it_with_a_key(tmp_path: Path, endpoint: ScriptedServer) -> None:
    read, write = os.pipe()
    with subprocess.Popen(["Xvfb", "-displayfd", str(write), "-nolisten", "tcp"], pass_fds=[write]) as screen:
        display = {**os.environ, "DISPLAY": f":{os.read(read, 9).decode().strip()}"}
        sample = Path(__file__).parents[2] / "samples" / "walkers.mp4"
        at = ["--model", "my-pose/3", "--endpoint", endpoint.url, "--api-url", endpoint.url]
        command = [sys.executable, "-m", "kpstream", "live", str(sample), "--loop", *at]
        with subprocess.Popen(command, stderr=subprocess.PIPE, text=True, env=display) as live:
            find = ["timeout", "30", "xdotool", "search", "--sync", "--onlyvisible", "--name", "kpstream"]
            window = subprocess.run(find, capture_output=True, text=True, check=True, env=display).stdout.split()[0]
            subprocess.run(["xdotool", "key", "--window", window, "q"], check=True, env=display)
            _, said = live.communicate(timeout=30)
        screen.terminate()
    os.close(read)
    os.close(write)
    assert live.returncode == 0, said
    assert "frames" in said
