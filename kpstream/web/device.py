"""A device's pictures on their way from its browser into the source."""

from __future__ import annotations

from starlette.websockets import WebSocket, WebSocketDisconnect

from kpstream.web.browser_camera import BrowserCamera
from kpstream.web.streams import WANT

IN_USE = 4409
"""The close code for a second device."""
NO_PICTURE = 4400
"""The close code for what is no picture."""


async def take_pictures(websocket: WebSocket, camera: BrowserCamera) -> None:
    """Receive JPEGs as binary messages, one for each `WANT` that is sent, until the device disconnects."""
    await websocket.accept()
    if not camera.attach(websocket):
        await websocket.close(IN_USE, "another device shares its camera already")
        return
    try:
        while True:
            await websocket.send_text(WANT)
            if not camera.offer(await websocket.receive_bytes()):
                await websocket.close(NO_PICTURE, "that is no picture, or too large a one")
                return
    except (WebSocketDisconnect, KeyError):  # the latter: a text where a picture was due
        pass
    finally:
        camera.detach(websocket)
