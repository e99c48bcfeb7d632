"""Connections to addresses that were checked, with one deadline for everything.

All depends on connecting to the very address that was checked: libraries for HTTP resolve the name again by themselves
(a name may answer with a public address first and a private one next), follow redirects, and take proxies and
passwords from the environment.
"""

from __future__ import annotations

import functools
import io
import ipaddress
import socket
import ssl
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from requests.utils import DEFAULT_CA_BUNDLE_PATH

Resolve = Callable[[str, int], list[str]]
"""From a host name and a port to its addresses, all of them."""
Connect = Callable[[tuple[str, int], float], socket.socket]
"""From an address and a timeout in seconds to an open connection."""

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

    def addresses(self, host: str, port: int) -> list[tuple[str, int]]:
        """Where a host is, once all of its addresses were checked: one that must not be asked condemns the name.

        Raises:
            UnknownHost: There is none of this name.
            PrivateAddress: It must not be asked.
        """
        try:
            addresses = self.resolve(host, port)
        except (OSError, UnicodeError):
            raise UnknownHost(host) from None
        if not self.allow_private and not all(map(is_public, addresses)):
            raise PrivateAddress(host)
        return [(address, port) for address in addresses]

    def open(self, scheme: str, host: str, addresses: list[tuple[str, int]], deadline: float) -> socket.socket:
        """A connection to the first address that answers; blocks.

        Args:
            scheme: ``http`` or ``https``.
            host: For whom the certificate must be.
            addresses: From `addresses`.
            deadline: In monotonic seconds.

        Raises:
            OSError: None answers; TimeoutError where there was no time left.
        """
        failure: OSError = OSError("no address")
        for number, address in enumerate(addresses):
            try:
                # One that never answers must leave time for the others.
                plain = self.connect(address, left(deadline) / (len(addresses) - number))
            except OSError as error:
                failure = error
                continue
            if scheme == "http":
                return plain
            plain.settimeout(left(deadline))
            return self.tls().wrap_socket(plain, server_hostname=host)  # closes `plain` where it fails
        raise failure


def left(deadline: float) -> float:
    """Seconds until a deadline of the monotonic clock.

    Raises:
        TimeoutError: None are.
    """
    seconds = deadline - time.monotonic()
    if seconds <= 0:
        raise TimeoutError
    return seconds


class TimedSocket:
    """A socket as `http.client` uses one, where the deadline holds for all reads together, not for each."""

    def __init__(self, sock: socket.socket, deadline: float) -> None:
        self._socket = sock
        self._deadline = deadline

    def sendall(self, data: Any) -> None:
        """Send all of it; blocks until the deadline at most."""
        self._socket.settimeout(left(self._deadline))
        self._socket.sendall(data)

    def makefile(self, mode: str) -> io.BufferedReader:
        """What is received; reading blocks until the deadline at most."""
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
        self._socket.settimeout(left(self._deadline))
        return self._socket.recv_into(buffer)
