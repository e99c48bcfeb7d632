"""The picture in a window of OpenCV's, and the keys that are pressed there. For the main thread alone.

OpenCV's wheel for Linux brings Qt, which ends the whole process where it finds no X server; no ``except`` helps.
So ask `reason_no_window` first. An X server that goes away later takes the process with it.
"""

from __future__ import annotations

import logging
import os
import subprocess
import sys
import time
from contextlib import suppress
from itertools import count
from math import inf
from pathlib import Path
from typing import cast

import cv2

from kpstream.entities import Image, Scene
from kpstream.errors import SinkError, ViewerQuit
from kpstream.media.jpeg import encoded
from kpstream.render.pixels import squared
from kpstream.sinks.output import sink_error

_log = logging.getLogger("kpstream")

_QUALITY = 95
_ROOM = (1280, 720)
"""Width and height, in pixels, that any screen has room for; OpenCV does not tell the screen's own."""
_PROBE = "import cv2, os; cv2.namedWindow('probe'); os._exit(0)"
_PROBE_TIMEOUT = 10.0
_ESCAPE = "\x1b"


def reason_no_window() -> str | None:
    """Why no window can be opened here, in one line; None where one can. Blocks for up to a second, rarely ten."""
    if not cv2.currentUIFramework():
        return (
            "this OpenCV has no windows: pip uninstall opencv-python-headless, "
            "then pip install --force-reinstall opencv-python"
        )
    if not sys.platform.startswith("linux"):
        return None
    display = os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY")
    if not display:
        return "there is no screen: neither DISPLAY nor WAYLAND_DISPLAY is set"
    _choose_platform()
    try:
        probe = subprocess.run([sys.executable, "-c", _PROBE], capture_output=True, timeout=_PROBE_TIMEOUT, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return f"the screen {display} does not answer: is its X server running?"
    if probe.returncode == 0:
        return None
    has_x11 = bool(os.environ.get("DISPLAY"))
    hint = "is its X server running, and may this user draw there?" if has_x11 else "it wants X11: switch XWayland on"
    return f"no window opens on the screen {display}: {hint}"


def _choose_platform() -> None:
    """Take X11 where a desktop asks Qt for what OpenCV's own Qt has not: its wheel brings no Wayland, XWayland does."""
    plugins = (Path(cv2.__file__).parent / "qt" / "plugins" / "platforms").glob("libq*.so")
    there = {path.stem.removeprefix("libq") for path in plugins}
    wanted = {each.partition(":")[0] for each in os.environ.get("QT_QPA_PLATFORM", "").split(";")}
    if "xcb" in there and wanted != {""} and not wanted & there:
        os.environ["QT_QPA_PLATFORM"] = "xcb"  # Qt reads it when the first window opens


class Window:
    """Shows the scenes as they come, and obeys its keys.

    q or Escape ends the program, as closing the window does; space holds the picture and lets it go on, while
    everything else goes on; s saves the picture as shown; f is full screen and back.

    Every call belongs to the main thread.

    Args:
        title: What the window is called.
        snapshot_folder: Where s saves ``kpstream-YYYYmmdd-HHMMSS.jpg``.
    """

    def __init__(self, title: str = "kpstream", *, snapshot_folder: Path = Path()) -> None:
        self._title = title
        self._snapshot_folder = snapshot_folder
        self._canvas: Image | None = None
        self._held = False
        self._closed = False

    def write(self, scene: Scene, canvas: Image) -> None:
        """Show a picture, BGR ``(height, width, 3)``, and obey the keys; takes some ms. The first opens the window.

        Raises:
            SinkError: It cannot be shown, or the window was closed before.
            ViewerQuit: The person at the window asked for the end.
        """
        if self._closed:
            raise SinkError("the window is closed")
        if not self._held:
            try:
                self._show(squared(scene.frame, canvas))
            except cv2.error as error:
                raise SinkError(reason_no_window() or f"the window shows nothing: {error.err}") from None
        self.pump()

    def pump(self) -> None:
        """Obey the keys while no pictures come; to be called some ten times a second; takes 2 ms.

        Raises:
            ViewerQuit: The person at the window asked for the end.
        """
        if self._canvas is None or self._closed:
            return
        # pollKey costs what waitKey(1) does on Linux (2 ms), but does not sleep for a tick of 16 ms on Windows.
        code = cv2.pollKey() & 0xFFFF
        if not self._is_there():
            self._closed = True
            raise ViewerQuit("the window was closed")
        self._obey(chr(code).lower() if code < 128 else "", self._canvas)

    def show_instead(self, canvas: Image) -> None:
        """Show another picture until the next scene; what ``s`` saves stays the last scene's."""
        if self._canvas is not None and not self._held and not self._closed:
            cv2.imshow(self._title, _scaled(canvas, *cv2.getWindowImageRect(self._title)[2:]))

    @property
    def canvas(self) -> Image | None:
        """The last scene's picture; None before the first."""
        return self._canvas

    def close(self) -> None:
        """Take the window away. Idempotent."""
        if self._canvas is not None and not self._closed:
            with suppress(cv2.error):
                cv2.destroyWindow(self._title)
                cv2.pollKey()
        self._closed = True

    def _show(self, canvas: Image) -> None:
        if self._canvas is None:
            # Without Qt's own tool bar, which would complain on stderr of fonts that OpenCV's wheel does not bring.
            cv2.namedWindow(self._title, cv2.WINDOW_NORMAL | cv2.WINDOW_KEEPRATIO | cv2.WINDOW_GUI_NORMAL)
        if self._canvas is None or self._canvas.shape != canvas.shape:
            cv2.resizeWindow(self._title, *_fitting(canvas, *_ROOM, largest=1.0))
        self._canvas = canvas
        # What is left to them, Qt and Windows scale by leaving out pixels, which breaks lines and letters.
        if cv2.currentUIFramework() != "COCOA":
            canvas = _scaled(canvas, *cv2.getWindowImageRect(self._title)[2:])
        cv2.imshow(self._title, canvas)

    def _is_there(self) -> bool:
        try:
            return cv2.getWindowProperty(self._title, cv2.WND_PROP_VISIBLE) >= 0
        except cv2.error:  # what Qt says of a window that its user closed
            return False

    def _obey(self, key: str, canvas: Image) -> None:
        if key in ("q", _ESCAPE):
            raise ViewerQuit("q was pressed in the window")
        if key == " ":
            self._held = not self._held
            cv2.setWindowTitle(self._title, f"{self._title} (paused)" if self._held else self._title)
        elif key == "s":
            _save(canvas, self._snapshot_folder)
        elif key == "f":
            full = cv2.getWindowProperty(self._title, cv2.WND_PROP_FULLSCREEN) == cv2.WINDOW_FULLSCREEN
            wanted = cv2.WINDOW_NORMAL if full else cv2.WINDOW_FULLSCREEN
            cv2.setWindowProperty(self._title, cv2.WND_PROP_FULLSCREEN, wanted)


def _fitting(canvas: Image, width: int, height: int, *, largest: float) -> tuple[int, int]:
    """The largest width and height of the picture's shape that have room, at most ``largest`` times its own."""
    own_height, own_width = canvas.shape[:2]
    scale = min(largest, width / own_width, height / own_height)
    return max(1, round(own_width * scale)), max(1, round(own_height * scale))


def _scaled(canvas: Image, width: int, height: int) -> Image:
    """The picture as large as ``width`` and ``height`` have room for; as it is where the window has no size yet."""
    if width < 1 or height < 1:
        return canvas
    size = _fitting(canvas, width, height, largest=inf)
    # Halving averages four pixels and is cheap; linear interpolation looks at no more than that. Together 5 ms from
    # 3840x2160 to 1280x720, where INTER_AREA takes 11.
    while canvas.shape[1] >= 2 * size[0]:
        half = (canvas.shape[1] // 2, max(1, canvas.shape[0] // 2))
        canvas = cast(Image, cv2.resize(canvas, half, interpolation=cv2.INTER_AREA))
    return cast(Image, cv2.resize(canvas, size, interpolation=cv2.INTER_LINEAR))


def _save(canvas: Image, folder: Path) -> None:
    data = encoded(canvas, _QUALITY)
    stem = time.strftime("kpstream-%Y%m%d-%H%M%S")
    for number in count(1):
        path = folder / (f"{stem}.jpg" if number == 1 else f"{stem}-{number}.jpg")
        try:
            with path.open("xb") as file:
                file.write(data)
        except FileExistsError:
            continue
        except OSError as error:
            _log.warning("no snapshot: %s", sink_error(path, error))
        else:
            _log.info("snapshot saved: %s", path)
        return
