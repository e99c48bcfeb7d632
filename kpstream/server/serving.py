"""The running server: a port, and the application behind it."""

from __future__ import annotations

import contextlib
import errno
import ipaddress
import os
import signal
import socket
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from types import FrameType

import uvicorn
from starlette.applications import Starlette

from kpstream.errors import UsageError

_KEEP_ALIVE = 75
"""Seconds that an idle connection stays open: clients with pauses between pictures keep theirs."""
_GRACE = 10
"""Seconds that requests under way get at the end."""
_BACKLOG = 256


class Server:
    """Serves an application over HTTP: on a thread of its own, or on the thread that asks it to.

    Args:
        app: What `create_app` made.
        host: An address of this machine, or its name. Beyond loopback only for an application with a key.
        port: 0 takes a free one.
    """

    def __init__(self, app: Starlette, host: str = "127.0.0.1", port: int = 9001) -> None:
        self._app = app
        self._address = (host, port)
        self._socket: socket.socket | None = None
        self._uvicorn: _Uvicorn | None = None
        self._thread: threading.Thread | None = None

    @property
    def url(self) -> str:
        """Where it answers, without a slash at the end; port 0 until it is open."""
        host, port = self._address
        return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"

    def start(self) -> None:
        """Serve on the thread ``kpstream-server``; returns once it answers.

        Raises:
            UsageError: The address cannot be used, or must not be without a key.
        """
        ready: Future[None] = Future()
        self._open(lambda: ready.set_result(None))
        self._thread = threading.Thread(target=self._run, args=(ready,), name="kpstream-server")
        self._thread.start()
        try:
            ready.result()
        except BaseException:
            self.close()
            raise

    def close(self) -> None:
        """End what `start` began: requests under way are answered first. Blocks until all is over; idempotent."""
        if self._uvicorn is not None:
            self._uvicorn.should_exit = True
        if self._thread is not None:
            self._thread.join()
            self._thread = None

    def serve_forever(self, on_ready: Callable[[str], None]) -> None:
        """Serve on this thread, the main one, until SIGTERM or Ctrl-C; requests under way are answered first.

        Args:
            on_ready: Called with the URL once it answers.

        Raises:
            UsageError: The address cannot be used, or must not be without a key.
            KeyboardInterrupt: It was Ctrl-C, and all is closed.
        """
        server = self._open(lambda: on_ready(self.url))
        with _stopping_on_signals(server) as received:
            server.run(sockets=[self._bound()])
        if signal.SIGINT in received:
            raise KeyboardInterrupt

    def _open(self, on_ready: Callable[[], None]) -> _Uvicorn:
        self._socket = _listen(*self._address, locked=self._app.state.is_locked)
        self._address = self._socket.getsockname()[:2]
        config = uvicorn.Config(
            self._app,
            loop="asyncio",
            http="h11",
            ws="none",
            lifespan="on",
            log_config=None,
            access_log=False,  # it would write the keys that stand in the URLs
            proxy_headers=False,
            server_header=False,
            timeout_keep_alive=_KEEP_ALIVE,
            timeout_graceful_shutdown=_GRACE,
        )
        self._uvicorn = _Uvicorn(config, on_ready)
        return self._uvicorn

    def _bound(self) -> socket.socket:
        assert self._socket is not None
        return self._socket

    def _run(self, ready: Future[None]) -> None:
        assert self._uvicorn is not None
        try:
            self._uvicorn.run(sockets=[self._bound()])
        except BaseException as error:
            if ready.done():
                raise
            ready.set_exception(error)

    def __repr__(self) -> str:
        return f"<Server {self.url}, {'serving' if self._uvicorn and self._uvicorn.started else 'not serving'}>"


class _Uvicorn(uvicorn.Server):
    """Says when it answers, and leaves the signals alone."""

    def __init__(self, config: uvicorn.Config, on_ready: Callable[[], None]) -> None:
        super().__init__(config)
        self._on_ready = on_ready

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self._on_ready()

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        # The original sends the signals again once all is closed, and SIGTERM would then be the end of the process.
        yield


@contextlib.contextmanager
def _stopping_on_signals(server: _Uvicorn) -> Iterator[set[int]]:
    """SIGINT and SIGTERM end the server while this is entered; a second SIGINT does not wait for requests under way."""
    received: set[int] = set()

    def stop(number: int, _: FrameType | None) -> None:
        if number == signal.SIGINT and number in received:
            server.force_exit = True
        server.should_exit = True
        received.add(number)

    before = {number: signal.signal(number, stop) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield received
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _listen(host: str, port: int, *, locked: bool) -> socket.socket:
    """A listening socket.

    Raises:
        UsageError: It cannot be had, or would let in everybody from everywhere.
    """
    try:
        # The protocol is named, since asyncio sends answers without delay (TCP_NODELAY) only where the socket says TCP.
        found = socket.getaddrinfo(host, None, type=socket.SOCK_STREAM, proto=socket.IPPROTO_TCP)
    except (OSError, UnicodeError):
        raise UsageError(f"--host {host}: no such address; 127.0.0.1 serves this machine alone") from None
    # A name like localhost may stand for two addresses: clients that know one of them know the older kind.
    family, kind, protocol, _, address = min(found, key=lambda one: one[0] != socket.AF_INET)
    if not locked and not ipaddress.ip_address(str(address[0])).is_loopback:
        raise UsageError(f"--host {host} lets other machines in: give a key that they need with --api-key-file")
    listening = socket.socket(family, kind, protocol)
    try:
        if os.name == "posix":  # elsewhere it would share the port with whoever has it
            listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listening.bind((address[0], port, *address[2:]))
        listening.listen(_BACKLOG)
    except (OSError, OverflowError) as error:
        listening.close()
        raise UsageError(_why_not(host, port, error)) from None
    return listening


def _why_not(host: str, port: int, error: OSError | OverflowError) -> str:
    number = getattr(error, "errno", None)
    if number == errno.EADDRINUSE:
        return f"port {port} of {host} is taken: choose another one with --port (0 takes any that is free)"
    if number in (errno.EACCES, errno.EPERM):
        return f"port {port} of {host} is not for ordinary users: choose one above 1023 with --port"
    if number == errno.EADDRNOTAVAIL:
        return f"--host {host} is no address of this machine"
    return f"cannot serve on port {port} of {host}: {getattr(error, 'strerror', None) or error}"
