"""Connections to addresses that were checked, with one deadline for everything.

All depends on connecting to the very address that was checked: libraries for HTTP resolve the name again by themselves
(a name may answer with a public address first and a private one next), follow redirects, and take proxies and
passwords from the environment.
"""

from __future__ import annotations

import functools
import http.client
import io
import ipaddress
import socket
import ssl
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass
from typing import Any
from urllib.parse import SplitResult, quote

from requests.utils import DEFAULT_CA_BUNDLE_PATH

from kpstream.channel import Deadline

Resolve = Callable[[str, int], list[str]]
"""From a host name and a port to its addresses, all of them."""
Connect = Callable[[tuple[str, int], float], socket.socket]
"""From an address and a timeout in seconds to an open connection."""

PORTS = {"http": 80, "https": 443}
"""The schemes that can be asked, and their ports."""
_NAT64 = ipaddress.ip_network("64:ff9b::/96")


class UnknownHost(Exception):
    """There is no host of this name."""


class PrivateAddress(Exception):
    """A host has an address that must not be asked."""


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
class Dialer:
    """Opens connections. Any number of threads may use one."""

    allow_private: bool = False
    """Whether loopback, private and local addresses are connected to as well."""
    resolve: Resolve = resolve_by_system
    connect: Connect = connect_by_system
    tls: Callable[[], ssl.SSLContext] = tls_by_system

    @contextmanager
    def request(
        self,
        method: str,
        url: SplitResult,
        *,
        deadline: Deadline,
        headers: Mapping[str, str],
        body: bytes | None = None,
    ) -> Iterator[http.client.HTTPResponse]:
        """Send a request, and give its response as long as the block lasts; blocks until the deadline at most.

        Redirects are not followed. (A name look-up takes as long as the system makes it.)

        Args:
            method: ``GET`` and the like.
            url: Where to; its scheme is one of `PORTS`, and it names a host.
            deadline: For everything, the reading of the response included.
            headers: All but those that belong to the connection and the body.
            body: What is sent.

        Raises:
            UnknownHost: There is no host of this name.
            PrivateAddress: One of its addresses must not be asked.
            OSError: None of them answers; TimeoutError where there was no time left.
            http.client.HTTPException: What answers speaks no HTTP.
            ValueError: The URL or a header holds what cannot be sent.
        """
        host, port = str(url.hostname), url.port or PORTS[url.scheme]
        addresses = self._addresses(host, port)
        with closing(self._open(url.scheme, host, addresses, deadline)) as sock:
            connection = http.client.HTTPConnection(host, port)
            connection.default_port = PORTS[url.scheme]  # what the Host header leaves out
            # Set from outside, so that http.client neither resolves nor connects by itself.
            connection.sock = _TimedSocket(sock, deadline)
            connection.request(method, _target(url), body=body, headers=headers)
            yield connection.getresponse()

    def _addresses(self, host: str, port: int) -> list[tuple[str, int]]:
        """Where a host is, once all of its addresses were checked: one that must not be asked condemns the name."""
        try:
            addresses = self.resolve(host, port)
        except (OSError, UnicodeError):
            raise UnknownHost(host) from None
        if not self.allow_private and not all(map(is_public, addresses)):
            raise PrivateAddress(host)
        return [(address, port) for address in addresses]

    def _open(self, scheme: str, host: str, addresses: list[tuple[str, int]], deadline: Deadline) -> socket.socket:
        """A connection to the first address that answers; the certificate must be the host's."""
        failure: OSError = OSError("no address")
        for number, address in enumerate(addresses):
            try:
                # One that never answers must leave time for the others.
                plain = self.connect(address, deadline.left() / (len(addresses) - number))
            except OSError as error:
                failure = error
                continue
            return plain if scheme == "http" else self._encrypted(plain, host, deadline)
        raise failure

    def _encrypted(self, plain: socket.socket, host: str, deadline: Deadline) -> ssl.SSLSocket:
        try:
            plain.settimeout(deadline.left())
            return self.tls().wrap_socket(plain, server_hostname=host)
        except BaseException:
            plain.close()
            raise


def _target(url: SplitResult) -> str:
    """The path and query as they stand, with what a request line cannot hold escaped."""
    target = (url.path or "/") + (f"?{url.query}" if url.query else "")
    return quote(target, safe="/%:=&?~+!$,;'@()*[]|")


class _TimedSocket:
    """A socket as `http.client` uses one, where the deadline holds for all reads together, not for each."""

    def __init__(self, sock: socket.socket, deadline: Deadline) -> None:
        self._socket = sock
        self._deadline = deadline

    def sendall(self, data: Any) -> None:
        """Send all of it; blocks until the deadline at most."""
        self._socket.settimeout(self._deadline.left())
        self._socket.sendall(data)

    def makefile(self, mode: str) -> io.BufferedReader:
        """What is received; reading blocks until the deadline at most."""
        assert mode == "rb"
        return io.BufferedReader(_TimedReader(self._socket, self._deadline))

    def close(self) -> None:
        """Nothing: http.client gives up its socket before the body is read, and ours is closed by who opened it."""


class _TimedReader(io.RawIOBase):
    def __init__(self, sock: socket.socket, deadline: Deadline) -> None:
        self._socket = sock
        self._deadline = deadline

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        self._socket.settimeout(self._deadline.left())
        return self._socket.recv_into(buffer)
