"""Who may come in, and from where."""

from __future__ import annotations

import ipaddress
import socket
from collections.abc import Iterator
from ipaddress import ip_network
from pathlib import Path
from typing import Any

import httpx
import pytest
from websockets.exceptions import InvalidStatus

from kpstream.errors import UsageError
from kpstream.redact import redact
from kpstream.web import Page
from tests.support.web_page import Camera, client_of, served, socket_of

TOKEN = "a-token-of-the-test"
PATHS = (
    "/", "/static/app.js", "/cameras/front-door/stream.mjpg", "/cameras/front-door/snapshot.jpg", "/api/cameras",
    "/api/site", "/api/cameras/front-door", "/api/cameras/front-door/poses", "/api/cameras/front-door/events",
    "/api/recordings", "/recordings/a.mp4", "/metrics", "/healthz", "/readyz", "/openapi.json", "/nothing",
)  # fmt: skip
SOCKETS = ("/ws/cameras/front-door", "/ws/cameras/front-door/lines", "/ws/device", "/ws/nothing")


@pytest.fixture
def page(tmp_path: Path) -> Iterator[Page]:
    camera = Camera()
    camera.show()
    with served(camera, token=TOKEN, recordings=tmp_path) as page:
        yield page


def status_of_socket(page: Page, path: str, **headers: str) -> int:
    try:
        with socket_of(page, path, **headers):
            return 101
    except InvalidStatus as refused:
        return refused.response.status_code


def test_without_the_token_every_route_says_401_and_nothing_else(page: Page) -> None:
    with client_of(page) as client:
        for path in PATHS:
            for headers in (
                {},
                {"authorization": "Bearer wrong"},
                {"cookie": f"kpstream-{httpx.URL(page.url).port}=x"},
            ):
                answer = client.get(path, headers=headers)
                assert (answer.status_code, answer.content) == (401, b""), path
        assert client.get("/api/cameras?token=wrong").status_code == 401
        for method, path in (("PATCH", "/api/cameras/front-door"), ("POST", "/api/cameras/front-door/snapshot")):
            assert client.request(method, path, json={}).status_code == 401
    for path in SOCKETS:
        assert status_of_socket(page, path) == 401, path
        assert status_of_socket(page, f"{path}?token=wrong") == 401, path


def test_the_token_opens_by_header_by_address_and_then_by_cookie(page: Page) -> None:
    with client_of(page) as client:
        assert client.get("/api/cameras", headers={"authorization": f"Bearer {TOKEN}"}).status_code == 200
        assert client.get("/api/cameras").status_code == 401
        assert client.get("/", params={"token": TOKEN}).status_code == 200
        assert client.get("/api/cameras").status_code == 200
        cookie = f"kpstream-{httpx.URL(page.url).port}={TOKEN}"
    assert status_of_socket(page, "/ws/cameras/front-door", cookie=cookie) == 101
    assert status_of_socket(page, "/ws/cameras/front-door", authorization=f"Bearer {TOKEN}") == 101
    assert status_of_socket(page, f"/ws/cameras/front-door?token={TOKEN}") == 101


def test_cookies_of_other_services_of_the_machine_keep_nobody_out(page: Page) -> None:
    own = f"kpstream-{httpx.URL(page.url).port}={TOKEN}"
    others = ('theme={"dark": true}', "flag", "a=b c", "a@b=1", "Path=/", "name=\u00e4\u00f6")
    with client_of(page) as client:
        for cookie in (pair for other in others for pair in (f"{other}; {own}", f"{own}; {other}")):
            assert client.get("/api/cameras", headers={b"cookie": cookie.encode()}).status_code == 200, cookie


def test_any_token_fits_into_the_cookie() -> None:
    token = 'semi;colon, "quoted" 100% =+'
    with served(Camera(), token=token) as page, client_of(page) as client:
        assert client.get("/", params={"token": token}).status_code == 200
        assert client.get("/api/cameras").status_code == 200


def test_no_script_and_no_other_site_gets_the_cookie(page: Page) -> None:
    with client_of(page) as client:
        told = client.get("/", params={"token": TOKEN}).headers["set-cookie"]
        assert {"HttpOnly", "SameSite=Strict", "Path=/"} <= set(told.split("; "))
        assert "set-cookie" not in client.get("/").headers


def test_the_token_is_in_no_answer(page: Page) -> None:
    with client_of(page, headers={"authorization": f"Bearer {TOKEN}"}) as client:
        for path in ("/", "/static/app.js", "/api/cameras", "/metrics", "/openapi.json", "/nothing"):
            assert TOKEN not in client.get(path).text
    assert redact(page.link).find(TOKEN) == -1


