"""Keys and passwords: every failure is driven with marked ones, and all that the program wrote is searched for them.

Each case has a secret of its own: what one case taught `kpstream.redact` must not help another.
"""

from __future__ import annotations

import base64
import html
import itertools
import json
import logging
import os
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any
from urllib.parse import quote, quote_plus

import numpy as np
import pytest

from kpstream.cli import run
from kpstream.endpoints.roboflow import RoboflowEndpoint
from kpstream.errors import EndpointError, KpstreamError, SourceError
from kpstream.pipeline import Pipeline
from kpstream.sources import open_source
from kpstream.testing import Recorded, Reply, ScriptedServer
from tests.support.ports import own_port
from tests.support.source_servers import MjpegCamera

SAMPLE = Path(__file__).parents[2] / "samples" / "walkers.mp4"
_numbers = itertools.count(1)


def marked(kind: str = "plain") -> str:
    """A secret that nobody had before."""
    number = next(_numbers)
    return {"plain": f"Marked{number}Secret", "odd": f"Märked{number}/s=e&c r:e@t?#%'\"+"}[kind]


def forms_of(secret: str, user: str = "admin") -> set[str]:
    """What a secret may look like in what a program writes."""
    quoted = {quote(secret, safe=""), quote(secret), quote_plus(secret)}
    escaped = {json.dumps(secret)[1:-1], repr(secret)[1:-1], html.escape(secret), ascii(secret)[1:-1]}
    coded = {base64.b64encode(text.encode()).decode() for text in (secret, f"{user}:{secret}")}
    return {secret, *quoted, *(form.lower() for form in quoted), *escaped, *coded}


def assert_hidden(secret: str, text: str) -> None:
    found = [form for form in forms_of(secret) if form.lower() in text.lower()]
    assert not found, f"{found} in {text}"


def texts_of(root: object) -> str:
    """All that can be found by walking from an error: its texts, attributes, notes, causes and contexts."""
    seen: dict[int, object] = {}
    waiting = [root]
    while waiting:
        one = waiting.pop()
        if id(one) in seen:
            continue
        seen[id(one)] = one
        if isinstance(one, BaseException):
            waiting += [one.args, vars(one), one.__cause__, one.__context__, getattr(one, "__notes__", None)]
            waiting += [getattr(one, name, None) for name in ("filename", "filename2", "strerror", "log", "request")]
        elif isinstance(one, dict):
            waiting += [*one.keys(), *one.values()]
        elif isinstance(one, list | tuple | set):
            waiting += one
    return "\n".join(f"{one!r} {one}" for one in seen.values())


def nobody() -> str:
    """The address of nobody."""
    return f"127.0.0.1:{own_port()}"


