"""The whole program over several real cameras: ``kpstream run``, with cameras that die and settings that change."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from itertools import pairwise
from pathlib import Path

import av
import pytest

from kpstream.testing import Reply, ScriptedServer
from tests.rig.parts.processes import RtspCamera

pytestmark = [pytest.mark.rig, pytest.mark.quiet]

PASSWORD = "marked-password"
KEY = "marked-api-key"
CAMERA = ("--size", "1280x720", "--fps", "10", "--user", "viewer", "--password", PASSWORD)
MEASURED = 10.0
"""Seconds over which frames are counted."""


class Run:
    """A ``kpstream run`` in a process of its own.

    Args:
        folder: Where its file and its recordings are.
        endpoint: The endpoint's address.
    """

    def __init__(self, folder: Path, endpoint: str) -> None:
        self._file, self._folder = folder / "site.toml", folder / "recordings"
        self._log = folder / "stderr.txt"
        self._head = (
            f'[endpoint]\nmodel = "my-pose/3"\nendpoint = "{endpoint}"\napi_url = "{endpoint}"\n'
            "[limits]\nrate = 10\n"
            f'[record]\nfolder = "{self._folder}"\n'
        )
        self._process: subprocess.Popen[str] | None = None

    def write(self, cameras: dict[str, str], more: str = "") -> None:
        """Say which cameras there are, by name and address."""
        sections = [f'[[camera]]\nname = "{name}"\nsource = "{url}"\n' for name, url in cameras.items()]
        self._file.write_text(self._head + "".join(sections) + more)

    def start(self) -> None:
        """Begin."""
        environment = {**os.environ, "ROBOFLOW_API_KEY": KEY, "RIGHT": PASSWORD, "WRONG": "marked-wrong-password"}
        command = [sys.executable, "-m", "kpstream", "run", str(self._file)]
        with self._log.open("w") as log:
            self._process = subprocess.Popen(command, stderr=log, text=True, env=environment)

    def said(self) -> list[str]:
        """The lines on stderr so far."""
        return self._log.read_text().splitlines()

    def files(self, name: str) -> list[Path]:
        """What was recorded of a camera."""
        return sorted(self._folder.glob(f"{name}_*.mp4"))

    def wait_for(self, condition: Callable[[], bool]) -> None:
        """Block until it is so."""
        assert self._process is not None
        give_up_at = time.monotonic() + 40
        while not condition():
            assert self._process.poll() is None, self.said()
            assert time.monotonic() < give_up_at, self.said()
            time.sleep(0.05)

    def signal(self, number: int) -> None:
        """Send a signal."""
        assert self._process is not None
        self._process.send_signal(number)

    def end(self) -> tuple[int, float]:
        """Send SIGTERM; gives the exit code, and the seconds that it took."""
        asked_at = time.monotonic()
        self.signal(signal.SIGTERM)
        assert self._process is not None
        return self._process.wait(30), time.monotonic() - asked_at

    def kill(self) -> None:
        """Leave nothing running."""
        if self._process is not None and self._process.poll() is None:
            self._process.kill()
            self._process.wait()


@pytest.fixture
def run(tmp_path: Path) -> Iterator[Run]:
    with ScriptedServer() as endpoint:
        run = Run(tmp_path, endpoint.url)
        yield run
        run.kill()


@pytest.fixture
def cameras() -> Iterator[list[RtspCamera]]:
    with ExitStack() as stack:
        yield [stack.enter_context(RtspCamera(*CAMERA)) for _ in range(4)]


def address(camera: RtspCamera, variable: str = "RIGHT") -> str:
    return camera.url.replace("://", f"://viewer:${{{variable}}}@")


def times_in(files: list[Path]) -> list[float]:
    with av.open(str(files[0])) as container:
        return [float(frame.time or 0) for frame in container.decode(video=0)]


def test_a_dead_camera_and_a_wrong_password_take_no_picture_from_the_others(
    run: Run, cameras: list[RtspCamera]
) -> None:
    names = ["door", "gate", "yard", "roof"]
    urls = {name: address(camera) for name, camera in zip(names, cameras, strict=True)}
    urls["roof"] = address(cameras[3], "WRONG")
    run.write(urls)
    run.start()
    run.wait_for(lambda: all(f"kpstream: {name}: pictures come" in run.said() for name in names[:3]))
    cameras[2].kill()
    time.sleep(MEASURED)
    code, took = run.end()
    said = "\n".join(run.said())
    assert code == 0, said
    assert took < 10, took
    rates = {}
    for name in ("door", "gate"):
        times = times_in(run.files(name))
        end = times[-1]
        late = [t for t in times if t > end - MEASURED]
        rates[name] = (len(late) - 1) / (late[-1] - late[0])
        assert max(b - a for a, b in pairwise(late)) < 2.0
    print(f"{rates} frames/s, ended in {took:.2f} s\n{said}")
    assert min(rates.values()) >= 9
    assert sum("roof: " in line and "user name or password refused" in line for line in run.said()) == 1
    assert sum("yard: camera silent" in line or "yard: cannot open" in line for line in run.said()) <= 2
    assert not run.files("roof")
    assert "Traceback" not in said
    assert not any(secret in said for secret in (PASSWORD, KEY, "marked-wrong-password"))


def test_a_hang_up_changes_what_changed_and_nothing_else(run: Run, cameras: list[RtspCamera]) -> None:
    door, gate, yard, _ = map(address, cameras)
    run.write({"door": door, "gate": gate})
    run.start()
    run.wait_for(lambda: all(f"kpstream: {name}: pictures come" in run.said() for name in ("door", "gate")))
    run.write({"door": door, "gate": gate}, "[limit]\nrate = 3\n")
    run.signal(signal.SIGHUP)
    run.wait_for(lambda: any("all goes on as it was before" in line for line in run.said()))
    assert any("limit: there is no such key; did you mean limits?" in line for line in run.said())
    run.write({"door": door, "yard": yard})
    run.signal(signal.SIGHUP)
    run.wait_for(lambda: "kpstream: yard: pictures come" in run.said())
    code, took = run.end()
    assert code == 0
    assert took < 5
    assert len(run.files("door")) == len(run.files("gate")) == len(run.files("yard")) == 1
    times = times_in(run.files("door"))
    assert max(b - a for a, b in pairwise(times)) < 1.0
    assert times_in(run.files("gate"))
    assert times_in(run.files("yard"))


def test_it_ends_in_time_whatever_hangs(tmp_path: Path, cameras: list[RtspCamera]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent, ScriptedServer(*[Reply(fault="hang")] * 100) as endpoint:
        run = Run(tmp_path, endpoint.url)
        run.write({"door": address(cameras[0]), "hole": f"rtsp://127.0.0.1:{silent.getsockname()[1]}/cam"})
        run.start()
        run.wait_for(lambda: "kpstream: door: pictures come" in run.said() and bool(endpoint.requests))
        code, took = run.end()
        assert code == 0, run.said()
        assert took < 10, took
        assert times_in(run.files("door"))
