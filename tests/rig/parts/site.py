"""``kpstream run`` in a process of its own, and the processes of its cameras."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, suppress
from itertools import pairwise
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import av
import requests

from tests.rig.parts.programs import KEY, ROOT

_WITHIN = 90.0
"""Seconds after which something that is waited for does not happen."""


class Site:
    """A site with its file, its recordings and its page; a context manager that kills it at the end.

    Args:
        folder: Where its file and its recordings are.
        endpoint: The endpoint's address.
        environment: More variables.
    """

    def __init__(self, folder: Path, endpoint: str, environment: Mapping[str, str] | None = None) -> None:
        self.recordings = folder / "recordings"
        self._file, self._log = folder / "site.toml", folder / "stderr.txt"
        self._head = (
            f'[endpoint]\nmodel = "my-pose/3"\nendpoint = "{endpoint}"\napi_url = "{endpoint}"\n'
            f'[limits]\nrate = 10\n[web]\nlisten = "127.0.0.1:0"\n[record]\nfolder = "{self.recordings}"\n'
        )
        self._environment = {**os.environ, "PYTHONPATH": str(ROOT), "ROBOFLOW_API_KEY": KEY, **(environment or {})}
        self.process: subprocess.Popen[bytes]  # once it is started
        self._started = ExitStack()

    def write(self, cameras: Mapping[str, str], more: str = "") -> None:
        """Say which cameras there are, by name and address, and with more text what else there is."""
        sections = [f'[[camera]]\nname = "{name}"\nsource = "{source}"\n' for name, source in cameras.items()]
        self.write_text(self._head + "".join(sections) + more)

    def write_text(self, text: str) -> None:
        """Replace its file, at once."""
        new = self._file.with_suffix(".new")
        new.write_text(text)
        new.replace(self._file)

    def start(self) -> None:
        """Begin."""
        command = [sys.executable, "-m", "kpstream", "run", str(self._file)]
        with self._log.open("wb") as log:
            self.process = subprocess.Popen(command, stderr=log, env=self._environment)
        self._started.callback(self._kill)

    def said(self) -> list[str]:
        """The lines on stderr so far."""
        return self._log.read_text().splitlines()

    def wait_for(self, condition: Callable[[], bool]) -> None:
        """Block until it is so."""
        give_up_at = time.monotonic() + _WITHIN
        while not condition():
            assert time.monotonic() < give_up_at, self.said()
            time.sleep(0.05)

    def wait_for_line(self, *lines: str) -> None:
        """Block until all of these lines are on stderr, while it runs."""

        def is_said() -> bool:
            assert self.process.poll() is None, self.said()
            return set(lines) <= set(self.said())

        self.wait_for(is_said)

    def wait_for_pictures(self, names: Iterable[str]) -> None:
        """Block until each of these cameras shows some."""
        self.wait_for_line(*(f"kpstream: {name}: pictures come" for name in names))

    def cameras(self) -> dict[str, int]:
        """The processes of the cameras, by name."""
        mine = [(pid, words) for pid, words in processes() if parent_of(pid) == self.process.pid]
        return {words[-1]: pid for pid, words in mine if "kpstream.camera.child" in words}

    def files(self, name: str) -> list[Path]:
        """The recordings of a camera."""
        return sorted(self.recordings.glob(f"{name}_*.mp4"))

    def page(self) -> str:
        """The address of its page."""
        (line,) = [line for line in self.said() if "the page is at" in line]
        return line.split()[-1]

    def figures(self, timeout: float = 20.0) -> dict[str, dict[str, Any]]:
        """What its page says of how each camera is doing, by name."""
        cameras = requests.get(f"{self.page()}/api/cameras", timeout=timeout).json()["cameras"]
        return {camera["name"]: camera for camera in cameras}

    def shown(self, name: str) -> int:
        """How many pictures a camera has shown since it began."""
        return int(self.figures()[name]["stats"]["rendered"])

    def snapshot(self, name: str) -> bytes:
        """What a camera shows, where it shows something by now."""
        return requests.get(f"{self.page()}/cameras/{name}/snapshot.jpg", timeout=20).content

    def end(self) -> tuple[int, float]:
        """Send SIGTERM; gives the exit code, and the seconds that it took."""
        asked_at = time.monotonic()
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(60), time.monotonic() - asked_at

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._started.close()

    def _kill(self) -> None:
        self.process.kill()
        self.process.wait()


def processes() -> Iterator[tuple[int, list[str]]]:
    """All processes and their words."""
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        with suppress(OSError):
            yield int(path.parent.name), path.read_text(errors="replace").split("\0")[:-1]  # others write as they like


def parent_of(pid: int) -> int:
    """The parent of a process; 0 of one that has gone."""
    fields = _state(pid)
    return int(fields[1]) if fields else 0


def is_there(pid: int) -> bool:
    """Whether a process runs; one that has ended and was not taken notice of does not."""
    fields = _state(pid)
    return bool(fields) and fields[0] != "Z"


def _state(pid: int) -> list[str]:
    try:
        return Path(f"/proc/{pid}/stat").read_text(errors="replace").rpartition(")")[2].split()
    except OSError:
        return []


def times_in(file: Path) -> list[float]:
    """The times of a recording's pictures, in seconds."""
    with av.open(str(file)) as container:
        return [float(frame.time or 0) for frame in container.decode(video=0)]


def longest_gap(times: Sequence[float]) -> float:
    """The longest time between two pictures, in seconds."""
    return max(after - before for before, after in pairwise(times))
