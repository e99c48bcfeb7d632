"""What every reorder buffer promises, however long it waits. Each implementation's tests are a subclass."""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise
from math import inf
from random import Random

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kpstream.entities import Frame, Lost, Result
from kpstream.pipeline.reorder import ReorderBuffer

IMAGE = np.zeros((2, 2, 3), np.uint8)
RATE = 30.0
Make = Callable[[], ReorderBuffer]

fates = st.lists(st.sampled_from(["unsampled", "lost", "answered"]), min_size=1, max_size=40)
"""What becomes of each frame."""


def frame(index: int) -> Frame:
    return Frame(index, index / RATE, index / RATE, IMAGE)


def outcome(index: int, fate: str, now: float) -> Result | Lost:
    """What comes of a sample."""
    return Lost(index) if fate == "lost" else Result(index, index / RATE, (), index / RATE, index / RATE, now)


class ReorderContract:
    """A subclass overrides `make` with a fixture that makes an empty buffer with room for 40 frames."""

    @pytest.fixture
    def make(self) -> Make:
        raise NotImplementedError

    def test_an_empty_one_gives_nothing_and_has_room(self, make: Make) -> None:
        buffer = make()
        assert not buffer.full
        assert buffer.stale == 0
        assert list(buffer.release(0.0)) == []
        buffer.finish()
        assert list(buffer.release(inf)) == []

    def test_whatever_comes_when_frames_go_once_and_results_go_forward(self, make: Make) -> None:
        @given(fates, st.randoms(use_true_random=False))
        @settings(max_examples=60)
        def check(fates: list[str], dice: Random) -> None:
            buffer, under_way, given = make(), list[int](), list[Frame | Result]()
            for index, fate in enumerate(fates):
                buffer.push(frame(index), sampled=fate != "unsampled")
                if fate != "unsampled":
                    under_way.append(index)
                arrived = [i for i in under_way if dice.random() < 0.2]
                under_way = [i for i in under_way if i not in arrived]
                dice.shuffle(arrived)
                buffer.settle([outcome(i, fates[i], index / RATE) for i in arrived])
                given += buffer.release(index / RATE)
            buffer.finish()
            buffer.settle([outcome(i, fates[i], len(fates) / RATE) for i in under_way])
            given += buffer.release(inf)
            assert [item.index for item in given if isinstance(item, Frame)] == list(range(len(fates)))
            used = [item.frame_index for item in given if isinstance(item, Result)]
            assert all(before < after for before, after in pairwise(used))
            assert len(used) + buffer.stale <= fates.count("answered")
            assert list(buffer.release(inf)) == [], "what has gone is gone"

        check()

    @pytest.mark.parametrize("frames", [1, 2, 40])
    def test_a_frame_that_is_answered_at_once_goes_after_its_result(self, make: Make, frames: int) -> None:
        buffer = make()
        for index in range(frames):
            buffer.push(frame(index), sampled=True)
            buffer.settle([outcome(index, "answered", index / RATE)])
        given = list(buffer.release(inf))
        for index in range(frames):
            at = next(i for i, item in enumerate(given) if isinstance(item, Frame) and item.index == index)
            assert any(isinstance(item, Result) and item.frame_index >= index for item in given[:at])
        assert buffer.stale == 0
