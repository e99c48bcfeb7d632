"""A listening socket, or a line that says why there is none."""

from __future__ import annotations

import errno
import socket

import pytest

from kpstream.errors import UsageError
from kpstream.serving.listen import Options, listen, resolve

OPTIONS = Options(host="host", port="port")


def test_what_is_sent_leaves_at_once() -> None:
    with listen("127.0.0.1", 0, OPTIONS) as listening:
        # Of a socket that does not say TCP asyncio does not switch off Nagle's algorithm: 44 ms for each answer.
        assert listening.proto == socket.IPPROTO_TCP


def test_a_name_with_two_addresses_stands_for_the_older_kind() -> None:
    assert resolve("localhost", OPTIONS) == (socket.AF_INET, "127.0.0.1")


def test_a_slow_reader_finds_little_that_waits() -> None:
    with listen("127.0.0.1", 0, OPTIONS, send_buffer=4096) as small, listen("127.0.0.1", 0, OPTIONS) as usual:
        buffers = [each.getsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF) for each in (small, usual)]
    assert buffers[0] < buffers[1]


def test_what_cannot_be_had_is_told_with_the_option_that_mends_it() -> None:
    with listen("127.0.0.1", 0, OPTIONS) as taken:
        port = taken.getsockname()[1]
        for host, number, words in (
            ("127.0.0.1", port, f"port {port} of 127.0.0.1 is taken: choose another one with `port`"),
            ("192.0.2.7", 0, "`host` 192.0.2.7 is no address of this machine"),
            ("no.such.host.invalid", 0, "`host` no.such.host.invalid: no such address"),
            ("a" * 70, 0, "no such address"),
            ("127.0.0.1", 70_000, "cannot serve on port 70000 of 127.0.0.1"),
        ):
            with pytest.raises(UsageError) as caught:
                listen(host, number, OPTIONS)
            assert words in str(caught.value)


def test_a_kind_of_address_that_the_system_lacks_is_told_in_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    def lacking(*_: object) -> socket.socket:
        raise OSError(errno.EAFNOSUPPORT, "Address family not supported by protocol")

    monkeypatch.setattr(socket, "socket", lacking)
    with pytest.raises(UsageError, match=r"^cannot serve on port 80 of ::1: Address family not supported"):
        listen("::1", 80, OPTIONS)
