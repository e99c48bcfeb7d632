"""The names, sites and proxies of the page as people write them."""

from __future__ import annotations

import pytest

from kpstream.options.page import parse_host_name, parse_network, parse_origin


@pytest.mark.parametrize(
    ("text", "name"),
    [("cams.example.org", "cams.example.org"), ("Cams.Example.ORG.", "cams.example.org"), ("a_b", "a_b"), ("x", "x")],
)
def test_a_host_name_is_taken_in_small_letters(text: str, name: str) -> None:
    assert parse_host_name(text) == name


@pytest.mark.parametrize(
    "text", ["", ".", "https://cams.example.org", "cams.example.org:443", "a b", "a..b", "-a", "*.a", "a/b", "a" * 254]
)
def test_what_is_no_host_name_is_told_with_an_example(text: str) -> None:
    with pytest.raises(ValueError, match=r"as in cams\.example\.org"):
        parse_host_name(text)


@pytest.mark.parametrize(
    ("text", "origin"),
    [
        ("https://dash.example.org", "https://dash.example.org"),
        ("https://Dash.Example.org/", "https://dash.example.org"),
        ("https://dash.example.org:443", "https://dash.example.org"),
        ("http://192.168.1.5:8123", "http://192.168.1.5:8123"),
        ("http://[::1]:80", "http://[::1]"),
    ],
)
def test_an_origin_is_written_as_browsers_do(text: str, origin: str) -> None:
    assert parse_origin(text) == origin


@pytest.mark.parametrize(
    "text",
    ["", "*", "dash.example.org", "ftp://a", "https://", "https://a/b", "https://u@a", "https://a;b", "https://a:x"],
)
def test_what_is_no_origin_is_told_with_an_example(text: str) -> None:
    with pytest.raises(ValueError, match=r"as in https://dashboard\.example\.org"):
        parse_origin(text)


def test_a_proxy_is_an_address_or_a_network() -> None:
    assert str(parse_network("127.0.0.1")) == "127.0.0.1/32"
    assert str(parse_network("10.0.0.7/24")) == "10.0.0.0/24"
    for text in ("", "nginx", "127.0.0.1:80", "10.0.0.0/33"):
        with pytest.raises(ValueError, match="no IP address or network"):
            parse_network(text)
