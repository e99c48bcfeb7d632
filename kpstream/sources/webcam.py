"""Cameras at this machine, through OpenCV."""

from __future__ import annotations

import contextlib
import os
import re
import sys
import time
from collections.abc import Iterator
from functools import partial
from math import nan
from pathlib import Path

# On Windows, opening takes 4 to 20 s unless this is set before the first camera is opened.
os.environ.setdefault("OPENCV_VIDEOIO_MSMF_ENABLE_HW_TRANSFORMS", "0")

import cv2
import numpy as np

from kpstream.entities import Frame, Image
from kpstream.errors import SourceOpenError, SourceReadError
from kpstream.interfaces import Opener
from kpstream.media.decimation import Decimation
from kpstream.paths import is_there
from kpstream.sources.live_clock import LiveClock

_LINUX = sys.platform == "linux"
_LARGEST_RAW = 640 * 480
"""Pixels up to which USB carries uncompressed pictures at full rate."""
_MAX_STAMP_AGE = 5.0
"""Seconds between a driver's time and now; some say when the picture will have been sent, which is still to come."""
_BUFFERS = 2
"""One that is read and one that is filled. With one alone a camera at full rate loses every second picture."""
_MAX_FRAME_RATE = 1000.0


class Webcam:
    """A camera at this machine. It is opened here, so that a wrong one fails at once.

    pts are the driver's times where it gives them (Linux), else the times of arrival.

    Args:
        device: Its number, or a path such as ``/dev/video0``.
        size: (width, height) to ask for; the camera gives the nearest that it has.
        frame_rate: Frames per second to ask for.
        timeout: Seconds without a picture after which reading fails. On Linux OpenCV takes it from the first camera
            of the process, in whole seconds.

    Raises:
        SourceOpenError: There is no such camera, it is in use, or may not be used.
    """

    is_live = True

    def __init__(
        self,
        device: int | str,
        *,
        size: tuple[int, int] | None = None,
        frame_rate: float | None = None,
        timeout: float = 3.0,
    ) -> None:
        self.name = str(device)
        """The number or path as given."""
        self.frame_rate = nan
        """What the camera says it gives, in frames per second; NaN where it says nothing."""
        self.stall_timeout = timeout
        """Seconds without a picture after which it is taken for lost."""
        self._times = LiveClock()
        self._decimation = Decimation()
        self._index = 0
        self._first_at = nan
        self._capture: cv2.VideoCapture | None = _opened(device, size, frame_rate, timeout)
        rate = self._capture.get(cv2.CAP_PROP_FPS)
        self.frame_rate = rate if 0 < rate < _MAX_FRAME_RATE else nan
        again = partial(Webcam, size=size, frame_rate=frame_rate, timeout=timeout)
        model = cameras().get(number_of(device), "")
        self.opener = Opener(self.name, lambda: again(_found_again(device, model)))
        """Opens the same camera anew, also where it came back under another number."""

    def read(self) -> Frame | None:
        """Block for the next picture. None only after `close`.

        Raises:
            SourceReadError: No picture came.
        """
        if self._capture is None:
            return None
        while (came := self._capture.grab()) and not self._decimation.wants(captured_at := time.monotonic()):
            self._index += 1
        came, image = self._capture.retrieve() if came else (False, None)
        if not came:
            raise SourceReadError(f"camera {self.name} gives no picture; was it unplugged?")
        picture: Image = image  # type: ignore[assignment]
        if np.isnan(self._first_at):
            self._first_at = captured_at
        pts = self._times.pts(self._stamp(self._capture, captured_at), captured_at - self._first_at)
        frame = Frame(self._index, pts, captured_at, picture)
        self._index += 1
        return frame

    def decimate(self, max_fps: float) -> bool:
        """Decode at most so many pictures a second from now on."""
        self._decimation.max_fps = max_fps
        return True

    def close(self) -> None:
        """Release the camera. Idempotent; for the thread that reads."""
        if self._capture is not None:
            with _silent_opencv():
                self._capture.release()
        self._capture = None

    @staticmethod
    def _stamp(capture: cv2.VideoCapture, now: float) -> float | None:
        """When the driver saw the picture; None where it does not use our clock."""
        stamp = capture.get(cv2.CAP_PROP_POS_MSEC) / 1000
        return stamp if stamp > 0 and abs(now - stamp) < _MAX_STAMP_AGE else None

    def __repr__(self) -> str:
        return f"<Webcam {self.name}: {'closed' if self._capture is None else 'open'}, {self._index} frames read>"


