"""Pictures behind ``image=`` URLs, fetched from public addresses only.

Written on `http.client`, over connections that `kpstream.serving.dialing` opens.
"""

from __future__ import annotations

import http.client
import ssl
import time
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass
from urllib.parse import SplitResult, quote, urljoin, urlsplit

from kpstream.server.faults import unreadable
from kpstream.serving.dialing import (
    Connect,
    Dialer,
    PrivateAddress,
    Resolve,
    TimedSocket,
    UnknownHost,
    connect_by_system,
    resolve_by_system,
    tls_by_system,
)

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


class _Unfetchable(Exception):
    """Why a picture cannot be fetched, in words for the client."""


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
        dialer = Dialer(self.allow_private, self.resolve, self.connect, self.tls)
        try:
            addresses = dialer.addresses(host, port)
        except UnknownHost:
            raise _Unfetchable("The host of the image URL is not known.") from None
        except PrivateAddress:
            raise _Unfetchable(_PRIVATE) from None
        with closing(dialer.open(url.scheme, host, addresses, deadline)) as sock:
            connection = http.client.HTTPConnection(host, port)
            connection.default_port = _PORTS[url.scheme]  # what the Host header leaves out
            # Set from outside, so that http.client neither resolves nor connects by itself.
            connection.sock = TimedSocket(sock, deadline)
            connection.request("GET", _target(url), headers=_HEADERS)
            response = connection.getresponse()
            if response.status in _REDIRECTS and (location := response.getheader("Location")):
                return location
            if response.status != http.client.OK:
                raise _Unfetchable(f"The image URL answers with status {response.status}.")
            return self._body(response)

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
