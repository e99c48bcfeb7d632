"""What programs ask for, and what the page asks to be changed."""

from __future__ import annotations

import asyncio
import contextlib
from typing import Any

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import FileResponse, JSONResponse, Response

from kpstream import __version__
from kpstream.delivery import Deliveries, DeliveryFigures
from kpstream.errors import KpstreamError, SourceOpenError
from kpstream.redact import redact
from kpstream.web import health, streams
from kpstream.web.answers import endless_response, json_response
from kpstream.web.browser_camera import BrowserCamera
from kpstream.web.camera_feed import DRAWN, LINES, SNAPSHOT, Controls, Encoded, Form
from kpstream.web.cameras import Cameras
from kpstream.web.documents import camera_document
from kpstream.web.hub import Hub
from kpstream.web.metrics import Metrics
from kpstream.web.openapi import document as openapi_document
from kpstream.web.payloads import ApiError, parse_recording, parse_settings, parse_width, read_body
from kpstream.web.recordings import TYPES, Recordings

_COMES_WITHIN = 5.0
"""Seconds for a picture that a camera is asked for."""


def refused(_: Request, error: Exception) -> Response:
    """The answer to what cannot be served."""
    status = error.status if isinstance(error, ApiError) else 409
    return JSONResponse({"error": redact(error)}, status)


