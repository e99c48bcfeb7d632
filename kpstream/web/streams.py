"""The endless answers: the page's pictures, MJPEG, JSON lines.

Each viewer has its own pace. It is given the newest picture when it is ready for one, so that a slow one gets fewer
pictures, and nothing waits for it.
"""

from __future__ import annotations

import asyncio
import contextlib
import re
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Iterator, Sequence
from typing import Any

from starlette.websockets import WebSocket, WebSocketDisconnect

from kpstream.web.camera_feed import LINES, PICTURE, Form
from kpstream.web.documents import camera_document, compact, plot_point_document
from kpstream.web.hub import Hub

WANT = "more"
"""What a viewer says for each picture that it is ready for; behind it may stand in how many pixels it is shown."""
MAX_WANTED = 4
"""Pictures that a viewer may be sent ahead of saying that it is ready for more."""
STATUS_EVERY = 0.5
_KEEP_ALIVE = 15.0
_WIDTH = re.compile("[1-9][0-9]{0,4}")
_BOUNDARY = b"--frame\r\n"
MJPEG = "multipart/x-mixed-replace; boundary=frame"
GONE = 4404
"""The close code for a camera that was taken off the page."""


class _Wanted:
    """How many pictures a viewer is ready for, and in which size."""

    def __init__(self) -> None:
        self._count = 0
        self._any = asyncio.Event()
        self.form = PICTURE

    def hear(self, text: str) -> None:
        word, _, width = text.partition(" ")
        if word != WANT or not (width == "" or _WIDTH.fullmatch(width)):
            return
        self.form = PICTURE.within(int(width)) if width else PICTURE
        self._count = min(MAX_WANTED, self._count + 1)
        self._any.set()

    async def take(self) -> None:
        await self._any.wait()
        self._count -= 1
        if not self._count:
            self._any.clear()


@contextlib.contextmanager
def looking(hub: Hub) -> Iterator[None]:
    """Count one more viewer while this is entered."""
    hub.viewers += 1
    try:
        yield
    finally:
        hub.viewers -= 1


async def show_camera(websocket: WebSocket, hub: Hub) -> None:
    """Serve the page: pictures with their poses as binary messages, classes and status as text.

    The viewer says `WANT` for each picture that it is ready for, and in which width it is shown.
    """
    await websocket.accept()
    wanted = _Wanted()

    with looking(hub):
        await _while_connected(
            websocket, wanted.hear, _send_pictures(websocket, hub, wanted), _send_status(websocket, hub)
        )


async def show_lines(websocket: WebSocket, hub: Hub) -> None:
    """Serve the JSON lines, one message a frame."""
    await websocket.accept()

    async def send() -> None:
        async for lines in _lines(hub):
            for line in lines:
                await websocket.send_text(line.decode())

    with looking(hub):
        await _while_connected(websocket, lambda _: None, send())


async def events(hub: Hub) -> AsyncIterator[bytes]:
    """The JSON lines as server-sent events."""
    with looking(hub):
        yield b": kpstream\n\n"
        async for lines in _lines(hub, beat=True):
            yield b"".join(b"data: " + line + b"\n\n" for line in lines) or b": still here\n\n"


async def mjpeg(hub: Hub, form: Form, keep_alive: float = _KEEP_ALIVE) -> AsyncIterator[bytes]:
    """The drawn pictures as parts of one endless document.

    While the camera gives none, the newest one comes again now and then: a proxy hangs up on what is silent for a
    minute, and a picture on somebody's page does not come back by itself.
    """
    seen, part = 0, b""
    with looking(hub):
        yield _BOUNDARY
        while True:
            try:
                async with asyncio.timeout(keep_alive):
                    drawn = await hub.newest(form, seen)
            except TimeoutError:
                yield part
                continue
            if drawn is None:
                return
            seen, (jpeg,) = drawn.number, drawn.data
            # The boundary goes with the picture that it ends: browsers show a picture when they see it.
            part = b"Content-Type: image/jpeg\r\nContent-Length: %d\r\n\r\n%s\r\n%s" % (len(jpeg), jpeg, _BOUNDARY)
            yield part


async def _send_pictures(websocket: WebSocket, hub: Hub, wanted: _Wanted) -> None:
    seen, known = 0, set[int]()
    while True:
        await wanted.take()
        picture = await hub.newest(wanted.form, seen)
        if picture is None:
            break
        seen = picture.number
        for number, text in picture.classes:
            if number not in known:
                known.add(number)
                await websocket.send_text(text)
        await websocket.send_bytes(picture.data[0])
    while not hub.closed:  # it ended, and its state can still be seen
        await asyncio.sleep(STATUS_EVERY)


async def _send_status(websocket: WebSocket, hub: Hub) -> None:
    sent_at = float("-inf")
    while not hub.closed:
        points = [point for point in hub.feed.history if point.at > sent_at]
        if points:
            sent_at = points[-1].at
        status = {
            "type": "status",
            "camera": camera_document(hub.feed, hub.viewers),
            "readings": [plot_point_document(point) for point in points],
        }
        await websocket.send_text(compact(status).decode())
        await asyncio.sleep(STATUS_EVERY)


async def _lines(hub: Hub, *, beat: bool = False) -> AsyncIterator[Sequence[bytes]]:
    """New JSON lines as they come, beginning with the newest; with ``beat`` also an empty list now and then."""
    seen = hub.feed.shown.number - 1 if hub.feed.shown is not None else 0
    while True:
        try:
            async with asyncio.timeout(_KEEP_ALIVE if beat else None):
                lines = await hub.newest(LINES, seen)
        except TimeoutError:
            yield []
            continue
        if lines is None:
            return
        seen = lines.number
        yield lines.data


async def _while_connected(
    websocket: WebSocket, on_text: Callable[[str], None], *sends: Coroutine[Any, Any, None]
) -> None:
    """Send until the viewer leaves, or nothing is left to be sent."""
    tasks = [asyncio.ensure_future(send) for send in sends]
    listening = asyncio.ensure_future(_listen(websocket, on_text))
    try:
        await asyncio.wait([listening, *tasks], return_when=asyncio.FIRST_COMPLETED)
    finally:
        left = listening.done() or any(task.done() and task.exception() is not None for task in tasks)
        await _ended(listening, *tasks)
    if not left:
        with contextlib.suppress(WebSocketDisconnect, RuntimeError):  # it may have left this very moment
            await websocket.close(GONE)


async def _listen(websocket: WebSocket, on_text: Callable[[str], None]) -> None:
    while True:
        message = await websocket.receive()
        if message["type"] == "websocket.disconnect":
            return
        on_text(message.get("text") or "")


async def _ended(*tasks: asyncio.Future[None]) -> None:
    """Cancel tasks and wait for their end; that a viewer has gone is no fault."""
    for task in tasks:
        task.cancel()
    waits: Awaitable[list[BaseException | None]] = asyncio.gather(*tasks, return_exceptions=True)
    faults = [outcome for outcome in await waits if isinstance(outcome, Exception)]
    # Of several senders, one learns that the viewer has gone; the others learn that they must not send any more.
    if faults and not any(isinstance(fault, WebSocketDisconnect | OSError) for fault in faults):
        raise faults[0]
