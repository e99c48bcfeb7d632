"""Fetching `image=` URLs: from where, how much, how long; and from where never."""

from __future__ import annotations

import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import quote, urlsplit

import pytest
import requests
from hypothesis import given
from hypothesis import strategies as st

from kpstream.server import Server, create_app
from kpstream.server.faults import Fault
from kpstream.server.image_urls import ImageUrls
from kpstream.serving.dialing import Dialer, connect_by_system, is_public
from tests.support.local_endpoint import JPEG, KnownFinder, addresses_only, message, people, serving

PUBLIC = "93.184.216.34"
Answer = Callable[[BaseHTTPRequestHandler], None]


def picture(request: BaseHTTPRequestHandler) -> None:
    """Answer with the test picture, as a web server does."""
    reply(request, JPEG)


def reply(request: BaseHTTPRequestHandler, body: bytes, status: int = 200, **headers: str) -> None:
    request.send_response(status)
    request.send_header("Content-Length", str(len(body)))
    for name, value in headers.items():
        request.send_header(name, value)
    request.end_headers()
    request.wfile.write(body)


def redirect(request: BaseHTTPRequestHandler, to: str, status: int = 302) -> None:
    reply(request, b"", status, Location=to)


@contextmanager
def web(**pages: Answer) -> Iterator[str]:
    """A web server on loopback; its URL. A page's name is the first part of its path."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            pages[urlsplit(self.path).path.split("/")[1]](self)

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


class Internet:
    """A resolver and a network where all names and addresses lead to loopback; keeps what it was asked."""

    def __init__(self, **names: list[list[str]]) -> None:
        self.names = names
        self.asked: list[str] = []
        self.connected: list[tuple[str, int]] = []

    def resolve(self, host: str, port: int) -> list[str]:
        """The answers of a name in turn, the last one for ever; an address is itself."""
        self.asked.append(host)
        answers = self.names.get(host.replace(".", "_"), [[host]])
        return answers.pop(0) if len(answers) > 1 else answers[0]

    def connect(self, address: tuple[str, int], timeout: float) -> socket.socket:
        self.connected.append(address)
        return connect_by_system(("127.0.0.1", address[1]), timeout)

    def urls(self) -> ImageUrls:
        return ImageUrls(Dialer(resolve=self.resolve, connect=self.connect))


def refusal(urls: ImageUrls, url: str) -> str:
    with pytest.raises(Fault) as caught:
        urls.fetch(url)
    assert caught.value.status == 400
    text: str = caught.value.body["message"]
    assert "\n" not in text
    return text


def port(url: str) -> int:
    return urlsplit(url).port or 0


def test_a_picture_behind_a_url_is_answered_with_a_get_and_a_post() -> None:
    with web(pic=picture) as site, serving(allow_private=True) as endpoint:
        query = f"{endpoint}/my-pose/3?image={quote(site + '/pic/x y.jpg', safe='')}"

        assert len(people(requests.post(query, timeout=20))) == 2
        assert len(people(requests.get(query, timeout=20))) == 2
        assert len(people(requests.post(query, data="ignored", timeout=20))) == 2
        # a multipart body counts before the URL, as with the hosted service
        assert message(requests.post(query, files={"file": b"no"}, timeout=20), 400)
        in_json = {"model_id": "a/1", "image": {"type": "url", "value": f"{site}/pic"}}
        assert len(people(requests.post(f"{endpoint}/infer/keypoints_detection", json=in_json, timeout=20))) == 2


def test_loopback_is_refused_where_nobody_allowed_it() -> None:
    with web(pic=picture) as site, serving() as endpoint:
        answer = requests.post(f"{endpoint}/my-pose/3", params={"image": f"{site}/pic"}, timeout=20)

    assert "private or local address" in message(answer, 400)


def test_a_connection_that_cannot_be_encrypted_is_closed() -> None:
    def no_certificates() -> ssl.SSLContext:
        raise FileNotFoundError

    ours, theirs = socket.socketpair()
    dialer = Dialer(resolve=lambda *_: ["192.0.43.8"], connect=lambda *_: ours, tls=no_certificates)
    assert "could not be fetched" in refusal(ImageUrls(dialer), "https://example.org/x.jpg")
    assert ours.fileno() == -1
    theirs.close()


def test_create_app_allows_private_images_by_its_option() -> None:
    with web(pic=picture) as site:
        for allowed, status in ((True, 200), (False, 400)):
            server = Server(create_app(KnownFinder(), allow_private_images=allowed), port=0)
            server.start()
            answer = requests.post(f"{server.url}/a/1", params={"image": f"{site}/pic"}, timeout=20)
            server.close()
            assert answer.status_code == status


@pytest.mark.parametrize(
    "address",
    [
        "127.0.0.1", "127.9.9.9", "10.1.2.3", "172.16.0.1", "192.168.1.1", "169.254.169.254", "0.0.0.0", "100.64.0.1",
        "192.0.2.1", "198.18.0.1", "224.0.0.1", "240.0.0.1", "255.255.255.255", "::1", "::", "fe80::1", "fc00::1",
        "fec0::1", "ff02::1", "::ffff:127.0.0.1", "::ffff:10.0.0.1", "64:ff9b::127.0.0.1", "64:ff9b::a00:1",
        "2002:7f00:1::", "2002:a00:1::1", "::127.0.0.1", "2001:db8::1", "fe80::1%1",
    ],
)  # fmt: skip
def test_special_addresses_are_not_public(address: str) -> None:
    assert not is_public(address)
    internet = Internet(name_test=[[address]])

    assert "private or local" in refusal(internet.urls(), "http://name.test/x")
    assert internet.connected == []


@pytest.mark.parametrize("address", [PUBLIC, "8.8.8.8", "2606:4700::1111", "::ffff:8.8.8.8", "64:ff9b::808:808"])
def test_other_addresses_are_public(address: str) -> None:
    assert is_public(address)


@given(st.ip_addresses(v=4))
def test_an_ipv4_address_is_judged_alike_in_ipv6_dress(address: object) -> None:
    plain = is_public(str(address))

    assert is_public(f"::ffff:{address}") == plain
    assert is_public(f"64:ff9b::{address}") == plain


@pytest.mark.parametrize("host", ["localhost", "127.1", "2130706433", "0x7f000001", "[::1]", "[::ffff:7f00:1]"])
def test_loopback_in_any_spelling_is_refused(host: str) -> None:
    assert "private or local" in refusal(ImageUrls(Dialer(resolve=addresses_only)), f"http://{host}:1/x")


def test_one_private_address_among_public_ones_condemns_the_name() -> None:
    internet = Internet(mixed_test=[[PUBLIC, "10.0.0.1"]])

    assert "private or local" in refusal(internet.urls(), "http://mixed.test/")
    assert internet.connected == []


def test_the_connection_goes_to_the_address_that_was_checked_and_the_name_is_not_asked_again() -> None:
    internet = Internet(rebinding_test=[[PUBLIC], ["127.0.0.1"]])
    hosts: list[str | None] = []

    def page(request: BaseHTTPRequestHandler) -> None:
        hosts.append(request.headers["Host"])
        picture(request)

    with web(pic=page) as site:
        assert internet.urls().fetch(f"http://rebinding.test:{port(site)}/pic") == JPEG

    assert internet.asked == ["rebinding.test"]
    assert internet.connected == [(PUBLIC, port(site))]
    assert hosts == [f"rebinding.test:{port(site)}"]


def test_the_next_address_is_tried_where_one_does_not_answer() -> None:
    class HalfDead(Internet):
        def connect(self, address: tuple[str, int], timeout: float) -> socket.socket:
            if address[0] == "8.8.8.8":
                raise ConnectionRefusedError
            return super().connect(address, timeout)

    with web(pic=picture) as site:
        internet = HalfDead(two_test=[["8.8.8.8", PUBLIC]])
        assert internet.urls().fetch(f"http://two.test:{port(site)}/pic") == JPEG


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_redirects_are_followed_and_checked_anew(status: int) -> None:
    internet = Internet(public_test=[[PUBLIC]], inner_test=[["192.168.0.1"]])
    with web(
        pic=picture,
        relative=lambda request: redirect(request, "/pic", status),
        inner=lambda request: redirect(request, f"http://inner.test:{port(site)}/pic", status),
        scheme=lambda request: redirect(request, "file:///etc/passwd", status),
    ) as site:
        base = f"http://public.test:{port(site)}"

        assert internet.urls().fetch(f"{base}/relative") == JPEG
        assert "private or local" in refusal(internet.urls(), f"{base}/inner")
        assert "image URL is invalid" in refusal(internet.urls(), f"{base}/scheme")
    assert {address for address, _ in internet.connected} == {PUBLIC}


def test_five_redirects_are_followed_and_no_more() -> None:
    def hop(request: BaseHTTPRequestHandler) -> None:
        left = int(request.path.rsplit("/", 1)[1])
        if left:
            redirect(request, f"/hop/{left - 1}")
        else:
            picture(request)

    with web(hop=hop) as site:
        urls = ImageUrls(Dialer(allow_private=True))
        assert urls.fetch(f"{site}/hop/5") == JPEG
        assert "more than 5 times" in refusal(urls, f"{site}/hop/6")


def test_a_large_answer_is_given_up_declared_or_not() -> None:
    def endless(request: BaseHTTPRequestHandler) -> None:
        request.send_response(200)
        request.end_headers()
        try:
            while True:
                request.wfile.write(b"x" * 65536)
        except OSError:
            pass

    with web(declared=lambda request: reply(request, b"x" * 3_000_000), endless=endless) as site:
        urls = ImageUrls(Dialer(allow_private=True), max_bytes=2 * 1024 * 1024)
        assert "more than 2 MB" in refusal(urls, f"{site}/declared")
        assert "more than 2 MB" in refusal(urls, f"{site}/endless")


def test_a_host_that_drips_is_given_up_after_the_timeout_in_its_head_and_in_its_body() -> None:
    over = threading.Event()

    def drip(request: BaseHTTPRequestHandler, what: bytes) -> None:
        try:
            while not over.wait(0.02):
                request.wfile.write(what)
        except OSError:
            pass

    def in_body(request: BaseHTTPRequestHandler) -> None:
        request.send_response(200)
        request.end_headers()
        drip(request, b"x")

    with web(head=lambda request: drip(request, b"x"), body=in_body) as site:
        urls = ImageUrls(Dialer(allow_private=True), timeout=0.2)
        assert "did not answer within 0.2 s" in refusal(urls, f"{site}/head")
        assert "did not answer within 0.2 s" in refusal(urls, f"{site}/body")
        over.set()


def test_faults_of_the_other_side_have_one_line_of_reason() -> None:
    def cut(request: BaseHTTPRequestHandler) -> None:
        request.send_response(200)
        request.send_header("Content-Length", str(len(JPEG)))
        request.end_headers()
        request.wfile.write(JPEG[:100])

    def garbage(request: BaseHTTPRequestHandler) -> None:
        request.wfile.write(b"\0\1\2 nonsense\r\n\r\n")

    with web(
        gone=lambda request: reply(request, b"no", 404),
        garbage=garbage,
        cut=cut,
    ) as site:
        urls = ImageUrls(Dialer(allow_private=True))
        assert "status 404" in refusal(urls, f"{site}/gone")
        assert "could not be fetched" in refusal(urls, f"{site}/garbage")
        assert "cut off" in refusal(urls, f"{site}/cut")
    assert "could not be fetched" in refusal(urls, f"{site}/nobody-listens")


def test_an_answer_that_is_no_picture_is_refused() -> None:
    with web(page=lambda request: reply(request, b"<html>")) as site, serving(allow_private=True) as endpoint:
        answer = requests.post(f"{endpoint}/a/1", params={"image": f"{site}/page"}, timeout=20)

    assert "Could not decode bytes into image." in message(answer, 400)


@pytest.mark.parametrize(
    "url",
    ["", "x", "ftp://h/x", "file:///etc/passwd", "http://", "http:///x", "http://[::1", "http://h:99999/", "//h/x",
     "http://a\\@b/", "javascript:1", "data:image/jpeg;base64,AAAA"],
)  # fmt: skip
def test_what_is_no_web_address_is_refused(url: str) -> None:
    assert "image URL is invalid" in refusal(Internet().urls(), url)


def test_a_password_in_a_url_is_neither_used_nor_repeated() -> None:
    internet = Internet()
    text = refusal(internet.urls(), "http://user:hunter2@public.test/x")

    assert "password is not fetched" in text
    assert "hunter2" not in text
    assert internet.asked == []


def test_a_name_that_nobody_knows_is_refused() -> None:
    def unknown(host: str, port: int) -> list[str]:
        raise socket.gaierror(-2, "Name or service not known")

    assert "is not known" in refusal(ImageUrls(Dialer(resolve=unknown)), "http://no.such.name.test/x")
    assert "is not known" in refusal(ImageUrls(Dialer(resolve=addresses_only)), "http://" + "a" * 70 + ".test/x")


def test_the_path_and_query_arrive_as_given() -> None:
    seen: list[str] = []

    def page(request: BaseHTTPRequestHandler) -> None:
        seen.append(request.path)
        picture(request)

    with web(pic=page) as site:
        for path in ("/pic/%41%2Fb?q=1&r=%20#part", "/pic/ü b", "/pic?a=[1]|2"):
            assert ImageUrls(Dialer(allow_private=True)).fetch(site + path) == JPEG

    assert seen == ["/pic/%41%2Fb?q=1&r=%20", "/pic/%C3%BC%20b", "/pic?a=[1]|2"]