class Api:
    """The HTTP routes that have no WebSocket. What cannot be served is raised as ApiError, which `refused` answers.

    Args:
        cameras: What is shown.
        recordings: The folder of videos and snapshots, or None.
        browser_camera: What a device's camera goes to, or None.
        deliveries: What keeps events and delivers them, or None.
        has_rules: Whether rules, zones and lines of cameras can be shown.
    """

    def __init__(
        self,
        cameras: Cameras,
        recordings: Recordings | None,
        browser_camera: BrowserCamera | None,
        deliveries: Deliveries | None,
        *,
        has_rules: bool,
    ) -> None:
        self._cameras = cameras
        self._recordings = recordings
        self._browser_camera = browser_camera
        self._deliveries = deliveries
        self._has_rules = has_rules
        self._metrics = Metrics(lambda: cameras, self._figures)

    async def site(self, _: Request) -> Response:
        """What the page can offer."""
        return JSONResponse(
            {
                "version": __version__,
                "recordings": self._recordings is not None,
                "events": self._deliveries is not None,
                "rules": self._has_rules,
                "browser_camera": self._browser_camera is not None,
                "browser_camera_in_use": self._browser_camera is not None and self._browser_camera.in_use,
            }
        )

    async def cameras(self, _: Request) -> Response:
        """Every camera."""
        return json_response({"cameras": [camera_document(hub.feed, hub.viewers) for hub in self._cameras]})

    async def camera(self, request: Request) -> Response:
        """One camera."""
        hub = self._hub(request)
        return json_response(camera_document(hub.feed, hub.viewers))

    async def poses(self, request: Request) -> Response:
        """The newest poses, as a JSON line has them."""
        lines = await _newest(self._hub(request), LINES)
        return Response(lines.data[-1], media_type="application/json")

    async def change(self, request: Request) -> Response:
        """Change settings, or start and end the recording."""
        hub, payload = self._hub(request), await read_body(request)
        controls = _controls(hub)
        if "recording" in payload:
            wanted = parse_recording(payload)
            if controls.recording is None:
                raise ApiError(409, "this camera cannot be recorded: name where to, when you start kpstream")
            await run_in_threadpool(controls.start_recording if wanted else controls.stop_recording)
        else:
            controls.apply(parse_settings(controls.settings, payload))
        return json_response(camera_document(hub.feed, hub.viewers))

    async def keep_snapshot(self, request: Request) -> Response:
        """Save the drawn picture among the recordings."""
        hub = self._hub(request)
        await read_body(request)
        if self._recordings is None:
            raise ApiError(409, "there is no folder for snapshots: name one, when you start kpstream")
        snapshot = await _newest(hub, SNAPSHOT)
        name = await run_in_threadpool(self._recordings.keep_snapshot, hub.feed.name, snapshot.data[0])
        return JSONResponse({"name": name, "url": f"/recordings/{name}"}, 201)

    async def events(self, request: Request) -> Response:
        """The JSON lines as server-sent events."""
        return endless_response(streams.events(self._hub_for_viewer(request)), "text/event-stream")

    async def mjpeg(self, request: Request) -> Response:
        """The drawn pictures, one after the other, without end."""
        hub, width = self._hub_for_viewer(request), request.query_params.get("width")
        form = DRAWN if width is None else DRAWN.within(parse_width(width))
        return endless_response(streams.mjpeg(hub, form), streams.MJPEG)

    async def snapshot(self, request: Request) -> Response:
        """The newest drawn picture."""
        snapshot = await _newest(self._hub(request), SNAPSHOT)
        return Response(snapshot.data[0], media_type="image/jpeg")

    async def recordings(self, _: Request) -> Response:
        """The list of videos and snapshots."""
        found = [] if self._recordings is None else await run_in_threadpool(self._recordings.documents)
        return json_response({"recordings": found})

    async def recording(self, request: Request) -> Response:
        """One file, whole or in parts."""
        path = None
        if self._recordings is not None:
            path = await run_in_threadpool(self._recordings.find, request.path_params["name"])
        if path is None:
            raise ApiError(404, "there is no such recording")
        return FileResponse(path, media_type=TYPES[path.suffix.lower()])

    async def metrics(self, request: Request) -> Response:
        """Figures for Prometheus."""
        text, content_type = await run_in_threadpool(self._metrics.render, request.headers.get("accept", ""))
        return Response(text, headers={"content-type": content_type})

    async def health(self, _: Request) -> Response:
        """Whether it lives: 503 only where nothing but a restart helps."""
        found = {hub.feed.name: hub.feed.health for hub in self._cameras}
        document = _health_document(found, await run_in_threadpool(self._troubles))
        return json_response(document, 503 if document["status"] == "dead" else 200)

    async def readiness(self, _: Request) -> Response:
        """Whether there is something to see: 503 before the first picture, and where no camera lives."""
        found = {hub.feed.name: hub.feed.health for hub in self._cameras}
        ready = any(hub.feed.shown is not None and not hub.feed.health.dead for hub in self._cameras)
        document = _health_document(found, await run_in_threadpool(self._troubles))
        return json_response(document if ready else {**document, "status": "not ready"}, 200 if ready else 503)

    async def openapi(self, _: Request) -> Response:
        """What all this is, for programs."""
        return json_response(openapi_document())

    def _figures(self) -> DeliveryFigures | None:
        """How the event store is doing, as far as that can be read; blocks."""
        try:
            return None if self._deliveries is None else self._deliveries.figures()
        except SourceOpenError:
            return None

    def _troubles(self) -> list[str] | None:
        """What is wrong with the events, in words for the user; None where none are kept. Blocks."""
        if self._deliveries is None:
            return None
        figures = self._figures()
        return ["the event store cannot be read"] if figures is None else figures.troubles

    def _hub(self, request: Request) -> Hub:
        hub = self._cameras.find(request.path_params["name"])
        if hub is None:
            raise ApiError(404, "there is no such camera")
        return hub

    def _hub_for_viewer(self, request: Request) -> Hub:
        hub = self._hub(request)
        if self._cameras.full:
            raise ApiError(503, "too many viewers")
        return hub


async def _newest(hub: Hub, form: Form) -> Encoded:
    """The newest picture, or the newest line.

    Raises:
        ApiError: There is none.
    """
    shown = hub.feed.shown
    if shown is None:
        raise ApiError(503, "no picture has come yet")
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(_COMES_WITHIN):
            if (newest := await hub.newest(form, shown.number - 1)) is not None:
                return newest
    raise ApiError(503, "no picture comes right now")


def _controls(hub: Hub) -> Controls:
    if hub.feed.controls is None:
        raise ApiError(409, "nothing can be changed on this camera")
    return hub.feed.controls


def _health_document(found: dict[str, health.Health], troubles: list[str] | None) -> dict[str, Any]:
    status = health.overall_status(found)
    cameras = {name: {"state": camera.status, "text": camera.text} for name, camera in found.items()}
    document: dict[str, Any] = {"status": "degraded" if troubles and status == "ok" else status, "cameras": cameras}
    if troubles is not None:
        document["events"] = {"state": "degraded" if troubles else "ok", "troubles": list(map(redact, troubles))}
    return document


ERRORS: dict[Any, Any] = {ApiError: refused, KpstreamError: refused}
"""What each of them is answered with."""
