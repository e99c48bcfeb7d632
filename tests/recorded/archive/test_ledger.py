"""The ledger."""

from __future__ import annotations

import sqlite3
import sys
from dataclasses import replace
from math import isnan, nan
from pathlib import Path

import pytest

from kpstream.errors import SinkError, UsageError
from kpstream.recorded.archive.ledger import FileRecord, Ledger, read_ledger

RECORD = FileRecord(
    "x/한국 a.mp4", "videos/x/한국 a.mp4", "1 2", "9 bytes, ab", duration=12.5, state="done", outputs={"jsonl": 5},
    curve=(1.0, 0.5), has_audio=True,
)  # fmt: skip


def test_what_is_put_is_read_again_also_while_it_is_written(tmp_path: Path) -> None:
    with Ledger(tmp_path / "archive.db") as ledger:
        ledger.put([RECORD, FileRecord("b.mp4", "b.mp4")])
        ledger.put([replace(RECORD, attempts=2)])
        ledger.note(booked="7")
        contents = read_ledger(tmp_path / "archive.db")
    found = contents.records[RECORD.name]
    assert replace(found, updated_at="", frame_rate=0.0) == replace(RECORD, attempts=2, frame_rate=0.0)
    assert isnan(found.frame_rate)
    assert found.updated_at.endswith("+00:00")
    assert isnan(contents.records["b.mp4"].duration)
    assert contents.facts == {"booked": "7"}


def test_a_second_driver_is_refused_and_the_next_one_not(tmp_path: Path) -> None:
    path = tmp_path / "archive.db"
    with Ledger(path), pytest.raises(UsageError, match="another kpstream archive is at work"):
        Ledger(path).open()
    with Ledger(path) as ledger:
        assert ledger.records() == {}


def test_a_newer_form_is_refused_in_one_line(tmp_path: Path) -> None:
    path = tmp_path / "archive.db"
    with Ledger(path):
        pass
    connection = sqlite3.connect(path)
    connection.execute("PRAGMA user_version = 99")
    connection.close()
    for _ in range(2):  # the first keeps no lock
        with pytest.raises(SinkError, match="a newer kpstream wrote it"):
            Ledger(path).open()
    with pytest.raises(SinkError, match="a newer kpstream wrote it"):
        read_ledger(path)


def test_an_older_form_is_given_the_present_one_and_keeps_what_it_has(tmp_path: Path) -> None:
    path = tmp_path / "archive.db"
    with Ledger(path) as ledger:
        ledger.put([replace(RECORD, frame_rate=5.0)])
    connection = sqlite3.connect(path)
    connection.executescript(
        "ALTER TABLE file DROP COLUMN missing; ALTER TABLE file DROP COLUMN damaged; PRAGMA user_version = 1;"
    )
    connection.close()
    with Ledger(path) as ledger:
        assert replace(ledger.records()[RECORD.name], updated_at="") == replace(RECORD, frame_rate=5.0, missing=0)


def test_what_is_forgotten_is_gone(tmp_path: Path) -> None:
    with Ledger(tmp_path / "archive.db") as ledger:
        ledger.put([replace(RECORD, frame_rate=nan)])
        ledger.note(settings="{}")
        ledger.forget_everything()
        assert (ledger.records(), ledger.fact("settings")) == ({}, None)


@pytest.mark.skipif(sys.platform == "win32", reason="this system lets nobody remove what is open")
def test_a_ledger_that_is_removed_meanwhile_is_told_with_what_helps(tmp_path: Path) -> None:
    path = tmp_path / "archive.db"
    with Ledger(path) as ledger:
        path.unlink()
        with pytest.raises(SinkError, match=r"archive\.db was removed or moved .*: start the same command again"):
            ledger.forget_everything()


def test_what_is_no_ledger_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "archive.db").write_text("nothing of the kind" * 100)
    with pytest.raises(SinkError, match=r"is damaged \(file is not a database\): put a copy in its place"):
        read_ledger(tmp_path / "archive.db")


def test_a_damaged_page_is_one_line(tmp_path: Path) -> None:
    path = tmp_path / "archive.db"
    with Ledger(path) as ledger:
        ledger.put([FileRecord("a.mp4", "a.mp4")])
    whole = path.read_bytes()
    path.write_bytes(whole[:4096] + b"\xaa" * (len(whole) - 4096))
    with pytest.raises(SinkError, match=r"archive\.db is damaged"), Ledger(path) as ledger:
        ledger.records()
