"""The window on a virtual screen: looked at, and its keys pressed, as a user does."""

from __future__ import annotations

import os
import re
import select
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

import cv2
import numpy as np
import pytest

from kpstream.entities import Image
from kpstream.sinks.window import reason_no_window

pytestmark = pytest.mark.rig

SCREEN = (1280, 800)
VIEWER = Path(__file__).parent / "parts" / "viewer.py"
NAME = "^kpstream$"


@contextmanager
def running(*command: str, **env: str) -> Iterator[IO[str]]:
    """A program, and what it prints; ended in the end."""
    process = subprocess.Popen(
        command, env={**os.environ, **env}, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    )
    try:
        assert process.stdout is not None
        yield process.stdout
    finally:
        process.kill()
        process.communicate()


@contextmanager
def virtual_screen() -> Iterator[str]:
    """An X server; gives its DISPLAY."""
    size = f"{SCREEN[0]}x{SCREEN[1]}x24"
    with running("Xvfb", "-displayfd", "1", "-screen", "0", size, "-nolisten", "tcp") as told:
        yield f":{int(told.readline())}"


@pytest.fixture
def screen() -> Iterator[str]:
    """A virtual screen with a window manager; gives its DISPLAY."""
    with virtual_screen() as display, running("openbox", "--startup", "echo ready", DISPLAY=display) as told:
        assert "ready\n" in told
        yield display


