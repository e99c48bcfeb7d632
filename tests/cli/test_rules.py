"""``--rules`` and ``--events`` of the commands."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from kpstream.cli import run
from tests.support.rules import LEFT_HALF

SAMPLE = Path(__file__).parents[2] / "samples" / "walkers.mp4"


def test_annotate_tells_what_happens(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    rules, out = tmp_path / "rules.toml", tmp_path / "events.jsonl"
    rules.write_text(LEFT_HALF)
    video = tmp_path / os.fsdecode(b"walkers \xff.mp4")  # no UTF-8, which JSON has to be
    video.symlink_to(SAMPLE)

    assert run(["annotate", str(video), "--end", "2", "--rate", "3", "--rules", str(rules), "--events", str(out)]) == 0

    opened, ended = (json.loads(line) for line in out.read_text().splitlines())
    assert (opened["state"], opened["camera"], opened["rule"]) == ("opened", "walkers \\xff", "in the left half")
    assert opened["opened_pts"] == pytest.approx(opened["began_pts"] + 0.5, abs=0.04)
    assert (ended["event"], ended["state"], ended["cut"]) == (opened["event"], "ended", True)
    assert ".mp4: 60 frames" in capsys.readouterr().err


def test_a_live_view_tells_what_happens_and_what_it_saw(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    rules, out, lines = tmp_path / "rules.toml", tmp_path / "events.jsonl", tmp_path / "poses.jsonl"
    rules.write_text(LEFT_HALF)
    written = ["--rules", str(rules), "--events", str(out), "--jsonl", str(lines)]

    assert run(["live", str(SAMPLE), "--no-window", "--duration", "3", *written]) == 0

    opened, *_ = (json.loads(line) for line in out.read_text().splitlines())
    assert (opened["state"], opened["rule"]) == ("opened", "in the left half")
    assert opened["opened_at"] is not None
    again = tmp_path / "again.jsonl"
    assert run(["events", "check", str(rules), str(lines), "--jsonl", str(again)]) == 0
    piped = tmp_path / "piped.jsonl"
    with lines.open() as stdin:
        monkeypatch.setattr("sys.stdin", stdin)
        assert run(["events", "check", str(rules), "-", "--jsonl", str(piped)]) == 0
    assert len(piped.read_text().splitlines()) == len(again.read_text().splitlines())
    same, *_ = (json.loads(line) for line in again.read_text().splitlines())
    assert (same["began_pts"], same["opened_pts"]) == (opened["began_pts"], opened["opened_pts"])


@pytest.mark.parametrize(
    "command",
    [
        ["annotate", "in.mp4", "--jsonl", "poses.jsonl", "--rules", "rules.toml", "--events", "in.mp4"],
        ["annotate", "in.mp4", "--jsonl", "poses.jsonl", "--rules", "rules.toml", "--events", "rules.toml"],
        ["annotate", "in.mp4", "--jsonl", "new.jsonl", "--rules", "rules.toml", "--events", "new.jsonl"],
        ["live", "in.mp4", "--no-window", "--rules", "rules.toml", "--events", "in.mp4"],
        ["live", "in.mp4", "--no-window", "--rules", "rules.toml", "--events", "rules.toml"],
        ["live", "in.mp4", "--no-window", "--jsonl", "new.jsonl", "--rules", "rules.toml", "--events", "new.jsonl"],
        ["events", "check", "rules.toml", "poses.jsonl", "--jsonl", "poses.jsonl"],
        ["events", "check", "rules.toml", "poses.jsonl", "--html", "rules.toml"],
        ["events", "check", "rules.toml", "poses.jsonl", "--jsonl", "new", "--html", "new"],
    ],
)
def test_events_are_not_written_over_what_is_read_or_written(
    command: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("in.mp4").write_bytes(SAMPLE.read_bytes())
    Path("rules.toml").write_text(LEFT_HALF)
    Path("poses.jsonl").write_text("")
    before = {path.name: path.read_bytes() for path in tmp_path.iterdir()}

    assert run([*command, *(["--overwrite"] if command[0] == "annotate" else [])]) == 2

    assert "is read, too" in (said := capsys.readouterr().err) or "would be written twice" in said
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == before


def test_a_rule_about_what_the_model_does_not_have_is_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    rules = tmp_path / "rules.toml"
    rules.write_text(
        LEFT_HALF + '[[rule]]\nname = "hand"\nkind = "keypoint_in_zone"\nzone = "left"\nkeypoints = ["hand"]\n'
    )
    out = tmp_path / "events.jsonl"

    assert (
        run(["annotate", str(SAMPLE), "--end", "0.2", "--rate", "5", "--rules", str(rules), "--events", str(out)]) == 0
    )

    said = " ".join(capsys.readouterr().err.split())
    assert said.count("warning: rule hand: the model has no keypoint hand; it has nose, left_eye") == 1


@pytest.mark.parametrize(
    ("options", "code", "said"),
    [
        (["--events", "e.jsonl"], 2, "--events is about what rules say: add --rules RULES.toml"),
        (["--rules", "none.toml", "--events", "e.jsonl"], 2, "none.toml: No such file"),
        (["--rules", "rules.toml", "--from", "poses.jsonl", "--csv", "a.csv"], 2, "kpstream events check RULES.toml"),
        (["--rules", "rules.toml", "--events", "none/e.jsonl"], 5, "its folder does not exist"),
    ],
)
def test_what_does_not_fit_is_one_line(
    options: list[str],
    code: int,
    said: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("rules.toml").write_text(LEFT_HALF)

    assert run(["annotate", str(SAMPLE), *options]) == code
    assert said in " ".join(capsys.readouterr().err.split())
