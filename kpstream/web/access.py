"""Which requests are let in: by their token, by the name they call the page, and by the site they come from."""

from __future__ import annotations

import asyncio
import contextlib
import hmac
import logging
import socket
import time
from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass, field
from urllib.parse import parse_qs, quote, unquote, urlsplit

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import JSONResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send
from starlette.websockets import WebSocket

from kpstream.redact import redact
from kpstream.web.public_address import (
    Network,
    PublicAddress,
    in_networks,
    is_address,
    is_called,
    is_own_origin,
    public_address,
)

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
    )
)
_HEADERS = {
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
    "cross-origin-opener-policy": "same-origin",
    "permissions-policy": "camera=(self), microphone=(), geolocation=()",
}
_COOKIE_AGE = 30 * 24 * 3600
"""Seconds that a browser keeps the token."""
_LOG_AGAIN_AFTER = 3600.0
"""Seconds after which the same refusal gets another line in the log."""
_MOST_LOGGED = 64
"""Refusals that are remembered: an attacker who invents names fills neither the memory nor the log."""
_MOST_BODY = 64 * 1024
_BODY_WITHIN = 2.0
"""Bytes, and seconds, for the body of a request that is refused."""
_log = logging.getLogger("kpstream")


@dataclass(frozen=True, slots=True)
class AccessRules:
    """What a request needs to be let in."""

    token: str = field(repr=False)
    """The token that a request must show; empty accepts every request, which is for loopback alone."""
    port: int
    """Where the page listens; sets the cookies of two pages of one machine apart."""
    tls: bool
    """Whether the page itself is served by https."""
    host: str = ""
    """The host that the page listens at, as the user wrote it."""
    names: tuple[str, ...] = ()
    """Further names that the page is called by."""
    embed: tuple[str, ...] = ()
    """Origins of pages that may show this one, or its pictures."""
    proxies: tuple[Network, ...] = ()
    """Who may say in ``X-Forwarded-*`` how the page is reached."""


class _Refusal(Exception):
    """A request that is not let in.

    Args:
        response: What it is answered.
        reason: What the client did, for the log.
    """

    def __init__(self, response: Response, reason: str) -> None:
        super().__init__(reason)
        self.response = response


