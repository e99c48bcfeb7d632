"""The running page: a port, a thread, and how people get there."""

from __future__ import annotations

import asyncio
import io
import ipaddress
import secrets
import socket
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING

import segno
import uvicorn
from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol

from kpstream.delivery import Deliveries
from kpstream.errors import UsageError
from kpstream.redact import remember
from kpstream.serving.listen import Options, listen
from kpstream.serving.uvicorn_thread import QuietServer, UvicornThread, quiet_config
from kpstream.web.access import AccessRules, AuthMiddleware
from kpstream.web.app import create_app
from kpstream.web.browser_camera import MAX_BYTES, BrowserCamera
from kpstream.web.camera_feed import CameraFeed
from kpstream.web.camera_rules import PageRules
from kpstream.web.cameras import Cameras
from kpstream.web.event_api import EventApi
from kpstream.web.own_address import own_address
from kpstream.web.public_address import Network
from kpstream.web.recordings import Recordings
from kpstream.web.tls import Certificate, RenewableTls

if TYPE_CHECKING:
    from uvicorn._types import ASGISendEvent

MIN_TOKEN = 12
"""The least length of a token that the user chooses."""
_ENCODERS = 2
_KEEP_ALIVE = 30
_GRACE = 2
"""Seconds that requests under way get at the end."""
_SEND_BUFFER = 128 * 1024
"""Bytes that wait in the kernel for a slow viewer, which Linux doubles. Left to itself it lets megabytes wait, and a
viewer at 100 kB/s would see pictures that are many seconds old."""
_OPTIONS = Options(host="web", port="web")


