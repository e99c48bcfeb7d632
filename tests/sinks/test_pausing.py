from __future__ import annotations

import json
import logging
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

import pytest

from kpstream.errors import SinkError
from kpstream.interfaces import Sink
from kpstream.sinks.pausing import PausingJsonLines
from tests.support.file_sizes import files_no_longer_than
from tests.support.sink_contract import SinkContract, person, picture, scene


class TestContract(SinkContract):
    @pytest.fixture
    def make(self, tmp_path: Path) -> Callable[[], Sink]:
        return lambda: PausingJsonLines(tmp_path / "a.jsonl")


class Usage(NamedTuple):
    total: int
    free: int


class Rig:
    """Lines in a file, ten a second, on a disk that does as it is told."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.free: int | None = None
        self.index = 0
        self.sink = PausingJsonLines(path, disk_usage=self._usage)

    def _usage(self, folder: Path) -> Usage:
        shutil.disk_usage(folder)
        return Usage(10**12, 10**11 if self.free is None else self.free)

    def show(self, seconds: float) -> None:
        for _ in range(round(10 * seconds)):
            given = scene(self.index, person())
            given = replace(given, frame=replace(given.frame, captured_at=1000 + self.index / 10))
            self.sink.write(given, picture())
            self.index += 1

    def indices(self) -> list[int]:
        return [json.loads(line)["frame_index"] for line in self.path.read_text().splitlines()]


def test_every_line_is_in_the_file_as_soon_as_it_is_written(tmp_path: Path) -> None:
    rig = Rig(tmp_path / "a.jsonl")
    for count in range(1, 4):
        rig.show(0.1)
        assert rig.indices() == list(range(count))
    rig.sink.close()


def test_with_little_room_it_pauses_says_so_once_and_goes_on(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    rig = Rig(tmp_path / "a.jsonl")
    rig.show(3)
    rig.free = 150_000_000
    rig.show(10)
    assert rig.sink.trouble.startswith("the JSON lines are paused: ")
    assert "the disk is full (only 150.0 MB are free): free some space" in rig.sink.trouble
    rig.free = 300_000_000  # not enough: it would stop again at once
    rig.show(10)
    rig.free = None
    rig.show(5)
    assert rig.sink.trouble == ""
    rig.sink.close()
    assert rig.sink.dropped == rig.index - len(rig.indices())
    assert rig.indices()[:30] == list(range(30))
    assert rig.indices()[-30:] == list(range(250, 280))
    messages = [record.getMessage() for record in caplog.records]
    assert [message.partition(":")[0] for message in messages] == ["the JSON lines pause", "the JSON lines go on"]


@pytest.mark.parametrize("more", [1, 100, 400, 900])
def test_a_line_that_did_not_fit_leaves_no_piece_behind(more: int, tmp_path: Path) -> None:
    rig = Rig(tmp_path / "a.jsonl")
    rig.show(1)
    with files_no_longer_than(rig.path.stat().st_size + more):
        rig.show(4)
        assert rig.sink.trouble
        assert rig.indices() == list(range(len(rig.indices())))
    rig.show(5)
    rig.sink.close()
    assert rig.indices()[:10] == list(range(10))
    assert rig.indices()[-20:] == list(range(80, 100))
    assert sorted(set(rig.indices())) == rig.indices()


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="this system has no device that is always full")
def test_a_disk_that_was_full_from_the_beginning_is_waited_for(tmp_path: Path) -> None:
    rig = Rig(tmp_path / "a.jsonl")
    rig.path.symlink_to("/dev/full")
    rig.show(5)
    assert "disk is full" in rig.sink.trouble
    rig.path.unlink()
    rig.show(5)
    rig.sink.close()
    assert rig.indices()[-20:] == list(range(80, 100))


def test_a_disk_that_goes_and_comes_back_is_waited_for(tmp_path: Path) -> None:
    folder = tmp_path / "disk"
    folder.mkdir()
    rig = Rig(folder / "a.jsonl")
    rig.show(3)
    folder.rename(tmp_path / "gone")
    rig.show(5)
    assert rig.sink.trouble
    folder.mkdir()
    rig.show(5)
    rig.sink.close()
    assert rig.indices()[-20:] == list(range(110, 130))
    (tmp_path / "disk").rename(tmp_path / "other")
    (tmp_path / "gone").rename(folder)
    assert rig.indices()[:30] == list(range(30))


def test_what_is_removed_while_it_is_written_is_told_and_written_anew(tmp_path: Path) -> None:
    rig = Rig(tmp_path / "a.jsonl")
    rig.show(3)
    rig.path.unlink()
    rig.show(1)
    assert "was removed" in rig.sink.trouble
    rig.show(5)
    rig.sink.close()
    assert rig.indices()[-20:] == list(range(70, 90))


def test_a_pause_at_the_end_is_an_error(tmp_path: Path) -> None:
    rig = Rig(tmp_path / "a.jsonl")
    rig.show(1)
    rig.free = 0
    rig.show(3)
    with pytest.raises(SinkError, match=r"at the end the JSON lines are paused: .* the disk is full"):
        rig.sink.close()
    rig.sink.close()


def test_what_was_there_before_is_replaced(tmp_path: Path) -> None:
    (tmp_path / "a.jsonl").write_text("old\n" * 1000)
    rig = Rig(tmp_path / "a.jsonl")
    rig.show(1)
    rig.sink.close()
    assert rig.indices() == list(range(10))
