"""The running server: a port, and the application behind it."""

from __future__ import annotations

import contextlib
import ipaddress
import signal
import socket
from collections.abc import Callable, Iterator
from types import FrameType

from starlette.applications import Starlette

from kpstream.errors import UsageError
from kpstream.serving.listen import Options, listen, resolve
from kpstream.serving.uvicorn_thread import QuietServer, UvicornThread, quiet_config

_KEEP_ALIVE = 75
"""Seconds that an idle connection stays open: clients with pauses between pictures keep theirs."""
_GRACE = 10
"""Seconds that requests under way get at the end."""
_OPTIONS = Options(host="host", port="port")


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
        self._thread: UvicornThread | None = None

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
        listening = self._listen()
        self._thread = UvicornThread(self._make_server(), listening, "kpstream-server")
        self._thread.start()

    def close(self) -> None:
        """End what `start` began: requests under way are answered first. Blocks until all is over; idempotent."""
        if self._thread is not None:
            self._thread.close()
            self._thread = None

    def serve_forever(self, on_ready: Callable[[str], None]) -> None:
        """Serve on this thread, the main one, until SIGTERM or Ctrl-C; requests under way are answered first.

        Args:
            on_ready: Called with the URL once it answers.

        Raises:
            UsageError: The address cannot be used, or must not be without a key.
            KeyboardInterrupt: It was Ctrl-C, and all is closed.
        """
        listening = self._listen()
        server = self._make_server()
        server.on_ready = lambda: on_ready(self.url)
        with _stopping_on_signals(server) as received:
            server.run(sockets=[listening])
        if signal.SIGINT in received:
            raise KeyboardInterrupt

    def _listen(self) -> socket.socket:
        host, port = self._address
        if not self._app.state.is_locked and not ipaddress.ip_address(resolve(host, _OPTIONS)[1]).is_loopback:
            raise UsageError(
                f"{host} lets other machines in: give a key that they need with `api_key_file`", option="host"
            )
        listening = listen(host, port, _OPTIONS)
        self._address = listening.getsockname()[:2]
        return listening

    def _make_server(self) -> QuietServer:
        return QuietServer(
            quiet_config(
                self._app,
                ws="none",
                lifespan="on",
                timeout_keep_alive=_KEEP_ALIVE,
                timeout_graceful_shutdown=_GRACE,
            )
        )

    def __repr__(self) -> str:
        return f"<Server {self.url}, {'serving' if self._thread and self._thread.started else 'not serving'}>"


@contextlib.contextmanager
def _stopping_on_signals(server: QuietServer) -> Iterator[set[int]]:
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
