"""When a live view may ask: in simulated time, so that every second of an outage can be looked at."""

from __future__ import annotations

from collections.abc import Callable
from itertools import count, pairwise

import pytest

from kpstream.dispatch.breaker import CircuitBreaker

LIMIT = 4
RATE = 5.0
STEP = 1 / 30


class Service:
    """An endpoint in simulated time, asked by a live view at 30 frames and 5 samples a second.

    Args:
        latency: Seconds to an answer.
        fault: What happens to a request that is sent at a time: None answers, ``"hang"`` fails after ten seconds,
            a number fails after a latency, with that Retry-After (0 for none).
    """

    def __init__(self, latency: float, fault: Callable[[float], str | float | None]) -> None:
        self.breaker = CircuitBreaker()
        self.sent: list[float] = []
        self.answers: list[float] = []
        self.most = 0
        self._latency = latency
        self._fault = fault
        self._due: dict[int, tuple[float, str | float | None]] = {}
        self._numbers = count()

    def run(self, until: float) -> None:
        frames = round(until / STEP)
        slot = -1
        for frame in range(frames):
            now = frame * STEP
            self._settle(now)
            if int(now * RATE + 1e-6) > slot and self.breaker.allows(LIMIT, now):
                slot = int(now * RATE + 1e-6)
                self._send(now)

    def _send(self, now: float) -> None:
        number, fault = next(self._numbers), self._fault(now)
        self._due[number] = (now + (10.0 if fault == "hang" else self._latency), fault)
        self.breaker.sent(number, now)
        self.sent.append(now)
        self.most = max(self.most, len(self._due))

    def _settle(self, now: float) -> None:
        for number, (at, fault) in sorted(self._due.items()):
            if at <= now:
                del self._due[number]
                if fault is None:
                    self.breaker.answered(number, at)
                    self.answers.append(at)
                else:
                    self.breaker.failed(number, at, fault if isinstance(fault, float) and fault else None)

    def between(self, start: float, end: float) -> list[float]:
        """When requests were sent in a span of time."""
        return [at for at in self.sent if start <= at < end]


def outage(start: float, end: float, fault: str | float) -> Callable[[float], str | float | None]:
    return lambda now: fault if start <= now < end else None


def test_all_is_well_and_every_sample_goes_out() -> None:
    service = Service(0.4, lambda _: None)
    service.run(20)
    assert len(service.sent) == pytest.approx(100, abs=1)
    assert not service.breaker.is_open


@pytest.mark.parametrize("fault", ["hang", 0.0])
@pytest.mark.parametrize("latency", [0.05, 0.15, 0.4, 0.8])
@pytest.mark.parametrize("lasts", [0.3, 0.65, 1.0, 1.5, 3.0, 8.0, 25.0])
def test_answers_are_back_a_second_and_one_latency_after_an_outage(
    fault: str | float, latency: float, lasts: float
) -> None:
    service = Service(latency, outage(5, 5 + lasts, fault))
    service.run(5 + lasts + 10)
    back = min(at for at in service.answers if at > 5 + lasts + latency)
    assert back <= 5 + lasts + 1 + latency + STEP
    full = [at for at in service.answers if at > 5 + lasts + 5]
    assert len(full) >= 4.5 * RATE, "and as many as before"


@pytest.mark.parametrize("fault", ["hang", 0.0])
def test_an_outage_is_probed_twice_a_second(fault: str | float) -> None:
    service = Service(0.4, outage(5, 25, fault))
    service.run(25)
    assert service.breaker.is_open
    assert len(service.between(10, 25)) == pytest.approx(30, abs=3)
    assert service.most <= 25


def test_retry_after_is_kept_to() -> None:
    service = Service(0.1, outage(5, 15, 4.0))
    service.run(15)
    probes = service.between(6.5, 15)
    assert len(probes) <= 3
    assert all(after - before >= 4 for before, after in pairwise(probes))
    assert 0 < service.breaker.wait(service.sent[-1] + 0.2) <= 4


def test_a_service_that_asks_to_wait_for_an_hour_is_asked_every_minute() -> None:
    breaker = CircuitBreaker()
    for number in range(5):
        breaker.sent(number, 0.0)
        breaker.failed(number, 0.1, retry_after=3600)
    assert not breaker.allows(LIMIT, 60)
    assert breaker.wait(0.1) == 60
    assert breaker.allows(LIMIT, 60.2)


def test_a_few_failures_between_answers_change_nothing() -> None:
    numbers = count()
    service = Service(0.1, lambda _: 1.0 if next(numbers) % 5 else None)  # four of five fail
    service.run(20)
    assert len(service.sent) == pytest.approx(100, abs=1)


def test_one_answer_ends_the_probing() -> None:
    breaker = CircuitBreaker()
    for number in range(5):
        breaker.sent(number, 0.0)
        breaker.failed(number, 0.1)
    assert not breaker.allows(LIMIT, 0.2)
    breaker.sent(5, 0.5)
    assert not breaker.allows(LIMIT, 0.6)
    breaker.answered(5, 0.7)
    assert breaker.allows(LIMIT, 0.7)


def test_what_is_late_takes_no_room_and_its_end_is_no_second_failure() -> None:
    breaker = CircuitBreaker()
    breaker.sent(0, 0.0)
    breaker.answered(0, 0.4)
    for number in range(1, 5):
        breaker.sent(number, 1.0)
    assert not breaker.allows(LIMIT, 1.9)
    assert breaker.allows(LIMIT, 2.1)
    assert breaker.silence(2.1) == pytest.approx(1.1)
    for number in range(1, 5):
        breaker.failed(number, 11.0)
    assert not breaker.is_open
    assert breaker.silence(11.0) == 0


def test_a_model_may_take_its_time_to_load() -> None:
    breaker = CircuitBreaker()
    for number in range(4):
        breaker.sent(number, 0.0)
    assert not breaker.allows(LIMIT, 2.9)
    assert breaker.allows(LIMIT, 3.1)


def test_an_endpoint_that_became_slow_is_asked_as_often_as_before() -> None:
    breaker, numbers = CircuitBreaker(), count()
    for latency in (0.2, 5.0):
        for _ in range(30):
            number = next(numbers)
            breaker.sent(number, 100.0 * number)
            breaker.answered(number, 100.0 * number + latency)
    number = next(numbers)
    breaker.sent(number, 100.0 * number)
    assert not breaker.allows(1, 100.0 * number + 6)


def test_requests_without_an_end_are_no_more_than_there_is_room_for() -> None:
    breaker = CircuitBreaker()
    for number in range(1000):
        if breaker.allows(LIMIT, number / 2):
            breaker.sent(number, number / 2)
    assert repr(breaker) == "<CircuitBreaker only probes, 64 under way, 64 of them late>"
