"""The viewers of one camera: they wait on the page's own thread, and share each encoded picture."""

from __future__ import annotations

import asyncio
import contextlib
import struct
from collections.abc import Callable
from concurrent.futures import Executor

from kpstream.entities import Pose, Scene
from kpstream.web.documents import Classes, class_document, compact, frame_document, scene_document
from kpstream.web.feed import Feed, Shown
from kpstream.web.jpeg import for_viewers
from kpstream.web.square import as_seen


class Hub:
    """One camera. All but `close` is for the event loop's thread.

    Args:
        feed: What the pipeline writes to.
        encoder: Where pictures are encoded, so that the event loop goes on.
    """

    def __init__(self, feed: Feed, encoder: Executor) -> None:
        self.feed = feed
        self.viewers = 0
        """How many are looking right now."""
        self._encoder = encoder
        self._classes = Classes()
        self._made: dict[str, tuple[int, asyncio.Future[bytes]]] = {}
        self._lines: dict[int, bytes] = {}
        self._bell: asyncio.Future[None] | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self.closed = False
        """Whether it was taken off the page."""

    async def newer(self, number: int) -> bool:
        """Wait for a picture beyond a number; False where no more will come."""
        while not self.closed:
            if self.feed.shown is not None and self.feed.shown.number > number:
                return True
            if self.feed.closed:
                return False
            await self._changed(number)
        return False

    async def message(self, shown: Shown) -> bytes:
        """A picture without drawings and the poses of the same frame, as one message.

        Four bytes with the length of what follows (big endian), the frame's JSON, then the JPEG.
        """
        numbers = {place: number for place, (number, _) in enumerate(self.classes(shown))}
        return await self._shared("message", shown, lambda: _message(shown.scene, numbers))

    async def canvas(self, shown: Shown) -> bytes:
        """The drawn picture as a JPEG."""
        return await self._shared("canvas", shown, lambda: for_viewers(shown.as_seen))

    def classes(self, shown: Shown) -> list[tuple[int, Pose]]:
        """The number of each pose's class, in the order of the poses."""
        return [(self._classes.number(pose), pose) for pose in shown.scene.poses]

    def lines_after(self, number: int) -> list[tuple[int, bytes]]:
        """The JSON lines of the newest scenes beyond a number, without their line ends."""
        recent = self.feed.scenes_after(number)
        self._lines = {
            place: self._lines[place] if place in self._lines else compact(scene_document(scene))
            for place, scene in recent
        }
        return list(self._lines.items())

    def close(self) -> None:
        """Disconnect all viewers. Any thread."""
        self.closed = True
        if self._loop is not None:
            with contextlib.suppress(RuntimeError):  # the loop has ended, and all viewers with it
                self._loop.call_soon_threadsafe(self._ring)

    async def _shared(self, kind: str, shown: Shown, make: Callable[[], bytes]) -> bytes:
        number, made = self._made.get(kind, (0, None))
        if made is None or number != shown.number:
            made = asyncio.get_running_loop().run_in_executor(self._encoder, make)
            self._made[kind] = (shown.number, made)
        return await asyncio.shield(made)  # a viewer that leaves does not cancel it for the others

    async def _changed(self, number: int) -> None:
        if self._bell is None:
            loop = self._loop = asyncio.get_running_loop()
            self._bell = loop.create_future()
            self.feed.when_newer(number, lambda: _soon(loop, self._ring))
        await asyncio.shield(self._bell)

    def _ring(self) -> None:
        bell, self._bell = self._bell, None
        if bell is not None and not bell.done():
            bell.set_result(None)

    def __repr__(self) -> str:
        return f"<Hub of {self.feed!r}, {self.viewers} viewers>"


def _soon(loop: asyncio.AbstractEventLoop, call: Callable[[], None]) -> None:
    with contextlib.suppress(RuntimeError):  # the page is closed; the pipeline goes on
        loop.call_soon_threadsafe(call)


def _message(scene: Scene, numbers: dict[int, int]) -> bytes:
    seen = as_seen(scene)
    header = compact(frame_document(seen, numbers))
    return b"".join((struct.pack(">I", len(header)), header, for_viewers(seen.frame.image)))


def class_messages(classes: list[tuple[int, Pose]], known: set[int]) -> list[str]:
    """The messages that a viewer needs before it can draw these poses; ``known`` grows by it."""
    texts = []
    for number, pose in classes:
        if number not in known:
            known.add(number)
            texts.append(compact(class_document(number, pose)).decode())
    return texts