def test_a_name_that_somebody_else_may_point_here_is_refused() -> None:
    with served(Camera()) as page, client_of(page) as client:
        for host in ("evil.example", "localhost.evil.example", "127.0.0.1.evil.example:80", "", "[", "kpstream"):
            assert client.get("/api/cameras", headers={"host": host}).status_code == 421, host
        for host in ("localhost:1", "127.0.0.1", "[::1]:80", "192.168.1.7:8080", "LOCALHOST"):
            assert client.get("/api/cameras", headers={"host": host}).status_code == 200, host
        assert status_of_socket(page, "/ws/cameras/front-door", host="evil.example") in (400, 421)


def test_a_name_that_was_given_is_one_of_the_page_s() -> None:
    with served(Camera(), names=["cams.example.org"]) as page, client_of(page) as client:
        for host, status in {"cams.example.org": 200, "Cams.Example.Org:81": 200, "example.org": 421}.items():
            assert client.get("/api/cameras", headers={"host": host}).status_code == status, host


def test_a_proxy_is_believed_only_where_it_was_named() -> None:
    forwarded = {"x-forwarded-host": "cams.example.org", "x-forwarded-proto": "https", "x-forwarded-prefix": "/cam"}
    own = {"origin": "https://cams.example.org"}
    options: dict[str, Any] = {"names": ["cams.example.org"], "token": TOKEN}
    for proxies, status in ((["127.0.0.0/8"], 200), (["10.0.0.0/8"], 403), ([], 403)):
        networks = [ipaddress.ip_network(text) for text in proxies]
        with served(Camera(), proxies=networks, **{**options, "names": []}) as page, client_of(page) as client:
            asked = {**forwarded, "x-forwarded-host": "192.0.2.9", "origin": "https://192.0.2.9"}
            answer = client.patch(f"/api/cameras/front-door?token={TOKEN}", json={"rate": 9}, headers=asked)
            assert answer.status_code == status
        with served(Camera(), proxies=networks, **options) as page, client_of(page) as client:
            answer = client.get("/", params={"token": TOKEN}, headers=forwarded | own)
            assert answer.status_code == 200
            trusted = status == 200
            cookie = set(answer.headers["set-cookie"].split("; "))
            assert ({"Path=/cam/", "Secure"} <= cookie) == trusted
            assert ({"Path=/"} <= cookie) != trusted
    with served(Camera(), proxies=[ipaddress.ip_network("127.0.0.1")]) as page, client_of(page) as client:
        assert client.get("/", headers=forwarded).status_code == 421  # rebinding works through a proxy, too


def test_a_name_that_a_client_makes_up_before_that_of_the_proxy_is_none_to_be_known_by() -> None:
    with (
        served(Camera(), names=["cams.example.org"], proxies=[ipaddress.ip_network("127.0.0.1")]) as page,
        client_of(page) as client,
    ):
        for hosts, status in (
            ("cams.example.org, evil.example", 421),
            ("localhost, evil.example", 421),
            ("cams.example.org, 192.0.2.7:8080", 200),
            ("cams.example.org,", 200),
        ):
            joined = client.get("/api/cameras", headers={"x-forwarded-host": hosts})
            lines = [("x-forwarded-host", host.strip()) for host in hosts.split(",")]
            assert (joined.status_code, client.get("/api/cameras", headers=lines).status_code) == (status, status), (
                hosts
            )


def test_a_trusted_proxy_that_does_not_say_how_it_was_asked_is_told_so(caplog: pytest.LogCaptureFixture) -> None:
    for proxies, remedy in (([], "--web-proxy"), ([ipaddress.ip_network("127.0.0.1")], "X-Forwarded-Host")):
        with served(Camera(), proxies=proxies) as page, client_of(page) as client:
            answer = client.patch("/api/cameras/front-door", json={}, headers={"origin": "https://cams.example.org"})
        assert answer.status_code == 403
        assert remedy in caplog.messages[-1]


def test_a_site_that_may_embed_the_page_does_and_no_other() -> None:
    camera, dashboard = Camera(), "https://dashboard.example.org"
    camera.show()
    picture = "/cameras/front-door/snapshot.jpg"

    def policy(**headers: str) -> str:
        return client.get(picture, headers={k.replace("_", "-"): v for k, v in headers.items()}).headers[
            "cross-origin-resource-policy"
        ]

    with served(camera, embed=[dashboard]) as page, client_of(page) as client:
        whole = client.get("/").headers
        assert f"frame-ancestors 'self' {dashboard}" in whole["content-security-policy"]
        assert "x-frame-options" not in whole
        assert policy() == "cross-origin"
        assert policy(referer=f"{dashboard}/", sec_fetch_site="cross-site") == "cross-origin"
        assert policy(referer="https://evil.example/", sec_fetch_site="cross-site") == "same-origin"
        assert policy(sec_fetch_site="cross-site") == "cross-origin"  # dashboards hide where they are
    with served(camera) as page, client_of(page) as client:
        assert policy(referer=f"{dashboard}/") == "same-origin"
        assert client.get("/").headers["x-frame-options"] == "DENY"


