"""Requests are counted on the disk before they are sent, and the count is known once the worker has ended."""

from __future__ import annotations

from pathlib import Path

import pytest

from kpstream.dispatch.gate import RequestGate
from kpstream.errors import UsageError
from kpstream.recorded.archive.request_count import Counted, RequestCount, prepare_count, read_count


def test_each_request_is_counted_and_the_count_is_known_once_the_worker_has_ended(tmp_path: Path) -> None:
    prepare_count(tmp_path / "video", 40)
    assert read_count(tmp_path / "video", 0.0) == Counted(40, has_begun=False)
    count = RequestCount(tmp_path / "video", 40)
    count.open()
    gate = RequestGate([count])
    leases = [gate.try_acquire(frame, 0.0) for frame in range(3)]
    assert read_count(tmp_path / "video", 0.0) is None  # it may send more
    assert leases[2] is not None
    leases[2].unsent()
    assert count.requests == 2
    gate.close()
    assert read_count(tmp_path / "video", 0.0) == Counted(42, has_begun=True)


def test_two_workers_do_not_count_in_one_file(tmp_path: Path) -> None:
    first, second = RequestCount(tmp_path, 0), RequestCount(tmp_path, 0)
    first.open()
    with pytest.raises(UsageError, match="another kpstream"):
        second.open()
    first.close()
    second.open()
    second.close()


@pytest.mark.parametrize(
    "content", [b"", b'{"requests": 4', b"5" * 64, b'{"requests": null, "has_begun": 1}'.ljust(64)]
)
def test_a_count_that_was_cut_or_is_missing_says_nothing(tmp_path: Path, content: bytes) -> None:
    assert read_count(tmp_path, 0.0) is None
    (tmp_path / "requests").write_bytes(content)
    assert read_count(tmp_path, 0.0) is None
