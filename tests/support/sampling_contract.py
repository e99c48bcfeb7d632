"""What every sampling promises, whichever frames it picks. Each implementation's tests are a subclass."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from math import inf, isnan, nan

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kpstream.dispatch.sampling import Sampling
from kpstream.entities import Frame
from kpstream.testing import SyntheticSource

RATE = 30.0
SOURCE = SyntheticSource(90)
Make = Callable[[], Sampling]

shifts = st.lists(st.integers(0, 1), min_size=1, max_size=90)
"""Whether the square moves from frame to frame."""


def frames_of(moves: Sequence[int], first: int = 0) -> list[Frame]:
    """Frames in which a square stands or moves."""
    at = [sum(moves[: index + 1]) for index in range(len(moves))]
    return [Frame(first + i, (first + i) / RATE, 0.0, SOURCE.picture(shift)) for i, shift in enumerate(at)]


class SamplingContract:
    """A subclass overrides `make` with a fixture that makes one; each `make` call gives a new one."""

    @pytest.fixture
    def make(self) -> Make:
        raise NotImplementedError

    @pytest.mark.parametrize("first", [0, 1, 47])
    def test_the_first_frame_is_due_wherever_it_begins(self, make: Make, first: int) -> None:
        assert make().due(frames_of([0], first)[0], unsure=False)

    def test_a_frame_that_was_due_stays_due_until_one_is_taken(self, make: Make) -> None:
        sampling = make()
        for frame in frames_of([1] * 20):
            assert sampling.due(frame, unsure=False)
            assert sampling.due(frame, unsure=False), "asking changes nothing"

    def test_doubt_asks_for_more_and_never_for_less(self, make: Make) -> None:
        @given(shifts)
        @settings(max_examples=30)
        def check(moves: list[int]) -> None:
            sampling = make()
            for frame in frames_of(moves):
                is_due = sampling.due(frame, unsure=False)
                assert sampling.due(frame, unsure=True) >= is_due
                if is_due:
                    sampling.taken(frame)

        check()

    def test_it_takes_no_more_than_it_expected(self, make: Make) -> None:
        @given(shifts)
        @settings(max_examples=30)
        def check(moves: list[int]) -> None:
            sampling, taken = make(), 0
            for frame in frames_of(moves):
                if sampling.due(frame, unsure=True):
                    sampling.taken(frame)
                    taken += 1
            assert 1 <= taken <= sampling.expected(len(moves) / RATE, RATE)

        check()

    @pytest.mark.parametrize(("duration", "frame_rate"), [(nan, RATE), (inf, RATE), (10.0, nan)])
    def test_without_a_length_or_a_rate_nothing_is_expected(
        self, make: Make, duration: float, frame_rate: float
    ) -> None:
        assert isnan(make().expected(duration, frame_rate))
