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
from contextlib import suppress
from dataclasses import dataclass, field, replace
from urllib.parse import SplitResult, unquote, urljoin, urlsplit

_PORTS = {"http": 80, "https": 443}
_MAX_REDIRECTIONS = 5
_MAX_CHALLENGES = 2


class HttpError(Exception):
    """The server could not be asked, or did not answer with what was asked for."""


class NoAnswer(HttpError):
    """The server took the request, and said nothing in time."""


@dataclass(frozen=True)
class HttpAccess:
    """How servers are asked."""

    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    """Sent with each request to the origin of the address; may hold keys."""
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


def get(url: str, access: HttpAccess, connects_within: float, answers_within: float) -> HttpAnswer:
    """Ask for what is at an address; blocks until the head of the answer is there.

    Args:
        url: May carry ``USER:PASSWORD@``.
        access: How servers are asked.
        connects_within: Seconds to connect.
        answers_within: Seconds from a request to the head of its answer.

    Raises:
        NoAnswer: The server says nothing.
        HttpError: There is no answer, or it says that something is wrong.
    """
    fault = ""
    try:
        answer = _Walk(url, access).answer(connects_within, answers_within)
    except (OSError, http.client.HTTPException, ValueError) as error:
        answer, fault = None, type(error).__name__
    if answer is None:
        raise HttpError(fault or "refused")
    return answer


def after_redirections(url: str, access: HttpAccess, timeout: float) -> tuple[str, HttpAccess]:
    """Follow an address to where it leads, for FFmpeg, which would take the headers to any server; blocks.

    Args:
        url: May carry ``USER:PASSWORD@``.
        access: How servers are asked.
        timeout: Seconds for each step.

    Returns:
        The last address, and how it is to be asked: with headers and password where it is of the same origin alone.
        Both as they are where there are no headers, or the address is not one of a web server.
    """
    if not access.headers:
        return url, access
    walk = _Walk(url, access)
    with suppress(OSError, http.client.HTTPException, ValueError, HttpError):  # FFmpeg tells better what is wrong
        answer = walk.answer(timeout, timeout)
        if answer is not None:
            answer.close()
    if walk.url == url:
        return url, access
    if walk.is_at_home:
        return _with_login_of(url, walk.url), access
    return walk.url, replace(access, headers={})


class _Walk:
    """One request, and those to which redirections and questions for a password lead.

    Headers and password go to the origin of the first address alone, as from a browser.
    """

    def __init__(self, url: str, access: HttpAccess) -> None:
        self.url = url
        """Asked last, or next."""
        self._first = url
        self._access = access

    @property
    def is_at_home(self) -> bool:
        """Whether it is of the origin of the first one, or the same by https in the place of http."""
        (scheme, host), now = _origin(self._first), _origin(self.url)
        return now in ((scheme, host), ("https", host))

    def answer(self, connects_within: float, answers_within: float) -> HttpAnswer | None:
        """Ask; None where something else came than what was asked for. Blocks.

        Raises:
            OSError: There is no answer; also HTTPException and ValueError.
            HttpError: It leads to what is no web server, or to one that says nothing.
        """
        self.url = _checked(self.url)
        authorization, challenges = "", 0
        login = urlsplit(self._first)
        for _ in range(_MAX_REDIRECTIONS + _MAX_CHALLENGES):
            parts, is_at_home = urlsplit(self.url), self.is_at_home
            headers = {"User-Agent": "kpstream", "Accept": "*/*", **(self._access.headers if is_at_home else {})}
            if authorization and is_at_home:
                headers["Authorization"] = authorization
            connection = _connect(parts, self._access, connects_within)
            sock, response = _ask(connection, _target(parts), headers, answers_within)
            if response.status == 200:
                return HttpAnswer(connection, sock, response)
            challenge, location = response.headers.get_all("WWW-Authenticate", []), response.headers.get("Location", "")
            connection.close()
            if response.status == 401 and login.username and is_at_home and challenges < _MAX_CHALLENGES:
                challenges += 1
                authorization = _answer_to(challenge, login, _target(parts))
            elif response.status in (301, 302, 303, 307, 308) and location:
                self.url = _checked(urljoin(self.url, location))
            else:
                return None
        return None


def _ask(
    connection: http.client.HTTPConnection, target: str, headers: Mapping[str, str], answers_within: float
) -> tuple[socket.socket, http.client.HTTPResponse]:
    """Connect and ask; where that fails the connection is closed."""
    try:
        connection.connect()
        sock: socket.socket = connection.sock
        sock.settimeout(answers_within)
        connection.request("GET", target, headers=dict(headers))
        try:
            return sock, connection.getresponse()
        except TimeoutError:
            raise NoAnswer(f"no answer within {answers_within:g} s") from None
    except BaseException:
        connection.close()
        raise


def _origin(url: str) -> tuple[str, str]:
    """Scheme, and host with a port that is not the scheme's own."""
    parts = urlsplit(url)
    return parts.scheme, parts.netloc.rpartition("@")[2].lower().removesuffix(f":{_PORTS.get(parts.scheme)}")


def _with_login_of(first: str, url: str) -> str:
    """An address with the user and password of another one; its own are left out."""
    login, at, _ = urlsplit(first).netloc.rpartition("@")
    parts = urlsplit(url)
    return parts._replace(netloc=login + at + parts.netloc.rpartition("@")[2]).geturl()


def _checked(url: str) -> str:
    parts = urlsplit(url)
    if parts.scheme not in _PORTS or not parts.hostname:
        raise HttpError("no address of a web server")
    return parts.geturl()


def _connect(parts: SplitResult, access: HttpAccess, timeout: float) -> http.client.HTTPConnection:
    host = parts.hostname or ""
    if parts.scheme == "https":
        context = ssl.create_default_context()
        if not access.verify:
            context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        return http.client.HTTPSConnection(host, parts.port, timeout=timeout, context=context)
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
