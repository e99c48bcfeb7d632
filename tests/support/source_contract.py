"""What every source promises, whatever it reads from. Each implementation's tests are a subclass."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from itertools import pairwise
from math import isnan

import numpy as np
import pytest

from kpstream.errors import SourceOpenError
from kpstream.interfaces import Reopenable, Source


def opened_again(source: Source) -> Source:
    """Another source in the place of a lost one."""
    source.close()
    assert isinstance(source, Reopenable)
    assert source.opener is not None
    return source.opener.open()


def opened_at_last(open_: Callable[[], Source]) -> Source:
    """What opens though the machine may have other work for longer than a timeout."""
    for _ in range(9):
        with suppress(SourceOpenError):
            return open_()
    return open_()


class SourceContract:
    """A subclass overrides `make` with a fixture that opens a source of at least five frames."""

    @pytest.fixture
    def make(self) -> Callable[[], Source]:
        raise NotImplementedError

    @pytest.fixture
    def source(self, make: Callable[[], Source]) -> Iterator[Source]:
        source = make()
        yield source
        source.close()

    def test_frames_come_in_order_and_count_from_the_first(self, source: Source) -> None:
        frames = [source.read() for _ in range(5)]
        given = [frame for frame in frames if frame is not None]
        assert len(given) == 5
        assert (given[0].index, given[0].pts) == (0, 0.0)
        for before, after in pairwise(given):
            assert after.index > before.index
            assert after.pts > before.pts
            assert after.captured_at >= before.captured_at
        assert given[-1].captured_at <= time.monotonic()

    def test_pictures_are_bgr_of_one_size(self, source: Source) -> None:
        for _ in range(3):
            frame = source.read()
            assert frame is not None
            width, height = frame.size
            assert frame.image.shape == (height, width, 3)
            assert frame.image.dtype == np.uint8

    def test_a_picture_stays_as_it_was_given(self, source: Source) -> None:
        first = source.read()
        assert first is not None
        before = first.image.copy()
        for _ in range(4):
            source.read()
        source.close()
        assert np.array_equal(first.image, before)

    def test_it_says_its_name_and_rate(self, source: Source) -> None:
        assert source.name
        assert isnan(source.frame_rate) or source.frame_rate > 0

    def test_it_starts_no_thread(self, make: Callable[[], Source]) -> None:
        before = set(threading.enumerate())
        source = make()
        source.read()
        left = {thread.name for thread in set(threading.enumerate()) - before if thread.name.startswith("kpstream")}
        source.close()
        assert not left

    def test_closed_is_the_end_and_twice_is_once(self, source: Source) -> None:
        assert source.read() is not None
        source.close()
        source.close()
        assert source.read() is None
        assert source.read() is None

    def test_a_live_source_knows_how_another_one_is_opened_a_recorded_one_does_not(self, source: Source) -> None:
        before = source.read()
        assert before is not None
        source.close()
        if not source.is_live:
            assert not isinstance(source, Reopenable) or source.opener is None
            return
        another = opened_again(source)
        assert another.name == source.name
        after = another.read()
        another.close()
        assert after is not None
        assert after.size == before.size


class RecordedContract(SourceContract):
    """What holds beside that for a source with an end; its frames are few."""

    def test_after_the_end_there_is_nothing_for_ever(self, source: Source) -> None:
        while source.read() is not None:
            pass
        assert source.read() is None
        assert source.read() is None