@pytest.fixture
def silent() -> Iterator[str]:
    """The address of somebody who never answers."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield f"127.0.0.1:{server.getsockname()[1]}"


class Written:
    """All that a run of the command line wrote: to its terminal, and into files and their names."""

    def __init__(self, folder: Path, capfd: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture) -> None:
        self._folder = folder
        self._capfd = capfd
        self._caplog = caplog
        self.code = -1

    def by(self, *words: str | Path) -> str:
        """Run it in this process; what was written."""
        self._capfd.readouterr()
        self._caplog.set_level(logging.DEBUG)
        self.code = run([*map(str, words), "--debug"])
        logged = "\n".join(f"{record.getMessage()} {texts_of(record.args)}" for record in self._caplog.records)
        return "\n".join([*self._capfd.readouterr(), logged, *self.files()])

    def files(self) -> list[str]:
        """The names and contents of all files."""
        files = [path for path in self._folder.rglob("*") if path.is_file()]
        return [f"{path.name}\n{path.read_bytes().decode('latin-1')}" for path in files]


@pytest.fixture
def written(
    tmp_path: Path,
    capfd: pytest.CaptureFixture[str],
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
) -> Written:
    monkeypatch.chdir(tmp_path)
    return Written(tmp_path, capfd, caplog)


SOURCES = {
    "refused": "rtsp://admin:{}@{}/cam",
    "http": "http://admin:{}@{}/cam",
    "token": "http://{1}/cam?token={0}",
    "odd parameter": "http://{1}/cgi?usr=admin&loginpas={0}&next=1",
    "user alone": "rtsp://{}@{}/cam",
    "no scheme": "admin:{}@{}/cam",
    "one slash": "rtsp:/admin:{}@{}/cam",
    "no colon": "rtsp//admin:{}@{}/cam",
    "other scheme": "carrier-pigeon://admin:{}@{}/cam",
    "torn bracket": "rtsp://admin:{}@[::1/cam",
    "wrong port": "rtsp://admin:{}@127.0.0.1:999999/cam",
    "no host": "rtsp://admin:{}@camera.invalid/cam",
}


@pytest.mark.parametrize("kind", ["plain", "odd"])
@pytest.mark.parametrize("form", SOURCES)
def test_a_camera_that_cannot_be_opened(form: str, kind: str, written: Written) -> None:
    secret = marked(kind)
    source = SOURCES[form].format(quote(secret, safe=""), nobody())
    for command in (["live", source, "--no-window", "--record", "out.mp4"], ["doctor", source], ["annotate", source]):
        said = written.by(*command, *(["--jsonl", "out.jsonl"] if command[0] != "doctor" else []))
        assert written.code != 0
        assert_hidden(secret, said)
    with pytest.raises(SourceError) as caught:
        open_source(source, timeout=0.5)
    assert_hidden(secret, texts_of(caught.value))


def test_a_password_that_nobody_quoted(written: Written) -> None:
    secret = f"p@ss{marked()}/w?rd:x"
    said = written.by("live", f"rtsp://admin:{secret}@{nobody()}/cam", "--no-window")
    assert_hidden(secret, said)
    assert "Marked" not in said


def test_a_camera_that_never_answers(silent: str) -> None:
    for scheme, kind in itertools.product(("rtsp", "http"), ("plain", "odd")):
        secret = marked(kind)
        with pytest.raises(SourceError) as caught:
            open_source(f"{scheme}://admin:{quote(secret, safe='')}@{silent}/cam", timeout=0.2)
        assert_hidden(secret, texts_of(caught.value))


def test_a_camera_that_is_shown_recorded_and_lost(written: Written) -> None:
    secret = marked("odd")
    camera = MjpegCamera(password=secret, pictures=40)
    url = camera.url.replace("://", f"://admin:{quote(secret, safe='')}@") + f"?token={quote(secret, safe='')}"
    try:
        said = written.by("live", url, "--no-window", "--record", "o.mp4", "--jsonl", "o.jsonl", "--duration", "2")
    finally:
        camera.switch_off()
    assert written.code == 0
    assert '"source":"http://***@127.0.0.1' in said
    assert_hidden(secret, said)


def test_no_source_tells_its_password() -> None:
    secret = marked("odd")
    camera = MjpegCamera(password=secret)
    source = open_source(camera.url.replace("://", f"://admin:{quote(secret, safe='')}@"))
    shown = [repr(source), source.name]
    with closing(RoboflowEndpoint("my-pose/3", api_key=marked())) as endpoint:
        pipeline = Pipeline(source, endpoint)
        shown += [repr(pipeline), repr(pipeline.stats)]
        pipeline.close()
    camera.switch_off()
    assert_hidden(secret, "\n".join(shown))


def echo(request: Recorded) -> Any:
    """All of a request but its picture."""
    return {"path": request.path, "query": dict(request.query), "headers": dict(request.headers)}


def said_back(status: int, **headers: str) -> Callable[[Recorded], Reply]:
    """A refusal that repeats what was sent, in JSON as text."""
    return lambda request: Reply(status, {"message": json.dumps(echo(request))}, headers)


def page(request: Recorded) -> Reply:
    text = f"<html><title>{html.escape(str(echo(request)))}</title>"
    return Reply(502, text.encode(), {"Content-Type": "text/html"})


def complaint(request: Recorded) -> Reply:
    return Reply(422, {"detail": [{"loc": ["query", str(echo(request))], "msg": str(echo(request)), "input": "x"}]})


def sent_on(request: Recorded) -> Reply:
    key = request.query.get("api_key", "") or request.headers.get("authorization", "")
    return Reply(302, b"", {"Location": f"http://127.0.0.1:9/{quote(key)}/login?api_key={quote(key)}"})


def drowned(request: Recorded) -> Reply:
    """The key lies across the place where a long text is cut."""
    return Reply(400, {"message": "x " * 1740 + f"{request.query.get('api_key', '')} " * 40})


FAULTS: dict[str, Callable[[Recorded], Reply]] = {
    **{str(status): said_back(status) for status in (400, 401, 402, 403, 404, 410, 413, 418, 429, 500, 503)},
    "retry after": said_back(429, **{"Retry-After": "0"}),
    "page": page,
    "complaint": complaint,
    "redirect": sent_on,
    "drowned": drowned,
    "text": lambda request: Reply(500, str(echo(request)).encode(), {"Content-Type": "text/plain"}),
    "not json": lambda request: Reply(200, str(echo(request)).encode()),
    "wrong": lambda request: Reply(200, {"predictions": [{"class": json.dumps(echo(request)), "x": "no"}]}),
    "class": lambda request: Reply(200, {"predictions": [{"x": 1, "y": 1, "width": 1, "height": 1, "confidence": 0.9,
                                                          "class": json.dumps(echo(request)), "keypoints": []}]}),
    "reset": lambda _: Reply(fault="reset"),
    "truncate": lambda _: Reply(fault="truncate"),
}  # fmt: skip


@pytest.mark.parametrize("key_in", ["query", "header"])
@pytest.mark.parametrize("fault", FAULTS)
def test_an_endpoint_that_fails_and_repeats_what_it_was_sent(
    fault: str, key_in: Any, written: Written, monkeypatch: pytest.MonkeyPatch
) -> None:
    key, image = marked(), np.zeros((48, 64, 3), np.uint8)
    with ScriptedServer(*[FAULTS[fault]] * 40) as server:
        at = ["--model", "my-pose/3", "--endpoint", server.url, "--api-url", server.url, "--key-in", key_in]
        monkeypatch.setenv("ROBOFLOW_API_KEY", key)
        said = written.by("image", SAMPLE.with_name("street.jpg"), "--save", "drawn.jpg", *at)
        assert_hidden(key, said)
        with closing(RoboflowEndpoint("my-pose/3", endpoint_url=server.url, api_url=server.url, key_in=key_in)) as it:
            shown = [repr(it), it.name]
            try:
                shown.append(repr(it.infer(image)))
            except EndpointError as error:
                shown.append(texts_of(error))
        assert_hidden(key, "\n".join(shown))
        assert any(key in str(echo(request)) for request in server.requests), "the key was never sent: nothing is shown"


@pytest.mark.parametrize("key_in", ["query", "header"])
def test_a_redirect_is_never_followed(key_in: Any) -> None:
    key = marked()
    with ScriptedServer() as other:
        elsewhere = [Reply(status, b"", {"Location": f"{other.url}/my-pose/3"}) for status in (301, 302, 303, 307, 308)]
        everywhere = dict.fromkeys(("/", "/ort/my-pose/3", "/models/v1/external/weights"), elsewhere[0])
        with ScriptedServer(*elsewhere, routes=everywhere) as server:
            for _ in range(5):
                endpoint = RoboflowEndpoint(
                    "my-pose/3", endpoint_url=server.url, api_url=server.url, api_key=key, key_in=key_in
                )
                with closing(endpoint), pytest.raises(EndpointError, match="sends us on to"):
                    endpoint.infer(np.zeros((48, 64, 3), np.uint8))
            with closing(
                RoboflowEndpoint("my-pose/3", endpoint_url=server.url, api_url=server.url, api_key=key, key_in=key_in)
            ) as endpoint:
                endpoint.infer(np.zeros((48, 64, 3), np.uint8))  # looks the skeleton up, and is sent on there as well
            assert len(server.requests) > 6
        assert not other.requests


@pytest.mark.parametrize(
    "words",
    [
        ["--endpoint", "http://admin:{0}@{1}"],
        ["--endpoint", "http://{1}?api_key={0}"],
        ["--endpoint", "http://{1}/#{0}"],
        ["--endpoint", "ftp://admin:{0}@{1}"],
        ["--endpoint", "http://admin:{0}@[::1"],
        ["--api-url", "http://admin:{0}@{1}?token={0}"],
        ["--model", "{0}", "--endpoint", "http://{1}"],
    ],
    ids=["user", "query", "fragment", "scheme", "bracket", "api", "model"],
)
def test_an_address_of_the_endpoint_that_holds_a_secret(
    words: list[str], written: Written, monkeypatch: pytest.MonkeyPatch
) -> None:
    secret = marked()
    monkeypatch.setenv("ROBOFLOW_API_KEY", secret)
    given = [word.format(secret, nobody()) for word in words]
    said = written.by("image", SAMPLE.with_name("street.jpg"), "--model", "my-pose/3", *given)
    assert written.code != 0
    assert_hidden(secret, said)


@pytest.mark.parametrize("key", ["two words", "ümlaut-{}", "tab\t{}"])
def test_a_key_that_can_be_none(key: str, written: Written, monkeypatch: pytest.MonkeyPatch) -> None:
    secret = key.format(marked())
    monkeypatch.setenv("ROBOFLOW_API_KEY", secret)
    said = written.by("image", SAMPLE.with_name("street.jpg"), "--model", "my-pose/3", "--endpoint", "http://h.test")
    assert written.code == 2
    assert_hidden(secret, said)


def test_a_key_in_a_file(written: Written, tmp_path: Path) -> None:
    secret = marked()
    (tmp_path.parent / "key").write_text(f"{secret}\n")
    at = ["--model", "my-pose/3", "--endpoint", f"http://{nobody()}", "--api-key-file", str(tmp_path.parent / "key")]
    said = written.by("image", SAMPLE.with_name("street.jpg"), *at)
    assert written.code == 4
    assert_hidden(secret, said)


def test_a_picture_whose_address_holds_a_secret(written: Written, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ROBOFLOW_API_KEY", "another-key")
    for form in ("https://admin:{}@pictures.test/a.jpg", "https://pictures.test/a.jpg?sig={}", "http:/a:{}@x.test/a"):
        secret = marked()
        with ScriptedServer(*[said_back(400)] * 5) as server:
            at = ["--model", "my-pose/3", "--endpoint", server.url, "--api-url", server.url]
            said = written.by("image", form.format(secret), *at)
        assert written.code != 0
        assert_hidden(secret, said)


def test_words_that_no_command_knows(written: Written) -> None:
    for words in (["rtsp://a:{}@h/"], ["live", "0", "rtsp://a:{}@h/"], ["live", "0", "--rtsp-transport", "a:{}@h"]):
        secret = marked()
        said = written.by(*[word.format(secret) for word in words])
        assert written.code == 2
        assert_hidden(secret, said)


@pytest.mark.parametrize("debug", [[], ["--debug"]], ids=["plain", "debug"])
def test_a_process_of_its_own(debug: list[str], tmp_path: Path) -> None:
    """What libraries print past Python's own streams is there too, and what a fault of ours would show."""
    password, key = marked("odd"), marked()
    camera = MjpegCamera(password=password, pictures=60)
    url = camera.url.replace("://", f"://admin:{quote(password, safe='')}@")
    environment = {**os.environ, "ROBOFLOW_API_KEY": key, "PYTHONPATH": str(Path(__file__).parents[2])}
    with ScriptedServer(*FAULTS.values()) as server:
        at = ["--model", "my-pose/3", "--endpoint", server.url, "--api-url", server.url, "--rate", "30"]
        command = [sys.executable, "-m", "kpstream", "live", url, "--no-window", "--jsonl", "-", "--duration", "3"]
        try:
            done = subprocess.run(
                [*command, *at, *debug], capture_output=True, env=environment, cwd=tmp_path, timeout=60, check=False
            )
        finally:
            camera.switch_off()
    said = (done.stdout + done.stderr).decode("utf-8", "replace")
    assert done.returncode == 4, said
    assert_hidden(password, said)
    assert_hidden(key, said)


def test_the_errors_of_a_run_carry_nothing() -> None:
    key = marked()
    with ScriptedServer(*[FAULTS["403"]] * 5) as server:
        endpoint = RoboflowEndpoint("my-pose/3", endpoint_url=server.url, api_url=server.url, api_key=key)
        with pytest.raises(KpstreamError) as caught, Pipeline(open_source(SAMPLE), endpoint) as pipeline:
            pipeline.run()
    assert_hidden(key, texts_of(caught.value))
