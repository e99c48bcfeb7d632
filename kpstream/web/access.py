"""Who may come in: the token, the name the page is called by, and where a request comes from."""

from __future__ import annotations

import hmac
import ipaddress
import socket
from collections.abc import Iterable
from http.cookies import CookieError, SimpleCookie
from urllib.parse import parse_qs, urlsplit

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import JSONResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send
from starlette.websockets import WebSocket

_SAFE = frozenset({"GET", "HEAD", "OPTIONS"})
_POLICY = "; ".join(
    (
        "default-src 'none'",
        "script-src 'self'",
        "style-src 'self'",
        "img-src 'self' blob: data:",
        "media-src 'self' blob:",
        "connect-src 'self'",
        "manifest-src 'self'",
        "base-uri 'none'",
        "form-action 'none'",
        "frame-ancestors 'none'",
    )
)
_HEADERS = {
    "content-security-policy": _POLICY,
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
    "x-frame-options": "DENY",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "permissions-policy": "camera=(self), microphone=(), geolocation=()",
}
_COOKIE_AGE = 30 * 24 * 3600
"""Seconds that a browser keeps the token."""


class AuthMiddleware:
    """Lets a request through to the application, or refuses it; puts what keeps a browser safe on every answer.

    Args:
        app: What is behind it.
        token: What has to be shown; empty lets everybody in, which is for loopback alone.
        names: Host names that the page may be called by, beside this machine's own. An address is always good.
        port: Where it listens; sets the cookies of two pages of one machine apart.
        tls: Whether it is reached by https.
    """

    def __init__(self, app: ASGIApp, *, token: str, names: Iterable[str], port: int, tls: bool) -> None:
        self._app = app
        self._token = token
        self._names = {"localhost", _this_machine(), f"{_this_machine()}.local", *(name.lower() for name in names)}
        self._cookie = f"kpstream-{port}"
        self._tls = tls

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one connection, as ASGI has it."""
        if scope["type"] not in ("http", "websocket"):
            await self._app(scope, receive, send)
            return
        headers = Headers(scope=scope)
        query = parse_qs(scope["query_string"].decode("latin-1"))
        by_query = self._is_token(query.get("token", [""])[0])
        if self._token and not (
            by_query or self._is_token(_bearer(headers)) or self._is_token(self._in_cookie(headers))
        ):
            await _answer(Response(status_code=401, headers={"www-authenticate": "Bearer"}), scope, receive, send)
            return
        if (refusal := self._refusal(scope, headers)) is not None:
            await _answer(refusal, scope, receive, send)
            return
        cookie = self._new_cookie() if by_query and self._token else ""

        async def send_safely(message: Message) -> None:
            if message["type"] == "http.response.start":
                given = MutableHeaders(scope=message)
                for name, value in _HEADERS.items():
                    given[name] = value
                given.setdefault("cache-control", "no-store")
                if cookie:
                    given.append("set-cookie", cookie)
            await send(message)

        await self._app(scope, receive, send_safely)

    def _is_token(self, shown: str) -> bool:
        return bool(self._token) and hmac.compare_digest(shown.encode("utf-8", "replace"), self._token.encode())

    def _in_cookie(self, headers: Headers) -> str:
        try:
            found = SimpleCookie(headers.get("cookie", "")).get(self._cookie)
        except CookieError:
            return ""
        return found.value if found else ""

    def _new_cookie(self) -> str:
        secure = "; Secure" if self._tls else ""
        return f"{self._cookie}={self._token}; Path=/; Max-Age={_COOKIE_AGE}; HttpOnly; SameSite=Strict{secure}"

    def _refusal(self, scope: Scope, headers: Headers) -> Response | None:
        host = headers.get("host", "")
        if not self._is_ours(host):
            return JSONResponse({"error": "this page is not called by that name"}, 421)
        origin = headers.get("origin")
        changes = scope["type"] == "websocket" or scope["method"] not in _SAFE
        if changes and origin is not None and not self._is_same(origin, host):
            return JSONResponse({"error": "another site may not do that"}, 403)
        return None

    def _is_ours(self, host: str) -> bool:
        """No name that somebody else may point at this machine: that is how foreign sites get at local ones."""
        try:
            name = urlsplit(f"//{host}").hostname or ""
        except ValueError:
            return False
        try:
            ipaddress.ip_address(name)
        except ValueError:
            return name.lower() in self._names
        return True

    def _is_same(self, origin: str, host: str) -> bool:
        default = 443 if self._tls else 80
        try:
            theirs, ours = urlsplit(origin), urlsplit(f"//{host}")
            same_port = (theirs.port or default) == (ours.port or default)
        except ValueError:
            return False
        scheme = "https" if self._tls else "http"
        return theirs.scheme == scheme and theirs.hostname == ours.hostname and same_port


async def _answer(response: Response, scope: Scope, receive: Receive, send: Send) -> None:
    """Refuse, also what wants to become a WebSocket: by an ordinary answer to its first request."""
    response.headers["x-content-type-options"] = "nosniff"
    response.headers["cache-control"] = "no-store"
    if scope["type"] == "websocket":
        websocket = WebSocket(scope, receive, send)
        await receive()
        await websocket.send_denial_response(response)
    else:
        await response(scope, receive, send)


def _bearer(headers: Headers) -> str:
    kind, _, shown = headers.get("authorization", "").partition(" ")
    return shown.strip() if kind.lower() == "bearer" else ""


def _this_machine() -> str:
    return socket.gethostname().lower().removesuffix(".local")
