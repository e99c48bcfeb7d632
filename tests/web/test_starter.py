"""A page that cannot be served yet is served later."""

from __future__ import annotations

import socket
import threading
from pathlib import Path

import httpx
import pytest

from kpstream.web import Certificate, Page, PageStarter
from kpstream.web.tls import self_signed
from tests.support.ports import own_port


def starter_of(page: Page) -> tuple[PageStarter, threading.Event]:
    started = threading.Event()
    return PageStarter(page, started.set, retry_after=0.01), started


def test_a_page_that_can_be_served_is_served_at_once() -> None:
    page = Page(port=0)
    starter, started = starter_of(page)
    starter.start()
    assert started.is_set()
    assert httpx.get(f"{page.url}/healthz", trust_env=False).status_code == 200
    starter.close()
    starter.close()


def test_a_port_that_is_still_taken_is_told_once_and_served_when_it_is_free(caplog: pytest.LogCaptureFixture) -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", own_port()))  # nobody else is given it meanwhile
        other.listen()
        page = Page(port=other.getsockname()[1])
        starter, started = starter_of(page)
        starter.start()
        assert not started.wait(0.1)
    try:
        assert started.wait(60)
        assert httpx.get(f"{page.url}/healthz", trust_env=False).status_code == 200
        assert [record.getMessage().partition(":")[0] for record in caplog.records] == ["no page yet"]
    finally:
        starter.close()


def test_a_certificate_that_comes_later_is_taken_then(tmp_path: Path) -> None:
    path = tmp_path / "page.pem"
    page = Page(port=0, tls=Certificate(path))
    starter, started = starter_of(page)
    starter.start()
    assert not started.is_set()
    path.write_bytes(self_signed([]))
    try:
        assert started.wait(60)
    finally:
        starter.close()


def test_one_that_is_never_served_ends_at_once() -> None:
    starter, started = starter_of(Page(host="192.0.2.7", port=0))
    starter.start()
    starter.close()
    assert not started.is_set()
