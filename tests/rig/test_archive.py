"""An archive by several processes, with a budget, faults, and deaths at seeded moments."""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import av
import pytest

from kpstream.recorded.archive.ledger import read_ledger
from tests.support.sample_endpoint import CLIP, ROOT, sample_endpoint

pytestmark = [pytest.mark.rig, pytest.mark.timeout(300)]


@pytest.fixture(scope="module")
def endpoint() -> Iterator[str]:
    with sample_endpoint() as address:
        yield address


@pytest.fixture(scope="module")
def clips(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The first seconds of the sample, more for each clip; nothing is encoded."""
    folder = tmp_path_factory.mktemp("clips")
    for number in range(3):
        with av.open(str(CLIP)) as source, av.open(str(folder / f"clip {number}.mp4"), "w") as copy:
            video = source.streams.video[0]
            stream = copy.add_stream_from_template(video)
            for packet in source.demux(video):
                if packet.dts is not None and packet.time_base and packet.dts * packet.time_base < 1 + number / 2:
                    packet.stream = stream
                    copy.mux(packet)
    return folder


NEVER_SENT = 12
"""Requests that are booked and not sent, where workers stand still until what they may ask is no longer allowed."""


def get(url: str) -> Any:
    with urllib.request.urlopen(url, timeout=30) as answer:
        return json.load(answer) if "_stats" in url else answer.read()


@contextmanager
def slow(endpoint: str) -> Iterator[None]:
    """Answers are late meanwhile, so that no archive is done before a test has done something to it."""
    get(f"{endpoint}/_latency/1")
    try:
        yield
    finally:
        get(f"{endpoint}/_latency/0.1")


def asked(endpoint: str) -> int:
    return int(get(f"{endpoint}/_stats")["requests"])


def archive(endpoint: str, clips: Path, into: Path, *more: str) -> subprocess.Popen[bytes]:
    words = ["archive", str(clips), "--into", str(into), "--endpoint", endpoint, "--api-url", endpoint]
    words += ["--model", "a/1", "--max-in-flight", "3", *more]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    return subprocess.Popen([sys.executable, "-m", "kpstream", *words], env=environment, stderr=subprocess.PIPE)


def finish(process: subprocess.Popen[bytes], code: int = 0) -> str:
    _, errors = process.communicate(timeout=240)
    assert process.returncode == code, errors.decode()
    return errors.decode()


def booked(folder: Path) -> int:
    """What the ledger says of the budget."""
    return int(read_ledger(folder / "archive.db").facts["booked"])


def poses(folder: Path) -> dict[str, list[dict[str, Any]]]:
    """What was written of each frame, without the clock."""
    return {
        path.name: [
            {name: value for name, value in json.loads(line).items() if not name.endswith("_at")}
            for line in path.read_text().splitlines()
        ]
        for path in folder.rglob("*.mp4.jsonl")
    }


@pytest.fixture(scope="module")
def undisturbed(endpoint: str, clips: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, int]:
    get(f"{endpoint}/_reset")
    into = tmp_path_factory.mktemp("undisturbed") / "out"
    finish(archive(endpoint, clips, into, "--rate", "5"))
    return into, asked(endpoint)


def test_a_driver_that_is_killed_goes_on_and_pays_nothing_twice(
    endpoint: str, clips: Path, undisturbed: tuple[Path, int], tmp_path: Path
) -> None:
    chance, kills = random.Random(3), 3
    words = ["--rate", "5", "--max-requests", str(undisturbed[1] + kills * 3)]
    get(f"{endpoint}/_reset")
    for _ in range(kills):
        process = archive(endpoint, clips, tmp_path / "out", *words)
        before, more = asked(endpoint), chance.randint(2, 6)
        while process.poll() is None and asked(endpoint) < before + more:
            time.sleep(0.02)
        process.send_signal(signal.SIGKILL)
        process.communicate()
    finish(archive(endpoint, clips, tmp_path / "out", *words))
    assert poses(tmp_path / "out") == poses(undisturbed[0])
    assert undisturbed[1] <= asked(endpoint) <= booked(tmp_path / "out") <= undisturbed[1] + kills * 3


def test_several_workers_one_of_which_is_killed_end_as_one_does_within_the_budget(
    endpoint: str, clips: Path, undisturbed: tuple[Path, int], tmp_path: Path
) -> None:
    get(f"{endpoint}/_reset")
    words = ["--rate", "5", "--workers", "2", "--max-requests", str(undisturbed[1] + 3 + NEVER_SENT)]
    with slow(endpoint):
        process = archive(endpoint, clips, tmp_path / "out", *words)
        while process.poll() is None and asked(endpoint) < 4:
            time.sleep(0.05)
        os.kill(_process_of(process.pid, b"ray::annotate_file"), signal.SIGKILL)
    assert "its process died" in finish(process)
    assert poses(tmp_path / "out") == poses(undisturbed[0])
    assert undisturbed[1] <= asked(endpoint) <= undisturbed[1] + 3
    assert asked(endpoint) <= booked(tmp_path / "out") <= undisturbed[1] + 3 + NEVER_SENT


def test_ray_that_is_killed_is_started_again_and_leaves_nothing(
    endpoint: str, clips: Path, undisturbed: tuple[Path, int], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with tempfile.TemporaryDirectory(dir="/tmp") as place:  # Ray wants short names
        monkeypatch.setenv("TMPDIR", place)
        get(f"{endpoint}/_reset")
        words = ["--rate", "5", "--workers", "2", "--max-requests", str(undisturbed[1] + 2 * 3 + NEVER_SENT)]
        with slow(endpoint):
            process = archive(endpoint, clips, tmp_path / "out", *words)
            while process.poll() is None and asked(endpoint) < 4:
                time.sleep(0.05)
            os.kill(_process_of(process.pid, b"raylet/raylet"), signal.SIGKILL)
        assert "Ray has died; it is started again" in finish(process)
        assert not list(Path(place).iterdir())
    assert poses(tmp_path / "out") == poses(undisturbed[0])
    assert undisturbed[1] <= asked(endpoint) <= undisturbed[1] + 2 * 3
    assert asked(endpoint) <= booked(tmp_path / "out") <= undisturbed[1] + 2 * 3 + NEVER_SENT


def test_ctrl_c_while_ray_starts_says_that_the_same_command_goes_on_and_leaves_nothing_of_ray(
    endpoint: str, clips: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with tempfile.TemporaryDirectory(dir="/tmp") as place:
        monkeypatch.setenv("TMPDIR", place)
        with slow(endpoint):
            process = archive(endpoint, clips, tmp_path / "out", "--workers", "2")
            while process.poll() is None and not list(Path(place).glob("kpstream-ray-*/session_*")):
                time.sleep(0.01)
            process.send_signal(signal.SIGINT)
        assert "interrupted: what was answered is kept; the same command goes on" in finish(process, 130)
        assert not list(Path(place).iterdir())


def test_the_cluster_file_is_one_that_ray_takes() -> None:
    yaml, ray = pytest.importorskip("yaml"), pytest.importorskip("ray.autoscaler._private.util")
    config = yaml.safe_load((ROOT / "samples" / "deploy" / "archive-cluster.yaml").read_text())
    ray.validate_config(ray.prepare_config(config))


def _process_of(driver: int, name: bytes) -> int:
    """A process of this driver with this in its command line."""
    for folder in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):  # it has ended meanwhile
            if name in (folder / "cmdline").read_bytes() and _descends(int(folder.name), driver):
                return int(folder.name)
    raise AssertionError(f"no {name!r} is at work")


def _descends(process: int, from_: int) -> bool:
    while process > 1:
        process = int((Path("/proc") / str(process) / "stat").read_text(errors="replace").rpartition(")")[2].split()[1])
        if process == from_:
            return True
    return False
