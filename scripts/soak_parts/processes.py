"""The programs of a soak, each in a process of its own: ``kpstream live``, and an endpoint that fails on request."""

from __future__ import annotations

import json
import os
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
from urllib.parse import urlsplit

ROOT = Path(__file__).resolve().parents[2]
CLIP = ROOT / "samples" / "walkers.mp4"
POSES = ROOT / "samples" / "walkers.poses.json"
KEY = "marked-api-key"
"""What no program may ever write."""
_PAGE = os.sysconf("SC_PAGE_SIZE")


class Endpoint:
    """``endpoint.py`` with the sample's poses; a context manager.

    Args:
        latency: Seconds from request to answer.
        seed: Of its faults.
    """

    def __init__(self, latency: float, *, seed: int = 0) -> None:
        self._latency = latency
        self._seed = seed
        self._port = 0
        self._process: subprocess.Popen[str] | None = None

    @property
    def url(self) -> str:
        """Its address; the same after a restart."""
        return f"http://127.0.0.1:{self._port}"

    @property
    def port(self) -> int:
        """Where it listens."""
        return self._port

    def start(self) -> None:
        """Begin to answer; blocks until it does."""
        process = self.begin()
        assert process.stdout is not None
        self._port = urlsplit(process.stdout.readline().split()[1]).port or 0

    def begin(self) -> subprocess.Popen[str]:
        """Begin, and answer as soon as the clip is read."""
        script = str(ROOT / "scripts" / "endpoint.py")
        options = ["--port", str(self._port), "--latency", str(self._latency), "--seed", str(self._seed)]
        self._process = subprocess.Popen(
            [sys.executable, script, str(CLIP), str(POSES), *options],
            stdout=subprocess.PIPE,
            text=True,
            stderr=subprocess.DEVNULL,  # of clients that hang up
            env={**os.environ, "PYTHONPATH": str(ROOT)},
        )
        return self._process

    def stop(self) -> None:
        """End it as a power cut does."""
        if self._process is not None:
            self._process.kill()
            self._process.communicate()
        self._process = None

    def fail(self, faults: str) -> None:
        """Fail in this way from now on (see `endpoint.Faults`); empty for not at all."""
        self._get(f"/_fault/{faults}")

    def asked(self) -> int:
        """How many requests have arrived since it was started."""
        return int(self._get("/_stats")["requests"])

    def _get(self, path: str) -> Any:
        with urllib.request.urlopen(self.url + path, timeout=10) as reply:
            return json.load(reply)

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()


@dataclass(frozen=True, slots=True)
class Usage:
    """What a process holds."""

    megabytes: float
    """Resident memory."""
    threads: int
    descriptors: int


class Live:
    """``kpstream live`` without a window, with JSON lines; a context manager that kills it at the end.

    Args:
        source: What it shows.
        endpoint: The endpoint's address.
        folder: Where ``out.jsonl``, ``out.mp4`` and ``stderr.txt`` go.
        options: Further options.
        record: Whether it records.
    """

    def __init__(
        self, source: str, endpoint: str, folder: Path, options: Sequence[str] = (), *, record: bool = True
    ) -> None:
        self.jsonl, self.video, self._said = folder / "out.jsonl", folder / "out.mp4", folder / "stderr.txt"
        at = ["--model", "my-pose/3", "--endpoint", endpoint, "--api-url", endpoint]
        outputs = ["--no-window", "--jsonl", str(self.jsonl), *(["--record", str(self.video)] if record else [])]
        command = [sys.executable, "-m", "kpstream", "live", source, *outputs, *at, *options]
        environment = {**os.environ, "ROBOFLOW_API_KEY": KEY, "XDG_CACHE_HOME": str(folder), "PYTHONPATH": str(ROOT)}
        with self._said.open("w") as said:
            self.process = subprocess.Popen(command, stderr=said, stdout=subprocess.DEVNULL, env=environment)
        self._lines: list[dict[str, Any]] = []
        self._read_to = 0

    def lines(self) -> list[dict[str, Any]]:
        """The whole lines so far; ``poses`` of each is a count, which is what a soak can hold in memory."""
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

    def usage(self) -> Usage:
        """What its process holds right now."""
        place = Path(f"/proc/{self.process.pid}")
        pages = int((place / "statm").read_text().split()[1])
        threads = len(list((place / "task").iterdir()))
        return Usage(pages * _PAGE / 1e6, threads, len(list((place / "fd").iterdir())))

    def end(self, number: int = signal.SIGTERM) -> int:
        """Send a signal and wait for the end; the exit code."""
        self.process.send_signal(number)
        return self.process.wait(timeout=30)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.process.kill()
        self.process.wait()
