"""Starting and ending the server, and what it refuses to begin."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import pytest
import requests

from kpstream.errors import UsageError
from kpstream.server import Server, create_app
from tests.support.local_endpoint import KnownFinder, people, post
from tests.support.ports import own_port

PROGRAM = """
import sys
from kpstream.server import Server, create_app
from tests.support.local_endpoint import KnownFinder
Server(create_app(KnownFinder()), port=0).serve_forever(lambda url: print("READY", url, flush=True))
print("closed", flush=True)
"""


def test_start_returns_when_it_answers_and_close_ends_all() -> None:
    server = Server(create_app(KnownFinder()), port=0)
    assert "not serving" in repr(server)
    server.start()
    assert requests.get(f"{server.url}/healthz", timeout=20).ok
    assert f"<Server {server.url}, serving>" == repr(server)
    assert "kpstream-server" in {thread.name for thread in threading.enumerate()}

    server.close()
    server.close()

    assert not [thread.name for thread in threading.enumerate() if thread.name.startswith("kpstream-server")]
    with pytest.raises(requests.ConnectionError):
        requests.get(f"{server.url}/healthz", timeout=20)


def test_closing_answers_what_is_under_way() -> None:
    class Slow(KnownFinder):
        def __init__(self) -> None:
            super().__init__()
            self.entered, self.may_go = threading.Event(), threading.Event()

        def __call__(self, image: Any, *, overlap: float) -> Any:
            self.entered.set()
            assert self.may_go.wait(20)
            return super().__call__(image, overlap=overlap)

    slow = Slow()
    server = Server(create_app(slow), port=0)
    server.start()
    found: list[int] = []
    asking = threading.Thread(target=lambda: found.append(len(people(post(server.url)))))
    asking.start()
    assert slow.entered.wait(20)
    closing = threading.Thread(target=server.close)
    closing.start()
    slow.may_go.set()
    closing.join()
    asking.join()

    assert found == [2]


def test_a_port_can_be_used_again_at_once() -> None:
    port = own_port()
    first = Server(create_app(KnownFinder()), port=port)
    first.start()
    requests.get(f"{first.url}/healthz", timeout=20)
    first.close()

    second = Server(create_app(KnownFinder()), port=port)
    second.start()
    assert requests.get(f"{second.url}/healthz", timeout=20).ok
    second.close()


def test_a_taken_port_is_one_line_that_says_what_to_do() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(UsageError, match=rf"^port {port} of 127.0.0.1 is taken: choose another one with `port`"):
            Server(create_app(KnownFinder()), port=port).start()


@pytest.mark.parametrize(
    ("host", "port", "reason"),
    [
        ("no.such.host.invalid.", 0, "no such address"),
        ("a" * 70, 0, "no such address"),
        ("127.0.0.1", 70_000, "cannot serve on port 70000"),
    ],
)
def test_an_address_that_cannot_be_used_is_one_line(host: str, port: int, reason: str) -> None:
    with pytest.raises(UsageError, match=reason) as caught:
        Server(create_app(KnownFinder()), host, port).start()
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("host", ["0.0.0.0", "::"])
def test_other_machines_are_let_in_with_a_key_only(host: str) -> None:
    with pytest.raises(UsageError, match="lets other machines in: give a key that they need with `api_key_file`"):
        Server(create_app(KnownFinder()), host, 0).start()

    server = Server(create_app(KnownFinder(), api_key="secret-key"), "0.0.0.0", 0)
    server.start()
    at = server.url.replace("0.0.0.0", "127.0.0.1")
    assert (post(at).status_code, post(at, api_key="secret-key").status_code) == (403, 200)
    server.close()


@pytest.mark.parametrize("host", ["localhost", "127.0.0.2", "::1"])
def test_every_address_of_loopback_serves_without_a_key(host: str) -> None:
    server = Server(create_app(KnownFinder()), host, 0)
    try:
        server.start()
    except UsageError as error:
        pytest.skip(f"this machine has no {host}: {error}")
    assert len(people(post(server.url))) == 2
    server.close()


@pytest.mark.parametrize(("number", "status"), [(signal.SIGTERM, 0), (signal.SIGINT, -signal.SIGINT)])
def test_signals_end_it_cleanly(number: signal.Signals, status: int) -> None:
    root = Path(__file__).parents[2]
    process = subprocess.Popen(
        [sys.executable, "-c", PROGRAM], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd=root
    )
    assert process.stdout is not None
    word, url = process.stdout.readline().split()
    assert word == "READY"
    assert len(people(post(url))) == 2

    os.kill(process.pid, number)
    out, err = process.communicate(timeout=20)

    # Ctrl-C is told to the caller as KeyboardInterrupt, who knows the exit code; nobody catches it here.
    assert process.returncode == status
    assert ("closed" in out) == (number == signal.SIGTERM)
    assert ("KeyboardInterrupt" in err) == (number == signal.SIGINT)
