"""One camera as the page sees it, where its pipeline runs: the newest picture, and how the pipeline is doing.

The pipeline's thread writes, other threads ask. Writing keeps references and nothing else: no picture is encoded and no
text is made before somebody asks for it.
"""

from __future__ import annotations

import struct
import time
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import lru_cache

import numpy as np

from kpstream.entities import Image, Scene, Stats
from kpstream.errors import SinkError
from kpstream.events import Reading
from kpstream.render.pixels import squared
from kpstream.web.camera_feed import Controls, Encodable, Encoded, Form
from kpstream.web.documents import Classes, compact, frame_document, scene_document
from kpstream.web.figures import Shown
from kpstream.web.jpeg import for_keeping, for_viewers
from kpstream.web.measured_feed import MeasuredFeed
from kpstream.web.square import as_seen

_LINES = 64
"""Newest scenes that are kept for readers of JSON lines, without their pictures: two seconds at 30 a second."""
_BLACK = np.zeros(1, np.uint8)
"""All pixels of the picture in a scene without one."""
Reply = Callable[[Encodable | None], None]


@dataclass(slots=True)
class _Line:
    """A scene without its picture, and its JSON line once somebody asked for it."""

    number: int
    scene: Scene
    text: bytes = b""

    def encoded(self) -> bytes:
        self.text = self.text or compact(scene_document(self.scene))
        return self.text


@dataclass(frozen=True, slots=True)
class _Asked:
    """Somebody who waits for a picture."""

    form: Form
    after: int
    reply: Reply


class Feed(MeasuredFeed):
    """A sink that shows its scenes on the page; satisfies `CameraFeed`. `write`, `idle` and `close` are for one thread.

    Args:
        title: What people call the camera. Its name in addresses is made of it.
        controls: What the page may change; None lets it change nothing.
        numbers_from: Above this its pictures and classes are numbered, so that what viewers know of an earlier feed of
            the camera is no part of this one.
        clock: Monotonic seconds.
    """

    needs_canvas = False

    def __init__(
        self,
        title: str,
        controls: Controls | None = None,
        *,
        numbers_from: int = 0,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        super().__init__(title, controls, clock, clock())
        self.readings: Callable[[], tuple[Reading, ...]] = tuple
        """What each rule of the camera sees right now."""
        self._newest: Scene | None = None
        self._number = numbers_from
        self._recent: deque[_Line] = deque(maxlen=_LINES)
        self._classes = Classes(numbers_from)
        self._waiting: list[_Asked] = []

    def write(self, scene: Scene, canvas: Image) -> None:  # noqa: ARG002 - drawn when a viewer asks
        """Show one scene; never waits for a viewer.

        Raises:
            SinkError: It is closed.
        """
        now, light = self._clock(), replace(scene, frame=scene.frame.showing(_black(scene.frame.size)))
        with self._lock:
            if self._closed:
                raise SinkError(f"{self.title}: nothing more can be shown, it is closed")
            self._number += 1
            self._newest = scene
            self._recent.append(_Line(self._number, light))
            self._figures.take(scene.stats, Shown.of(scene, self._number, now), now)
            waiting, self._waiting = self._waiting, []
        for asked in waiting:
            self.request(asked.form, asked.after, asked.reply)

    def idle(self, stats: Stats) -> None:
        """Say how the pipeline is doing while its source gives nothing; never waits."""
        with self._lock:
            if not self._closed:
                self._figures.take(stats, self._figures.shown, self._clock())

    def close(self) -> None:
        """Nothing more will come; the last picture stays. Idempotent."""
        with self._lock:
            self._closed = True
            waiting, self._waiting = self._waiting, []
        for asked in waiting:
            asked.reply(None)

    def request(self, form: Form, after: int, reply: Reply) -> None:
        """Ask for the newest picture beyond a number, or for the kept lines beyond it; as of `CameraFeed`."""
        with self._lock:
            newest = self._newest if self._number > after else None
            if newest is None and not self._closed:
                self._waiting.append(_Asked(form, after, reply))
                return
            picture = None if newest is None else self._picture(form, after, newest)
        reply(picture)

    def _picture(self, form: Form, after: int, scene: Scene) -> Encodable:
        number = self._number

        def encode() -> Encoded:
            if form.kind == "lines":
                return Encoded(number, tuple(line.encoded() for line in lines))
            if form.kind == "picture":
                return Encoded(number, (_message(scene, numbers, readings, form.max_width),), classes)
            canvas = squared(scene.frame, scene.canvas)
            drawn = for_viewers(canvas, form.max_width) if form.kind == "drawn" else for_keeping(canvas)
            return Encoded(number, (drawn,))

        lines = [line for line in self._recent if line.number > after] if form.kind == "lines" else []
        numbers = self._classes.numbers(scene.poses) if form.kind == "picture" else {}
        readings = self.readings() if form.kind == "picture" else ()
        classes = tuple((each, self._classes.message(each)) for each in sorted(set(numbers.values())))
        return Encodable(number, encode)

    def __repr__(self) -> str:
        return f"<Feed {self.name} {'closed' if self._closed else 'open'}, {self._number} pictures>"


@lru_cache(maxsize=8)
def _black(size: tuple[int, int]) -> Image:
    width, height = size
    return np.broadcast_to(_BLACK, (height, width, 3))


def _message(scene: Scene, numbers: Mapping[int, int], readings: tuple[Reading, ...], max_width: int) -> bytes:
    """A picture without drawings, the poses of the same frame, and what rules see.

    Four bytes with the length of what follows (big endian), the frame's JSON, then the JPEG.
    """
    seen = as_seen(scene)
    header = compact(frame_document(seen, numbers, readings))
    return b"".join((struct.pack(">I", len(header)), header, for_viewers(seen.frame.image, max_width)))
