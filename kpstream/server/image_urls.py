"""Pictures behind ``image=`` URLs, fetched from public addresses only."""

from __future__ import annotations

import http.client
from dataclasses import dataclass, field
from urllib.parse import SplitResult, urljoin, urlsplit

from kpstream.channel import Deadline
from kpstream.server.faults import unreadable
from kpstream.serving.dialing import PORTS, Dialer, PrivateAddress, UnknownHost

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

    dialer: Dialer = field(default_factory=Dialer)
    """Opens the connections, to public addresses alone unless it says otherwise."""
    timeout: float = 10.0
    """Seconds for everything: redirects, connecting, each byte of the answer. The resolver's own time comes on top."""
    max_bytes: int = 20 * 1024 * 1024

    def fetch(self, url: str) -> bytes:
        """Fetch a picture's file; blocks.

        Args:
            url: ``http://`` or ``https://``.

        Raises:
            Fault: 400, it cannot be had, with one line of reason.
        """
        deadline = Deadline(self.timeout)
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

    def _get(self, url: SplitResult, deadline: Deadline) -> bytes | str:
        """The body of one answer, or where it redirects to."""
        try:
            with self.dialer.request("GET", url, deadline=deadline, headers=_HEADERS) as response:
                if response.status in _REDIRECTS and (location := response.getheader("Location")):
                    return location
                if response.status != http.client.OK:
                    raise _Unfetchable(f"The image URL answers with status {response.status}.")
                return self._body(response)
        except UnknownHost:
            raise _Unfetchable("The host of the image URL is not known.") from None
        except PrivateAddress:
            raise _Unfetchable(_PRIVATE) from None

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
        usable = parts.scheme in PORTS and bool(host) and "\\" not in parts.netloc
    except ValueError:
        usable = False
    if not usable:
        raise _Unfetchable("Provided image URL is invalid: it must begin with http:// or https:// and name a host.")
    if parts.username is not None:
        raise _Unfetchable("An image URL with a user name or password is not fetched.")
    return parts
