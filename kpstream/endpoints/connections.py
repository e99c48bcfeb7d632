"""Connections whose every wait has an end: the time of the request that they serve, or a pull at their cord.

requests waits per read and not per request, so a server that sends a byte a second is never too late for it, and a
read that waits cannot be called off. Both are mended here, where urllib3 makes its connections.
"""

from __future__ import annotations

import http.client
import io
import socket
import threading
import time
from contextlib import suppress
from typing import Any

from requests.adapters import HTTPAdapter
from urllib3.connection import HTTPConnection, HTTPSConnection

CONNECT_TIMEOUT = 3.0
"""Seconds for one address: a host that is there answers in far less, and the next address may be the right one."""
_READ_SIZE = 65536


class ConnectTimeout(TimeoutError):
    """No address of the host took the connection in time."""


class Lines:
    """The connections of all threads: how long each may still take, and how to end them.

    Its locks are re-entrant because a connection that nobody wants any more is closed by the garbage collector,
    which may run in the middle of any line.
    """

    def __init__(self) -> None:
        self.closed = False
        self._local = threading.local()
        self._lock = threading.RLock()
        self._cords: set[Cord] = set()

    def start(self, timeout: float) -> None:
        """Give the calling thread's next exchange its time."""
        self._local.ends_at = time.monotonic() + timeout

    def left(self) -> float:
        """Seconds that the calling thread's exchange may still take.

        Raises:
            TimeoutError: None are left.
        """
        left: float = self._local.ends_at - time.monotonic()
        if left <= 0:
            raise TimeoutError
        return left

    def tie(self, sock: socket.socket) -> Cord:
        """Make a socket one that `close` ends.

        Raises:
            ConnectionAbortedError: `close` has been called already.
        """
        with self._lock:
            if self.closed:
                raise ConnectionAbortedError
            cord = Cord(sock.dup(), self)
            self._cords.add(cord)
            return cord

    def untie(self, cord: Cord) -> None:
        """Forget a cord whose connection has ended."""
        with self._lock:
            self._cords.discard(cord)

    def close(self) -> None:
        """End all connections at once, and every later one before it starts. Idempotent."""
        with self._lock:
            self.closed = True
            for cord in tuple(self._cords):
                cord.pull()


class Cord:
    """A second descriptor of a connection's socket, to shut it down with: it stays good when TLS takes over the first.

    Held by the connection and by each response that is read from it, since http.client lets go of a connection
    before its last response has been read.
    """

    def __init__(self, sock: socket.socket, lines: Lines) -> None:
        self._sock = sock
        self._lines = lines
        self._lock = threading.RLock()
        self._holders = 1

    def hold(self) -> Cord:
        """Count one more holder."""
        with self._lock:
            self._holders += 1
        return self

    def drop(self) -> None:
        """Count one less; the last one closes the descriptor."""
        with self._lock:
            self._holders -= 1
            last = self._holders == 0
        if last:
            self._lines.untie(self)
            self._sock.close()

    def pull(self) -> None:
        """Wake whoever waits on the connection, with its end."""
        with suppress(OSError):  # not connected (yet, any more): then nobody waits on it
            self._sock.shutdown(socket.SHUT_RDWR)


class Connection(HTTPConnection):
    """A connection whose every wait ends with the time of the exchange, or with its cord."""

    def __init__(self, *args: Any, lines: Lines, **options: Any) -> None:
        super().__init__(*args, **options)
        self._lines = lines
        self._cord: Cord | None = None

    def _new_conn(self) -> socket.socket:
        addresses = _looked_up(self._dns_host, self.port)
        for tried, (family, kind, protocol, _, address) in enumerate(addresses):
            try:
                return self._connected(family, kind, protocol, address, len(addresses) - tried)
            except OSError as error:
                self._let_go()
                if self._lines.closed or tried == len(addresses) - 1:
                    raise _as_connecting(error) from None
        raise socket.gaierror("a look-up without an address")

    def _connected(self, family: int, kind: int, protocol: int, address: Any, to_try: int) -> socket.socket:
        sock = socket.socket(family, kind, protocol)
        try:
            self._cord = self._lines.tie(sock)
            for option in self.socket_options or ():
                sock.setsockopt(*option)
            sock.settimeout(min(CONNECT_TIMEOUT, self._lines.left() / to_try))
            sock.connect(address)
            sock.settimeout(self._lines.left())  # a TLS handshake comes next
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
            self.sock.settimeout(self._lines.left())
            rest = rest[self.sock.send(rest) :]

    def response_class(  # type: ignore[override] # a class to http.client, which only calls it
        self, sock: socket.socket, *args: Any, **options: Any
    ) -> http.client.HTTPResponse:
        """Read a response from ``sock`` with an eye on the time."""
        response = http.client.HTTPResponse(sock, *args, **options)
        assert self._cord is not None
        unbuffered: Any = response.fp.detach()
        response.fp = io.BufferedReader(_Reader(unbuffered, sock, self._lines, self._cord.hold()), _READ_SIZE)
        return response

    def close(self) -> None:
        """Close the socket and let go of the cord."""
        try:
            super().close()
        finally:
            self._let_go()

    def _let_go(self) -> None:
        cord, self._cord = self._cord, None
        if cord is not None:
            cord.drop()


class TlsConnection(Connection, HTTPSConnection):
    """The same, through TLS."""


class _Reader(io.RawIOBase):
    """Reads from a socket for as long as the exchange may still take."""

    def __init__(self, raw: io.RawIOBase, sock: socket.socket, lines: Lines, cord: Cord) -> None:
        self._raw = raw
        self._sock = sock
        self._lines = lines
        self._cord = cord

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int | None:
        self._sock.settimeout(self._lines.left())
        return self._raw.readinto(buffer)

    def close(self) -> None:
        if not self.closed:
            super().close()
            self._raw.close()
            self._cord.drop()


class Adapter(HTTPAdapter):
    """Has a requests session make such connections, also those through a proxy."""

    def __init__(self, lines: Lines) -> None:
        self._lines = lines
        super().__init__(pool_connections=4, pool_maxsize=1)

    def get_connection_with_tls_context(self, *args: Any, **options: Any) -> Any:
        """Find the pool of a host, and have it make our connections."""
        pool: Any = super().get_connection_with_tls_context(*args, **options)
        pool.ConnectionCls = TlsConnection if pool.scheme == "https" else Connection
        pool.conn_kw["lines"] = self._lines
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
        # While connecting, these come of a pulled cord; urllib3 would pass over them, as a server that has answered
        # early may stop to listen, and go on to read from no socket.
        return ConnectionAbortedError()
    return error
