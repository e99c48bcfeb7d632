"""Who may come in, and from where."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from websockets.exceptions import InvalidStatus

from kpstream.errors import UsageError
from kpstream.redact import redact
from kpstream.web import Page
from tests.web_page import Camera, client_of, served, socket_of

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
