"""An exchange ends: with an answer, with its time, or at once when the transport is closed."""

from __future__ import annotations

import shutil
import socket
import ssl
import subprocess
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from kpstream.endpoints.transport import Access, Response, Transport
from kpstream.errors import EndpointError, EndpointRejected, EndpointUnavailable, UsageError
from kpstream.testing import Reply, ScriptedServer
from tests.support.ports import own_port

KEY = "rfKey0123456789"


@pytest.fixture
def transport() -> Iterator[Transport]:
    transport = Transport(max_body=100_000)
    yield transport
    transport.close()


@pytest.fixture(scope="session")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """A certificate for 127.0.0.1 that nobody has signed, and its key."""
    if shutil.which("openssl") is None:
        pytest.skip("openssl is not installed")
    folder = tmp_path_factory.mktemp("tls")
    certificate, key = folder / "certificate.pem", folder / "key.pem"
    command = (
        "openssl req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=127.0.0.1 -addext subjectAltName=IP:127.0.0.1"
    )
    arguments = [*command.split(), "-keyout", str(key), "-out", str(certificate)]
    subprocess.run(arguments, check=True, capture_output=True)
    return certificate, key


@pytest.fixture
def tls(certificate: tuple[Path, Path]) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*certificate)
    return context


def post(transport: Transport, url: str, *, timeout: float = 20.0, body: bytes = b"x", key: str = KEY) -> Response:
    request = Access(key).request("POST", f"{url}/a/1", {})
    request.body = body
    request.headers["Content-Length"] = str(len(body))
    return transport.exchange(request, timeout)


def failure_of(transport: Transport, url: str, *, timeout: float = 20.0) -> EndpointError:
    with pytest.raises(EndpointError) as caught:
        post(transport, url, timeout=timeout)
    assert caught.value.__context__ is None
    assert caught.value.__cause__ is None
    return caught.value


class Asker(threading.Thread):
    """Asks in a thread of its own, and keeps what came of it."""

    def __init__(self, transport: Transport, url: str) -> None:
        super().__init__()
        self._transport = transport
        self._url = url
        self.error: EndpointError | None = None

    def run(self) -> None:
        try:
            post(self._transport, self._url, timeout=1000.0)  # so that only closing can end it in time
        except EndpointError as error:
            self.error = error


def test_an_answer_is_handed_back_whatever_its_status(transport: Transport) -> None:
    with ScriptedServer(Reply(418, b"teapot", {"X-Pot": "1"})) as server:
        response = post(transport, server.url)
    assert (response.status, response.body, response.headers["x-pot"], response.whole) == (418, b"teapot", "1", True)


def test_a_thread_keeps_its_connection_and_threads_do_not_share_one(transport: Transport) -> None:
    with ScriptedServer() as server:
        for _ in range(3):
            post(transport, server.url)
        assert len({request.connection for request in server.requests}) == 1
        other = Asker(transport, server.url)
        other.start()
        other.join()
        assert len({request.connection for request in server.requests}) == 2


@pytest.mark.parametrize("fault", ["hang", "dribble_head", "dribble_body"])
def test_the_time_covers_all_of_an_answer(transport: Transport, fault: str) -> None:
    with ScriptedServer(Reply(fault=fault)) as server:  # type: ignore[arg-type]
        error = failure_of(transport, server.url, timeout=0.2)
    assert isinstance(error, EndpointUnavailable)
    assert "within 0.2 s" in str(error)


def test_the_time_covers_a_body_that_nobody_takes(transport: Transport) -> None:
    with socket.create_server(("127.0.0.1", 0)) as deaf:
        url = f"http://127.0.0.1:{deaf.getsockname()[1]}"
        with pytest.raises(EndpointUnavailable, match="within"):
            post(transport, url, timeout=0.2, body=bytes(64_000_000))


def test_the_time_covers_a_body_that_is_taken_in_sips(transport: Transport) -> None:
    sips: list[int] = []
    thirst = threading.Event()

    def sip(listener: socket.socket) -> None:
        with listener.accept()[0] as connection:
            while taken := connection.recv(100_000):
                sips.append(len(taken))
                thirst.wait(0.005)

    with socket.create_server(("127.0.0.1", 0)) as listener:
        taker = threading.Thread(target=sip, args=(listener,))
        taker.start()
        url = f"http://127.0.0.1:{listener.getsockname()[1]}"
        with pytest.raises(EndpointUnavailable, match="within"):
            post(transport, url, timeout=0.3, body=bytes(64_000_000))
        thirst.set()
        taker.join()
    assert sum(sips) < 64_000_000


@pytest.mark.parametrize("fault", ["reset", "truncate"])
def test_a_connection_that_breaks_off_is_worth_asking_again(transport: Transport, fault: str) -> None:
    with ScriptedServer(Reply(fault=fault), Reply()) as server:  # type: ignore[arg-type]
        error = failure_of(transport, server.url)
        assert isinstance(error, EndpointUnavailable)
        assert "broke off" in str(error)
        assert post(transport, server.url).status == 200


