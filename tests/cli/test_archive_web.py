"""`kpstream archive` of files behind web addresses: fetched, worked on, and named without what is secret."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from kpstream import cli
from kpstream.testing import ScriptedServer
from tests.support.range_server import RangeServer
from tests.support.source_clips import write_video

FRAMES = 10


def run(*words: object) -> int:
    return cli.run([str(word) for word in words])


@pytest.fixture
def endpoint() -> Iterator[ScriptedServer]:
    with ScriptedServer() as server:
        yield server


@pytest.fixture
def at(endpoint: ScriptedServer) -> list[str]:
    return ["--model", "my-pose/3", "--endpoint", endpoint.url, "--api-url", endpoint.url]


@pytest.fixture
def videos(tmp_path: Path) -> Iterator[RangeServer]:
    a = write_video(tmp_path / "a.mp4", range(0, 40 * FRAMES, 40)).read_bytes()
    b = write_video(tmp_path / "b.mp4", range(0, 30 * FRAMES, 30), sound=True).read_bytes()
    server = RangeServer({"/v/a.mp4": a, "/v/b.mp4": b, "/w/again.mp4": a, "/v/broken.mp4": a[:300]})
    with server.running():
        yield server


@pytest.fixture
def addresses(videos: RangeServer, tmp_path: Path) -> str:
    listed = [f"{videos.url.replace('//', '//user:hidden@')}{path}?token=hidden" for path in videos.files]
    (tmp_path / "list.txt").write_text("\n".join([*listed, f"{videos.url}/v/gone.mp4?token=hidden"]))
    return f"@{tmp_path / 'list.txt'}"


def asked(server: ScriptedServer) -> int:
    return sum(request.method == "POST" for request in server.requests)


def records(folder: Path) -> dict[str, Any]:
    report = json.loads((folder / "report.json").read_text())
    return {each["name"]: each for each in report["files"]}


@pytest.mark.parametrize("has_ranges", [True, False])
def test_files_behind_addresses_are_done_like_any_other(
    has_ranges: bool,
    videos: RangeServer,
    addresses: str,
    at: list[str],
    endpoint: ScriptedServer,
    tmp_path: Path,
    capfd: pytest.CaptureFixture[str],
) -> None:
    videos.has_ranges, out = has_ranges, tmp_path / "out"
    assert run("archive", addresses, "--into", out, *at) == 7
    found = records(out)
    assert {name: each["state"] for name, each in found.items()} == {
        "a.mp4": "done", "again.mp4": "done", "b.mp4": "done", "broken.mp4": "failed", "gone.mp4": "failed",
    }  # fmt: skip
    assert found["gone.mp4"]["fault"] == f"{videos.url}/v/gone.mp4: the server has no such file"
    assert found["a.mp4"]["path"] == f"{videos.url}/v/a.mp4"
    assert asked(endpoint) == 2 * FRAMES
    assert json.loads((out / "a.mp4.jsonl").read_text().splitlines()[0])["source"] == f"{videos.url}/v/a.mp4"
    assert [each for each in (out / "journals").rglob("*") if each.is_file()] == []
    videos.requests.clear()
    assert run("archive", addresses, "--into", out, *at) == 7
    assert {wanted for _, wanted in videos.requests} == {"bytes=0-0"}  # all are looked at, and none is read again
    assert run("archive", "status", out, "--failed") == 0
    told = capfd.readouterr()
    texts = [told.out, told.err, *(path.read_bytes().decode(errors="replace") for path in out.glob("*.*"))]
    assert not [text for text in texts if "hidden" in text]


def test_a_file_is_the_same_here_and_there(
    videos: RangeServer, at: list[str], endpoint: ScriptedServer, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    assert run("archive", tmp_path / "a.mp4", "--into", out, *at) == 0
    before = asked(endpoint)
    assert run("archive", f"{videos.url}/w/again.mp4", "--into", out, *at) == 0
    assert asked(endpoint) == before
    assert (out / "again.mp4.jsonl").read_bytes() == (out / "a.mp4.jsonl").read_bytes()


def test_a_plan_of_addresses_reads_what_it_needs_and_writes_nothing(
    videos: RangeServer, at: list[str], tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    assert run("archive", f"{videos.url}/v/b.mp4", "--into", tmp_path / "out", "--plan", *at) == 0
    assert "requests  about 10\n" in capfd.readouterr().out
    assert not (tmp_path / "out").exists()


def test_a_server_that_is_away_lets_its_files_wait_and_the_same_command_goes_on(
    videos: RangeServer, at: list[str], tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    out, words = tmp_path / "out", ["archive", tmp_path / "b.mp4", f"{videos.url}/v/a.mp4?token=hidden", *at, "--into"]
    videos.status = 503
    assert run(*words, out) == 3
    told = capfd.readouterr().err
    assert f"1 of 2 files waits: {videos.url}/v/a.mp4: the server failed (503); the same command goes on" in told
    assert "hidden" not in told
    videos.status = 0
    assert run(*words, out) == 0
    assert {each["state"] for each in records(out).values()} == {"done"}


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interruption_while_files_are_looked_at_says_that_the_same_command_goes_on(
    number: signal.Signals, videos: RangeServer, at: list[str], tmp_path: Path
) -> None:
    """The server of the videos sends the signal when it is first asked."""
    words = ["archive", f"{videos.url}/v/a.mp4", "--into", str(tmp_path / "out"), *at]
    with subprocess.Popen([sys.executable, "-m", "kpstream", *words], stderr=subprocess.PIPE, text=True) as process:

        def interrupt() -> None:
            videos.on_asked = lambda: None
            process.send_signal(number)

        videos.on_asked = interrupt
        _, errors = process.communicate()
    assert "kpstream: interrupted: what was answered is kept; the same command goes on\n" in errors
    assert (process.returncode, "Traceback" in errors) == (130, False)