class Viewer:
    """A running viewer.py, and the hands and eyes of the person before it."""

    def __init__(self, display: str, folder: Path, *arguments: str) -> None:
        self._env = {**os.environ, "DISPLAY": display}
        self._unread = b""
        self.process = subprocess.Popen(
            [sys.executable, str(VIEWER), *arguments],
            env=self._env,
            cwd=folder,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def run(self, *command: str) -> str:
        return subprocess.run(command, env=self._env, capture_output=True, text=True, check=True).stdout

    def find(self, name: str = NAME) -> str:
        """Wait for a window of that name; its id."""
        return self.run("xdotool", "search", "--sync", "--onlyvisible", "--name", name).split()[0]

    def press(self, key: str) -> None:
        self.run("xdotool", "key", "--window", self.find("^kpstream"), key)

    def line(self) -> str:
        """Wait for the next line that tells something."""
        while (line := self._next()) == "turn":
            pass
        return line

    def turns(self, number: int = 3) -> None:
        """Wait until it has gone on for a while from now on."""
        assert self.process.stdout is not None
        while select.select([self.process.stdout], [], [], 0)[0] and self._read():
            pass
        self._unread = self._unread.replace(b"turn\n", b"")
        for _ in range(number):
            assert self._next() == "turn"

    def _next(self) -> str:
        while b"\n" not in self._unread:
            assert self._read(), "it has ended"
        line, _, self._unread = self._unread.partition(b"\n")
        return line.decode()

    def _read(self) -> bytes:
        assert self.process.stdout is not None
        data = os.read(self.process.stdout.fileno(), 4096)
        self._unread += data
        return data

    def size(self) -> tuple[int, int]:
        told = self.run("xdotool", "getwindowgeometry", "--shell", self.find("^kpstream"))
        found = dict(re.findall(r"(\w+)=(\d+)", told))
        return int(found["WIDTH"]), int(found["HEIGHT"])

    def grab(self) -> Image:
        """What the window shows on the screen."""
        command = ["import", "-window", self.find("^kpstream"), "png:-"]
        png = subprocess.run(command, env=self._env, capture_output=True, check=True).stdout
        image = cv2.imdecode(np.frombuffer(png, np.uint8), cv2.IMREAD_COLOR)
        assert image is not None
        return image.astype(np.uint8)

    def end(self) -> str:
        """Let it go; what it wrote to stderr."""
        return self.process.communicate(timeout=60)[1]


@pytest.fixture
def viewer(screen: str, tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Viewer]:
    arguments = getattr(request, "param", ("640", "360"))
    viewer = Viewer(screen, tmp_path, *arguments)
    try:
        viewer.find()
        viewer.turns()
        yield viewer
    finally:
        viewer.process.kill()
        viewer.process.communicate()


def test_on_a_screen_a_window_can_be_opened(screen: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DISPLAY", screen)
    assert reason_no_window() is None


@pytest.mark.parametrize("wanted", ["wayland", "wayland-egl", "wayland;wayland-egl", "wayland;xcb"])
def test_a_desktop_that_asks_qt_for_wayland_gets_its_window_all_the_same(
    wanted: str, screen: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DISPLAY", screen)
    monkeypatch.setenv("QT_QPA_PLATFORM", wanted)
    assert reason_no_window() is None


def test_a_dead_screen_is_told_and_ends_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    with virtual_screen() as display:
        monkeypatch.setenv("DISPLAY", display)
        assert reason_no_window() is None
    assert f"screen {display}" in (reason_no_window() or "")


@pytest.mark.parametrize("viewer", [("640", "360", "--silent")], indirect=True)
def test_it_shows_another_picture_while_its_camera_is_silent(viewer: Viewer) -> None:
    assert viewer.grab()[180, 100].tolist() == [0, 0, 255]


def test_it_shows_the_picture(viewer: Viewer) -> None:
    shown = viewer.grab()
    assert shown.shape == (360, 640, 3)
    assert shown[180, 100].tolist() == [0, 200, 0]
    assert shown[180, 500].tolist()[1:] == [0, 0]


@pytest.mark.parametrize("key", ["q", "Q", "Escape"])
def test_a_key_ends_it(viewer: Viewer, key: str) -> None:
    viewer.press(key)
    assert viewer.line().startswith("QUIT")
    assert viewer.line() == "CLOSED"


def test_other_keys_end_nothing(viewer: Viewer) -> None:
    for key in ("x", "F5", "Print", "Return", "Left", "eacute"):
        viewer.press(key)
        viewer.turns(1)


@pytest.mark.parametrize("viewer", [("640", "360"), ("640", "360", "--one-picture")], indirect=True)
def test_closing_the_window_ends_it(viewer: Viewer) -> None:
    viewer.run("wmctrl", "-c", "kpstream")
    assert viewer.line() == "QUIT the window was closed"
    assert viewer.line() == "CLOSED"
    assert viewer.end() == ""


@pytest.mark.parametrize("viewer", [("640", "360", "--one-picture")], indirect=True)
def test_keys_work_while_no_pictures_come(viewer: Viewer) -> None:
    viewer.press("q")
    assert viewer.line().startswith("QUIT")


def test_once_closed_the_window_is_gone(viewer: Viewer) -> None:
    viewer.press("q")
    assert viewer.line().startswith("QUIT")
    assert viewer.line() == "CLOSED"
    with pytest.raises(subprocess.CalledProcessError):
        viewer.run("xdotool", "search", "--onlyvisible", "--name", "^kpstream")


def test_space_holds_the_picture_and_lets_it_go_on(viewer: Viewer) -> None:
    viewer.press("space")
    viewer.find("paused")
    viewer.turns()
    held = viewer.grab()
    viewer.turns()
    assert (viewer.grab() == held).all()
    viewer.press("space")
    viewer.find()
    viewer.turns()
    assert (viewer.grab() != held).any()


def test_s_saves_the_picture_as_shown(viewer: Viewer, tmp_path: Path) -> None:
    names = []
    for _ in range(3):
        viewer.press("s")
        told = re.fullmatch(r"INFO snapshot saved: (kpstream-\d{8}-\d{6}(-\d)?\.jpg)", viewer.line())
        assert told
        names.append(told[1])
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted(names)
    saved = cv2.imread(str(tmp_path / names[0]))
    assert saved is not None
    assert saved.shape == (360, 640, 3)
    assert np.abs(saved[180, 100].astype(int) - [0, 200, 0]).max() < 4


def test_a_snapshot_that_cannot_be_written_is_told_and_ends_nothing(viewer: Viewer, tmp_path: Path) -> None:
    tmp_path.rename(tmp_path.with_name("moved"))
    tmp_path.with_name("moved").rmdir()
    viewer.press("s")
    assert re.fullmatch(r"WARNING no snapshot: .*its folder does not exist.*", viewer.line())
    viewer.turns()


def test_f_is_full_screen_and_back(viewer: Viewer) -> None:
    def becomes(size: tuple[int, int]) -> bool:
        for _ in range(200):
            if viewer.size() == size:
                return True
            viewer.turns(1)
        return False

    viewer.press("f")
    assert becomes(SCREEN)
    viewer.turns()
    shown = viewer.grab()
    assert shown[400, 100].tolist() == [0, 200, 0]
    assert shown[10, 100].tolist() != [0, 200, 0], "the picture keeps its shape"
    viewer.press("f")
    assert becomes((640, 360))


@pytest.mark.parametrize("viewer", [("3840", "2160"), ("1080", "1920")], indirect=True)
def test_a_large_picture_gets_a_window_that_fits_the_screen(viewer: Viewer) -> None:
    width, height = viewer.size()
    assert width <= SCREEN[0]
    assert height <= SCREEN[1]
    shown = viewer.grab()
    assert shown[height // 2, width // 4].tolist() == [0, 200, 0]
    assert shown[height // 2, 3 * width // 4].tolist()[1:] == [0, 0]


@pytest.mark.parametrize("viewer", [("3840", "2160")], indirect=True)
def test_a_large_picture_keeps_its_shape(viewer: Viewer) -> None:
    assert viewer.size() == (1280, 720)
