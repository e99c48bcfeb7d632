"""Whose request is let in, over names, proxies and TLS."""

from __future__ import annotations

import ipaddress
from itertools import product

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from kpstream.web.public_address import PublicAddress, in_networks, is_called, is_own_origin, public_address

NAME = "cams.example.org"
FOREIGN = "evil.example"
DEFAULTS = {"http": 80, "https": 443}


def own(
    origin: str, host: str, *, tls: bool, names: tuple[str, ...] = (), forwarded: dict[str, str] | None = None
) -> bool:
    """Whether the page takes an origin for its own; with ``forwarded`` a trusted proxy passed the request on."""
    headers = {"host": host} | {f"x-forwarded-{name}": value for name, value in (forwarded or {}).items()}
    address = public_address(headers, tls=tls, trusts_sender=bool(forwarded))
    return address is not None and is_own_origin(origin, address, names)


@pytest.mark.parametrize(("scheme", "port"), [*product(("http", "https"), ("", ":80", ":443", ":8080"))])
def test_without_a_proxy_an_origin_is_the_page_s_own_where_scheme_host_and_port_are(scheme: str, port: str) -> None:
    tls, number = scheme == "https", int(port[1:] or DEFAULTS[scheme])
    for other, other_port in product(("http", "https"), ("", ":80", ":443", ":8080")):
        same = other == scheme and int(other_port[1:] or DEFAULTS[other]) == number
        assert own(f"{other}://{NAME}{other_port}", f"{NAME}{port}", tls=tls) == same
        assert not own(f"{other}://{FOREIGN}{other_port}", f"{NAME}{port}", tls=tls)


@pytest.mark.parametrize("outside", ["http", "https"])
@pytest.mark.parametrize("port", ["", ":8443"])
@pytest.mark.parametrize("tls", [False, True])
def test_a_trusted_proxy_says_how_the_page_is_reached(outside: str, port: str, tls: bool) -> None:
    seen = {"proto": outside, "host": NAME + port}
    assert own(f"{outside}://{NAME}{port}", "127.0.0.1:8080", tls=tls, forwarded=seen)
    assert own(f"{outside}://{NAME}{port}", f"{NAME}{port}", tls=tls, forwarded={"proto": outside})
    other = {"http": "https", "https": "http"}[outside]
    assert own(f"{outside}://{NAME}{port}", "127.0.0.1:8080", tls=tls, forwarded=seen, names=(NAME,))
    if outside == "https":
        assert not own(f"http://{NAME}{port}", "127.0.0.1:8080", tls=tls, forwarded=seen, names=(NAME,))
    for origin in (f"{other}://{NAME}{port}", f"{outside}://{FOREIGN}", f"{outside}://{NAME}:1", "null", ""):
        assert not own(origin, "127.0.0.1:8080", tls=tls, forwarded=seen), origin


def test_nobody_else_says_it() -> None:
    headers = {"host": "127.0.0.1:8080", "x-forwarded-host": FOREIGN, "x-forwarded-proto": "https"}
    address = public_address(headers, tls=False, trusts_sender=False)
    assert address == PublicAddress("http", "127.0.0.1", 8080)


@pytest.mark.parametrize("host", [NAME, "127.0.0.1:8080", "127.0.0.1"])
def test_a_proxy_that_ends_tls_in_silence_is_understood_by_the_name_that_was_given(host: str) -> None:
    for scheme in ("http", "https"):
        assert own(f"{scheme}://{NAME}", host, tls=False, names=(NAME,))
        assert not own(f"{scheme}://{FOREIGN}", host, tls=False, names=(NAME,))
        assert not own(f"{scheme}://{NAME}:8443", host, tls=False, names=(NAME,))
    assert not own(f"http://{NAME}", host, tls=True, names=(NAME,))
    assert not own(f"https://{NAME}", host, tls=False)


def test_another_service_at_the_same_name_is_another_site() -> None:
    assert not own(f"http://{NAME}", f"{NAME}:8080", tls=False, names=(NAME,))
    assert own(f"https://{NAME}:8443", f"{NAME}:8443", tls=False, names=(NAME,))


@given(st.text(max_size=30), st.booleans(), st.booleans())
@example(".", False, False)
def test_whatever_a_stranger_sends_is_an_address_or_none(text: str, tls: bool, trusted: bool) -> None:
    for header in ("host", "x-forwarded-host", "x-forwarded-proto", "x-forwarded-port", "x-forwarded-prefix"):
        address = public_address({"host": NAME, header: text}, tls=tls, trusts_sender=trusted)
        assert address is None or address.host
        assert address is None or not set(address.path) & set(';, "\r\n')
        is_own_origin(text, address or PublicAddress("http", NAME, None), (NAME,))


def test_a_proxy_may_name_the_path_that_it_takes_away() -> None:
    for prefix, path in {"/cam": "/cam", "/cam/": "/cam", "cam": "", "//evil.example": "", "/a;b": "", "/": ""}.items():
        headers = {"host": NAME, "x-forwarded-prefix": prefix}
        address = public_address(headers, tls=False, trusts_sender=True)
        assert address is not None
        assert address.path == path


def test_a_wildcard_of_a_certificate_stands_for_one_part() -> None:
    names = ("*.example.org", "one.test")
    assert all(is_called(host, names) for host in ("cams.example.org", "a.example.org", "one.test"))
    assert not any(is_called(host, names) for host in ("example.org", "a.b.example.org", "two.test", "*.test", ""))


def test_a_proxy_is_known_by_its_address_or_its_network() -> None:
    networks = [ipaddress.ip_network(text) for text in ("10.0.0.0/24", "::1", "192.168.1.7")]
    for address in ("10.0.0.255", "::1", "192.168.1.7", "::ffff:10.0.0.1"):
        assert in_networks(address, networks), address
    for address in ("10.0.1.0", "::2", "192.168.1.8", "somebody", ""):
        assert not in_networks(address, networks), address
