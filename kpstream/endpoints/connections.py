"""Connections whose every wait has an end: the time of the request that they serve, or a pull at their handle.

requests waits per read and not per request, so a server that sends a byte a second is never too late for it, and a
read that waits cannot be called off. Both are mended here, where urllib3 makes its connections.
"""

from __future__ import annotations

import http.client
import io
import socket
import threading
from contextlib import suppress
from typing import Any

from requests import PreparedRequest
from requests.adapters import HTTPAdapter
from urllib3.connection import HTTPConnection, HTTPSConnection

from kpstream.channel import Deadline

CONNECT_TIMEOUT = 3.0
"""Seconds for one address: a host that is there answers in far less, and the next address may be the right one."""
_READ_SIZE = 65536


class ConnectTimeout(TimeoutError):
    """No address of the host took the connection in time."""


class SocketRegistry:
    """The connections of all threads: how long each may still take, and how to end them.

    Its locks are re-entrant because an unused connection is closed by the garbage collector,
    which may run in the middle of any line.
    """

    def __init__(self) -> None:
        self.closed = False
        self._local = threading.local()
        self._lock = threading.RLock()
        self._handles: set[SocketHandle] = set()

    def start(self, timeout: float) -> None:
        """Give the calling thread's next exchange its time."""
        self._local.deadline = Deadline(timeout)

    def left(self) -> float:
        """Seconds that the calling thread's exchange may still take.

        Raises:
            TimeoutError: None are left.
        """
        deadline: Deadline = self._local.deadline
        return deadline.left()

    def register(self, sock: socket.socket) -> SocketHandle:
        """Make a socket one that `close` ends.

        Raises:
            ConnectionAbortedError: `close` has been called already.
        """
        with self._lock:
            if self.closed:
                raise ConnectionAbortedError
            handle = SocketHandle(sock.dup(), self)
            self._handles.add(handle)
            return handle

    def unregister(self, handle: SocketHandle) -> None:
        """Forget a handle whose connection has ended."""
        with self._lock:
            self._handles.discard(handle)

    def close(self) -> None:
        """End all connections at once, and every later one before it starts. Idempotent."""
        with self._lock:
            self.closed = True
            for handle in tuple(self._handles):
                handle.shutdown()


class SocketHandle:
    """A second descriptor of a connection's socket, to shut it down with: it stays good when TLS takes over the first.

    Held by the connection and by each response that is read from it, since http.client drops a connection
    before its last response has been read.
    """

    def __init__(self, sock: socket.socket, registry: SocketRegistry) -> None:
        self._sock = sock
        self._registry = registry
        self._lock = threading.RLock()
        self._holders = 1

    def ref(self) -> SocketHandle:
        """Count one more holder."""
        with self._lock:
            self._holders += 1
        return self

    def unref(self) -> None:
        """Count one less; the last one closes the descriptor."""
        with self._lock:
            self._holders -= 1
            last = self._holders == 0
        if last:
            self._registry.unregister(self)
            self._sock.close()

    def shutdown(self) -> None:
        """Shut the connection down, which wakes the thread that waits on it."""
        with suppress(OSError):  # not connected (yet, any more): then no thread waits on it
            self._sock.shutdown(socket.SHUT_RDWR)


