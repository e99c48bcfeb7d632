from __future__ import annotations

import itertools
from math import inf

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kpstream.dispatch.gate import ConcurrencyLimit, RateLimiter


@pytest.mark.parametrize(("rate", "latency", "expected"), [(5, 0.4, 4), (5, 0.8, 6), (20, 0.4, 10), (inf, 0.4, 28)])
def test_requests_in_flight_follow_latency_times_rate(rate: float, latency: float, expected: int) -> None:
    limit = ConcurrencyLimit(rate, 32)
    for _ in range(50):
        limit.answered(latency)
    assert limit.now == expected


def test_too_much_halves_and_answers_win_it_back() -> None:
    limit = ConcurrencyLimit(inf, 32)
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
    limit = ConcurrencyLimit(5, 8, fixed=24)
    limit.refused(sent_at=0.0, now=1.0)
    limit.answered(9.0)
    assert limit.now == 24


@given(st.lists(st.floats(0, 10), min_size=2, max_size=100), st.floats(0.5, 100))
def test_spaced_requests_keep_their_distance(arrivals: list[float], rate: float) -> None:
    spacing = RateLimiter(rate)
    sent = [now + spacing.reserve(now) for now in sorted(arrivals)]
    assert all(later - earlier >= 1 / rate - 1e-6 for earlier, later in itertools.pairwise(sent))
