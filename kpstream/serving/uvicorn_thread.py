"""uvicorn without its signals, its log lines and its headers: on a thread of its own, or on the caller's."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from typing import Any

import uvicorn
from starlette.types import ASGIApp

from kpstream.serving.exhaustion import ExhaustionLog
from kpstream.serving.listen import BACKLOG


def quiet_config(app: ASGIApp, **options: Any) -> uvicorn.Config:
    """How both servers run; what differs is given as uvicorn's own options."""
    return uvicorn.Config(
        app,
        loop="asyncio",
        http="h11",
        backlog=BACKLOG,
        log_config=None,
        access_log=False,  # it would write the keys and tokens that stand in addresses
        proxy_headers=False,
        server_header=False,
        **options,
    )


class QuietServer(uvicorn.Server):
    """Says when it answers, and leaves the signals alone."""

    def __init__(self, config: uvicorn.Config, on_ready: Callable[[], None] = lambda: None) -> None:
        super().__init__(config)
        self.on_ready = on_ready

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Begin to answer, and say so."""
        asyncio.get_running_loop().set_exception_handler(ExhaustionLog())
        await super().startup(sockets)
        self.on_ready()

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Nothing: the original sends signals again once all is closed, and SIGTERM would then end the process."""
        yield


class UvicornThread:
    """Runs a server on a thread.

    Args:
        server: Not running yet.
        listening: Where it answers; closed with it.
        name: Of the thread.
    """

    def __init__(self, server: QuietServer, listening: socket.socket, name: str) -> None:
        self._server = server
        self._listening = listening
        self._ready: Future[None] = Future()
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)

    @property
    def started(self) -> bool:
        """Whether it answers."""
        return self._server.started

    def start(self) -> None:
        """Serve; returns once it answers. What keeps it from that is raised, and all is closed."""
        self._server.on_ready = lambda: self._ready.set_result(None)
        try:
            self._thread.start()
        except BaseException:
            self._listening.close()
            raise
        try:
            self._ready.result()
        except BaseException:
            self.close()
            raise

    def close(self) -> None:
        """End it; requests under way are answered first. Blocks until all is over; idempotent."""
        self._server.should_exit = True
        if self._thread.ident is not None:
            self._thread.join()

    def _run(self) -> None:
        try:
            self._server.run(sockets=[self._listening])
        except BaseException as error:
            if self._ready.done():
                raise
            self._ready.set_exception(error)
