"""What all proofs of the archive need: an endpoint, clips, the command, and what its processes take and leave."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import av

ROOT = Path(__file__).parents[2]
CLIP, POSES = ROOT / "samples" / "walkers.mp4", ROOT / "samples" / "walkers.poses.json"
_AGENTS_END_WITHIN = 90.0
"""Seconds: Ray's agents try for a minute to tell a head that was killed, too, of their server's death."""
_TICKS = os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True, slots=True)
class Replay:
    """An endpoint that runs in a process of its own and counts what it is asked."""

    url: str
    process: int

    def get(self, path: str) -> Any:
        """The JSON that it answers."""
        with urllib.request.urlopen(f"{self.url}/{path}", timeout=30) as answer:
            return json.load(answer)

    @property
    def asked(self) -> int:
        """Requests that reached it."""
        return int(self.get("_stats")["requests"])

    @property
    def arrivals(self) -> list[float]:
        """When each request reached it, in order, in seconds of the machine's monotonic clock."""
        return sorted(entry[1] for entry in self.get("_stats")["asked"])


@contextmanager
def replaying(latency: float, faults: str = "", clip: Path = CLIP, poses: Path = POSES) -> Iterator[Replay]:
    """The endpoint for as long as the block runs."""
    script = str(ROOT / "scripts" / "endpoint.py")
    command = [sys.executable, script, str(clip), str(poses), "--latency", str(latency), "--fault", faults]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as server:
        assert server.stdout is not None
        try:
            yield Replay(server.stdout.readline().split()[1], server.pid)
        finally:
            server.terminate()


def words(endpoint: Replay, inputs: Path, into: Path, *more: object) -> list[str]:
    """The command line of an archive."""
    at = ["--endpoint", endpoint.url, "--api-url", endpoint.url, "--model", "a/1"]
    return [sys.executable, "-m", "kpstream", "archive", str(inputs), "--into", str(into), *at, *map(str, more)]


def start(command: list[str], log: Path, folder: Path | None = None) -> subprocess.Popen[bytes]:
    """Start it in a folder, and in a group of its own; what it says is added to the log."""
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "TMPDIR": str(log.parent)}
    with log.open("ab") as errors:
        return subprocess.Popen(command, env=environment, stderr=errors, cwd=folder, start_new_session=True)


def last_line(log: Path) -> str:
    """What was said last."""
    return (log.read_text(errors="replace").strip().splitlines() or [""])[-1]


def cut(path: Path, seconds: float, *, title: str = "", container: str | None = None) -> Path:
    """Write the first seconds of the sample into a file; nothing is encoded. A title makes its content its own."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with av.open(str(CLIP)) as source, av.open(str(path), "w", format=container) as copy:
        video = source.streams.video[0]
        stream = copy.add_stream_from_template(video)
        copy.metadata["title"] = title
        for packet in source.demux(video):
            if packet.dts is not None and packet.time_base and packet.dts * packet.time_base < seconds:
                packet.stream = stream
                copy.mux(packet)
    return path


def poses(folder: Path) -> dict[str, list[Any]]:
    """What was written of each frame of each file, without the clock."""
    return {
        str(path.relative_to(folder)): [
            {name: value for name, value in json.loads(line).items() if not name.endswith("_at")}
            for line in path.read_text().splitlines()
        ]
        for path in folder.rglob("*.jsonl")
    }


def below(process: int) -> dict[int, str]:
    """The processes that descend from one, and what they are called."""
    parents: dict[int, int] = {}
    names: dict[int, str] = {}
    for folder in Path("/proc").iterdir():
        if not folder.name.isdigit():
            continue
        try:
            parent = int((folder / "stat").read_text().rpartition(")")[2].split()[1])
            names[int(folder.name)] = (folder / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
        except (OSError, ValueError):
            continue  # it has ended meanwhile
        parents[int(folder.name)] = parent
    found = {process}
    while more := {child for child, parent in parents.items() if parent in found} - found:
        found |= more
    return {each: names[each] for each in found - {process}}


def memory(process: int) -> int:
    """Bytes that a process takes, with its share of what it shares; 0 where it has ended."""
    try:
        lines = (Path("/proc") / str(process) / "smaps_rollup").read_text().splitlines()
    except OSError:
        return 0
    return next((int(line.split()[1]) * 1024 for line in lines if line.startswith("Pss:")), 0)


def cpu_seconds(process: int) -> float:
    """What a process has worked so far; 0 where it has ended."""
    try:
        fields = (Path("/proc") / str(process) / "stat").read_text().rpartition(")")[2].split()
    except OSError:
        return 0.0
    return (int(fields[11]) + int(fields[12])) / _TICKS


def left_behind(folder: Path, seen: set[int]) -> list[str]:
    """What an archive left: processes that still run of those that were seen, files for a while, shared memory."""
    until = time.monotonic() + _AGENTS_END_WITHIN
    while (alive := [each for each in seen if _runs(each)]) and time.monotonic() < until:
        time.sleep(0.2)
    mine = ("clips", "log.txt", "undisturbed", "out")
    files = [each for each in folder.iterdir() if not each.name.startswith(mine)]
    return [*(f"process {each}" for each in alive), *map(str, [*files, *Path("/dev/shm").glob("plasma*")])]


def _runs(process: int) -> bool:
    try:
        return (Path("/proc") / str(process) / "stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False
