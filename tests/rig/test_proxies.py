"""The page behind nginx and Caddy, by the samples: names, TLS that ends before it, and a path below another site."""

from __future__ import annotations

import os
import shutil
import socket
import ssl
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from html.parser import HTMLParser
from ipaddress import ip_network
from pathlib import Path
from urllib.parse import urljoin, urlsplit

import httpx
import pytest
from websockets.exceptions import InvalidStatus
from websockets.sync.client import connect

from kpstream.testing import wait_until
from kpstream.web import Page
from kpstream.web.tls import self_signed
from tests.support.ports import answers, own_port
from tests.support.web_page import Camera

pytestmark = pytest.mark.rig

SAMPLES = Path(__file__).parents[2] / "samples" / "deploy"
NAMES = ("cams.example.org", "home.example.org")
TOKEN = "a-token-of-the-rig"
PATH = os.pathsep.join((os.environ.get("PATH", ""), "/usr/sbin"))


def nginx(folder: Path, page: int, port: int) -> list[str]:
    """Write what nginx is started with: the sample, with other ports and files."""
    sample = (SAMPLES / "nginx.conf").read_text()
    sample = sample.replace("127.0.0.1:8080", f"127.0.0.1:{page}").replace("listen 443", f"listen 127.0.0.1:{port}")
    for name in NAMES:
        sample = sample.replace(f"/etc/ssl/{name}.pem", str(folder / "page.pem"))
        sample = sample.replace(f"/etc/ssl/{name}.key", str(folder / "page.pem"))
    paths = "".join(
        f"{kind}_temp_path {folder}/{kind};\n" for kind in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    )
    (folder / "nginx.conf").write_text(
        f"daemon off;\npid {folder}/nginx.pid;\nerror_log stderr;\nevents {{}}\n"
        f"http {{\naccess_log off;\n{paths}{sample}\n}}\n"
    )
    return [shutil.which("nginx", path=PATH) or "nginx", "-c", str(folder / "nginx.conf"), "-p", str(folder)]


def caddy(folder: Path, page: int, port: int) -> list[str]:
    """Write what Caddy is started with: the sample, with other ports and a certificate that is there."""
    sample = (SAMPLES / "Caddyfile").read_text().replace("127.0.0.1:8080", f"127.0.0.1:{page}")
    for name in NAMES:
        certificate = f"{folder / 'page.pem'} {folder / 'page.pem'}"
        sample = sample.replace(f"\n{name} {{", f"\nhttps://{name}:{port} {{\n\tbind 127.0.0.1\n\ttls {certificate}")
    (folder / "Caddyfile").write_text("{\n\tadmin off\n\tauto_https off\n}\n" + sample)
    return ["caddy", "run", "--adapter", "caddyfile", "--config", str(folder / "Caddyfile")]


def gathering_nginx(folder: Path, page: int, port: int) -> list[str]:
    """The same as `nginx`, but that it gathers answers, as it does where nobody says otherwise."""
    command = nginx(folder, page, port)
    path = folder / "nginx.conf"
    path.write_text(path.read_text().replace("proxy_buffering off;", ""))
    return command


PROXIES = {"nginx": nginx, "caddy": caddy}


class Site:
    """A page behind a proxy, and how it is asked there."""

    def __init__(self, port: int, certificate: bytes) -> None:
        self.port = port
        self.tls = ssl.create_default_context(cadata=certificate[certificate.index(b"-----BEGIN CERT") :].decode())
        self.tls.verify_flags &= ~ssl.VERIFY_X509_STRICT
        # The client below reads and writes in two threads, which loses what it writes while a ticket of TLS 1.3 comes.
        self.tls.maximum_version = ssl.TLSVersion.TLSv1_2

    def address(self, path: str, name: str) -> str:
        return f"https://{name}:{self.port}{path}"

    @contextmanager
    def client(self, name: str) -> Iterator[httpx.Client]:
        """A browser's side: it asks the proxy by a name, and keeps its cookies."""
        transport = _ByName(httpx.HTTPTransport(verify=self.tls), name)
        with httpx.Client(transport=transport, base_url=self.address("", name), timeout=60) as client:
            yield client

    def socket(self, path: str, name: str, **headers: str) -> int:
        """The status of a WebSocket's handshake, with a message or two behind it."""
        plain = socket.create_connection(("127.0.0.1", self.port), 60)
        address = self.address(path, name).replace("https", "wss", 1)
        try:
            with connect(
                address, sock=plain, ssl=self.tls, server_hostname=name, additional_headers=headers, proxy=None
            ) as viewer:
                viewer.recv(60)
        except InvalidStatus as refused:
            return refused.response.status_code
        return 101


