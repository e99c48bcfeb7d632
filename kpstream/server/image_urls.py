"""Pictures behind ``image=`` URLs, fetched from public addresses only.

Written on `http.client`, since all depends on connecting to the very address that was checked: libraries above it
resolve the name again by themselves (a name may answer with a public address first and a private one next), follow
redirects, and take proxies and passwords from the environment.
"""

from __future__ import annotations

import functools
import http.client
import io
import ipaddress
import socket
import ssl
import time
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass
from typing import Any
from urllib.parse import SplitResult, quote, urljoin, urlsplit

from requests.utils import DEFAULT_CA_BUNDLE_PATH

from kpstream.server.faults import unreadable

Resolve = Callable[[str, int], list[str]]
"""From a host name and a port to its addresses, all of them."""
Connect = Callable[[tuple[str, int], float], socket.socket]
"""From an address and a timeout in seconds to an open connection."""

_PORTS = {"http": 80, "https": 443}
_REDIRECTS = frozenset({301, 302, 303, 307, 308})
_MAX_REDIRECTS = 5
_CHUNK = 64 * 1024
_HEADERS = {
    "User-Agent": "kpstream",
    "Accept": "image/*, */*;q=0.5",
    "Accept-Encoding": "identity",
    "Connection": "close",
}
_PRIVATE = (
    "The image URL leads to a private or local address; `kpstream serve --allow-private-images` fetches from those."
)
_NAT64 = ipaddress.ip_network("64:ff9b::/96")


class _Unfetchable(Exception):
    """Why a picture cannot be had, in words for the one who asked."""


def is_public(address: str) -> bool:
    """Whether an address belongs to the internet at large: not to loopback, a private or local network, a special use.

    Raises:
        ValueError: It is no IP address.
    """
    ip = ipaddress.ip_address(address)
    if isinstance(ip, ipaddress.IPv4Address):
        return ip.is_global and not ip.is_multicast
    # An IPv4 address may be dressed as an IPv6 one, and is reached all the same.
    inner = ip.ipv4_mapped or ip.sixtofour or (ip.teredo[1] if ip.teredo else None)
    if ip in _NAT64:
        inner = ipaddress.IPv4Address(int(ip) & 0xFFFFFFFF)
    if inner is not None:
        return is_public(str(inner))
    return ip.is_global and not (ip.is_multicast or ip.is_reserved or ip.is_site_local)


def resolve_by_system(host: str, port: int) -> list[str]:
    """Ask the system's resolver; blocks as long as that does.

    Raises:
        OSError: There is no such name.
    """
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(item[4][0]) for item in found))


def connect_by_system(address: tuple[str, int], timeout: float) -> socket.socket:
    """Open a TCP connection.

    Raises:
        OSError: Nobody answers there.
    """
    return socket.create_connection(address, timeout)


@functools.cache
def tls_by_system() -> ssl.SSLContext:
    """Trusts whom the system trusts, and whom `requests` does: some systems come without any certificates."""
    context = ssl.create_default_context()
    context.load_verify_locations(DEFAULT_CA_BUNDLE_PATH)
    return context