class Page:
    """Serves the cameras to browsers and programs, on the thread ``kpstream-web``.

    Args:
        feeds: The cameras; more may be added while it runs.
        host: An address of this machine, or its name. All but loopback wants a token.
        port: 0 takes a free one.
        token: The token that every request must show. None: none on loopback, elsewhere one is made.
        tls: How it is served by https; None serves by http.
        names: Further host names that it is called by, beside this machine's own and those of its certificate.
        embed: Origins of pages that may show this one, or its pictures, as in ``https://dashboard.example.org``.
        proxies: Networks of the proxies that may say in ``X-Forwarded-*`` how the page is reached.
        recordings: The folder whose videos and snapshots are listed, and where snapshots go; None has neither.
        name_prefix: Only files whose names begin like this are listed, right in that folder; empty lists all.
        browser_camera: What a device's camera goes to, where the page is to offer it.

    Raises:
        UsageError: The token is too short.
    """

    def __init__(
        self,
        feeds: Iterable[CameraFeed] = (),
        host: str = "127.0.0.1",
        port: int = 8080,
        *,
        token: str | None = None,
        tls: Certificate | None = None,
        names: Sequence[str] = (),
        embed: Sequence[str] = (),
        proxies: Sequence[Network] = (),
        recordings: Path | None = None,
        name_prefix: str = "",
        browser_camera: BrowserCamera | None = None,
    ) -> None:
        if token is not None and (len(token) < MIN_TOKEN or not token.isascii() or not token.isprintable()):
            raise UsageError(f"the page's token needs {MIN_TOKEN} plain characters at least")
        self._host = host
        self._address = (host, port)
        self._token = token
        self.has_made_token = False
        """Whether a token was made here, so that `link` is the only way to learn it."""
        self._certificate = tls
        self._tls: RenewableTls | None = None
        self._names, self._embed, self._proxies = tuple(names), tuple(embed), tuple(proxies)
        self._recordings = None if recordings is None else Recordings(recordings, name_prefix)
        self._browser_camera = browser_camera
        self._encoder = ThreadPoolExecutor(_ENCODERS, "kpstream-web-jpeg")
        self._cameras = Cameras(self._encoder)
        self._deliveries: Deliveries | None = None
        self._rules: PageRules | None = None
        self._thread: UvicornThread | None = None
        for feed in feeds:
            self._cameras.add(feed)

    def add(self, feed: CameraFeed) -> None:
        """Show one more camera. Any thread.

        Raises:
            UsageError: There is one of that name.
        """
        self._cameras.add(feed)

    def remove(self, feed: CameraFeed) -> None:
        """Take a camera off the page; its feed goes on. Any thread."""
        self._cameras.remove(feed)

    def show_events(self, deliveries: Deliveries) -> None:
        """Show the events that are kept there; before `start`."""
        self._deliveries = deliveries

    def show_rules(self, rules: PageRules) -> None:
        """Show what rules see, and let them be armed; before `start`."""
        self._rules = rules

    @property
    def url(self) -> str:
        """Where it answers, without a slash at the end; port 0 until it runs."""
        return self._url(*self._address)

    @property
    def link(self) -> str:
        """The address to open, with the token in it: not for logs. For a page that runs.

        Where it listens on all addresses of this machine, it is one that others can reach.
        """
        host, port = self._address
        if ipaddress.ip_address(host).is_unspecified:
            host = own_address(socket.AF_INET6 if ":" in host else socket.AF_INET)
        return f"{self._url(host, port)}/" + (f"?token={self._token}" if self._token else "")

    @property
    def is_local(self) -> bool:
        """Whether this machine alone can reach it."""
        return ipaddress.ip_address(self._address[0]).is_loopback

    def qr_code(self) -> str:
        """`link` as a QR code of block letters, for a terminal; not for logs."""
        out = io.StringIO()
        segno.make(self.link, error="l", micro=False).terminal(out, border=2, compact=True)
        return out.getvalue().rstrip("\n")

    def start(self) -> None:
        """Serve; returns once it answers.

        Raises:
            UsageError: The address or the certificate cannot be used.
        """
        listening = listen(*self._address, _OPTIONS, send_buffer=_SEND_BUFFER)
        self._address = listening.getsockname()[:2]
        try:
            if self._certificate is not None:
                hosts = [self._host, self._address[0], own_address(), *self._names]
                self._tls = RenewableTls(self._certificate, hosts)
            server = self._make_server()
        except BaseException:
            listening.close()
            raise
        self._thread = UvicornThread(server, listening, "kpstream-web")
        self._thread.start()

    def close(self) -> None:
        """Stop serving and disconnect all viewers. Blocks for a few seconds at most; idempotent."""
        if self._thread is not None:
            self._thread.close()
            self._thread = None
        self._encoder.shutdown(cancel_futures=True)

    def renew_certificate(self) -> None:
        """Read the certificate's files again, where they were renewed. Any thread.

        Raises:
            UsageError: They cannot be used; the certificate that was read before goes on to be used.
        """
        if self._tls is not None:
            self._tls.renew()

    def _make_server(self) -> _PageServer:
        if self._token is None:
            self._token = "" if self.is_local else secrets.token_urlsafe(24)
            self.has_made_token = bool(self._token)
        if self._token:
            remember(self._token)
        events = EventApi(None if self._deliveries is None else self._deliveries.store)
        app = create_app(
            self._cameras,
            recordings=self._recordings,
            browser_camera=self._browser_camera,
            deliveries=self._deliveries,
            events=events,
            rules=self._rules,
        )
        rules = AccessRules(
            token=self._token,
            port=self._address[1],
            tls=self._tls is not None,
            host=self._host,
            names=self._names,
            embed=self._embed,
            proxies=self._proxies,
        )
        guarded = AuthMiddleware(app, rules, lambda: () if self._tls is None else self._tls.names)
        config = quiet_config(
            guarded,
            ws=_WebSocket,
            ws_max_size=MAX_BYTES,
            ws_per_message_deflate=False,  # pictures do not get any smaller
            lifespan="off",
            log_level="error",  # uvicorn's lines would hold the token that stands in an address
            timeout_keep_alive=_KEEP_ALIVE,
            timeout_graceful_shutdown=_GRACE,
        )
        config.load()
        # Uvicorn would make one of files, and those of a self-signed certificate are gone.
        config.ssl = None if self._tls is None else self._tls.context
        return _PageServer(config, self._cameras, events)

    def _url(self, host: str, port: int) -> str:
        scheme = "http" if self._certificate is None else "https"
        return f"{scheme}://[{host}]:{port}" if ":" in host else f"{scheme}://{host}:{port}"

    def __repr__(self) -> str:
        state = "serving" if self._thread and self._thread.started else "not serving"
        return f"<Page {self.url}, {state}, {len(self._cameras)} cameras>"


class _PageServer(QuietServer):
    """Disconnects the viewers before it waits for them."""

    def __init__(self, config: uvicorn.Config, cameras: Cameras, events: EventApi) -> None:
        super().__init__(config)
        self._cameras = cameras
        self._events = events

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        self._cameras.close()
        self._events.close()
        asyncio.get_running_loop().call_later(_GRACE / 2, self._hang_up)
        await super().shutdown(sockets)

    def _hang_up(self) -> None:
        """Abort connections that do not even read what was sent before."""
        for connection in list(self.server_state.connections):
            transport = getattr(connection, "transport", None)
            if isinstance(transport, asyncio.WriteTransport):
                transport.abort()


class _WebSocket(WebSocketsSansIOProtocol):
    """Knows that a refusal is an answer; uvicorn logs an error for each."""

    async def send(self, message: ASGISendEvent) -> None:
        await super().send(message)
        if message["type"] == "websocket.http.response.body" and not message.get("more_body", False):
            self.handshake_complete = True
