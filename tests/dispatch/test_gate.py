"""A gate lets a request through where every rule does, and tells every rule what became of it."""

from __future__ import annotations

import pickle
from math import inf

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kpstream.dispatch.gate import ConcurrencyLimit, RateLimiter, RequestBudget, RequestGate
from kpstream.dispatch.rule import MAX_OUT, OUTAGE, RequestsOut, Rule
from kpstream.errors import EndpointUnavailable

TOO_MUCH = EndpointUnavailable("too many requests", status=429)
RESET = EndpointUnavailable("the connection was reset")


class Told(Rule):
    """A rule that says what it is told to, and keeps what it hears."""

    def __init__(self, *, opens: bool = True) -> None:
        self.opens = opens
        self.heard: list[str] = []

    def allows(self, now: float) -> bool:
        return self.opens

    def sent(self, frame_index: int, now: float) -> None:
        self.heard.append(f"sent {frame_index}")

    def answered(self, frame_index: int, sent_at: float, now: float) -> None:
        self.heard.append(f"answered {frame_index} after {now - sent_at:g}")

    def failed(self, frame_index: int, sent_at: float, now: float, fault: Exception) -> None:
        self.heard.append(f"failed {frame_index} after {now - sent_at:g}: {fault}")

    def unsent(self, frame_index: int) -> None:
        self.heard.append(f"unsent {frame_index}")

    def close(self) -> None:
        self.heard.append("closed")


def test_one_rule_that_says_no_is_enough_and_then_nobody_hears_of_a_request() -> None:
    rules = [Told(), Told(opens=False), Told()]
    gate = RequestGate(rules)
    assert gate.try_acquire(7, 1.0) is None
    assert [rule.heard for rule in rules] == [[], [], []]
    rules[1].opens = True
    assert gate.try_acquire(7, 2.0) is not None
    assert [rule.heard for rule in rules] == [["sent 7"]] * 3


def test_every_rule_hears_what_became_of_a_request() -> None:
    rules = [Told(), Told()]
    gate = RequestGate(rules)
    leases = [gate.try_acquire(index, 1.0) for index in range(3)]
    assert leases[0]
    assert leases[1]
    assert leases[2]
    leases[1].failed(RESET, 3.0)
    leases[0].answered(1.5)
    leases[2].unsent()
    gate.close()
    told = ["failed 1 after 2: the connection was reset", "answered 0 after 0.5", "unsent 2", "closed"]
    assert [rule.heard[3:] for rule in rules] == [told, told]


def test_a_gate_without_a_budget_has_none_left_to_tell() -> None:
    assert RequestGate([Told()]).requests_left is None
    assert RequestGate([Told(), RequestBudget(3)]).requests_left == 3


# -- the requests that are out


def test_a_request_is_late_that_takes_twice_as_long_as_is_usual() -> None:
    out = RequestsOut(loading=3.0)
    for index in range(10):
        out.sent(index, 0.0)
        out.answered(index, 0.0, 0.8)
    assert out.latency() == pytest.approx(0.8)
    out.sent(10, 5.0)
    out.sent(11, 6.0)
    assert (out.expected(6.5), out.failures(6.5)) == (2, 0)
    assert (out.expected(6.7), out.failures(6.7)) == (1, 1)
    assert out.silence(6.7) == pytest.approx(1.7)
    out.failed(10, 5.0, 6.8, RESET)
    assert (out.expected(6.8), out.failures(6.8), out.silence(6.8)) == (1, 1, 0)


@pytest.mark.parametrize("every", [2, 10**9])
def test_requests_that_failed_weeks_ago_take_no_memory(every: int) -> None:
    out = RequestsOut()
    for number in range(20_000):
        out.sent(number, float(number))
        if number % every:
            out.failed(number, float(number), number + 0.1, EndpointUnavailable("it failed", status=500))
        else:
            out.answered(number, float(number), number + 0.1)
    assert len(pickle.dumps(out)) < 10_000


def test_nothing_is_late_where_every_answer_is_waited_for() -> None:
    out = RequestsOut(loading=inf)
    out.sent(0, 0.0)
    assert (out.expected(1e6), out.failures(1e6)) == (1, 0)
    out.answered(0, 0.0, 0.1)
    out.sent(1, 0.0)
    assert (out.expected(1e6), out.failures(1e6)) == (1, 0)


def test_in_an_outage_no_answer_is_expected_of_what_is_out() -> None:
    out = RequestsOut(loading=3.0)
    for index in range(7):
        out.sent(index, 0.0)
    for index in range(OUTAGE):
        out.failed(index, 0.0, 0.1, RESET)
    assert out.expected(0.2) == 0
    out.answered(5, 0.0, 0.3)
    assert (out.expected(0.3), out.failures(0.3)) == (1, 0)


def test_never_more_are_out_than_there_are_threads_for() -> None:
    out, sent = RequestsOut(), 0
    for index in range(1000):
        if out.allows(index):
            out.sent(index, index)
            sent += 1
    assert sent == MAX_OUT


# -- how many at once


def after(latency: float, rate: float = inf, most: int = 32, fixed: int | None = None) -> ConcurrencyLimit:
    """The limit after fifty answers."""
    out = RequestsOut()
    for index in range(50):
        out.sent(index, 0.0)
        out.answered(index, 0.0, latency)
    return ConcurrencyLimit(out, rate, most, fixed)


