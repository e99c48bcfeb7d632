"""By which names and addresses the page is reached, as a request tells it. Pure."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from urllib.parse import urlsplit

Network = ipaddress.IPv4Network | ipaddress.IPv6Network

_PORTS = {"http": 80, "https": 443}


@dataclass(frozen=True, slots=True)
class PublicAddress:
    """The address of the page as a client sees it."""

    scheme: str
    """``http`` or ``https``."""
    host: str
    """A name in small letters, or an address without brackets."""
    port: int | None
    """None where it is the usual one of the scheme."""
    path: str = ""
    """The prefix that a proxy removes from each path; begins with a slash and ends without one. Empty at the root."""
    others: tuple[str, ...] = ()
    """Further hosts that proxies on the way were asked for: some add theirs behind what a client may have made up."""


def public_address(headers: Mapping[str, str], *, tls: bool, trusts_sender: bool) -> PublicAddress | None:
    """What a request says of the page's address; None where its Host header is none.

    Args:
        headers: Of the request, with names in small letters.
        tls: Whether it came by https.
        trusts_sender: Whether a proxy sent it that may say more in ``X-Forwarded-*``.
    """
    given = _parsed("https" if tls else "http", headers.get("host", ""))
    if given is None or not trusts_sender:
        return given
    scheme = _first(headers, "x-forwarded-proto").lower()
    if scheme in _PORTS:
        given = replace(given, scheme=scheme)
    if hosts := [host for text in headers.get("x-forwarded-host", "").split(",") if (host := text.strip())]:
        forwarded = [_parsed(given.scheme, host) for host in hosts]
        if None in forwarded:
            return None
        first, *others = (address for address in forwarded if address is not None)
        given = replace(first, others=tuple(other.host for other in others))
    port = _first(headers, "x-forwarded-port")
    if given.port is None and port.isascii() and port.isdecimal() and 0 < int(port) < 65536:
        given = replace(given, port=int(port))
    return replace(given, path=_path(_first(headers, "x-forwarded-prefix")))


def is_address(host: str) -> bool:
    """Whether a host is an IP address, which no name server can point elsewhere."""
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True


def is_called(host: str, names: Iterable[str]) -> bool:
    """Whether a host is one of these names; ``*.example.org`` stands for one more part before it, as in certificates.

    Args:
        host: In small letters.
        names: Likewise.
    """
    _, dot, parent = host.partition(".")
    return any(name == host or (dot and name == f"*.{parent}") for name in names)


def is_own_origin(origin: str, address: PublicAddress, names: Iterable[str]) -> bool:
    """Whether an Origin header is that of the page itself.

    Args:
        origin: The header.
        address: What the request says of the page's address.
        names: Names that the user gave the page. A proxy may stand before the page that ends
            TLS, or asks for the page by another name, and says nothing of it.
    """
    try:
        parts = urlsplit(origin)
        host, port = parts.hostname, parts.port or _PORTS.get(parts.scheme)
    except ValueError:
        return False
    if host is None or port is None:
        return False
    own = address.port or _PORTS[address.scheme]
    if (parts.scheme, host, port) == (address.scheme, address.host, own):
        return True
    if not is_called(host, names) or (address.scheme == "https" and parts.scheme != "https"):
        return False
    usual = _PORTS[parts.scheme]
    return port == ((address.port or usual) if host == address.host else usual)


def in_networks(address: str, networks: Iterable[Network]) -> bool:
    """Whether an IP address lies in one of these networks."""
    try:
        ip = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return False
    mapped = ip.ipv4_mapped if isinstance(ip, ipaddress.IPv6Address) else None
    return any((mapped or ip) in network for network in networks)


def _parsed(scheme: str, host: str) -> PublicAddress | None:
    try:
        parts = urlsplit(f"//{host}")
        name, port = (parts.hostname or "").removesuffix("."), parts.port
    except ValueError:
        return None
    if not name or parts.username is not None or parts.path or parts.query or parts.fragment:
        return None
    return PublicAddress(scheme, name, None if port == _PORTS[scheme] else port)


def _first(headers: Mapping[str, str], name: str) -> str:
    return headers.get(name, "").partition(",")[0].strip()


def _path(prefix: str) -> str:
    plain = prefix.rstrip("/")
    sound = plain.startswith("/") and not plain.startswith("//") and plain.isprintable() and plain.isascii()
    return plain if sound and not set(plain) & set(' ;,"\\<>') else ""
