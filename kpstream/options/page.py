"""The page in a browser."""

from __future__ import annotations

import ipaddress
import re
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Annotated, Literal
from urllib.parse import urlsplit

from kpstream.errors import UsageError
from kpstream.options.declared import Option

TOKEN_VARIABLE = "KPSTREAM_WEB_TOKEN"  # noqa: S105 - its name, not what it holds

Network = ipaddress.IPv4Network | ipaddress.IPv6Network

_NAME = re.compile(r"[A-Za-z0-9_]([A-Za-z0-9_-]*[A-Za-z0-9_])?(\.[A-Za-z0-9_]([A-Za-z0-9_-]*[A-Za-z0-9_])?)*\.?")
_page = partial(Option, panel="Page")


def parse_host_name(text: str) -> str:
    """A host name in small letters, as in ``cams.example.org``.

    Raises:
        ValueError: It is none.
    """
    if not _NAME.fullmatch(text) or len(text) > 253:
        raise ValueError(f"{text} is no host name: give it alone, as in cams.example.org, without https:// and port")
    return text.lower().removesuffix(".")


def parse_origin(text: str) -> str:
    """The origin of a page, as in ``https://dashboard.example.org``.

    Raises:
        ValueError: It is none.
    """
    try:
        parts = urlsplit(text)
        host, port = parts.hostname, parts.port
    except ValueError:
        host = port = None
    bare = host and text.rstrip("/").lower() == f"{parts.scheme}://{parts.netloc}".lower() and parts.username is None
    if not bare or parts.scheme not in ("http", "https") or not _is_host(host or ""):
        raise ValueError(f"{text} is no origin: give http(s)://HOST[:PORT], as in https://dashboard.example.org")
    shown = f"[{host}]" if ":" in str(host) else host
    default = port in (None, 443 if parts.scheme == "https" else 80)
    return f"{parts.scheme}://{shown}" + ("" if default else f":{port}")


def _is_host(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return _NAME.fullmatch(host) is not None
    return True


def parse_network(text: str) -> Network:
    """An IP address, or a network as in ``10.0.0.0/24``.

    Raises:
        ValueError: It is none.
    """
    try:
        return ipaddress.ip_network(text, strict=False)
    except ValueError:
        raise ValueError(f"{text} is no IP address or network, as in 127.0.0.1 or 10.0.0.0/24") from None


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
    web_name: Annotated[
        tuple[str, ...],
        _page(
            "A name that the page is opened by, beside this machine's and its certificate's; several may be given.",
            metavar="NAME",
            in_file="host names that the page is opened by",
            parse=parse_host_name,
        ),
    ] = ()
    web_embed: Annotated[
        tuple[str, ...],
        _page(
            "A site that may show the page or its pictures within its own pages; several may be given.",
            metavar="ORIGIN",
            in_file="sites that may show the page or its pictures within their own, as in https://dashboard.example.org",
            parse=parse_origin,
        ),
    ] = ()
    web_proxy: Annotated[
        tuple[Network, ...],
        _page(
            "A proxy that may say how the page is reached (X-Forwarded-*); several may be given.",
            metavar="ADDRESS",
            in_file="addresses of proxies that may say how the page is reached",
            parse=parse_network,
        ),
    ] = ()

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
        if self.web is None and (self.web_name or self.web_embed or self.web_proxy):
            raise UsageError("`web_name`, `web_embed` and `web_proxy` are about the page: add `web` 8080")


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
