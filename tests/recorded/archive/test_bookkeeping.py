"""A run that follows one whose driver was killed books what that one has sent, where it can be known."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from kpstream.recorded.archive.bookkeeping import Bookkeeping, settle_last_run
from kpstream.recorded.archive.ledger import FileRecord, Ledger
from kpstream.recorded.archive.place import folder_of
from kpstream.recorded.archive.request_count import RequestCount, prepare_count
from tests.support.scripted_pool import ScriptedPool

A, B = FileRecord("a", "a", content="of a"), FileRecord("b", "b", content="of b", requests=5)


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[Ledger]:
    with Ledger(tmp_path / "archive.db") as ledger:
        ledger.put([FileRecord("gone", "gone", requests=3)])  # no input of this run
        yield ledger


def die(ledger: Ledger, scratch: Path, *, is_local: bool = True, sent: int = 4, rest: int = 2) -> None:
    """Begin a run whose driver is killed while a file is under way."""
    pool = ScriptedPool({}, is_local=is_local)
    pool.requests_spent = B.requests + 3 + rest
    book = Bookkeeping(ledger, {"a": A, "b": B}, pool, 1000)
    book.begin()
    book.reserve()
    prepare_count(folder_of(scratch, A.content), A.requests)
    book.put(replace(A, state="running"))
    count = RequestCount(folder_of(scratch, A.content), A.requests)
    count.open()
    for frame in range(sent):
        count.sent(frame, 0.0)
    count.close()


def test_what_was_reserved_and_not_sent_is_booked_no_more(ledger: Ledger, tmp_path: Path) -> None:
    die(ledger, tmp_path)
    assert ledger.fact("booked") == str(5 + 3 + 2 + 50)
    settle_last_run(ledger, tmp_path)
    assert ledger.fact("booked") == str(5 + 3 + 2 + 4)
    assert ledger.records()["a"].requests == 4
    settle_last_run(ledger, tmp_path)
    assert ledger.fact("booked") == str(5 + 3 + 2 + 4)


@pytest.mark.parametrize("why", ["no count", "another machine", "a cluster", "an older kpstream"])
def test_all_stays_booked_where_nobody_knows_what_was_sent(ledger: Ledger, tmp_path: Path, why: str) -> None:
    die(ledger, tmp_path, is_local=why != "a cluster")
    if why == "no count":
        (folder_of(tmp_path, A.content) / "requests").write_bytes(b"")
    elif why == "another machine":
        ledger.note(machine="of another start, or another machine")
    elif why == "an older kpstream":
        ledger.note(rest="")
    settle_last_run(ledger, tmp_path)
    assert ledger.fact("booked") == str(5 + 3 + 2 + 50)
