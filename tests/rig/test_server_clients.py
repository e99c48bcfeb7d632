"""Real clients in several languages against the local endpoint: nothing but the host is changed for them."""

from __future__ import annotations

import base64
import functools
import json
import os
import shutil
import socket
import ssl
import statistics
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlsplit

import pytest
import requests

from kpstream.server.faults import Fault
from kpstream.server.image_urls import ImageUrls
from kpstream.serving.dialing import Dialer
from tests.support.local_endpoint import (
    BASE64,
    HEIGHT,
    JPEG,
    WIDTH,
    KnownFinder,
    encoded,
    people,
    picture,
    post,
    serving,
)

pytestmark = pytest.mark.rig

ROOT = Path(__file__).parents[2]
CLIENTS = Path(__file__).parent / "clients"
HOME = Path(os.environ.get("KPSTREAM_RIG_HOME", ROOT / ".rig")).absolute()
FORM = "application/x-www-form-urlencoded"


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    with serving(allow_private=True) as address:
        yield address


@pytest.fixture(scope="module")
def photo(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A picture in a file of its own folder; large enough that its base64 is sent in many pieces."""
    path = tmp_path_factory.mktemp("site") / "photo one.jpg"
    path.write_bytes(encoded(picture(1280, 720)))
    return path


@pytest.fixture(scope="module")
def photo_url(photo: Path) -> Iterator[str]:
    """Where a web server on this machine has it."""

    class Quiet(SimpleHTTPRequestHandler):
        def log_message(self, *_: object) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(Quiet, directory=str(photo.parent)))
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}/{quote(photo.name)}?a=1&b=2"
    server.shutdown()
    thread.join()
    server.server_close()


def run(*command: object, **environment: str) -> str:
    """The output of a client that must succeed."""
    needed = str(command[0])
    if shutil.which(needed) is None:
        pytest.fail(f"{needed} is missing: run tests/rig/install_clients.sh")
    done = subprocess.run(
        [str(word) for word in command],
        capture_output=True,
        text=True,
        timeout=100,
        env={**os.environ, "NODE_PATH": str(HOME / "node" / "node_modules"), **environment},
        check=False,
    )
    assert done.returncode == 0, f"{done.stdout}\n{done.stderr}"
    return done.stdout


def is_right(answer: dict[str, Any], size: tuple[int, int] = (1280, 720)) -> bool:
    people_found = answer["predictions"]
    return len(people_found) == 2 and answer["image"] == {"width": size[0], "height": size[1]}


# Each in its language's usual ways; Kotlin's HttpURLConnection is Java's.
PROGRAMS = {
    "python": (sys.executable, CLIENTS / "with_requests.py"),
    "axios": ("node", CLIENTS / "infer.js"),
    "httparty": ("ruby", CLIENTS / "httparty.rb"),
    "net-http": ("ruby", CLIENTS / "net_http.rb"),
    "php-curl": ("php", CLIENTS / "curl.php"),
    "php-streams": ("php", CLIENTS / "streams.php"),
    "java": ("java", CLIENTS / "Infer.java"),
}


@pytest.fixture(scope="module")
def go_client(tmp_path_factory: pytest.TempPathFactory) -> Path:
    binary = tmp_path_factory.mktemp("go") / "infer"
    run("go", "build", "-o", binary, CLIENTS / "infer.go", GOCACHE=str(HOME / "go-cache"), GO111MODULE="off")
    return binary


@pytest.mark.parametrize("program", PROGRAMS)
def test_a_client_sends_a_file_and_a_url(url: str, photo: Path, photo_url: str, program: str) -> None:
    assert is_right(json.loads(run(*PROGRAMS[program], url, "file", photo)))
    assert is_right(json.loads(run(*PROGRAMS[program], url, "url", photo_url)))


def test_java_gets_a_url(url: str, photo_url: str) -> None:
    assert is_right(json.loads(run(*PROGRAMS["java"], url, "get", photo_url)))


def test_go_sends_a_file_without_content_type_and_a_url(go_client: Path, url: str, photo: Path, photo_url: str) -> None:
    assert is_right(json.loads(run(go_client, url, "file", photo)))
    assert is_right(json.loads(run(go_client, url, "url", photo_url)))


@pytest.mark.parametrize(
    "line",
    [
        'base64 "$1" | curl -sS -d @- "$0/my-pose/3?api_key=any"',
        'base64 "$1" | curl -sS --data-binary @- "$0/my-pose/3?api_key=any"',
        'base64 -w0 "$1" | curl -sS -H "Content-Type:" -d @- "$0/my-pose/3?api_key=any"',
        'base64 "$1" | curl -sS -H "Expect: 100-continue" -d @- "$0/my-pose/3?api_key=any"',
        'base64 "$1" | curl -sS -H "Transfer-Encoding: chunked" -d @- "$0/my-pose/3?api_key=any"',
        'base64 "$1" | curl -sS -0 -d @- "$0/my-pose/3?api_key=any"',
        'base64 "$1" | curl -sS -X GET -d @- "$0/my-pose/3?api_key=any"',
        'curl -sS -F "file=@$1" "$0/my-pose/3?api_key=any"',
        'curl -sS -X POST "$0/my-pose/3?api_key=any&image=$2"',
        'curl -sS "$0/my-pose/3?api_key=any&image=$2"',
    ],
)
def test_curl_sends_it_in_many_ways(url: str, photo: Path, photo_url: str, line: str) -> None:
    answer = run("bash", "-c", f"set -o pipefail; {line}", url, photo, quote(photo_url, safe=""))

    assert is_right(json.loads(answer))


def test_curl_reads_a_413_with_and_without_asking_before(url: str, tmp_path: Path) -> None:
    large = tmp_path / "large"
    large.write_bytes(b"A" * (40 << 20))

    for extra in ((), ("-H", "Expect: 100-continue"), ("-H", "Expect:"), ("-H", "Transfer-Encoding: chunked")):
        out = run("curl", "-sS", "-w", "\n%{http_code}", *extra, "--data-binary", f"@{large}", f"{url}/my-pose/3")
        text, _, status = out.rpartition("\n")
        assert status == "413"
        assert "larger than 20 MB" in json.loads(text)["message"]


def exchange(url: str, head: str, body: bytes) -> bytes:
    """Send bytes as they are, the body once it is asked for where the head says so; the whole answer."""
    at = urlsplit(url)
    with socket.create_connection((str(at.hostname), at.port or 0), 20) as connection:
        connection.sendall(head.replace("\n", "\r\n").format(host=at.netloc, length=len(body)).encode())
        answers = connection.makefile("rb")
        if "100-continue" in head:
            assert answers.readline() == b"HTTP/1.1 100 Continue\r\n"
            assert answers.readline() == b"\r\n"
        connection.sendall(body)
        everything = answers.read()
        answers.close()
    return everything


def test_the_bytes_that_dotnet_and_swift_send_are_understood(url: str, photo: Path) -> None:
    body = base64.b64encode(photo.read_bytes())
    dotnet = f"POST /my-pose/3?api_key=any&name=YOUR_IMAGE.jpg HTTP/1.1\nContent-Type: {FORM}\nHost: {{host}}\n" \
        "Content-Length: {length}\nExpect: 100-continue\nConnection: close\n\n"  # fmt: skip
    swift = "POST /my-pose/3?api_key=any&name=YOUR_IMAGE.jpg HTTP/1.1\nHost: {host}\nConnection: close\n" \
        f"Content-Type: {FORM}\nAccept: */*\nUser-Agent: pose/1 CFNetwork/1410 Darwin/22.6.0\n" \
        "Accept-Language: en-GB,en;q=0.9\nContent-Length: {length}\nAccept-Encoding: gzip, deflate\n\n"  # fmt: skip

    for head in (dotnet, swift):
        top, _, content = exchange(url, head, body).partition(b"\r\n\r\n")
        assert top.startswith(b"HTTP/1.1 200 OK\r\n")
        assert is_right(json.loads(content))


def test_the_official_roboflow_package_works_unchanged(url: str, photo: Path, photo_url: str, tmp_path: Path) -> None:
    home = {"API_URL": url, "SERVERLESS_URL": url, "OBJECT_DETECTION_URL": url, "HOME": str(tmp_path)}
    python = HOME / "sdk" / "bin" / "python"

    for kind, value in (("file", str(photo)), ("url", photo_url)):
        answers = json.loads(run(python, CLIENTS / "with_roboflow.py", kind, value, **home))
        for answer in answers:
            assert len(answer["predictions"]) == 2
            assert {one["prediction_type"] for one in answer["predictions"]} == {"KeypointDetectionModel"}
            assert answer["predictions"][0]["keypoints"][0]["class"] == "nose"


@pytest.mark.parametrize("mode", ["v0", "v1"])
def test_the_official_inference_sdk_works_unchanged(url: str, photo: Path, tmp_path: Path, mode: str) -> None:
    out = json.loads(
        run(HOME / "sdk" / "bin" / "python", CLIENTS / "with_sdk.py", url, mode, photo, HOME=str(tmp_path))
    )

    for answer in (out["array"], out["path"], out["header"], *out["list"], *out["batch"]):
        assert is_right(answer)
    assert (len(out["list"]), len(out["batch"])) == (2, 3)
    assert [len(one["keypoints"]) for one in out["sure"]["predictions"]] == [
        len(out["sure"]["predictions"][0]["keypoints"])
    ]
    assert 0 < len(out["sure"]["predictions"][0]["keypoints"]) < 16
    assert out["drawn"]
    if mode == "v1":
        assert out["info"]["name"] == "kpstream"
        assert out["registry"] == ["my-pose/3"]
        assert out["unloaded"] == out["cleared"] == []


def test_https_pictures_are_fetched_for_the_name_of_the_certificate_alone(tmp_path: Path) -> None:
    key, certificate = tmp_path / "key.pem", tmp_path / "certificate.pem"
    run("openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout", key, "-out", certificate, "-days", "2",
        "-subj", "/CN=pictures.test", "-addext", "subjectAltName=DNS:pictures.test")  # fmt: skip
    (tmp_path / "photo.jpg").write_bytes(JPEG)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)

    class Quiet(SimpleHTTPRequestHandler):
        def log_message(self, *_: object) -> None:
            """Say nothing."""

    class Secure(ThreadingHTTPServer):
        def handle_error(self, *_: object) -> None:
            """A client that trusts nobody hangs up."""

    with Secure(("127.0.0.1", 0), functools.partial(Quiet, directory=str(tmp_path))) as server:
        server.socket = context.wrap_socket(server.socket, server_side=True)
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        try:
            trusted = functools.cache(lambda: ssl.create_default_context(cafile=certificate))
            dialer = Dialer(allow_private=True, resolve=lambda host, port: ["127.0.0.1"], tls=trusted)
            urls = ImageUrls(dialer)
            assert urls.fetch(f"https://pictures.test:{server.server_port}/photo.jpg") == JPEG
            distrusting = ImageUrls(Dialer(allow_private=True, resolve=dialer.resolve))
            for fetcher, name in ((urls, "other.test"), (distrusting, "pictures.test")):
                with pytest.raises(Fault, match="could not be fetched"):
                    fetcher.fetch(f"https://{name}:{server.server_port}/photo.jpg")
        finally:
            server.shutdown()
            thread.join()


@pytest.mark.quiet
def test_small_answers_are_sent_without_delay(url: str) -> None:
    """Where the system holds back the second part of an answer until the first is acknowledged, each takes 40 ms."""
    took: list[float] = []
    with requests.Session() as session:
        for _ in range(80):
            began = time.perf_counter()
            assert len(people(session.post(f"{url}/my-pose/3", data=BASE64, timeout=20))) == 2
            took.append(time.perf_counter() - began)

    assert statistics.quantiles(took[40:])[0] < 0.03  # of four the quickest: a machine with other work holds many up


def test_memory_is_given_back_after_bombs_and_floods() -> None:
    def resident() -> int:
        """Kilobytes of memory that this process holds."""
        lines = Path("/proc/self/status").read_text().splitlines()
        return next(int(line.split()[1]) for line in lines if line.startswith("VmRSS"))

    sides = JPEG.index(b"\xff\xc0") + 5
    # Four kilobytes that claim, and just may, a hundred megapixels.
    largest = base64.b64encode(JPEG[:sides] + (9_999).to_bytes(2, "big") * 2 + JPEG[sides + 4 :])
    too_large = base64.b64encode(JPEG[:sides] + (10_001).to_bytes(2, "big") * 2 + JPEG[sides + 4 :])
    with serving(KnownFinder()) as url:
        post(url)
        before = resident()
        for _ in range(3):
            assert post(url, largest).status_code < 500
            assert post(url, too_large).status_code == 400
            assert post(url, b"A" * (21 << 20)).status_code == 413
        assert post(url).json()["image"] == {"width": WIDTH, "height": HEIGHT}

        assert resident() - before < 100_000
