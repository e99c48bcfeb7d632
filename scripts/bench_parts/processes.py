"""Other processes: the endpoint and the camera beside us, and the programs that are measured, each with a limit."""

from __future__ import annotations

import contextlib
import ctypes
import json
import os
import resource
import signal
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

SCRIPTS = Path(__file__).resolve().parents[1]
ROOT = SCRIPTS.parent
_BEGAN_AT = time.monotonic()
_TICKS = os.sysconf("SC_CLK_TCK")
_IMPORTS = "import kpstream.cli.annotate, kpstream.recorded.redraw, kpstream.pipeline, kpstream.endpoints.roboflow"


def say(text: str) -> None:
    """A line of progress."""
    print(f"bench: {time.monotonic() - _BEGAN_AT:5.0f} s  {text}", file=sys.stderr, flush=True)


def environment() -> dict[str, str]:
    """Our own, without the user's key, and with the bench's parts to import."""
    path = os.pathsep.join(filter(None, (str(SCRIPTS), os.environ.get("PYTHONPATH"))))
    kept = {name: value for name, value in os.environ.items() if name != "ROBOFLOW_API_KEY"}
    return {**kept, "PYTHONPATH": path, "PYTHONUNBUFFERED": "1"}


@dataclass(frozen=True)
class Ended:
    """How a program ended."""

    code: int | None
    """None: it had to be killed at its limit."""
    wall: float
    cpu: float
    """Seconds of processor time, its children's included."""
    last_words: str
    """The last line that it wrote to stderr."""

    @property
    def fault(self) -> str:
        """Why it ended badly; empty where it did not."""
        if self.code == 0:
            return ""
        return "did not end in time" if self.code is None else self.last_words or f"exit {self.code}"


def _end_with_us() -> None:
    ctypes.CDLL(None).prctl(1, signal.SIGKILL)  # PR_SET_PDEATHSIG: also where the bench itself is killed


_ENDS_WITH_US = _end_with_us if sys.platform == "linux" else None


class Part:
    """The endpoint or the camera in a process of its own, asked over HTTP; a context manager."""

    def __init__(self, module: str, *arguments: str | Path) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", module, *map(str, arguments)],
            stdout=subprocess.PIPE,
            text=True,
            env={**environment(), "OPENBLAS_NUM_THREADS": "1"},  # threads that wait for each other keep cores busy
            preexec_fn=_ENDS_WITH_US,  # noqa: PLW1509 - the bench has no threads
        )
        assert self._process.stdout is not None
        word, *rest = self._process.stdout.readline().split() or ["nothing"]
        if word != "READY":
            self.close()
            raise RuntimeError(f"{module} said {word}")
        self.url: str = rest[0]
        self.pid = self._process.pid

    def get(self, path: str) -> Any:
        """What it answers to a GET, as JSON."""
        with urllib.request.urlopen(f"{self.url}/{path}", timeout=10) as answer:
            return json.loads(answer.read() or b"null")

    def close(self) -> None:
        """End it."""
        self._process.kill()
        self._process.wait()
        assert self._process.stdout is not None
        self._process.stdout.close()

    def __enter__(self) -> Part:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


@contextlib.contextmanager
def started(
    command: Sequence[str | Path], out: IO[bytes] | int = subprocess.DEVNULL, err: IO[bytes] | int = subprocess.DEVNULL
) -> Iterator[subprocess.Popen[bytes]]:
    """A program with all its children in a group of their own, which is gone on leaving."""
    process = subprocess.Popen(
        list(map(str, command)),
        stdin=subprocess.DEVNULL,
        stdout=out,
        stderr=err,
        env=environment(),
        cwd=ROOT,
        start_new_session=True,
        preexec_fn=_ENDS_WITH_US,  # noqa: PLW1509 - the bench has no threads
    )
    try:
        yield process
    finally:
        kill(process)


def children(pid: int) -> dict[str, int]:
    """The processes that a process has started and that run, by their last word; from /proc."""
    started_by_any_thread = " ".join(path.read_text() for path in Path(f"/proc/{pid}/task").glob("*/children"))
    numbers = [int(number) for number in started_by_any_thread.split()]
    return {Path(f"/proc/{number}/cmdline").read_text().split("\0")[-2]: number for number in numbers}


def kill(process: subprocess.Popen[bytes]) -> None:
    """End a program of `started` and its children at once, as a power cut does; wait for it."""
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()


def run(command: Sequence[str | Path], limit: float, out: Path | None = None) -> Ended:
    """Run a program to its end, or for ``limit`` seconds at the most; ``out`` gets its stdout."""
    before, began_at = resource.getrusage(resource.RUSAGE_CHILDREN), time.monotonic()
    with contextlib.ExitStack() as stack:
        words = stack.enter_context(tempfile.TemporaryFile())
        to = stack.enter_context(out.open("wb")) if out else subprocess.DEVNULL
        process = stack.enter_context(started(command, to, words))
        code: int | None = None
        with contextlib.suppress(subprocess.TimeoutExpired):
            code = process.wait(limit)
        wall = time.monotonic() - began_at
        kill(process)
        words.seek(0)
        text = words.read().decode(errors="replace").strip().splitlines()
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return Ended(code, wall, cpu, text[-1].strip()[:200] if text else "")


def kpstream(url: str, *words: str | Path | float) -> list[str]:
    """A command of kpstream's against an endpoint of ours."""
    here = ("--model", "bench/1", "--endpoint", url, "--api-url", url)
    return [sys.executable, "-m", "kpstream", *map(str, words), *here]


def spent_by(pid: int) -> dict[int, float]:
    """Seconds of processor time of a process and of each below it, by process."""
    parents, spent = {}, {}
    for entry in Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(OSError):  # it has ended by now
            fields = entry.read_text().rpartition(")")[2].split()
            number = int(entry.parent.name)
            parents[number], spent[number] = int(fields[1]), (int(fields[11]) + int(fields[12])) / _TICKS
    return {number: seconds for number, seconds in spent.items() if _is_below(number, pid, parents)}


def _is_below(pid: int, root: int, parents: dict[int, int]) -> bool:
    while pid != root:
        if pid not in parents:
            return False
        pid = parents[pid]
    return True


def busy(pid: int) -> float:
    """Seconds of processor time that a process and all below it have spent."""
    return sum(spent_by(pid).values())


def starting() -> Ended:
    """What kpstream spends before its first frame, which a rate should not be charged with."""
    return run([sys.executable, "-c", _IMPORTS], 60)
