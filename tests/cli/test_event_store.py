"""``--event-store``, ``events list`` and ``events export``."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import av
import pytest

from kpstream.cli import run
from kpstream.testing import ScriptedServer
from tests.support.event_store import ended, of_hall, opened, scene, stored
from tests.support.rules import LEFT_HALF

SAMPLE = Path(__file__).parents[2] / "samples" / "walkers.mp4"
RULES_FILE = f"""
[events]
folder = "kept"
keep = "30d"
timezone = "Europe/Berlin"{LEFT_HALF}"""


@pytest.fixture
def store(tmp_path: Path) -> Path:
    """A folder with three events: an alert of the hall, a notice of the door, and one that goes on."""
    with stored(tmp_path / "store") as opening:
        of_camera = of_hall(opening)
        first = opened("e1", after=-3600.0)
        second = opened("e2", camera="door", severity="notice", rule="gate", value=1.25)
        for event in (first, second, opened("e3", after=60.0)):
            of_camera.tell(event, scene())
        of_camera.tell(ended(first), None)
        of_camera.tell(ended(second), None)
        opening.mark("e2", false_alarm=True)
    return tmp_path / "store"


def test_a_table_of_what_happened(store: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["events", "list", str(store)]) == 0
    header, *rows = capsys.readouterr().out.splitlines()
    assert header.split() == ["began", "lasted", "camera", "rule", "kind", "severity", "who", "value"]
    assert [row.split()[-1] for row in rows] == ["#3", "alarm", "#3"]
    assert "4.0 s" in rows[0]
    assert "goes on" in rows[2]


@pytest.mark.parametrize(
    ("options", "wanted"),
    [
        (["--camera", "hall"], ["e1", "e3"]),
        (["--rule", "gate"], ["e2"]),
        (["--severity", "notice"], ["e2"]),
        (["--since", "2026-11-28T06:00Z"], ["e2", "e3"]),
        (["--since", "2026-11-28T06:00+00:00", "--until", "2026-11-28T06:20:30+00:00"], ["e2"]),
        (["--since", "9000w"], ["e1", "e2", "e3"]),
    ],
)
def test_only_what_is_wanted(
    store: Path, options: list[str], wanted: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["events", "list", str(store), "--format", "jsonl", *options]) == 0
    assert [json.loads(line)["event"] for line in capsys.readouterr().out.splitlines()] == wanted


def test_json_lines_are_the_events_with_what_people_said(store: Path, tmp_path: Path) -> None:
    assert run(["events", "export", str(store), "-o", str(tmp_path / "out.jsonl")]) == 0
    lines = [json.loads(line) for line in (tmp_path / "out.jsonl").read_text().splitlines()]
    event = ended(opened("e1", after=-3600.0, snapshot="snapshots/2026-11-28/e1.jpg"))
    assert lines[0] == {**event.to_json(), "seen": False, "false_alarm": False, "keep": False}
    assert lines[1]["false_alarm"] is True


def test_a_name_that_ends_in_csv_gives_a_table_for_spreadsheets(store: Path, tmp_path: Path) -> None:
    assert run(["events", "export", str(store), "-o", str(tmp_path / "out.csv")]) == 0
    with (tmp_path / "out.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert [(row["event"], row["state"], row["tracker_ids"], row["value"]) for row in rows] == [
        ("e1", "ended", "3", ""),
        ("e2", "ended", "3", "1.25"),
        ("e3", "opened", "3", ""),
    ]
    assert [row["false_alarm"] for row in rows] == ["0", "1", "0"]


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (["events", "list", "."], 3, "there is no event store in it; --event-store makes one"),
        (["events", "list", ".", "--since", "noon"], 2, "--since noon is no time: give one like"),
        (["live", "0", "--event-store", "x"], 2, "--event-store is about what rules say: add --rules RULES.toml"),
    ],
)
def test_what_does_not_fit_is_one_line(
    arguments: list[str],
    code: int,
    said: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    assert run(arguments) == code
    assert said in " ".join(capsys.readouterr().err.split())


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ('keep = "soon"', "[events] keep: soon is no duration: give one like 90s, 10m, 2h or 7d"),
        ('timezone = "Mars"', "[events] timezone: Mars is no time zone: give one like Europe/Berlin or UTC"),
        ('keeep = "7d"', "[events] keeep: there is no such key; did you mean keep?"),
        ("pre_roll = true", "[events] pre_roll: it must be a number"),
    ],
)
def test_a_fault_in_events_is_one_line(
    line: str, said: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    rules = tmp_path / "rules.toml"
    rules.write_text(RULES_FILE.replace('keep = "30d"\ntimezone = "Europe/Berlin"', line))
    assert run(["annotate", str(SAMPLE), "--rules", str(rules), "--csv", str(tmp_path / "a.csv")]) == 2
    assert said in " ".join(capsys.readouterr().err.split())


def test_annotate_keeps_what_happens_where_the_file_says(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    rules = tmp_path / "rules.toml"
    rules.write_text(RULES_FILE)

    assert run(["annotate", str(SAMPLE), "--end", "2", "--rate", "3", "--rules", str(rules)]) == 0

    capsys.readouterr()
    assert run(["events", "list", str(tmp_path / "kept"), "--format", "jsonl"]) == 0
    (event,) = (json.loads(line) for line in capsys.readouterr().out.splitlines())
    assert (event["state"], event["rule"], event["cut"]) == ("ended", "in the left half", True)
    assert (tmp_path / "kept" / event["snapshot"]).stat().st_size > 10_000
    with av.open(tmp_path / "kept" / event["clip"]) as clip:
        assert sum(1 for _ in clip.decode(video=0)) == 60


def test_a_live_view_keeps_what_happens(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    rules, store = tmp_path / "rules.toml", tmp_path / "other"
    rules.write_text(RULES_FILE.replace("0.5", "1"))  # the person who is answered stands in the middle

    with ScriptedServer() as server:
        options = ["--no-window", "--duration", "3", "--rules", str(rules), "--event-store", str(store)]
        endpoint = ["--model", "a/1", "--endpoint", server.url, "--api-url", server.url]
        assert run(["live", str(SAMPLE), *options, *endpoint]) == 0

    capsys.readouterr()
    assert run(["events", "export", str(store)]) == 0
    event = json.loads(capsys.readouterr().out.splitlines()[0])
    assert (event["state"], event["rule"], event["camera"]) == ("ended", "in the left half", "walkers")
    assert event["began_at"] is not None
    assert (store / event["snapshot"]).is_file()
    with av.open(store / event["clip"]) as clip:
        assert any(clip.decode(video=0))