def test_nobody_there_is_worth_asking_again(transport: Transport) -> None:
    port = own_port()
    error = failure_of(transport, f"http://127.0.0.1:{port}")
    assert isinstance(error, EndpointUnavailable)
    assert f"nothing listens at 127.0.0.1:{port}" in str(error)


def test_a_name_that_does_not_exist_is_worth_asking_again(transport: Transport) -> None:
    name = "pose" * 20 + ".invalid"  # too long for the name system, so that nobody's resolver is asked
    error = failure_of(transport, f"http://{name}")
    assert isinstance(error, EndpointUnavailable)
    assert f"no host {name}" in str(error)


def test_of_a_host_s_addresses_the_next_is_tried(transport: Transport) -> None:
    with ScriptedServer() as server:  # localhost is ::1 as well on most machines, where the server is not
        assert post(transport, server.url.replace("127.0.0.1", "localhost")).status == 200


def test_a_body_is_read_no_further_than_its_limit(transport: Transport) -> None:
    with ScriptedServer(Reply(body=bytes(100_001)), Reply(body=bytes(100_000))) as server:
        response = post(transport, server.url)
        assert not response.whole
        assert not response.body
        assert post(transport, server.url).whole


def test_a_redirect_is_not_followed(transport: Transport) -> None:
    with ScriptedServer() as other, ScriptedServer(Reply(307, b"moved", {"Location": f"{other.url}/a/1"})) as server:
        response = post(transport, server.url)
        assert (response.status, response.body) == (307, b"moved")
        assert other.requests == []


@pytest.mark.parametrize("fault", ["hang", "dribble_body"])
def test_closing_ends_what_waits_in_other_threads(transport: Transport, fault: str) -> None:
    with ScriptedServer(*[Reply(fault=fault)] * 3) as server:  # type: ignore[arg-type]
        askers = [Asker(transport, server.url) for _ in range(3)]
        for asker in askers:
            asker.start()
        server.wait_for(3)
        transport.close()
        for asker in askers:
            asker.join()
    assert [str(asker.error) for asker in askers] == ["the endpoint is closed"] * 3
    assert all(isinstance(asker.error, EndpointUnavailable) for asker in askers)


def test_closing_ends_a_handshake_that_hangs(transport: Transport) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        asker = Asker(transport, f"https://127.0.0.1:{silent.getsockname()[1]}")
        asker.start()
        with silent.accept()[0] as connection:
            assert connection.recv(1) == b"\x16", "a TLS handshake"
            transport.close()
            asker.join()
    assert str(asker.error) == "the endpoint is closed"


def test_once_closed_nothing_is_sent(transport: Transport) -> None:
    with ScriptedServer() as server:
        post(transport, server.url)
        transport.close()
        transport.close()
        assert str(failure_of(transport, server.url)) == "the endpoint is closed"
        assert len(server.requests) == 1


def test_a_certificate_that_nobody_signed_is_refused(transport: Transport, tls: ssl.SSLContext) -> None:
    with ScriptedServer(tls=tls) as server:
        error = failure_of(transport, server.url)
        assert server.requests == []
    assert isinstance(error, EndpointRejected)
    assert "REQUESTS_CA_BUNDLE" in str(error)


def test_the_environment_s_certificates_are_trusted_and_tls_can_be_closed_too(
    transport: Transport, tls: ssl.SSLContext, certificate: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(certificate[0]))
    with ScriptedServer(Reply(), Reply(fault="hang"), tls=tls) as server:
        assert post(transport, server.url, body=bytes(200_000)).status == 200
        asker = Asker(transport, server.url)
        asker.start()
        server.wait_for(2)
        transport.close()
        asker.join()
    assert str(asker.error) == "the endpoint is closed"


def test_a_server_without_tls_is_said_to_be_one(transport: Transport) -> None:
    with ScriptedServer() as server:
        error = failure_of(transport, server.url.replace("http:", "https:"))
    assert isinstance(error, EndpointUnavailable)
    assert "http://" in str(error)


def test_a_proxy_of_the_environment_is_used(transport: Transport, monkeypatch: pytest.MonkeyPatch) -> None:
    with ScriptedServer() as proxy:
        monkeypatch.setenv("HTTP_PROXY", proxy.url)
        monkeypatch.setenv("http_proxy", proxy.url)
        assert post(transport, "http://pose.invalid").status == 200
        assert proxy.requests[0].headers["host"] == "pose.invalid"


def name_proxy(monkeypatch: pytest.MonkeyPatch, address: str) -> None:
    for name in ("HTTP_PROXY", "http_proxy", "HTTPS_PROXY", "https_proxy"):
        monkeypatch.setenv(name, address)


