"""The local endpoint as a server of HTTP: limits, keys, paths, origins, connections."""

from __future__ import annotations

import base64
import json
import socket
import threading
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlsplit

import pytest
import requests

from tests.support.local_endpoint import (
    BASE64,
    KnownFinder,
    ask,
    declared,
    encoded,
    message,
    people,
    picture,
    post,
    serving,
)

KEY = "a-secret-key"
FORM = "application/x-www-form-urlencoded"


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    with serving() as address:
        yield address


@pytest.fixture(scope="module")
def locked() -> Iterator[str]:
    with serving(api_key=KEY) as address:
        yield address


def test_a_body_above_20_mb_is_413_by_what_it_declares_and_by_what_comes(url: str) -> None:
    large = b"A" * (21 << 20)

    assert "larger than 20 MB" in message(post(url, large), 413)
    in_chunks = requests.post(f"{url}/my-pose/3", data=iter([large[: 1 << 20]] * 21), timeout=20)
    assert "larger than 20 MB" in message(in_chunks, 413)


def test_a_body_that_declares_too_much_is_refused_before_it_comes(url: str) -> None:
    at = urlsplit(url)
    with socket.create_connection((str(at.hostname), at.port or 0), 20) as connection:
        connection.sendall(f"POST /a/1 HTTP/1.1\r\nHost: a\r\nContent-Length: {21 << 20}\r\n\r\n".encode())
        answers = connection.makefile("rb")
        assert answers.readline().startswith(b"HTTP/1.1 413 ")
        answers.close()


def test_too_many_requests_at_once_are_told_to_come_again() -> None:
    class Slow(KnownFinder):
        def __init__(self) -> None:
            super().__init__()
            self.entered, self.may_go = threading.Semaphore(0), threading.Event()

        def __call__(self, image: Any, *, overlap: float) -> Any:
            self.entered.release()
            assert self.may_go.wait(20)
            return super().__call__(image, overlap=overlap)

    slow = Slow()
    with serving(slow, max_at_once=1, max_waiting=1) as url:
        first = threading.Thread(target=post, args=(url,))
        first.start()
        assert slow.entered.acquire(timeout=20)
        turned_away = post(url)
        well = requests.get(f"{url}/healthz", timeout=20)  # finding does not hold up the rest
        slow.may_go.set()
        first.join()

    assert message(turned_away, 503)
    assert turned_away.headers["Retry-After"] == "1"
    assert well.json() == {"status": "healthy"}


def test_a_finder_that_fails_is_500_and_the_server_lives_on() -> None:
    class Failing(KnownFinder):
        def __call__(self, image: Any, *, overlap: float) -> Any:
            if image.shape[1] == 1:
                raise RuntimeError("the network is gone")
            return super().__call__(image, overlap=overlap)

    with serving(Failing()) as url:
        tiny = base64.b64encode(encoded(picture(1, 1)))
        failed = requests.post(f"{url}/a/1", data=tiny, headers={"Origin": "http://page.test"}, timeout=20)
        assert message(failed, 500) == "Internal error."
        assert failed.headers["Access-Control-Allow-Origin"] == "*"
        assert len(people(post(url))) == 2


@pytest.mark.parametrize("key", [None, "", "wrong", KEY[:-1], KEY + "x", "ключ"])
def test_a_wrong_key_is_403_with_the_documented_body(locked: str, key: str | None) -> None:
    answers = [
        post(locked, **({} if key is None else {"api_key": key})),
        requests.get(f"{locked}/ws/my-pose/3", params={"api_key": key}, timeout=20),
        requests.get(f"{locked}/model/registry", params={"api_key": key}, timeout=20),
        ask(locked, image=declared(), api_key=key),
    ]

    for answer in answers:
        assert answer.status_code == 403
        assert answer.json() == {"Message": "User is not authorized to access this resource"}


def test_the_key_is_taken_from_query_header_and_json(locked: str) -> None:
    bearer = {"Authorization": f"Bearer {KEY}"}

    assert len(people(post(locked, api_key=KEY))) == 2
    assert len(people(requests.post(f"{locked}/a/1", data=BASE64, headers=bearer, timeout=20))) == 2
    assert len(people(ask(locked, image=declared(), api_key=KEY))) == 2
    assert requests.get(f"{locked}/", headers=bearer, timeout=20).ok


def test_the_querys_key_counts_before_the_headers(locked: str) -> None:
    answer = requests.post(
        f"{locked}/a/1?api_key=wrong", data=BASE64, headers={"Authorization": f"Bearer {KEY}"}, timeout=20
    )

    assert answer.status_code == 403


