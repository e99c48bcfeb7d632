"""A recorded job that is killed again and again ends like one that was left alone, and pays for nothing twice.

Each job is the same command in a folder of its own, killed at random moments until it gets to its end; jobs follow one
another until there have been enough kills.
"""

from __future__ import annotations

import math
import random
import subprocess
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import av
from scoring import lines_of

from bench_parts.case import Case
from bench_parts.processes import Part, kpstream, run, say, started, starting

_LATENCY, _IN_FLIGHT = 0.4, 8
_LIMIT = 120.0
_ON_THE_WAY = 0.1
"""Seconds before a kill in which an answer may have left the endpoint and not yet be in the journal."""
_UNDER_WAY = 0.3
"""Seconds after a kill in which a request of the one who was killed may still arrive; the next starts more slowly."""
_PATIENCE = 3.0
"""The longest time, beyond starting, that a command is left alone."""


@dataclass(frozen=True)
class Journal:
    """All jobs together."""

    kills: int
    jobs: int
    frames: int
    """Of one job."""
    requests: int
    in_flight: int
    """Requests in flight at the kills, together."""
    again: int
    """Frames asked about once more, counted each time."""
    needless: int
    """Those of them whose answer had left the endpoint a tenth of a second before the kill, or earlier."""
    stalest: float
    """Seconds before a kill that the oldest answer that was asked for again had left the endpoint."""
    differing: int
    """Frames whose poses are not those of the job that was left alone."""
    pictures: int
    """How many pictures too few or too many the videos have."""
    fault: str


@dataclass
class _Sums:
    kills: int = 0
    jobs: int = 0
    requests: int = 0
    in_flight: int = 0
    again: int = 0
    needless: int = 0
    stalest: float = 0.0
    differing: int = 0
    pictures: int = 0
    fault: str = ""


def measure(case: Case, kills: int, folder: Path) -> Journal:
    """Kill until it is enough, or until a job goes wrong."""
    sums, frames = _Sums(), len(case.truth()["frames"])
    with Part("endpoint", case.clip, case.poses, "--latency", str(_LATENCY)) as endpoint:
        calm = _folder(folder, "calm")
        whole = run(_command(case, endpoint.url, calm), _LIMIT)
        expected, moments = _poses(calm), _moments(starting().wall)
        sums.fault = whole.fault or ("" if len(expected) == frames else "the job left alone is not whole")
        while sums.kills < kills and not sums.fault:
            place = _folder(folder, f"job{sums.jobs}")
            endpoint.get("_reset")
            killed_at = _job(_command(case, endpoint.url, place), moments, kills - sums.kills, sums)
            say(f"journal: {sums.kills} of {kills} kills, {sums.jobs} jobs")
            _account(endpoint.get("_stats")["asked"], killed_at, sums)
            sums.differing += differing(expected, _poses(place))
            sums.pictures += abs(_pictures(place) - frames)
    return Journal(frames=frames, **vars(sums))


def _moments(start: float) -> Iterator[float]:
    """How long to leave each command alone."""
    dice = random.Random(7)
    while True:
        yield start + dice.uniform(0.0, _PATIENCE)


def _folder(folder: Path, name: str) -> Path:
    place = folder / name
    place.mkdir()
    return place


def _command(case: Case, url: str, place: Path) -> list[str]:
    words = ("--jsonl", place / "out.jsonl", "--preset", "ultrafast", "--max-in-flight", _IN_FLIGHT)
    return kpstream(url, "annotate", case.clip, "-o", place / "out.mp4", *words)


def _job(command: Sequence[str], moments: Iterator[float], left: int, sums: _Sums) -> list[float]:
    """Let one job come to its end through as many kills as it takes, ``left`` at the most; gives when they were."""
    killed_at: list[float] = []
    while len(killed_at) < left:
        with started(command) as process:
            try:
                process.wait(next(moments))
                break
            except subprocess.TimeoutExpired:
                killed_at.append(time.monotonic())
    ended = run(command, _LIMIT) if len(killed_at) == left else None
    sums.kills, sums.jobs = sums.kills + len(killed_at), sums.jobs + 1
    sums.fault = ended.fault if ended else "" if process.returncode == 0 else f"exit {process.returncode}"
    return killed_at


def _account(asked: Sequence[Any], killed_at: Sequence[float], sums: _Sums) -> None:
    again, needless, in_flight, stalest = accounts(asked, killed_at)
    sums.stalest = max(sums.stalest, stalest)
    sums.requests += len(asked)
    sums.again += again
    sums.needless += needless
    sums.in_flight += in_flight


def accounts(asked: Sequence[Any], killed_at: Sequence[float]) -> tuple[int, int, int, float]:
    """What the kills cost.

    Args:
        asked: Requests as ``[frame, arrived_at, answered_at]``.
        killed_at: When the job was killed, in order.

    Returns:
        Frames asked about again; those of them whose answer had arrived; requests in flight at the kills; how long
        before its kill the oldest answer that was asked for again had left the endpoint, in seconds.
    """
    again = needless = in_flight = 0
    stalest, seen = 0.0, dict[int, float]()  # the time between each frame's newest answer and the kill after it
    for frame, arrived_at, answered_at in sorted(asked, key=lambda one: float(one[1])):
        if frame in seen:
            again += 1
            needless += seen[frame] > _ON_THE_WAY
            stalest = max(stalest, seen[frame])
        end = next((at for at in killed_at if at + _UNDER_WAY >= arrived_at), math.inf)
        left = math.inf if answered_at is None else answered_at
        in_flight += left > end < math.inf
        seen[frame] = math.inf if end == math.inf else end - left
    return again, needless, in_flight, stalest


def differing(expected: Sequence[Any], found: Sequence[Any]) -> int:
    """How many frames have other poses, or are missing, or are too many."""
    wrong = sum(1 for a, b in zip(expected, found, strict=False) if a != b)
    return wrong + abs(len(expected) - len(found))


def _poses(place: Path) -> list[Any]:
    out = place / "out.jsonl"
    return [(line["frame_index"], line["poses"]) for line in lines_of(out)] if out.exists() else []


def _pictures(place: Path) -> int:
    try:
        with av.open(str(place / "out.mp4")) as video:
            return sum(1 for packet in video.demux(video=0) if packet.size)
    except (av.FFmpegError, OSError):
        return 0
