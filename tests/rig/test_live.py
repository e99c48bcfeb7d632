"""The whole program before a real camera: ``kpstream live`` on RTSP, recording, with the camera lost in between."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import av
import pytest

from kpstream.testing import ScriptedServer
from tests.rig.parts.processes import RtspCamera
from tests.rig.parts.programs import KEY, Live

pytestmark = pytest.mark.rig


@pytest.fixture
def endpoint() -> Iterator[ScriptedServer]:
    with ScriptedServer() as server:
        yield server


def times_in(video: Path) -> list[float]:
    with av.open(str(video)) as container:
        return [float(frame.time or 0) for frame in container.decode(video=0)]


def assert_recorded_in_true_time(live: Live, before: int | None = None) -> None:
    """Those that came before, by default half of them, came as long after their time as the others.

    Each part has to be of seconds: the first pictures of a machine with other work may all be late.
    """
    lines, times = live.lines(), times_in(live.video)
    lacking = re.search(r"the recording lacks (\d+) frames", live.said())  # it is told where the machine is too slow
    assert len(times) == len(lines) - int(lacking[1] if lacking else 0)
    shown_at = [line["pts"] - lines[0]["pts"] for line in lines]
    assert all(min(abs(each - at) for at in shown_at) < 0.002 for each in times)
    before = before or len(lines) // 2
    assert least_delay(lines[before:]) == pytest.approx(least_delay(lines[:before]), abs=0.25)


def least_delay(lines: list[dict[str, Any]]) -> float:
    """By how much pictures came after their time; those that the machine or the network held up say nothing."""
    return float(min(line["captured_at"] - line["pts"] for line in lines))


def test_a_stream_is_shown_and_recorded_in_its_true_time(tmp_path: Path, endpoint: ScriptedServer) -> None:
    with RtspCamera() as camera, Live(camera.url, endpoint.url, tmp_path) as live:
        live.wait_for(lambda lines: len(lines) > 180)
        code = live.end(signal.SIGTERM)
    assert code == 0, live.said()
    assert_recorded_in_true_time(live)
    poses = [pose for line in live.jsonl.read_text().splitlines() for pose in json.loads(line)["poses"]]
    assert {"predicted"} <= {pose["origin"] for pose in poses} <= {"measured", "predicted"}
    assert "Traceback" not in live.said()


def test_fewer_frames_are_shown_where_fewer_are_wanted_in_true_time(tmp_path: Path, endpoint: ScriptedServer) -> None:
    with RtspCamera() as camera, Live(camera.url, endpoint.url, tmp_path, ["--max-fps", "10"]) as live:
        live.wait_for(lambda lines: len(lines) > 50)
        code = live.end(signal.SIGTERM)
    assert code == 0, live.said()
    assert_recorded_in_true_time(live)
    lines = live.lines()[1:]
    assert all(after["frame_index"] >= before["frame_index"] + 2 for before, after in pairwise(lines))
    frames, seconds = lines[-1]["frame_index"] - lines[0]["frame_index"], lines[-1]["pts"] - lines[0]["pts"]
    # Not the ten that are shown; how near thirty says how busy the machine was as the stream began.
    assert frames / seconds == pytest.approx(30, rel=0.2)


def test_a_camera_that_is_lost_comes_back_and_the_recording_goes_on(tmp_path: Path, endpoint: ScriptedServer) -> None:
    with RtspCamera("--user", "watcher", "--password", "marked-password") as camera:
        url = camera.url.replace("rtsp://", "rtsp://watcher:marked-password@")
        with Live(url, endpoint.url, tmp_path) as live:
            live.wait_for(lambda lines: len(lines) > 90)
            camera.kill()
            camera.restart()
            seen = len(live.lines())
            live.wait_for(lambda lines: len(lines) > seen + 90)
            code, said = live.end(signal.SIGINT), live.said()
    assert code == 130, said
    assert "1 reconnect" in said
    assert_recorded_in_true_time(live, seen)
    indices = [line["frame_index"] for line in live.lines()]
    assert indices == sorted(set(indices))
    assert "marked-password" not in said + live.jsonl.read_text()
    assert KEY not in said + live.jsonl.read_text()


def test_a_killed_recording_plays_but_for_its_last_second(tmp_path: Path, endpoint: ScriptedServer) -> None:
    with RtspCamera() as camera, Live(camera.url, endpoint.url, tmp_path) as live:
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
