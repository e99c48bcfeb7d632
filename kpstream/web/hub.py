"""The viewers of one camera: they wait on the page's own thread, and share each encoded picture."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable
from concurrent.futures import Executor

from kpstream.web.camera_feed import CameraFeed, Encodable, Encoded, Form


class Hub:
    """One camera. All but `close` is for the event loop's thread.

    Args:
        feed: What its viewers look at.
        encoder: Where pictures are encoded, so that the event loop goes on.
    """

    def __init__(self, feed: CameraFeed, encoder: Executor) -> None:
        self.feed = feed
        self.viewers = 0
        """How many are looking right now."""
        self._encoder = encoder
        self._made: dict[Form, tuple[int, asyncio.Future[Encoded]]] = {}
        self._asked: dict[tuple[Form, int], asyncio.Future[Encodable | Encoded | None]] = {}
        self._loop: asyncio.AbstractEventLoop | None = None
        self.closed = False
        """Whether it was taken off the page."""

    async def newest(self, form: Form, after: int = 0) -> Encoded | None:
        """Wait for a picture beyond a number, or for the lines of all beyond it; None where no more will come."""
        picture = None if self.closed else await self._newer(form, after)
        if picture is None or isinstance(picture, Encoded):
            return picture
        number, made = self._made.get(form, (0, None))
        if made is None or number != picture.number or form.kind == "lines":  # of lines each reader lacks others
            made = asyncio.get_running_loop().run_in_executor(self._encoder, picture.encode)
            self._made[form] = (picture.number, made)
        return await asyncio.shield(made)  # a viewer that leaves does not cancel it for the others

    def close(self) -> None:
        """Disconnect all viewers. Any thread."""
        self.closed = True
        if self._loop is not None:
            _soon(self._loop, self._answer_all)

    async def _newer(self, form: Form, after: int) -> Encodable | Encoded | None:
        asked = self._asked.get((form, after))
        if asked is None:
            loop = self._loop = asyncio.get_running_loop()
            asked = self._asked[form, after] = loop.create_future()
            self.feed.request(form, after, lambda picture: _soon(loop, lambda: self._answer(form, after, picture)))
        return await asyncio.shield(asked)

    def _answer(self, form: Form, after: int, picture: Encodable | Encoded | None) -> None:
        asked = self._asked.pop((form, after), None)
        if asked is not None and not asked.done():
            asked.set_result(picture)

    def _answer_all(self) -> None:
        for form, after in list(self._asked):
            self._answer(form, after, None)

    def __repr__(self) -> str:
        return f"<Hub of {self.feed!r}, {self.viewers} viewers>"


def _soon(loop: asyncio.AbstractEventLoop, call: Callable[[], None]) -> None:
    with contextlib.suppress(RuntimeError):  # the page is closed; the pipeline goes on
        loop.call_soon_threadsafe(call)
