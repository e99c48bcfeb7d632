"""The routes of the page."""

from __future__ import annotations

from pathlib import Path

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import FileResponse, JSONResponse, Response
from starlette.routing import BaseRoute, Mount, Route, WebSocketRoute
from starlette.staticfiles import StaticFiles
from starlette.websockets import WebSocket

from kpstream.delivery import Deliveries
from kpstream.web import streams
from kpstream.web.api import ERRORS, Api
from kpstream.web.browser_camera import BrowserCamera
from kpstream.web.camera_rules import PageRules
from kpstream.web.cameras import Cameras
from kpstream.web.device import take_pictures
from kpstream.web.event_api import EventApi
from kpstream.web.hub import Hub
from kpstream.web.recordings import Recordings
from kpstream.web.rule_api import RuleApi

STATIC = Path(__file__).parent / "static"
_TOO_MANY = 1013
"""The close code that says: try again later."""


def create_app(
    cameras: Cameras,
    *,
    recordings: Recordings | None,
    browser_camera: BrowserCamera | None,
    deliveries: Deliveries | None,
    events: EventApi,
    rules: PageRules | None,
) -> Starlette:
    """The application behind `AuthMiddleware`.

    Args:
        cameras: What is shown.
        recordings: The folder of videos and snapshots, or None.
        browser_camera: What a device's camera goes to, or None.
        deliveries: What keeps events and delivers them, or None.
        events: The routes of those events.
        rules: Those of the cameras; None where none are shown.
    """
    api = Api(cameras, recordings, browser_camera, deliveries, has_rules=rules is not None)
    sockets = _Sockets(cameras, browser_camera)
    rule_api = RuleApi(cameras, rules)
    routes: list[BaseRoute] = [
        Route("/", _page),
        Mount("/static", StaticFiles(directory=STATIC)),
        Route("/cameras/{name}/stream.mjpg", api.mjpeg, methods=["GET"]),
        Route("/cameras/{name}/snapshot.jpg", api.snapshot, methods=["GET"]),
        Route("/recordings/{name:path}", api.recording, methods=["GET"]),
        Route("/api/site", api.site, methods=["GET"]),
        Route("/api/cameras", api.cameras, methods=["GET"]),
        Route("/api/cameras/{name}", api.camera, methods=["GET"]),
        Route("/api/cameras/{name}", api.change, methods=["PATCH"]),
        Route("/api/cameras/{name}/poses", api.poses, methods=["GET"]),
        Route("/api/cameras/{name}/events", api.events, methods=["GET"]),
        Route("/api/cameras/{name}/snapshot", api.keep_snapshot, methods=["POST"]),
        Route("/api/cameras/{name}/rules", rule_api.rules, methods=["GET"]),
        Route("/api/cameras/{name}/rules", rule_api.arm, methods=["PATCH"]),
        Route("/api/cameras/{name}/shapes", rule_api.shape, methods=["PUT"]),
        Route("/api/events", events.events, methods=["GET"]),
        Route("/api/events/stream", events.stream, methods=["GET"]),
        Route("/api/events/{event}", events.event, methods=["GET"]),
        Route("/api/events/{event}", events.mark, methods=["PATCH"]),
        Route("/api/events/{event}/clip.mp4", events.clip, methods=["GET"]),
        Route("/api/events/{event}/snapshot.jpg", events.snapshot, methods=["GET"]),
        Route("/api/recordings", api.recordings, methods=["GET"]),
        Route("/metrics", api.metrics, methods=["GET"]),
        Route("/healthz", api.health, methods=["GET"]),
        Route("/readyz", api.readiness, methods=["GET"]),
        Route("/openapi.json", api.openapi, methods=["GET"]),
        WebSocketRoute("/ws/cameras/{name}", sockets.camera),
        WebSocketRoute("/ws/cameras/{name}/lines", sockets.lines),
        WebSocketRoute("/ws/device", sockets.device),
    ]
    app = Starlette(routes=routes, exception_handlers={**ERRORS, 404: _not_found, 405: _not_allowed})
    app.router.redirect_slashes = False
    return app


class _Sockets:
    """The WebSocket routes."""

    def __init__(self, cameras: Cameras, browser_camera: BrowserCamera | None) -> None:
        self._cameras = cameras
        self._browser_camera = browser_camera

    async def camera(self, websocket: WebSocket) -> None:
        hub = await self._hub_for_viewer(websocket)
        if hub is not None:
            await streams.show_camera(websocket, hub)

    async def lines(self, websocket: WebSocket) -> None:
        hub = await self._hub_for_viewer(websocket)
        if hub is not None:
            await streams.show_lines(websocket, hub)

    async def device(self, websocket: WebSocket) -> None:
        if self._browser_camera is None:
            await _deny(websocket, 404, "no camera is wanted here")
        else:
            await take_pictures(websocket, self._browser_camera)

    async def _hub_for_viewer(self, websocket: WebSocket) -> Hub | None:
        hub = self._cameras.find(websocket.path_params["name"])
        if hub is None:
            await _deny(websocket, 404, "there is no such camera")
        elif self._cameras.full:
            await websocket.accept()  # a browser tells its page nothing of an answer that is no WebSocket
            await websocket.close(_TOO_MANY, "too many viewers")
            return None
        return hub


async def _deny(websocket: WebSocket, status: int, text: str) -> None:
    await websocket.receive()
    await websocket.send_denial_response(JSONResponse({"error": text}, status))


def _page(_: Request) -> Response:
    return FileResponse(STATIC / "index.html", media_type="text/html")


def _not_found(_: Request, __: Exception) -> Response:
    return JSONResponse({"error": "there is nothing here"}, 404)


def _not_allowed(_: Request, error: Exception) -> Response:
    return JSONResponse({"error": "that cannot be done here"}, 405, headers=getattr(error, "headers", None))