class AuthMiddleware:
    """Lets a request through to the application, or refuses it; puts what keeps a browser safe on every answer.

    Args:
        app: What is behind it.
        rules: Who is let in.
        certificate_names: Gives the names that the page's certificate is for.
        clock: Monotonic seconds.
    """

    def __init__(
        self,
        app: ASGIApp,
        rules: AccessRules,
        certificate_names: Callable[[], Collection[str]] = tuple,
        *,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        machine = socket.gethostname().lower().removesuffix(".local")
        self._app = app
        self._rules = rules
        self._own_names = {"localhost", machine, f"{machine}.local", rules.host.lower()}
        self._certificate_names = certificate_names
        self._cookie = f"kpstream-{rules.port}"
        self._clock = clock
        self._logged: dict[str, float] = {}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one connection, as ASGI has it."""
        if scope["type"] not in ("http", "websocket"):
            await self._app(scope, receive, send)
            return
        headers = Headers(scope=scope)
        try:
            by_query = self._check_token(scope, headers)
            address = self._check_name(scope, headers)
            self._check_origin(scope, headers, address)
        except _Refusal as refusal:
            self._report(f"{self._client(scope, headers)} {refusal}")
            await _answer(refusal.response, scope, receive, send)
            return
        added = self._headers(headers)
        cookie = self._new_cookie(address) if by_query and self._rules.token else ""

        async def send_safely(message: Message) -> None:
            if message["type"] == "http.response.start":
                given = MutableHeaders(scope=message)
                for name, value in added.items():
                    given[name] = value
                given.setdefault("cache-control", "no-store")
                if cookie:
                    given.append("set-cookie", cookie)
            await send(message)

        await self._app(scope, receive, send_safely)

    def _check_token(self, scope: Scope, headers: Headers) -> bool:
        """Whether the token stands in the address."""
        query = parse_qs(scope["query_string"].decode("latin-1"))
        by_query = self._is_token(query.get("token", [""])[0])
        if by_query or not self._rules.token:
            return by_query
        if not any(map(self._is_token, (_bearer(headers), *self._in_cookies(headers)))):
            response = Response(status_code=401, headers={"www-authenticate": "Bearer"})
            raise _Refusal(response, "asked for the page without its token, or with a wrong one")
        return False

    def _check_name(self, scope: Scope, headers: Headers) -> PublicAddress:
        """Refuse names that a stranger may point at this machine: DNS rebinding gives foreign sites a local page."""
        joined = {name: ", ".join(headers.getlist(name)) for name in headers}
        address = public_address(joined, tls=self._rules.tls, trusts_sender=self._trusts_sender(scope))
        if address is None:
            unknown = [headers.get("host", "")]
        else:
            unknown = [host for host in (address.host, *address.others) if not self._is_known(host)]
        if address is None or unknown:
            reason = (
                f"asked for the page by the name {_shown(unknown[0])}, which it is not known to have: "
                "if it is right, give it with --web-name, or in names of [web]"
            )
            raise _Refusal(JSONResponse({"error": "this page is not called by that name"}, 421), reason)
        return address

    def _is_known(self, host: str) -> bool:
        """Whether a host is an address, or a name of this page."""
        names = (*self._rules.names, *self._certificate_names())
        return is_address(host) or host in self._own_names or is_called(host, names)

    def _check_origin(self, scope: Scope, headers: Headers, address: PublicAddress) -> None:
        origin = headers.get("origin")
        changes = scope["type"] == "websocket" or scope["method"] not in _SAFE
        rules = self._rules
        if changes and origin is not None and not is_own_origin(origin, address, rules.names):
            remedy = (
                "if its proxy is reached like that, let the proxy say so in X-Forwarded-Host and X-Forwarded-Proto"
                if self._trusts_sender(scope)
                else "if a proxy stands between them, name it with --web-proxy, or in proxy of [web]"
            )
            reason = f"came from the site {_shown(origin)} to the page at {_shown(address.host)}: {remedy}"
            raise _Refusal(JSONResponse({"error": "another site may not do that"}, 403), reason)

    def _trusts_sender(self, scope: Scope) -> bool:
        return in_networks(_sender(scope), self._rules.proxies)

    def _client(self, scope: Scope, headers: Headers) -> str:
        """The address of the client, for the log: as a trusted proxy says it, else that of the connection."""
        sender = _sender(scope)
        forwarded = headers.get("x-forwarded-for", "").rpartition(",")[2].strip()
        return forwarded if self._trusts_sender(scope) and is_address(forwarded) else sender

    def _headers(self, request: Headers) -> dict[str, str]:
        """What is put on an answer; who may embed depends on who asks."""
        embed = self._rules.embed
        if not embed:
            policy = f"{_POLICY}; frame-ancestors 'none'"
            return {
                "content-security-policy": policy, "x-frame-options": "DENY",
                "cross-origin-resource-policy": "same-origin", **_HEADERS,
            }  # fmt: skip
        policy = f"{_POLICY}; frame-ancestors 'self' {' '.join(embed)}"
        # Dashboards often hide where they are; a site that hides itself sees nothing that it could read or keep.
        referrer = urlsplit(request.get("referer", ""))
        known = not referrer.netloc or f"{referrer.scheme}://{referrer.netloc}".lower() in embed
        resource = "cross-origin" if known else "same-origin"
        return {"content-security-policy": policy, "cross-origin-resource-policy": resource, **_HEADERS}

    def _report(self, reason: str) -> None:
        now = self._clock()
        if now - self._logged.get(reason, -_LOG_AGAIN_AFTER) < _LOG_AGAIN_AFTER:
            return
        self._logged = {text: at for text, at in self._logged.items() if now - at < _LOG_AGAIN_AFTER}
        if len(self._logged) < _MOST_LOGGED:
            self._logged[reason] = now
            _log.warning("refused: %s", redact(reason))

    def _is_token(self, shown: str) -> bool:
        token = self._rules.token
        return bool(token) and hmac.compare_digest(shown.encode("utf-8", "replace"), token.encode())

    def _in_cookies(self, headers: Headers) -> Iterator[str]:
        """What the page's cookie holds. Beside it stand those of all other services of the machine, in any form."""
        for pair in headers.get("cookie", "").split(";"):
            name, _, value = pair.strip().partition("=")
            if name == self._cookie:
                yield unquote(value)

    def _new_cookie(self, address: PublicAddress) -> str:
        secure = self._rules.tls or address.scheme == "https"
        # Inside of another site's page a browser gives back only what says so, and keeps it for that page alone.
        reach = "SameSite=None; Secure; Partitioned" if self._rules.embed and secure else "SameSite=Strict"
        kept = f"Path={address.path}/; Max-Age={_COOKIE_AGE}; HttpOnly; {reach}"
        token = quote(self._rules.token, safe="")
        return f"{self._cookie}={token}; {kept}" + ("; Secure" if secure and "Secure" not in reach else "")


async def _answer(response: Response, scope: Scope, receive: Receive, send: Send) -> None:
    """Refuse, also what wants to become a WebSocket: by an ordinary answer to its first request."""
    response.headers["x-content-type-options"] = "nosniff"
    response.headers["cache-control"] = "no-store"
    if scope["type"] == "websocket":
        websocket = WebSocket(scope, receive, send)
        await receive()
        await websocket.send_denial_response(response)
    else:
        await _take_body(receive)
        await response(scope, receive, send)


async def _take_body(receive: Receive) -> None:
    """Take what comes with a request before it is refused: to close on what was not read cuts the answer off."""
    taken = 0
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(_BODY_WITHIN):
            while taken < _MOST_BODY:
                message = await receive()
                taken += len(message.get("body", b""))
                if not message.get("more_body"):
                    return


def _bearer(headers: Headers) -> str:
    kind, _, shown = headers.get("authorization", "").partition(" ")
    return shown.strip() if kind.lower() == "bearer" else ""


def _sender(scope: Scope) -> str:
    return str((scope.get("client") or ("somebody",))[0])


def _shown(text: str) -> str:
    """What a stranger sent, as it may stand in a log."""
    return repr(redact(text[:100]))