class _ByName(httpx.BaseTransport):
    """Goes to loopback for a name that no name system knows."""

    def __init__(self, transport: httpx.BaseTransport, name: str) -> None:
        self._transport = transport
        self._name = name

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        there = httpx.Request(
            request.method,
            request.url.copy_with(host="127.0.0.1"),
            headers=request.headers,
            stream=request.stream,
            extensions={**request.extensions, "sni_hostname": self._name},
        )
        there.headers["host"] = f"{self._name}:{request.url.port}"
        return self._transport.handle_request(there)

    def close(self) -> None:
        self._transport.close()


@pytest.fixture(params=PROXIES)
def site(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Site]:
    folder = tmp_path
    certificate = self_signed(NAMES)
    (folder / "page.pem").write_bytes(certificate)
    camera, port = Camera(), own_port()
    camera.show()
    page = Page([camera.feed], port=0, token=TOKEN, names=NAMES, proxies=[ip_network("127.0.0.1")])
    page.start()
    command = {**PROXIES, "gathering": gathering_nginx}[request.param](folder, urlsplit(page.url).port or 0, port)
    env = {
        **os.environ,
        "PATH": PATH,
        "HOME": str(folder),
        "XDG_DATA_HOME": str(folder),
        "XDG_CONFIG_HOME": str(folder),
    }
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(command, env=env, stdout=log, stderr=log)
    try:
        wait_until(lambda: process.poll() is not None or answers(port), 60)
        assert process.poll() is None, (folder / "log").read_text()
        yield Site(port, certificate)
    finally:
        process.terminate()  # killed, nginx would leave its workers behind
        process.wait(30)
        page.close()


@pytest.fixture(params=[("cams.example.org", ""), ("home.example.org", "/cam")], ids=["name", "path"])
def place(request: pytest.FixtureRequest) -> tuple[str, str]:
    """A name, and the path below which the page lies there."""
    name, path = request.param
    return name, path


class Links(HTMLParser):
    """What a page refers to."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found += [value for name, value in attrs if name in ("src", "href") and value]


def test_the_page_and_all_that_it_refers_to_is_there(site: Site, place: tuple[str, str]) -> None:
    name, path = place
    with site.client(name) as client:
        assert client.get(f"{path}/").status_code == 401
        answer = client.get(f"{path}/", params={"token": TOKEN})
        assert answer.status_code == 200
        cookie = set(answer.headers["set-cookie"].split("; "))
        assert {"Secure", f"Path={path}/"} <= cookie
        links = Links()
        links.feed(answer.text)
        assert len(links.found) >= 3
        for link in links.found:
            assert client.get(urljoin(f"{path}/", link)).status_code == 200, link
        assert client.get(f"{path}/api/cameras").json()["cameras"][0]["name"] == "front-door"


def test_changes_and_sockets_of_the_page_itself_are_taken_and_those_of_other_sites_are_not(
    site: Site, place: tuple[str, str]
) -> None:
    name, path = place
    bearer = {"authorization": f"Bearer {TOKEN}"}
    with site.client(name) as client:
        for origin, status, upgrade in (
            (site.address("", name), 200, 101),
            (site.address("", "evil.example"), 403, 403),
            (f"http://{name}:{site.port}", 403, 403),
        ):
            asked = {**bearer, "origin": origin}
            answer = client.patch(f"{path}/api/cameras/front-door", json={"rate": 3}, headers=asked)
            assert answer.status_code == status, origin
            assert site.socket(f"{path}/ws/cameras/front-door", name, **asked) == upgrade, origin


@pytest.mark.parametrize("site", [*PROXIES, "gathering"], indirect=True)
def test_a_stream_comes_as_it_is_made(site: Site, place: tuple[str, str]) -> None:
    name, path = place
    bearer = {"authorization": f"Bearer {TOKEN}"}
    with (
        site.client(name) as client,
        client.stream("GET", f"{path}/cameras/front-door/stream.mjpg", headers=bearer) as stream,
    ):
        assert stream.status_code == 200
        received = b""
        for part in stream.iter_bytes():  # the one picture that there is, before any other comes
            received += part
            if b"\xff\xd9" in received:
                break
