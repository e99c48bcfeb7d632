from __future__ import annotations

from collections.abc import Iterator

import pytest

from kpstream.capture import Capture
from kpstream.channel import Deadline
from kpstream.errors import SourceReadError
from kpstream.interfaces import Source
from kpstream.testing import SyntheticSource


@pytest.fixture
def started() -> Iterator[list[Capture]]:
    captures: list[Capture] = []
    yield captures
    for capture in captures:
        capture.close(Deadline(5))


def start(source: Source, started: list[Capture]) -> Capture:
    capture = Capture(source)
    capture.start()
    started.append(capture)
    return capture


def test_a_recorded_source_gives_every_frame(started: list[Capture]) -> None:
    source = SyntheticSource(50)
    assert [frame.index for frame in start(source, started).frames] == list(range(50))
    assert source.closed


def test_a_live_source_gives_its_newest_frame(started: list[Capture]) -> None:
    source = SyntheticSource(50, is_live=True)
    capture = Capture(source)
    capture.start()
    started.append(capture)
    assert capture.frames.wait_closed(10)
    assert [frame.index for frame in capture.frames] == [49]


def test_a_recorded_source_that_fails_ends_the_stream_with_its_error(started: list[Capture]) -> None:
    capture = start(SyntheticSource(50, fails_at=[3]), started)
    taken: list[int] = []
    with pytest.raises(SourceReadError):
        taken.extend(frame.index for frame in capture.frames)
    assert capture.frames.closed


def test_a_lost_live_source_comes_back(started: list[Capture]) -> None:
    source = SyntheticSource(10, is_live=True, fails_at=[4])
    source.missing = 1
    capture = start(source, started)
    assert capture.frames.wait_closed(10)
    assert capture.frames.get().index == 9
    assert capture.reconnects == 1
    assert not capture.trouble


def test_waiting_for_a_lost_source_ends_at_once_when_it_is_closed(started: list[Capture]) -> None:
    source = SyntheticSource(10, is_live=True, fails_at=[0])
    source.missing = 10**9
    capture = start(source, started)
    capture.close(Deadline(5))
    assert source.closed


def test_a_capture_that_never_started_still_closes_its_source() -> None:
    source = SyntheticSource()
    Capture(source).close(Deadline(1))
    assert source.closed