@pytest.mark.parametrize(("rate", "latency", "expected"), [(5, 0.4, 4), (5, 0.8, 6), (20, 0.4, 10), (inf, 0.4, 28)])
def test_requests_in_flight_follow_latency_times_rate(rate: float, latency: float, expected: int) -> None:
    limit = after(latency, rate)
    assert limit.limit == expected
    limit.rate = 1
    assert limit.limit == 2


def test_a_chosen_number_stays() -> None:
    assert after(0.01, 5, 8, fixed=24).limit == 24
    assert after(9.0, 5, 8, fixed=1).limit == 1


def test_a_request_that_is_late_takes_no_room() -> None:
    out = RequestsOut(loading=3.0)
    limit = ConcurrencyLimit(out, inf, 32, fixed=1)
    out.sent(0, 0.0)
    assert not limit.allows(2.9)
    assert limit.allows(3.1)


# -- how many a second


class Asked:
    """A service that is asked through a limiter as often as it allows, a hundred times a second at most.

    Args:
        limiter: Asked before each request.
        lets_through: Requests a second that are not refused.
        burst: How many may come at once.
    """

    def __init__(self, limiter: RateLimiter, lets_through: float = inf, burst: float = 1.0) -> None:
        self.limiter = limiter
        self.sent: list[float] = []
        self.refused = 0
        self._lets_through = lets_through
        self._burst = self._tokens = burst
        self._steps = 0

    def run(self, seconds: float) -> int:
        """Ask for a while; how many were answered."""
        answered = 0
        for _ in range(round(seconds * 100)):
            self._steps += 1
            now = self._steps / 100
            self._tokens = min(self._burst, self._tokens + self._lets_through / 100)
            if not self.limiter.allows(now):
                continue
            self.limiter.sent(self._steps, now)
            self.sent.append(now)
            if self._tokens >= 1:
                self._tokens -= 1
                answered += 1
                self.limiter.answered(self._steps, now, now + 0.001)
            else:
                self.refused += 1
                self.limiter.failed(self._steps, now, now + 0.001, TOO_MUCH)
        return answered


@pytest.mark.parametrize("rate", [0.5, 3, 20, 60])
def test_no_more_are_sent_than_the_owner_asks_for_and_hardly_fewer(rate: float) -> None:
    assert Asked(RateLimiter(rate)).run(60) == pytest.approx(60 * rate, abs=3)


@given(st.lists(st.floats(0, 10), min_size=2, max_size=100), st.floats(0.5, 100))
def test_in_no_span_of_time_are_more_sent_than_the_rate_and_a_burst(arrivals: list[float], rate: float) -> None:
    limiter, sent = RateLimiter(rate), list[float]()
    for number, now in enumerate(sorted(arrivals)):
        if limiter.allows(now):
            limiter.sent(number, now)
            sent.append(now)
    for first, since in enumerate(sent):
        for last, until in enumerate(sent[first:], first):
            assert last - first + 1 <= (until - since) * rate + limiter.burst + 1e-6


@pytest.mark.parametrize(("through", "burst"), [(3, 2), (6, 1), (6, 5), (20, 1), (20, 20)])
def test_a_service_that_says_too_much_is_asked_about_as_often_as_it_answers(through: float, burst: float) -> None:
    service = Asked(RateLimiter(), through, burst)
    service.run(10)
    before = service.refused
    assert service.run(60) >= 0.75 * 60 * through
    assert service.refused - before <= 0.35 * 60 * through


def test_after_the_service_says_too_much_no_more_for_a_while_the_rate_is_what_it_was() -> None:
    limiter = RateLimiter(20)
    Asked(limiter, 5).run(10)
    assert limiter.rate < 10
    limiter.allows(100.0)
    assert limiter.rate == 20


def test_an_outage_is_no_reason_to_ask_less_and_less() -> None:
    limiter, now = RateLimiter(20), 0.0
    Asked(limiter).run(5)
    now = 5.0
    for number in range(40):
        now += 0.5
        assert limiter.allows(now)
        limiter.sent(number, now)
        limiter.failed(number, now, now + 0.1, EndpointUnavailable("503", status=503))
    assert limiter.rate >= 15


def test_other_faults_do_not_change_the_rate() -> None:
    limiter = RateLimiter(20)
    limiter.answered(0, 0.0, 0.1)
    limiter.sent(1, 1.0)
    limiter.failed(1, 1.0, 1.1, RESET)
    assert limiter.rate == 20


def test_a_request_that_was_not_sent_takes_nothing_from_the_rate() -> None:
    limiter = RateLimiter(1)
    for number in range(10):
        assert limiter.allows(0.0)
        limiter.sent(number, 0.0)
        limiter.unsent(number)


# -- how many in all


def test_a_budget_of_one_request_is_told_in_the_singular() -> None:
    budget = RequestBudget(1)
    budget.sent(0, 0.0)
    assert budget.trouble(0.0) == "the one request is spent: no new answers"


def test_a_budget_is_never_exceeded_and_its_end_is_told() -> None:
    budget, sent = RequestBudget(3), 0
    for number in range(10):
        if budget.allows(0.0):
            assert not budget.trouble(0.0)
            budget.sent(number, 0.0)
            sent += 1
    assert (sent, budget.requests_left) == (3, 0)
    assert budget.trouble(0.0) == "all 3 requests are spent: no new answers"
    budget.failed(0, 0.0, 1.0, RESET)
    assert not budget.allows(1.0)
    budget.unsent(1)
    assert budget.allows(1.0)
