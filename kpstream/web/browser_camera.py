"""The camera of a device that looks at the page: its browser sends the pictures."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from math import inf, isnan, nan

from kpstream.entities import Frame
from kpstream.errors import SourceOpenError, SourceReadError
from kpstream.interfaces import Opener
from kpstream.media.decimation import Decimation
from kpstream.media.jpeg import decoded
from kpstream.serving.picture_size import claimed_size

MAX_BYTES = 2 * 2**20
"""Of one picture; a good 1080p JPEG has 0.5 MB."""
_MAX_PIXELS = 1920 * 1920
_NOBODY = "no device shares its camera yet: open the page and choose 'Use this camera'"


class BrowserCamera:
    """Hands the pictures of a device to whatever source is open. One device at a time; the newest picture wins.

    `attach`, `offer` and `detach` are for the page's thread, all else for the threads that read.

    Args:
        timeout: Seconds without a picture after which reading fails.
        clock: Monotonic seconds.
    """

    def __init__(self, *, timeout: float = 3.0, clock: Callable[[], float] = time.monotonic) -> None:
        self.opener = Opener("browser", self._open)
        """Opens the device's camera as a live source, as soon as a device shares it."""
        self._timeout = timeout
        self._clock = clock
        self._changed = threading.Condition()
        self._newest: tuple[bytes, float] | None = None
        self._device: object | None = None
        self._closed = False

    def take(self) -> tuple[bytes, float] | None:
        """Block for the next picture, and take it away.

        Returns:
            The JPEG and when it came; None after `close`.

        Raises:
            SourceReadError: The device was silent for ``timeout`` seconds.
        """
        with self._changed:
            self._changed.wait_for(lambda: self._closed or self._newest is not None, self._timeout)
            if self._closed:
                return None
            given, self._newest = self._newest, None
            if given is None:
                raise SourceReadError(
                    _NOBODY if self._device is None else "the device that shares its camera is silent"
                )
            return given

    def close(self) -> None:
        """Take no more pictures: the sources that are open end. Idempotent."""
        with self._changed:
            self._closed = True
            self._newest = None
            self._changed.notify_all()

    def _open(self) -> BrowserSource:
        with self._changed:
            if self._device is None:
                raise SourceOpenError(_NOBODY)
        return BrowserSource(self)

    @property
    def in_use(self) -> bool:
        """Whether a device shares its camera right now."""
        return self._device is not None

    def attach(self, device: object) -> bool:
        """Let a device send; False where another one does already, or nothing is wanted any more."""
        with self._changed:
            if self._closed or self._device is not None:
                return False
            self._device = device
            return True

    def offer(self, jpeg: bytes) -> bool:
        """Take the device's newest picture; one that was not read is forgotten.

        Returns:
            False where it is no JPEG of a sensible size, or nothing is wanted any more.
        """
        size = claimed_size(jpeg[:65536]) if jpeg.startswith(b"\xff\xd8") else None
        if len(jpeg) > MAX_BYTES or size is None or size[0] * size[1] > _MAX_PIXELS or min(size) < 2:
            return False
        with self._changed:
            if self._closed:
                return False
            now = self._clock()
            self._newest = (jpeg, now)
            self._changed.notify_all()
            return True

    def detach(self, device: object) -> None:
        """The device has gone."""
        with self._changed:
            if self._device is device:
                self._device = None

    def __repr__(self) -> str:
        state = "closed" if self._closed else "open"
        return f"<BrowserCamera {state}, {'a device' if self.in_use else 'no device'}>"


class BrowserSource:
    """The camera of a device as a live source.

    Args:
        camera: Gives the pictures.
    """

    name = "browser"
    is_live = True
    frame_rate = nan
    """Nothing is declared: browsers give what light and device allow."""
    stall_timeout = inf
    """Nobody watches it: `read` never hangs."""

    def __init__(self, camera: BrowserCamera) -> None:
        self.opener = camera.opener
        self._camera = camera
        self._decimation = Decimation()
        self._is_closed = False
        self._index = 0
        self._first_at = nan

    def read(self) -> Frame | None:
        """Block for the next picture. None only after `close`.

        Raises:
            SourceReadError: No device shares its camera, or it was silent for too long.
        """
        given = self._take()
        while given is not None and not self._decimation.wants(given[1]):
            self._index += 1
            given = self._take()
        if given is None:
            return None
        data, captured_at = given
        image = decoded(data)
        if image is None:
            raise SourceReadError("the device that shares its camera sent a broken picture")
        if isnan(self._first_at):
            self._first_at = captured_at
        frame = Frame(self._index, captured_at - self._first_at, captured_at, image)
        self._index += 1
        return frame

    def decimate(self, max_fps: float) -> bool:
        """Decode at most so many pictures a second from now on."""
        self._decimation.max_fps = max_fps
        return True

    def close(self) -> None:
        """Take no more pictures. Idempotent."""
        self._is_closed = True

    def _take(self) -> tuple[bytes, float] | None:
        return None if self._is_closed else self._camera.take()

    def __repr__(self) -> str:
        return f"<BrowserSource {'closed' if self._is_closed else 'open'}, {self._index} frames read>"