@pytest.mark.parametrize(
    ("proxy", "words"),
    [
        ("http://me:hunter2@127.0.0.1:1", "127.0.0.1:1 is not there"),
        (f"http://{'proxy' * 20}.invalid:3128", "is not found"),
        ("http://127.0.0.1:not-a-port", "no proxy that can be used"),
        ("socks5://127.0.0.1:1080", "requests[socks]"),
    ],
)
@pytest.mark.parametrize("scheme", ["http", "https"])
def test_a_proxy_that_is_not_there_is_not_taken_for_passing(
    scheme: str, proxy: str, words: str, transport: Transport, monkeypatch: pytest.MonkeyPatch
) -> None:
    name_proxy(monkeypatch, proxy)
    error = failure_of(transport, f"{scheme}://pose.invalid")
    assert isinstance(error, EndpointRejected)
    assert words in str(error)
    assert f"{scheme.upper()}_PROXY" in str(error)
    assert "hunter2" not in str(error)


def test_a_proxy_through_which_answers_came_is_waited_for(
    transport: Transport, monkeypatch: pytest.MonkeyPatch
) -> None:
    with ScriptedServer() as proxy:
        name_proxy(monkeypatch, proxy.url)
        assert post(transport, "http://pose.invalid").status == 200
    transport_error = failure_of(transport, "http://pose.invalid")
    assert isinstance(transport_error, EndpointUnavailable)


@pytest.mark.parametrize(("status", "words"), [(407, "user name and a password"), (403, "does not let")])
def test_a_proxy_that_lets_nobody_through_says_why(
    status: int, words: str, transport: Transport, monkeypatch: pytest.MonkeyPatch
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as proxy:
        name_proxy(monkeypatch, f"http://127.0.0.1:{proxy.getsockname()[1]}")

        def refuse() -> None:
            connection, _ = proxy.accept()
            with connection:
                connection.recv(4096)
                connection.sendall(f"HTTP/1.1 {status} No\r\nContent-Length: 0\r\n\r\n".encode())

        thread = threading.Thread(target=refuse)
        thread.start()
        error = failure_of(transport, "https://pose.invalid")
        thread.join()
    assert isinstance(error, EndpointRejected)
    assert words in str(error)


def test_what_fails_behind_a_proxy_names_it(transport: Transport, monkeypatch: pytest.MonkeyPatch) -> None:
    with ScriptedServer(Reply(fault="truncate")) as proxy:
        name_proxy(monkeypatch, proxy.url.replace("://", "://user:hunter2@"))
        error = failure_of(transport, "http://pose.invalid")
    assert f"pose.invalid (through the proxy {proxy.url.removeprefix('http://')}) broke off" in str(error)
    assert "hunter2" not in str(error)


def test_certificates_that_are_not_there_are_not_taken_for_passing(
    transport: Transport, tls: ssl.SSLContext, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "company.pem"
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(path))
    with ScriptedServer(tls=tls) as server:
        for text, reason in ((None, "no such file"), ("nothing", "no certificates in it")):
            if text is not None:
                path.write_text(text)
            error = failure_of(transport, server.url)
            assert isinstance(error, EndpointRejected)
            assert f"REQUESTS_CA_BUNDLE names {path} for certificates: " in str(error)
            assert reason in str(error)
        assert server.requests == []


def test_a_netrc_does_not_speak_for_us(transport: Transport, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "netrc").write_text("machine 127.0.0.1 login someone password else\n")
    monkeypatch.setenv("NETRC", str(tmp_path / "netrc"))
    with ScriptedServer() as server:
        post(transport, server.url)
        assert "authorization" not in server.requests[0].headers


def test_a_name_and_password_in_the_address_are_for_the_server_in_front(transport: Transport) -> None:
    with ScriptedServer() as server:
        post(transport, server.url.replace("//", "//user:secret@"))
        assert server.requests[0].headers["authorization"] == "Basic dXNlcjpzZWNyZXQ="


def test_the_key_travels_as_told_and_comes_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ROBOFLOW_API_KEY", f" {KEY}\n")
    query = Access().request("GET", "http://a.example/x", {"format": "json"})
    header = Access(key_in="header").request("GET", "http://a.example/x", {})
    assert (query.url, "Authorization" in query.headers) == (f"http://a.example/x?api_key={KEY}&format=json", False)
    assert (header.url, header.headers["Authorization"]) == ("http://a.example/x", f"Bearer {KEY}")
    monkeypatch.delenv("ROBOFLOW_API_KEY")
    assert Access().request("GET", "http://a.example/x", {}).url == "http://a.example/x"


@pytest.mark.parametrize("key", ["two words", "schlüssel", "line\nbreak", "\x00"])
def test_what_cannot_be_a_key_is_refused_without_repeating_it(key: str) -> None:
    with pytest.raises(UsageError, match="characters") as caught:
        Access(key).request("GET", "http://a.example/x", {})
    assert key not in str(caught.value)
