"""The whole program before a real camera: ``kpstream live`` on RTSP, recording, with the camera lost in between."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from kpstream.testing import ScriptedServer
from tests.rig.parts.fault_table import times_in
from tests.rig.parts.processes import RtspCamera
from tests.rig.parts.programs import KEY, Live

pytestmark = pytest.mark.rig


@pytest.fixture
def endpoint() -> Iterator[ScriptedServer]:
    with ScriptedServer() as server:
        yield server


def assert_recorded(live: Live) -> None:
    """The recording has all that was shown at its time, but for what was told: that is where a machine is too slow."""
    lines, times = live.lines(), times_in(live.video)
    unwritten = live.lacking("the JSON lines")
    assert len(times) + live.lacking("the recording") == len(lines) + unwritten
    shown_at = [line["pts"] - lines[0]["pts"] for line in lines]
    assert sum(min(abs(each - at) for at in shown_at) >= 0.002 for each in times) <= unwritten


def keep_true_time(before: list[dict[str, Any]], after: list[dict[str, Any]]) -> bool:
    """Whether some seconds of pictures came as long after their time as others.

    Waited for, not asserted once: a stream's first pictures may all be late, and that is undone little by little.
    """
    return abs(least_delay(after) - least_delay(before)) < 0.5


def least_delay(lines: list[dict[str, Any]]) -> float:
    """By how much pictures came after their time; those that the machine or the network held up say nothing."""
    return float(min(line["captured_at"] - line["pts"] for line in lines))


def test_a_stream_is_shown_and_recorded_in_its_true_time(tmp_path: Path, endpoint: ScriptedServer) -> None:
    with RtspCamera() as camera, Live(camera.url, endpoint.url, tmp_path) as live:
        live.wait_for(lambda lines: len(lines) > 180 and keep_true_time(lines[-180:-90], lines[-90:]))
        code = live.end(signal.SIGTERM)
    assert code == 0, live.said()
    assert_recorded(live)
    poses = [pose for line in live.jsonl.read_text().splitlines() for pose in json.loads(line)["poses"]]
    assert {"predicted"} <= {pose["origin"] for pose in poses} <= {"measured", "predicted"}
    assert "Traceback" not in live.said()


def test_fewer_frames_are_shown_where_fewer_are_wanted_in_true_time(tmp_path: Path, endpoint: ScriptedServer) -> None:
    with RtspCamera() as camera, Live(camera.url, endpoint.url, tmp_path, ["--max-fps", "10"]) as live:
        # Of the camera's thirty each is counted, not the ten that are shown.
        live.wait_for(lambda lines: len(lines) > 50 and abs(counted_a_second(lines[-25:]) - 30) < 3)
        code = live.end(signal.SIGTERM)
    assert code == 0, live.said()
    assert_recorded(live)
    lines = live.lines()[1:]
    assert len(lines) <= 10 * (lines[-1]["captured_at"] - lines[0]["captured_at"]) + 2


def counted_a_second(lines: list[dict[str, Any]]) -> float:
    """Frames that came in a second of a stream's time, shown or not."""
    return float((lines[-1]["frame_index"] - lines[0]["frame_index"]) / (lines[-1]["pts"] - lines[0]["pts"]))


def test_a_camera_that_is_lost_comes_back_and_the_recording_goes_on(tmp_path: Path, endpoint: ScriptedServer) -> None:
    with RtspCamera("--user", "watcher", "--password", "marked-password") as camera:
        url = camera.url.replace("rtsp://", "rtsp://watcher:marked-password@")
        with Live(url, endpoint.url, tmp_path) as live:
            live.wait_for(lambda lines: len(lines) > 90)
            camera.kill()
            time.sleep(2)  # which the recording must not lack
            camera.restart()
            seen = len(live.lines())
            live.wait_for(lambda lines: len(lines) > seen + 90 and keep_true_time(lines[:seen], lines[-90:]))
            code, said = live.end(signal.SIGINT), live.said()
    assert code == 130, said
    assert "1 reconnect" in said
    assert_recorded(live)
    indices = [line["frame_index"] for line in live.lines()]
    assert indices == sorted(set(indices))
    assert "marked-password" not in said + live.jsonl.read_text()
    assert KEY not in said + live.jsonl.read_text()


def test_a_killed_recording_plays_but_for_its_end(tmp_path: Path, endpoint: ScriptedServer) -> None:
    with RtspCamera() as camera, Live(camera.url, endpoint.url, tmp_path) as live:
        live.wait_for(lambda lines: len(lines) > 180)
        live.end(signal.SIGKILL)
    lines, times = live.lines(), times_in(live.video)
    # A second by the file's fragments, and what waited for an encoder that is behind.
    assert lines[-1]["pts"] - lines[0]["pts"] - times[-1] < 3.0


def test_a_person_sees_it_in_a_window_and_ends_it_with_a_key(tmp_path: Path, endpoint: ScriptedServer) -> None:
    read, write = os.pipe()
    with subprocess.Popen(["Xvfb", "-displayfd", str(write), "-nolisten", "tcp"], pass_fds=[write]) as screen:
        display = {**os.environ, "DISPLAY": f":{os.read(read, 9).decode().strip()}"}
        sample = Path(__file__).parents[2] / "samples" / "walkers.mp4"
        at = ["--model", "my-pose/3", "--endpoint", endpoint.url, "--api-url", endpoint.url]
        command = [sys.executable, "-m", "kpstream", "live", str(sample), "--loop", *at]
        with subprocess.Popen(command, stderr=subprocess.PIPE, text=True, env=display) as live:
            find = ["timeout", "60", "xdotool", "search", "--sync", "--onlyvisible", "--name", "kpstream"]
            window = subprocess.run(find, capture_output=True, text=True, check=True, env=display).stdout.split()[0]
            while live.poll() is None:  # a key that comes before it looks for any goes to nobody
                subprocess.run(["xdotool", "key", "--window", window, "q"], check=False, env=display)
                time.sleep(0.2)
            _, said = live.communicate(timeout=60)
        screen.terminate()
    os.close(read)
    os.close(write)
    assert live.returncode == 0, said
    assert re.search(r"\d+ frames?\b", said)