class Connection(HTTPConnection):
    """A connection whose every wait ends with the time of the exchange, or with its handle."""

    def __init__(self, *args: Any, registry: SocketRegistry, **options: Any) -> None:
        super().__init__(*args, **options)
        self._registry = registry
        self._handle: SocketHandle | None = None

    def _new_conn(self) -> socket.socket:
        addresses = _looked_up(self._dns_host, self.port)
        for tried, (family, kind, protocol, _, address) in enumerate(addresses):
            try:
                return self._connected(family, kind, protocol, address, len(addresses) - tried)
            except OSError as error:
                self._release()
                if self._registry.closed or tried == len(addresses) - 1:
                    raise _as_connecting(error) from None
        raise socket.gaierror("a look-up without an address")

    def _connected(self, family: int, kind: int, protocol: int, address: Any, to_try: int) -> socket.socket:
        sock = socket.socket(family, kind, protocol)
        try:
            self._handle = self._registry.register(sock)
            for option in self.socket_options or ():
                sock.setsockopt(*option)
            sock.settimeout(min(CONNECT_TIMEOUT, self._registry.left() / to_try))
            sock.connect(address)
            sock.settimeout(self._registry.left())  # a TLS handshake comes next
        except OSError:
            sock.close()
            raise
        return sock

    def send(self, data: Any) -> None:
        """Send all of ``data`` in what is left of the time; urllib3 would give it the time for connecting."""
        if self.sock is None:
            self.connect()
        rest = memoryview(data)
        while rest:
            self.sock.settimeout(self._registry.left())
            rest = rest[self.sock.send(rest) :]

    def response_class(  # type: ignore[override] # a class to http.client, which only calls it
        self, sock: socket.socket, *args: Any, **options: Any
    ) -> http.client.HTTPResponse:
        """Read a response from ``sock`` with an eye on the time."""
        response = http.client.HTTPResponse(sock, *args, **options)
        assert self._handle is not None
        unbuffered: Any = response.fp.detach()
        response.fp = io.BufferedReader(_Reader(unbuffered, sock, self._registry, self._handle.ref()), _READ_SIZE)
        return response

    def close(self) -> None:
        """Close the socket and release the handle."""
        try:
            super().close()
        finally:
            self._release()

    def _release(self) -> None:
        handle, self._handle = self._handle, None
        if handle is not None:
            handle.unref()


class TlsConnection(Connection, HTTPSConnection):
    """The same, through TLS."""


class _Reader(io.RawIOBase):
    """Reads from a socket for as long as the exchange may still take."""

    def __init__(self, raw: io.RawIOBase, sock: socket.socket, registry: SocketRegistry, handle: SocketHandle) -> None:
        self._raw = raw
        self._sock = sock
        self._registry = registry
        self._handle = handle

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int | None:
        self._sock.settimeout(self._registry.left())
        return self._raw.readinto(buffer)

    def close(self) -> None:
        if not self.closed:
            super().close()
            self._raw.close()
            self._handle.unref()


class Adapter(HTTPAdapter):
    """Has requests make such connections, also those through a proxy. For one thread, but for `close`.

    Args:
        registry: Of the connections.
    """

    def __init__(self, registry: SocketRegistry) -> None:
        self._registry = registry
        self._last: tuple[tuple[str, Any], Any] | None = None  # the place that was asked last, and its pool
        super().__init__(pool_connections=4, pool_maxsize=1)

    def get_connection_with_tls_context(self, request: PreparedRequest, verify: Any, *args: Any, **options: Any) -> Any:
        """Find the pool of a host, and have it make our connections."""
        place = (request.url or "").partition("?")[0], verify
        if self._last is not None and self._last[0] == place:  # to find it takes as long as to send a request
            return self._last[1]
        pool: Any = super().get_connection_with_tls_context(request, verify, *args, **options)
        pool.ConnectionCls = TlsConnection if pool.scheme == "https" else Connection
        pool.conn_kw["registry"] = self._registry
        self._last = place, pool
        return pool


def _looked_up(host: str, port: int) -> list[Any]:
    try:
        return socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except UnicodeError:  # no name can be like that: a part is empty, or longer than 63 characters
        pass
    raise socket.gaierror("not a host name")


def _as_connecting(error: OSError) -> OSError:
    if isinstance(error, TimeoutError):
        return ConnectTimeout()
    if isinstance(error, BrokenPipeError | ConnectionResetError):
        # While connecting, these come of a pulled handle; urllib3 would pass over them, as a server that has answered
        # early may stop to listen, and go on to read from no socket.
        return ConnectionAbortedError()
    return error
