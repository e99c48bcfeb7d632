from __future__ import annotations

import itertools
from math import inf, nan

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kpstream.budget import AtRate, EveryNth, InFlight, Sampling, Spacing, backoff, estimated_credits


def sampled(sampling: Sampling, frames: int, frame_rate: float = 30.0) -> list[int]:
    taken = []
    for index in range(frames):
        if sampling.due(index, index / frame_rate):
            sampling.taken(index, index / frame_rate)
            taken.append(index)
    return taken


def test_five_a_second_of_thirty_is_every_sixth_frame() -> None:
    assert sampled(AtRate(5), 31) == [0, 6, 12, 18, 24, 30]


def test_an_endless_rate_takes_every_frame() -> None:
    assert sampled(AtRate(inf), 5) == [0, 1, 2, 3, 4]


@given(st.floats(0.1, 60), st.floats(5, 120), st.integers(1, 300))
def test_the_rate_is_never_exceeded(rate: float, frame_rate: float, frames: int) -> None:
    assert len(sampled(AtRate(rate), frames, frame_rate)) <= frames / frame_rate * rate + 1 + 1e-3


def test_a_late_sample_does_not_move_the_grid() -> None:
    sampling = AtRate(5)
    sampling.taken(0, 0.0)
    assert sampling.due(6, 0.2)  # nobody was free: asked again with the next frame
    assert sampling.due(7, 7 / 30)
    sampling.taken(7, 7 / 30)
    assert not sampling.due(11, 11 / 30)
    assert sampling.due(12, 0.4)


def test_every_third_frame_counts_from_the_first_one_seen() -> None:
    sampling = EveryNth(3)
    taken = []
    for index in range(100, 110):
        if sampling.due(index, 0.0):
            sampling.taken(index, 0.0)
            taken.append(index)
    assert taken == [100, 103, 106, 109]


@pytest.mark.parametrize(("rate", "latency", "expected"), [(5, 0.4, 4), (5, 0.8, 6), (20, 0.4, 10), (inf, 0.4, 28)])
def test_requests_in_flight_follow_latency_times_rate(rate: float, latency: float, expected: int) -> None:
    limit = InFlight(rate, 32)
    for _ in range(50):
        limit.answered(latency)
    assert limit.now == expected


def test_too_much_halves_and_answers_win_it_back() -> None:
    limit = InFlight(inf, 32)
    for _ in range(50):
        limit.answered(0.4)
    before = limit.now
    limit.refused(sent_at=1.0, now=2.0)
    limit.refused(sent_at=1.5, now=2.1)  # was under way at the time
    assert limit.now == before // 2
    limit.refused(sent_at=2.2, now=2.6)
    assert limit.now == before // 4
    for _ in range(400):
        limit.answered(0.4)
    assert limit.now == before


def test_a_chosen_number_stays() -> None:
    limit = InFlight(5, 8, fixed=24)
    limit.refused(sent_at=0.0, now=1.0)
    limit.answered(9.0)
    assert limit.now == 24


@given(st.lists(st.floats(0, 10), min_size=2, max_size=100), st.floats(0.5, 100))
def test_spaced_requests_keep_their_distance(arrivals: list[float], rate: float) -> None:
    spacing = Spacing(rate)
    sent = [now + spacing.reserve(now) for now in sorted(arrivals)]
    assert all(later - earlier >= 1 / rate - 1e-6 for earlier, later in itertools.pairwise(sent))


@given(st.integers(1, 30))
def test_backing_off_grows_and_is_bounded(attempt: int) -> None:
    assert 0.25 <= backoff(attempt) <= 8.0
    assert backoff(8) >= 4.0


def test_what_the_service_asks_for_is_the_least() -> None:
    assert 3.0 <= backoff(1, 3.0) <= 3.1
    assert 60.0 <= backoff(1, 86400.0) <= 60.1
    assert backoff(5, 0.0) >= 4.0


def test_credits_follow_the_published_formula() -> None:
    assert 5000 * estimated_credits(nan) == pytest.approx(1.0)
    assert estimated_credits(0.03) == pytest.approx(0.0002)
    assert estimated_credits(5.0) == pytest.approx(0.01)