def test_health_needs_no_key(locked: str) -> None:
    for path in ("healthz", "readiness", "info"):
        assert requests.get(f"{locked}/{path}", timeout=20).ok


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("POST", "/one", 405), ("POST", "/one/two/three", 405), ("PUT", "/one/two", 405), ("DELETE", "/one/two", 405),
        ("GET", "/1/2/3/4", 404), ("POST", "/1/2/3/4", 404), ("GET", "/infer/", 404),
    ],
)  # fmt: skip
def test_other_paths_and_methods_are_refused(url: str, method: str, path: str, status: int) -> None:
    answer = requests.request(method, url + path, timeout=20)

    assert answer.status_code == status
    assert isinstance(answer.json()["detail"], str)


def test_pages_of_any_origin_may_ask_and_read_faults_too(url: str, locked: str) -> None:
    page = {"Origin": "https://page.test"}
    preflight = requests.options(
        f"{url}/my-pose/3",
        headers={**page, "Access-Control-Request-Method": "POST", "Access-Control-Request-Headers": "content-type"},
        timeout=20,
    )

    assert preflight.status_code == 200
    assert preflight.headers["Access-Control-Allow-Origin"] == "*"
    assert "POST" in preflight.headers["Access-Control-Allow-Methods"]
    for answer in (
        requests.post(f"{url}/my-pose/3", data="?", headers=page, timeout=20),
        requests.post(f"{locked}/my-pose/3", headers=page, timeout=20),
        requests.post(f"{url}/my-pose", headers=page, timeout=20),
    ):
        assert answer.headers["Access-Control-Allow-Origin"] == "*"
        assert "Retry-After" in answer.headers["Access-Control-Expose-Headers"]


@pytest.mark.parametrize("host", ["a/b?c", "127.0.0.1:9001/x", "a b", "host:port", "@", ""])
def test_a_host_header_that_names_no_host_is_refused(url: str, host: str) -> None:
    assert requests.get(f"{url}/info", headers={"Host": host}, timeout=20).status_code == 400


@pytest.mark.parametrize("host", ["localhost:9001", "[::1]:9001", "my-machine.local", "10.0.0.7"])
def test_a_host_header_may_name_the_server_as_it_is_reached(url: str, host: str) -> None:
    assert requests.get(f"{url}/info", headers={"Host": host}, timeout=20).ok


def test_one_connection_serves_many_requests(url: str) -> None:
    at = urlsplit(url)
    body = BASE64.encode()
    head = f"POST /my-pose/3 HTTP/1.1\r\nHost: {at.netloc}\r\nContent-Length: {len(body)}\r\n\r\n".encode()
    with socket.create_connection((str(at.hostname), at.port or 0), 20) as connection:
        answers = connection.makefile("rb")
        for _ in range(3):
            connection.sendall(head + body)
            assert answers.readline() == b"HTTP/1.1 200 OK\r\n"
            headers = dict(line.split(b": ", 1) for line in iter(answers.readline, b"\r\n"))
            assert len(json.loads(answers.read(int(headers[b"content-length"])))["predictions"]) == 2
        answers.close()


def test_expect_100_continue_is_answered_before_the_body(url: str, locked: str) -> None:
    body = BASE64.encode()
    for address, first in ((url, b"HTTP/1.1 100 Continue\r\n"), (locked, b"HTTP/1.1 403 Forbidden\r\n")):
        at = urlsplit(address)
        head = (
            f"POST /my-pose/3 HTTP/1.1\r\nContent-Type: {FORM}\r\nHost: {at.netloc}\r\n"
            f"Content-Length: {len(body)}\r\nExpect: 100-continue\r\n\r\n"
        )
        with socket.create_connection((str(at.hostname), at.port or 0), 20) as connection:
            connection.sendall(head.encode())
            answers = connection.makefile("rb")
            assert answers.readline() == first
            if b"100" in first:
                assert answers.readline() == b"\r\n"
                connection.sendall(body)
                assert answers.readline() == b"HTTP/1.1 200 OK\r\n"
            answers.close()


def test_a_sender_that_hangs_up_leaves_the_server_well(url: str) -> None:
    at = urlsplit(url)
    with socket.create_connection((str(at.hostname), at.port or 0), 20) as connection:
        connection.sendall(b"POST /a/1 HTTP/1.1\r\nHost: a\r\nContent-Length: 1000\r\n\r\nabc")

    assert len(people(post(url))) == 2
