"""Asks cameras over HTTP, as browsers do: with their password, after redirections, and with headers of the user's own.

What is wrong with a camera's address is told by `kpstream.sources.opening`, which asks it again through FFmpeg: here
every fault is one and the same.
"""

from __future__ import annotations

import base64
import hashlib
import http.client
import re
import secrets
import socket
import ssl
from collections.abc import Mapping
from dataclasses import dataclass, field
from urllib.parse import SplitResult, unquote, urljoin, urlsplit

_MAX_REDIRECTIONS = 5
_MAX_CHALLENGES = 2


class HttpError(Exception):
    """The server could not be asked, or did not answer with what was asked for."""


@dataclass(frozen=True)
class HttpAccess:
    """How servers are asked."""

    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    """Sent with each request; may hold keys."""
    verify: bool = False
    """Whether the certificate of a server is verified."""


USUAL_ACCESS = HttpAccess()


class HttpAnswer:
    """An answer whose body is still to come.

    Args:
        connection: Closed by this object.
        sock: The connection's, which itself forgets it where the server is to hang up.
        response: Its head has been read.
    """

    def __init__(
        self, connection: http.client.HTTPConnection, sock: socket.socket, response: http.client.HTTPResponse
    ) -> None:
        self.content_type = response.headers.get_content_type() if "Content-Type" in response.headers else ""
        """In lower case, without parameters; empty where nothing is said."""
        length = response.headers.get("Content-Length", "")
        self.length = int(length) if length.isdecimal() else None
        """Bytes of the body; None where nothing is said."""
        self._connection = connection
        self._sock = sock
        self._response = response

    def read(self, timeout: float) -> bytes:
        """Block for the next bytes of the body; none at its end.

        Raises:
            HttpError: Nothing came for so many seconds, or the connection was lost; it is closed.
        """
        if self._response.isclosed():  # from Python 3.13 on it closes itself and the socket with the body's last bytes
            return b""
        fault = ""
        try:
            self._sock.settimeout(timeout)
            return self._response.read1(65536)
        except TimeoutError:
            fault = f"nothing came for {timeout:g} s"
        except (OSError, http.client.HTTPException, ValueError):
            fault = "the connection was cut"
        self.close()
        raise HttpError(fault)

    def close(self) -> None:
        """Hang up. Idempotent."""
        self._response.close()
        self._connection.close()


def get(url: str, access: HttpAccess, timeout: float) -> HttpAnswer:
    """Ask for what is at an address; blocks until the head of the answer is there.

    Args:
        url: May carry ``USER:PASSWORD@``.
        access: How servers are asked.
        timeout: Seconds for each step.

    Raises:
        HttpError: There is no answer, or it says that something is wrong.
    """
    fault = ""
    try:
        return _get(url, access, timeout)
    except (OSError, http.client.HTTPException, ValueError) as error:
        fault = type(error).__name__
    raise HttpError(fault)


def _get(url: str, access: HttpAccess, timeout: float) -> HttpAnswer:
    authorization, challenges = "", 0
    login = urlsplit(url)
    for _ in range(_MAX_REDIRECTIONS + _MAX_CHALLENGES):
        parts = urlsplit(url)
        connection = _connect(parts, access, timeout)
        headers = {"User-Agent": "kpstream", "Accept": "*/*", **access.headers}
        if authorization and parts.hostname == login.hostname:
            headers["Authorization"] = authorization
        try:
            connection.request("GET", _target(parts), headers=headers)
            sock: socket.socket = connection.sock
            response = connection.getresponse()
        except BaseException:
            connection.close()
            raise
        if response.status == 200:
            return HttpAnswer(connection, sock, response)
        challenge, location = response.headers.get_all("WWW-Authenticate", []), response.headers.get("Location", "")
        connection.close()
        if response.status == 401 and login.username and challenges < _MAX_CHALLENGES:
            challenges += 1
            authorization = _answer_to(challenge, login, _target(parts))
        elif response.status in (301, 302, 303, 307, 308) and location:
            url = urljoin(url, location)
        else:
            break
    raise HttpError("refused")


def _connect(parts: SplitResult, access: HttpAccess, timeout: float) -> http.client.HTTPConnection:
    host = parts.hostname or ""
    if parts.scheme.lower() == "https":
        context = ssl.create_default_context()
        if not access.verify:
            context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        return http.client.HTTPSConnection(host, parts.port, timeout=timeout, context=context)
    if parts.scheme.lower() != "http":
        raise HttpError("no address of a web server")
    return http.client.HTTPConnection(host, parts.port, timeout=timeout)


def _target(parts: SplitResult) -> str:
    return (parts.path or "/") + (f"?{parts.query}" if parts.query else "")


def _answer_to(challenges: list[str], login: SplitResult, target: str) -> str:
    """What to say to a server that asks for a password."""
    user, password = unquote(login.username or ""), unquote(login.password or "")
    for challenge in challenges:
        if challenge.lower().startswith("digest"):
            return _digest(dict(re.findall(r'(\w+)="?([^",]+)"?', challenge)), user, password, target)
    return "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()


def _digest(asked: Mapping[str, str], user: str, password: str, target: str) -> str:
    """RFC 7616 for one request, with MD5 or SHA-256."""
    algorithm = asked.get("algorithm", "MD5")
    hash_of = hashlib.sha256 if algorithm.upper().startswith("SHA-256") else hashlib.md5

    def digest(*words: str) -> str:
        return hash_of(":".join(words).encode()).hexdigest()

    realm, nonce, client_nonce, count = asked.get("realm", ""), asked.get("nonce", ""), secrets.token_hex(8), "00000001"
    secret, what = digest(user, realm, password), digest("GET", target)
    fields = {"username": user, "realm": realm, "nonce": nonce, "uri": target}
    if "qop" in asked:
        fields["response"] = digest(secret, nonce, count, client_nonce, "auth", what)
        more = f', qop=auth, nc={count}, cnonce="{client_nonce}"'
    else:
        fields["response"], more = digest(secret, nonce, what), ""
    if "opaque" in asked:
        fields["opaque"] = asked["opaque"]
    return "Digest " + ", ".join(f'{name}="{word}"' for name, word in fields.items()) + f", algorithm={algorithm}{more}"


def answers(host: str, port: int, greeting: bytes, timeout: float) -> bool:
    """Whether a server says anything at all within a time; blocks that long.

    Args:
        host: Where it is.
        port: Where it listens.
        greeting: What makes it say something.
        timeout: Seconds to connect, and for its first byte.

    Raises:
        OSError: It cannot be reached.
    """
    with socket.create_connection((host, port), timeout) as connection:
        connection.sendall(greeting)
        try:
            return bool(connection.recv(1))
        except TimeoutError:
            return False