def _opened(
    device: int | str, size: tuple[int, int] | None, frame_rate: float | None, timeout: float
) -> cv2.VideoCapture:
    """An open camera that was asked for a size and a rate."""
    # OpenCV waits for ten seconds by default.
    os.environ.setdefault("OPENCV_VIDEOIO_V4L_SELECT_TIMEOUT", str(max(1, round(timeout))))
    with _silent_opencv():
        capture = cv2.VideoCapture(device, cv2.CAP_V4L2 if _LINUX else cv2.CAP_ANY)
        if not capture.isOpened():
            raise SourceOpenError(f"cannot open camera {device}: {_why_not(device)}")
        if size is not None:
            width, height = size
            if width * height > _LARGEST_RAW:
                capture.set(cv2.CAP_PROP_FOURCC, cv2.VideoWriter.fourcc(*"MJPG"))
            capture.set(cv2.CAP_PROP_FRAME_WIDTH, width)
            capture.set(cv2.CAP_PROP_FRAME_HEIGHT, height)
        if frame_rate is not None:
            capture.set(cv2.CAP_PROP_FPS, frame_rate)
        capture.set(cv2.CAP_PROP_BUFFERSIZE, _BUFFERS)
    return capture


def _found_again(device: int | str, model: str) -> int | str:
    """Where a camera is now: a Linux machine gives it another number if the old one was still in use."""
    there = cameras()
    alike = [number for number, other in there.items() if other == model]
    return alike[0] if number_of(device) not in there and len(alike) == 1 else device


def _why_not(device: int | str) -> str:
    """Why a camera cannot be opened, and what to do."""
    if not _LINUX:
        return "there is none, another program uses it, or the system's privacy settings forbid it"
    path = Path(f"/dev/video{device}" if isinstance(device, int) else device)
    if not is_there(path):
        there = ", ".join(f"{number} ({model})" for number, model in cameras().items()) or "none"
        return f"there is no such camera (found: {there})"
    if not os.access(path, os.R_OK | os.W_OK, effective_ids=True):
        return f"no permission for {path}; join the group that owns it: sudo usermod -aG video $USER"
    return f"another program uses it, or it gives no pictures; fuser -v {path} tells who"


def cameras() -> dict[int, str]:
    """The model of each camera of a Linux machine by its number; empty elsewhere."""
    found = {}
    for entry in Path("/sys/class/video4linux").glob("video*"):
        with contextlib.suppress(OSError):
            if (entry / "index").read_text().strip() == "0":  # the others carry metadata
                found[number_of(entry.name)] = (entry / "name").read_text().strip()
    return dict(sorted(found.items()))


def number_of(device: int | str) -> int:
    """The number in the name of a device, its links followed; -1 where there is none."""
    digits = re.search(r"\d+$", os.path.realpath(device) if isinstance(device, str) else str(device))
    return int(digits[0]) if digits else -1


@contextlib.contextmanager
def _silent_opencv() -> Iterator[None]:
    """OpenCV prints what it cannot open; the error that is raised says it better."""
    level = cv2.utils.logging.getLogLevel()
    cv2.utils.logging.setLogLevel(cv2.utils.logging.LOG_LEVEL_SILENT)
    try:
        yield
    finally:
        cv2.utils.logging.setLogLevel(level)
