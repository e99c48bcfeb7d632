"""What is begun next, with files that have to be fetched before."""

from __future__ import annotations

from pathlib import Path

import pytest

from kpstream.errors import SourceOpenError
from kpstream.recorded.archive.faults import fault_of
from kpstream.recorded.archive.fetch import Fetched, Fetcher
from kpstream.recorded.archive.input_queue import InputQueue
from kpstream.recorded.archive.stored_file import StoredFile


class ScriptedFetcher(Fetcher):
    """Fetches what the test says, when it says so."""

    def __init__(self) -> None:
        self.begun: list[str] = []
        self.closed = False
        self._results: list[Fetched] = []

    def submit(self, name: str, file: StoredFile, content: str, folder: Path) -> None:
        self.begun.append(name)

    def end(self, name: str, path: Path | None) -> None:
        fault = fault_of(SourceOpenError("gone")) if path is None else None
        self._results.append(Fetched(name, path, fault))

    def ended(self) -> list[Fetched]:
        results, self._results = self._results, []
        return results

    def close(self) -> None:
        self.closed = True


@pytest.fixture
def fetcher() -> ScriptedFetcher:
    return ScriptedFetcher()


def queue_of(names: str, fetcher: Fetcher, folder: Path) -> InputQueue:
    """Files in capitals are stored ones."""
    each = names.split()
    paths = {name: StoredFile(f"s3://bucket/{name}") if name.isupper() else folder / name for name in each}
    return InputQueue(each, paths, content_of=str, folder_of=lambda name: folder, fetcher=fetcher)


def test_stored_files_are_fetched_one_ahead_and_no_further(fetcher: ScriptedFetcher, tmp_path: Path) -> None:
    queue = queue_of("A B C D", fetcher, tmp_path)
    assert queue.fetch(room=1) == []
    assert (fetcher.begun, queue.take(0.0)) == (["A", "B"], None)
    fetcher.end("A", tmp_path / "fetched a")
    queue.fetch(room=1)
    assert queue.take(0.0) == ("A", tmp_path / "fetched a")
    queue.fetch(room=0)
    fetcher.end("B", tmp_path / "fetched b")
    queue.fetch(room=0)
    assert fetcher.begun == ["A", "B"]  # B lies there, and waits for its turn
    queue.fetch(room=1)
    assert fetcher.begun == ["A", "B", "C"]
    assert queue.take(0.0) == ("B", tmp_path / "fetched b")


def test_files_here_need_not_be_fetched_and_keep_their_turn(fetcher: ScriptedFetcher, tmp_path: Path) -> None:
    queue = queue_of("a B c", fetcher, tmp_path)
    queue.fetch(room=1)
    assert (queue.take(0.0), queue.take(0.0)) == (("a", tmp_path / "a"), None)
    queue.fetch(room=1)
    assert fetcher.begun == ["B"]
    assert queue.take(0.0) == ("c", tmp_path / "c")  # while B is fetched
    assert queue
    fetcher.end("B", tmp_path / "fetched")
    queue.fetch(room=1)
    assert queue.take(0.0) == ("B", tmp_path / "fetched")
    assert not queue


def test_what_cannot_be_fetched_is_told_and_may_be_tried_again_later(fetcher: ScriptedFetcher, tmp_path: Path) -> None:
    queue = queue_of("A", fetcher, tmp_path)
    queue.fetch(room=1)
    fetcher.end("A", None)
    ((name, fault),) = queue.fetch(room=1)
    assert (name, fault.text, bool(queue)) == ("A", "gone", False)
    queue.add_later("A", 10.0)
    assert (queue.take(5.0), fetcher.begun) == (None, ["A"])
    assert (queue.take(10.0), fetcher.begun) == (None, ["A", "A"])


def test_a_file_that_is_begun_again_is_not_fetched_again_until_it_is_over(
    fetcher: ScriptedFetcher, tmp_path: Path
) -> None:
    queue, path = queue_of("A", fetcher, tmp_path), tmp_path / "fetched"
    path.write_text("")
    queue.fetch(room=1)
    fetcher.end("A", path)
    queue.fetch(room=1)
    assert queue.take(0.0) == ("A", path)
    queue.add_later("A", 1.0)
    assert (queue.take(1.0), fetcher.begun) == (("A", path), ["A"])
    queue.release("A")
    assert not path.exists()
    queue.close()
    assert fetcher.closed
