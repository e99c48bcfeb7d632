"""The page in a browser."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Annotated, Literal

from kpstream.errors import UsageError
from kpstream.options.declared import Option

TOKEN_VARIABLE = "KPSTREAM_WEB_TOKEN"  # noqa: S105 - its name, not what it holds

_page = partial(Option, panel="Page")


@dataclass(frozen=True)
class PageOptions:
    """The page in a browser."""

    web: Annotated[
        str | None,
        _page(
            f"Serve a page; on other hosts than loopback it wants a token ({TOKEN_VARIABLE}, or one is made).",
            metavar="[HOST:]PORT",
        ),
    ] = None
    tls: Annotated[
        Literal["self"] | None,
        _page("https with a certificate made on the spot.", in_file="'self' makes a certificate on the spot"),
    ] = None
    tls_cert: Annotated[
        Path | None,
        _page("https with this certificate.", metavar="PEM", in_file="a file with the page's certificate"),
    ] = None
    tls_key: Annotated[
        Path | None, _page("Its key.", metavar="PEM", in_file="a file with the key of that certificate")
    ] = None

    def check(self) -> None:
        """See that the options fit together.

        Raises:
            UsageError: They do not.
        """
        if self.tls_key is not None and self.tls_cert is None:
            raise UsageError("goes with its certificate: add `tls_cert` PEM", option="tls_key")
        if self.tls is not None and self.tls_cert is not None:
            raise UsageError("self makes a certificate: leave out `tls_cert`, or `tls`", option="tls")
        if self.web is None and (self.tls or self.tls_cert):
            raise UsageError("`tls` and `tls_cert` are about the page: add `web` 8080")


def parse_listen(text: str) -> tuple[str, int]:
    """The host and the port of ``[HOST:]PORT``; loopback where no host is named.

    Raises:
        ValueError: It is none.
    """
    host, colon, port = text.rpartition(":")
    host = host.strip("[]") if colon else "127.0.0.1"
    if not (port.isascii() and port.isdecimal() and int(port) < 65536):
        raise ValueError(f"{text} is no [HOST:]PORT")
    return host, int(port)
