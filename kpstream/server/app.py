"""The local endpoint as an application: routes, what lies around all of them, and the threads that compute."""

from __future__ import annotations

import logging
import re
import threading
from collections.abc import AsyncIterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from functools import partial

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.middleware.cors import CORSMiddleware
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.routing import Route
from starlette.types import ASGIApp, Lifespan, Message, Receive, Scope, Send

from kpstream.redact import redact
from kpstream.server.answers import Finder, answer
from kpstream.server.faults import Fault
from kpstream.server.image_urls import ImageUrls
from kpstream.server.inference import Inference
from kpstream.server.keys import ApiKeyCheck
from kpstream.server.management import json_response, management_routes, project_route
from kpstream.server.registry import Registry
from kpstream.serving.dialing import Dialer

_log = logging.getLogger(__name__)

_FETCHES_AT_ONCE = 4
_MAX_WAITING = 64
_EXPOSED = ["X-Processing-Time", "X-Model-Cold-Start", "X-Model-Id", "Retry-After"]
_HOST = re.compile(rb"(?:[A-Za-z0-9._~-]+|\[[0-9A-Fa-f:.]+\])(?::[0-9]{1,5})?")


def create_app(
    find: Finder,
    *,
    api_key: str | None = None,
    allow_private_images: bool = False,
    image_urls: ImageUrls | None = None,
    long_side: int | None = None,
    max_at_once: int = 2,
    max_waiting: int = _MAX_WAITING,
) -> Starlette:
    """Make the application that speaks the hosted service's wire.

    Args:
        find: What finds the poses, called by ``max_at_once`` threads at once.
        api_key: The only key that is let in; None accepts every request.
        allow_private_images: Whether ``image=`` URLs may lead to private and loopback addresses.
        image_urls: What fetches ``image=`` URLs; None makes one as ``allow_private_images`` says.
        long_side: Pixels of a picture's longer side of which ``find`` makes use: of a larger one it may be given a
            smaller form. None gives it every picture as it is.
        max_at_once: How many pictures are decoded, searched and drawn at once.
        max_waiting: How many requests may be under way; further ones are answered 503.
    """
    key_check = ApiKeyCheck(api_key)
    fetching = image_urls or ImageUrls(Dialer(allow_private=allow_private_images))
    answering = partial(answer, find, long_side=long_side)
    inference = Inference(answering, key_check, fetching, project_route(key_check), max_waiting=max_waiting)
    routes = [
        *Registry(key_check).routes(),
        Route("/infer/keypoints_detection", inference.by_json, methods=["POST"]),
        Route("/{first}/{second}", inference.by_path, methods=["GET", "POST"]),
        *management_routes(key_check),
    ]
    app = Starlette(
        routes=routes,
        middleware=[
            Middleware(
                CORSMiddleware, allow_origins=["*"], allow_methods=["*"], allow_headers=["*"], expose_headers=_EXPOSED
            ),
            Middleware(_Guard),
        ],
        exception_handlers={Fault: _answer_fault, HTTPException: _answer_http, ClientDisconnect: _answer_disconnected},
        lifespan=_threads(max_at_once),
    )
    # A redirect would be made from the Host header, which is the sender's to choose.
    app.router.redirect_slashes = False
    app.state.is_locked = key_check.is_locked
    return app


def _threads(max_at_once: int) -> Lifespan[Starlette]:
    @asynccontextmanager
    async def lifespan(_: Starlette) -> AsyncIterator[dict[str, ThreadPoolExecutor]]:
        with (
            ThreadPoolExecutor(max_at_once, thread_name_prefix="kpstream-server-compute") as computing,
            ThreadPoolExecutor(_FETCHES_AT_ONCE, thread_name_prefix="kpstream-server-fetch") as fetching,
        ):
            _start_all(computing, max_at_once)
            _start_all(fetching, _FETCHES_AT_ONCE)
            yield {"computing": computing, "fetching": fetching}

    return lifespan


def _start_all(pool: ThreadPoolExecutor, count: int) -> None:
    """Start a pool's threads at once: a machine that has no more of them says so before it is ready, not later."""
    barrier = threading.Barrier(count)
    for waiting in [pool.submit(barrier.wait) for _ in range(count)]:
        waiting.result()


class _Guard:
    """Refuses requests with a malformed Host header, and answers 500 where the application failed.

    Stands inside of what adds the CORS headers, so that pages in a browser can read these answers as well.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return await self._app(scope, receive, send)
        hosts = [value for name, value in scope["headers"] if name == b"host"]
        if not all(_HOST.fullmatch(host) for host in hosts):
            return await json_response({"message": "Invalid Host header."}, 400)(scope, receive, send)
        started = False

        async def watched_send(message: Message) -> None:
            nonlocal started
            started = True
            await send(message)

        try:
            await self._app(scope, receive, watched_send)
        except Exception as error:  # noqa: BLE001 - whatever it was, the client gets an answer and the server lives on
            _log.warning("a request failed: %s", redact(f"{type(error).__name__}: {error}"))
            _log.debug("where it failed", exc_info=error)
            if not started:
                await json_response({"message": "Internal error."}, 500)(scope, receive, send)


async def _answer_fault(_: Request, fault: Exception) -> Response:
    assert isinstance(fault, Fault)
    response = json_response(dict(fault.body), fault.status)
    response.headers.update(fault.headers or {})
    return response


async def _answer_http(_: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    response = json_response({"detail": error.detail}, error.status_code)
    response.headers.update(error.headers or {})
    return response


async def _answer_disconnected(_: Request, __: Exception) -> Response:
    """The client is gone; what is returned here goes nowhere."""
    return Response(status_code=400)
