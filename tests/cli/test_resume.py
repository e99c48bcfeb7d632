"""A recorded job that is killed goes on where it stopped: the same poses, the same pictures, nothing asked twice."""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.support.sample_endpoint import CLIP, ROOT, sample_endpoint

IN_FLIGHT = 3
KILLS = 3


STARTED: list[subprocess.Popen[bytes]] = []


@pytest.fixture(autouse=True)
def _nothing_runs_on() -> Iterator[None]:
    """End what a test that failed has left behind: it would ask the endpoint of the next one."""
    yield
    for process in STARTED:
        if process.poll() is None:
            process.kill()
            process.communicate()
    STARTED.clear()


@pytest.fixture(scope="module")
def endpoint() -> Iterator[str]:
    with sample_endpoint() as address:
        yield address


def asked(endpoint: str) -> list[int]:
    with urllib.request.urlopen(f"{endpoint}/_stats", timeout=30) as answer:
        return [frame for frame, *_ in json.load(answer)["asked"]]


def late(endpoint: str, latency: float) -> None:
    """Answer so many seconds late from now on."""
    with urllib.request.urlopen(f"{endpoint}/_latency/{latency}", timeout=30) as answer:
        answer.read()


def annotate(endpoint: str, output: Path, *more: str) -> subprocess.Popen[bytes]:
    words = ["annotate", str(CLIP), "-o", str(output), "--jsonl", str(output.with_suffix(".jsonl")), "--rate", "10"]
    words += ["--end", "4", "--endpoint", endpoint, "--api-url", endpoint, "--model", "a/1", "--preset", "ultrafast"]
    words += ["--max-in-flight", str(IN_FLIGHT), *more]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    process = subprocess.Popen([sys.executable, "-m", "kpstream", *words], env=environment, stderr=subprocess.PIPE)
    STARTED.append(process)
    return process


def whole(endpoint: str, output: Path) -> list[dict[str, Any]]:
    """Run the command to its end; what it wrote of each frame, without the clock."""
    process = annotate(endpoint, output)
    _, errors = process.communicate(timeout=60)
    assert process.returncode == 0, errors.decode()
    assert not list(output.parent.glob("*.journal"))
    lines = [json.loads(line) for line in output.with_suffix(".jsonl").read_text().splitlines()]
    return [{k: v for k, v in line.items() if not k.endswith("_at")} for line in lines]


def test_a_job_that_is_killed_again_and_again_ends_as_if_it_had_not_been(endpoint: str, tmp_path: Path) -> None:
    chance = random.Random(7)
    reference = whole(endpoint, tmp_path / "reference.mp4")
    first = asked(endpoint)
    assert len(first) == 41  # and the last frame
    output = tmp_path / "killed.mp4"
    late(endpoint, 0.5)  # so that it is not done before it is killed, though this process may stand still meanwhile
    for _ in range(KILLS):
        process = annotate(endpoint, output)
        before, more = len(asked(endpoint)), chance.randint(2, 6)
        while process.poll() is None and len(asked(endpoint)) < before + more:
            time.sleep(0.05)
        time.sleep(chance.random() / 10)
        process.send_signal(signal.SIGKILL)
        process.communicate()
    late(endpoint, 0.1)
    assert whole(endpoint, output) == reference
    assert output.read_bytes() == (tmp_path / "reference.mp4").read_bytes()
    again = asked(endpoint)[len(first) :]
    assert set(again) == set(first)
    assert len(again) <= len(first) + KILLS * IN_FLIGHT


def test_other_thresholds_begin_anew_and_say_so(endpoint: str, tmp_path: Path) -> None:
    output = tmp_path / "out.mp4"
    stopped = annotate(endpoint, output, "--max-requests", "5")
    assert b"the same command goes on" in stopped.communicate(timeout=60)[1]
    assert stopped.returncode == 6
    before = len(asked(endpoint))
    changed = annotate(endpoint, output, "--confidence", "60")
    assert b"changed: thresholds" in changed.communicate(timeout=60)[1]
    assert changed.returncode == 0
    assert len(asked(endpoint)) == before + 41
