"""Programs in processes of their own: ``kpstream live``, and an endpoint that fails on request."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from tests.rig.parts.processes import Server

ROOT = Path(__file__).resolve().parents[3]
CLIP = ROOT / "samples" / "walkers.mp4"
POSES = ROOT / "samples" / "walkers.poses.json"
KEY = "marked-api-key"
"""What no program may ever write."""
_PAGE = os.sysconf("SC_PAGE_SIZE")


class Endpoint(Server):
    """``scripts/endpoint.py`` with the sample's poses.

    Args:
        latency: Seconds from request to answer.
        seed: Of its faults.
    """

    def __init__(self, latency: float, *, seed: int = 0) -> None:
        options = ("--latency", str(latency), "--seed", str(seed))
        super().__init__(sys.executable, str(ROOT / "scripts" / "endpoint.py"), str(CLIP), str(POSES), *options)

    def fail(self, faults: str) -> None:
        """Fail in this way from now on (see `endpoint.Faults`); empty for not at all."""
        self._get(f"/_fault/{faults}")

    def asked(self) -> int:
        """How many requests have arrived since it was started."""
        return int(self._get("/_stats")["requests"])

    def _get(self, path: str) -> Any:
        with urllib.request.urlopen(self.url + path, timeout=30) as reply:
            return json.load(reply)


@dataclass(frozen=True, slots=True)
class Usage:
    """What a process holds."""

    megabytes: float
    """Resident memory."""
    threads: int
    descriptors: int

    @classmethod
    def of(cls, pid: int) -> Self:
        """What a process holds right now.

        Raises:
            OSError: There is none of that number.
        """
        place = Path(f"/proc/{pid}")
        pages = int((place / "statm").read_text().split()[1])
        threads = len(list((place / "task").iterdir()))
        return cls(pages * _PAGE / 1e6, threads, len(list((place / "fd").iterdir())))


class Live:
    """``kpstream live`` without a window, with JSON lines; a context manager that kills it at the end.

    Args:
        source: What it shows.
        endpoint: The endpoint's address.
        folder: Where ``out.jsonl``, ``out.mp4`` and ``stderr.txt`` go.
        options: Further options.
    """

    def __init__(self, source: str, endpoint: str, folder: Path, options: Sequence[str] = ()) -> None:
        self.jsonl, self.video, self._said = folder / "out.jsonl", folder / "out.mp4", folder / "stderr.txt"
        at = ["--model", "my-pose/3", "--endpoint", endpoint, "--api-url", endpoint]
        outputs = ["--no-window", "--jsonl", str(self.jsonl), "--record", str(self.video)]
        command = [sys.executable, "-m", "kpstream", "live", source, *outputs, *at, *options]
        environment = {**os.environ, "ROBOFLOW_API_KEY": KEY, "XDG_CACHE_HOME": str(folder), "PYTHONPATH": str(ROOT)}
        with self._said.open("w") as said:
            self.process = subprocess.Popen(command, stderr=said, stdout=subprocess.DEVNULL, env=environment)
        self._lines: list[dict[str, Any]] = []
        self._read_to = 0

    def lines(self) -> list[dict[str, Any]]:
        """The whole lines so far; ``poses`` of each is a count, so that half an hour of them fits into memory."""
        if self.jsonl.exists():
            with self.jsonl.open("rb") as file:
                file.seek(self._read_to)
                fresh = file.read()
            whole = fresh[: fresh.rfind(b"\n") + 1]
            self._read_to += len(whole)
            for text in whole.splitlines():
                line = json.loads(text)
                self._lines.append({**line, "poses": len(line["poses"])})
        return self._lines

    def wait_for(self, condition: Callable[[list[dict[str, Any]]], bool], *, within: float = 60.0) -> None:
        """Block until the lines say so.

        Raises:
            RuntimeError: They do not in that time, or it ended.
        """
        give_up_at = time.monotonic() + within
        while not condition(self.lines()):
            if self.process.poll() is not None:
                raise RuntimeError(f"kpstream ended: {self.said()}")
            if time.monotonic() > give_up_at:
                raise RuntimeError(f"it did not happen within {within:g} s: {self.said()}")
            time.sleep(0.05)

    def said(self) -> str:
        """What it wrote to stderr so far."""
        return self._said.read_text()

    def lacking(self, output: str) -> int:
        """How many frames it said that an output lacks: where the machine is too slow."""
        told = re.search(rf"{output}: (\d+) frames are missing", self.said())
        return int(told[1]) if told else 0

    def usage(self) -> Usage:
        """What its process holds right now."""
        return Usage.of(self.process.pid)

    def end(self, number: int = signal.SIGTERM) -> int:
        """Send a signal and wait for the end; the exit code."""
        self.process.send_signal(number)
        return self.process.wait(timeout=60)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.process.kill()
        self.process.wait()
