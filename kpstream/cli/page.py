"""The page in a browser: its options, and what the terminal says of it."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from kpstream.console import say, show_link, stderr
from kpstream.errors import UsageError

if TYPE_CHECKING:
    from kpstream.web import BrowserCamera, Page

TOKEN_VARIABLE = "KPSTREAM_WEB_TOKEN"  # noqa: S105 - its name, not what it holds
_PAGE = "Page"


@dataclass(frozen=True)
class PageOptions:
    """The page in a browser."""

    web: Annotated[
        str | None,
        typer.Option(
            metavar="[HOST:]PORT",
            help=f"Serve a page; on other hosts than loopback it wants a token ({TOKEN_VARIABLE}, or one is made).",
            rich_help_panel=_PAGE,
        ),
    ] = None
    tls: Annotated[
        Literal["self"] | None,
        typer.Option(help="https with a certificate made on the spot.", rich_help_panel=_PAGE),
    ] = None
    tls_cert: Annotated[
        Path | None, typer.Option(metavar="PEM", help="https with this certificate.", rich_help_panel=_PAGE)
    ] = None
    tls_key: Annotated[Path | None, typer.Option(metavar="PEM", help="Its key.", rich_help_panel=_PAGE)] = None

    def make(self, recordings: Path, beginning: str, camera: BrowserCamera | None) -> Page | None:
        """The page, not served yet; None where none is wanted.

        Args:
            recordings: The folder that it lists, and where snapshots go.
            beginning: Of the names of what it lists; empty lists all.
            camera: What a device's own camera goes to; None offers nothing of the kind.

        Raises:
            UsageError: The address, the certificate or the token cannot be used.
        """
        if self.tls_key is not None and self.tls_cert is None:
            raise UsageError("--tls-key goes with its certificate: add --tls-cert PEM")
        if self.tls is not None and self.tls_cert is not None:
            raise UsageError("--tls self makes a certificate: leave out --tls-cert, or --tls")
        if self.web is None:
            if self.tls or self.tls_cert:
                raise UsageError("--tls and --tls-cert are about the page: add --web 8080")
            return None
        from kpstream.web import Certificate, Page

        host, colon, port = self.web.rpartition(":")
        host = host.strip("[]") if colon else "127.0.0.1"
        if not (port.isascii() and port.isdecimal() and int(port) < 65536 and host):
            raise UsageError(f"--web {self.web}: give a port or an address and a port, as in 8080 or 0.0.0.0:8080")
        return Page(
            host=host,
            port=int(port),
            token=own_token(),
            tls=Certificate(self.tls_cert, self.tls_key) if self.tls or self.tls_cert else None,
            recordings=recordings,
            beginning=beginning,
            browser_camera=camera,
        )


def own_token() -> str | None:
    """The page's token from the environment; None where there is none."""
    return os.environ.get(TOKEN_VARIABLE) or None


@contextmanager
def served(page: Page | None) -> Iterator[None]:
    """Serve the page for as long as the block runs, and show the way there; nothing where there is none.

    Raises:
        UsageError: It cannot be served there.
    """
    if page is None:
        yield
        return
    try:
        page.start()
        say(f"the page is at {page.url}")
        if page.has_made_token or (stderr.is_terminal and not page.is_local):  # a token of one's own stays out of logs
            show_link(page.link, page.qr_code())
        yield
    finally:
        page.close()