def test_what_is_refused_stands_in_the_log_once_with_the_remedy(caplog: pytest.LogCaptureFixture) -> None:
    with served(Camera()) as page, client_of(page) as client:
        for _ in range(3):
            client.get("/", headers={"host": "cams.example.org"})
            client.patch("/api/cameras/front-door", headers={"origin": "https://cams.example.org"})
        for number in range(200):
            client.get("/", headers={"host": f"{number}.example.org"})
    lines = [record.getMessage() for record in caplog.records if "refused" in record.getMessage()]
    assert sum("'cams.example.org'" in line and "--web-name" in line for line in lines) == 1
    assert sum("'https://cams.example.org'" in line and "--web-proxy" in line for line in lines) == 1
    assert len(lines) <= 64  # whoever makes up names does not fill the log


def test_another_site_changes_nothing_and_gets_no_socket() -> None:
    camera = Camera()
    with served(camera) as page, client_of(page) as client:
        own = page.url
        foreign = ("http://evil.example", own.replace("http:", "https:"), f"{own}0", "null", "http://[", "")
        for origin in foreign:
            refused = client.patch("/api/cameras/front-door", json={"rate": 9}, headers={"origin": origin})
            assert refused.status_code == 403, origin
            assert client.post("/api/cameras/front-door/snapshot", headers={"origin": origin}).status_code == 403
            assert status_of_socket(page, "/ws/cameras/front-door", origin=origin) == 403, origin
        assert camera.controls.settings.rate == 5
        changed = client.patch("/api/cameras/front-door", json={"rate": 9}, headers={"origin": own})
        assert changed.status_code == 200
        assert status_of_socket(page, "/ws/cameras/front-door", origin=own) == 101


def test_the_log_names_the_client_behind_a_trusted_proxy_and_no_other(caplog: pytest.LogCaptureFixture) -> None:
    for proxies, client_address in (([ip_network("127.0.0.1")], "203.0.113.9"), ([], "127.0.0.1")):
        caplog.clear()
        with served(Camera(), proxies=proxies) as page, client_of(page) as client:
            client.get("/", headers={"host": "evil.example", "x-forwarded-for": "10.0.0.1, 203.0.113.9"})
        assert f"refused: {client_address} asked" in caplog.text


def test_a_refusal_waits_for_the_body_so_that_it_is_not_cut_off() -> None:
    with served(Camera()) as page:
        address = httpx.URL(page.url)
        with socket.create_connection((address.host, address.port or 0), 10) as connection:
            head = f"PATCH /api/cameras/front-door HTTP/1.1\r\nHost: {address.host}\r\nOrigin: http://evil.example\r\n"
            connection.sendall(f"{head}Content-Length: 12\r\n\r\n".encode())
            connection.settimeout(0.2)
            with pytest.raises(TimeoutError):
                connection.recv(1)
            connection.settimeout(10)
            connection.sendall(b'{"rate": 10}')
            assert connection.recv(100).startswith(b"HTTP/1.1 403")


def test_every_answer_keeps_a_browser_safe() -> None:
    with served(Camera()) as page, client_of(page) as client:
        for path in PATHS[:2] + PATHS[4:]:
            if path.endswith("events"):
                continue
            headers = client.get(path).headers
            policy = headers["content-security-policy"]
            assert "default-src 'none'" in policy
            assert "unsafe" not in policy
            assert "frame-ancestors 'none'" in policy
            assert headers["x-content-type-options"] == "nosniff"
            assert headers["referrer-policy"] == "no-referrer"
            assert headers["cross-origin-resource-policy"] == "same-origin"
        markup = client.get("/").text
        assert "style=" not in markup
        assert "<style" not in markup
        assert "<script>" not in markup


def test_loopback_needs_no_token_and_every_other_address_gets_one() -> None:
    with served(Camera()) as page, client_of(page) as client:
        assert client.get("/api/cameras").status_code == 200
        assert "token" not in page.link
        assert page.is_local
    with served(Camera(), host="0.0.0.0") as page:
        assert not page.is_local
        local = f"http://127.0.0.1:{httpx.URL(page.url).port}"
        token = httpx.URL(page.link).params["token"]
        assert len(token) >= 32
        assert httpx.get(f"{local}/api/cameras", trust_env=False).status_code == 401
        assert httpx.get(f"{local}/api/cameras?token={token}", trust_env=False).status_code == 200
        assert "0.0.0.0" not in page.link


@pytest.mark.parametrize("token", ["", "short", "with\nline-ends-in-it", "ümläute-überall-hier"])
def test_a_weak_token_is_refused(token: str) -> None:
    with pytest.raises(UsageError, match="12 plain characters"):
        Page(token=token)
