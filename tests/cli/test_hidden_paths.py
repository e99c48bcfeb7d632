"""What the commands say of paths that the system does not let anybody look at."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from kpstream import cli
from kpstream.entities import Scene
from kpstream.paths import is_file, is_folder, is_there, why_hidden
from kpstream.sinks.video import VideoSink
from kpstream.testing import ScriptedServer, SyntheticSource

SOURCE, OUTPUT, SOME_FAILED = 3, 5, 7


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("clip") / "clip.mp4"
    source, sink = SyntheticSource(3, frame_rate=25.0), VideoSink(path, frame_rate=25.0)
    while (frame := source.read()) is not None:
        sink.write(Scene(frame, ()), frame.image)
    sink.close()
    return path


@pytest.fixture(scope="module")
def at() -> Iterator[list[str]]:
    with ScriptedServer() as server:
        yield ["--model", "my-pose/3", "--endpoint", server.url, "--api-url", server.url]


@pytest.mark.parametrize(
    ("command", "code"),
    [
        ("annotate HIDDEN.mp4 -o out.mp4 AT", SOURCE),
        ("annotate CLIP -o HIDDEN.mp4 AT", OUTPUT),
        ("annotate CLIP --jsonl HIDDEN.jsonl AT", OUTPUT),
        ("annotate CLIP --coco out.json --frames HIDDEN AT", OUTPUT),
        ("live HIDDEN.mp4 --no-window AT", SOURCE),
        ("live CLIP --no-window --record HIDDEN.mp4 AT", OUTPUT),
        ("live CLIP --no-window --record HIDDEN.mp4 --segment 1m AT", OUTPUT),
        ("live CLIP --no-window --jsonl HIDDEN.jsonl AT", OUTPUT),
        ("events list HIDDEN", SOURCE),
        ("archive HIDDEN.mp4 --into out AT", SOME_FAILED),
        ("archive CLIP --into HIDDEN AT", OUTPUT),
        ("archive CLIP --into out --ledger HIDDEN AT", OUTPUT),
        ("archive status HIDDEN", SOURCE),
    ],
)
def test_a_path_that_cannot_be_looked_at_is_told_by_the_job_that_needs_it(
    command: str,
    code: int,
    clip: Path,
    at: list[str],
    tmp_path: Path,
    capfd: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(tmp_path)
    hidden = str(tmp_path / ("x" * 300))
    words = [word.replace("HIDDEN", hidden).replace("CLIP", str(clip)) for word in command.split() if word != "AT"]
    assert cli.run([*words, *(at if "AT" in command else ())]) == code
    told = capfd.readouterr().err
    assert "fault of kpstream" not in told
    assert "too long" in told or code == SOME_FAILED


@pytest.mark.parametrize(
    "command", ["archive CLIP --into loop.jpg", "archive CLIP --into out --ledger loop.jpg", "image x --save loop.jpg"]
)
def test_links_that_lead_in_a_circle_are_told_too(
    command: str,
    clip: Path,
    at: list[str],
    tmp_path: Path,
    capfd: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("loop.jpg").symlink_to("loop.jpg")
    assert cli.run([*command.replace("CLIP", str(clip)).split(), *at]) in (SOURCE, OUTPUT)
    assert "fault of kpstream" not in capfd.readouterr().err


def test_nothing_is_known_of_what_cannot_be_looked_at(tmp_path: Path) -> None:
    hidden = tmp_path / ("x" * 300)
    assert [look(hidden) for look in (is_there, is_file, is_folder)] == [False] * 3
    assert "too long" in why_hidden(hidden)
    assert "zero byte" in why_hidden("a\0b")
    assert why_hidden(tmp_path / "missing") == why_hidden(tmp_path) == ""