@dataclass(frozen=True, slots=True)
class ImageUrls:
    """Fetches pictures. Any number of threads may use one."""

    allow_private: bool = False
    """Whether loopback, private and local addresses are fetched from as well."""
    timeout: float = 10.0
    """Seconds for everything: redirects, connecting, each byte of the answer. The resolver's own time comes on top."""
    max_bytes: int = 20 * 1024 * 1024
    resolve: Resolve = resolve_by_system
    connect: Connect = connect_by_system
    tls: Callable[[], ssl.SSLContext] = tls_by_system

    def fetch(self, url: str) -> bytes:
        """Fetch a picture's file; blocks.

        Args:
            url: ``http://`` or ``https://``.

        Raises:
            Fault: 400, it cannot be had, with one line of reason.
        """
        deadline = time.monotonic() + self.timeout
        try:
            for _ in range(1 + _MAX_REDIRECTS):
                answer = self._get(_parsed(url), deadline)
                if isinstance(answer, bytes):
                    return answer
                url = urljoin(url, answer)
        except _Unfetchable as error:
            raise unreadable(str(error)) from None
        except TimeoutError:
            raise unreadable(f"The image URL did not answer within {self.timeout:g} s.") from None
        except (OSError, http.client.HTTPException, ValueError):
            # Neither the library's words nor the URL are repeated: both may hold keys.
            raise unreadable("The image URL could not be fetched.") from None
        raise unreadable(f"The image URL redirects more than {_MAX_REDIRECTS} times.")

    def _get(self, url: SplitResult, deadline: float) -> bytes | str:
        """The body of one answer, or where it redirects to."""
        host, port = str(url.hostname), url.port or _PORTS[url.scheme]
        with closing(self._open(url.scheme, host, self._addresses(host, port), deadline)) as sock:
            connection = http.client.HTTPConnection(host, port)
            connection.default_port = _PORTS[url.scheme]  # what the Host header leaves out
            # Set from outside, so that http.client neither resolves nor connects by itself.
            connection.sock = _Timed(sock, deadline)
            connection.request("GET", _target(url), headers=_HEADERS)
            response = connection.getresponse()
            if response.status in _REDIRECTS and (location := response.getheader("Location")):
                return location
            if response.status != http.client.OK:
                raise _Unfetchable(f"The image URL answers with status {response.status}.")
            return self._body(response)

    def _addresses(self, host: str, port: int) -> list[tuple[str, int]]:
        """Where the host is, once all of its addresses were checked: one that must not be asked condemns the name."""
        try:
            addresses = self.resolve(host, port)
        except (OSError, UnicodeError):
            raise _Unfetchable("The host of the image URL is not known.") from None
        if not self.allow_private and not all(map(is_public, addresses)):
            raise _Unfetchable(_PRIVATE)
        return [(address, port) for address in addresses]

    def _open(self, scheme: str, host: str, addresses: list[tuple[str, int]], deadline: float) -> socket.socket:
        """A connection to the first address that answers."""
        failure: OSError = OSError("no address")
        for number, address in enumerate(addresses):
            try:
                # One that never answers must leave time for the others.
                plain = self.connect(address, _left(deadline) / (len(addresses) - number))
            except OSError as error:
                failure = error
                continue
            if scheme == "http":
                return plain
            plain.settimeout(_left(deadline))
            return self.tls().wrap_socket(plain, server_hostname=host)  # closes `plain` where it fails
        raise failure

    def _body(self, response: http.client.HTTPResponse) -> bytes:
        body = bytearray()
        while chunk := response.read(_CHUNK):
            body += chunk
            if len(body) > self.max_bytes:
                raise _Unfetchable(f"The image URL holds more than {self.max_bytes // 1024 // 1024} MB.")
        if response.length:
            raise _Unfetchable("The answer of the image URL is cut off.")
        return bytes(body)


def _parsed(url: str) -> SplitResult:
    try:
        parts = urlsplit(url)
        host, _ = parts.hostname, parts.port
        usable = parts.scheme in _PORTS and bool(host) and "\\" not in parts.netloc
    except ValueError:
        usable = False
    if not usable:
        raise _Unfetchable("Provided image URL is invalid: it must begin with http:// or https:// and name a host.")
    if parts.username is not None:
        raise _Unfetchable("An image URL with a user name or password is not fetched.")
    return parts


def _target(url: SplitResult) -> str:
    """The path and query as they stand, with what a request line cannot hold escaped."""
    target = (url.path or "/") + (f"?{url.query}" if url.query else "")
    return quote(target, safe="/%:=&?~+!$,;'@()*[]|")


def _left(deadline: float) -> float:
    left = deadline - time.monotonic()
    if left <= 0:
        raise TimeoutError
    return left


class _Timed:
    """A socket as `http.client` uses one, where the deadline holds for all reads together, not for each."""

    def __init__(self, sock: socket.socket, deadline: float) -> None:
        self._socket = sock
        self._deadline = deadline

    def sendall(self, data: Any) -> None:
        self._socket.settimeout(_left(self._deadline))
        self._socket.sendall(data)

    def makefile(self, mode: str) -> io.BufferedReader:
        assert mode == "rb"
        return io.BufferedReader(_TimedReader(self._socket, self._deadline))

    def close(self) -> None:
        """Nothing: http.client gives up its socket before the body is read, and ours is closed by who opened it."""


class _TimedReader(io.RawIOBase):
    def __init__(self, sock: socket.socket, deadline: float) -> None:
        self._socket = sock
        self._deadline = deadline

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        self._socket.settimeout(_left(self._deadline))
        return self._socket.recv_into(buffer)
