"""When a live view may ask: in simulated time, so that every second of an outage can be looked at."""

from __future__ import annotations

from collections.abc import Callable
from itertools import count, pairwise

import pytest

from kpstream.dispatch.breaker import CircuitBreaker
from kpstream.dispatch.gate import ConcurrencyLimit, Lease, RequestGate
from kpstream.dispatch.rule import RequestsOut
from kpstream.errors import EndpointUnavailable

LIMIT = 4
RATE = 5.0
STEP = 1 / 30


class Service:
    """An endpoint in simulated time, asked by a live view at 30 frames and 5 samples a second.

    Args:
        latency: Seconds to an answer.
        fault: What happens to a request that is sent at a time: None answers, ``"hang"`` fails after ten seconds,
            a number fails after a latency, with that Retry-After (0 for none).
        max_gap: Of the breaker.
    """

    def __init__(self, latency: float, fault: Callable[[float], str | float | None], *, max_gap: float = 0.5) -> None:
        out = RequestsOut()
        self.breaker = CircuitBreaker(out, max_gap)
        self.sent: list[float] = []
        self.answers: list[float] = []
        self.most = 0
        self._gate = RequestGate([out, ConcurrencyLimit(out, RATE, 32, LIMIT), self.breaker])
        self._latency = latency
        self._fault = fault
        self._due: dict[int, tuple[float, str | float | None, Lease]] = {}
        self._numbers = count()

    def run(self, until: float) -> None:
        frames = round(until / STEP)
        slot = -1
        for frame in range(frames):
            now = frame * STEP
            self._settle(now)
            if int(now * RATE + 1e-6) > slot and (lease := self._gate.try_acquire(next(self._numbers), now)):
                slot = int(now * RATE + 1e-6)
                self._send(now, lease)

    def _send(self, now: float, lease: Lease) -> None:
        fault = self._fault(now)
        self._due[lease.frame_index] = (now + (10.0 if fault == "hang" else self._latency), fault, lease)
        self.sent.append(now)
        self.most = max(self.most, len(self._due))

    def _settle(self, now: float) -> None:
        for number, (at, fault, lease) in sorted(self._due.items()):
            if at <= now:
                del self._due[number]
                if fault is None:
                    lease.answered(at)
                    self.answers.append(at)
                else:
                    retry_after = fault if isinstance(fault, float) and fault else None
                    lease.failed(EndpointUnavailable("it fails", retry_after=retry_after), at)

    def between(self, start: float, end: float) -> list[float]:
        """When requests were sent in a span of time."""
        return [at for at in self.sent if start <= at < end]


def outage(start: float, end: float, fault: str | float) -> Callable[[float], str | float | None]:
    return lambda now: fault if start <= now < end else None


def test_all_is_well_and_every_sample_goes_out() -> None:
    service = Service(0.4, lambda _: None)
    service.run(20)
    assert len(service.sent) == pytest.approx(100, abs=1)
    assert not service.breaker.is_open(service.sent[-1])


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
    assert service.breaker.is_open(service.sent[-1])
    assert len(service.between(10, 25)) == pytest.approx(30, abs=3)
    assert service.most <= 25


def test_retry_after_is_kept_to() -> None:
    service = Service(0.1, outage(5, 15, 4.0))
    service.run(15)
    probes = service.between(6.5, 15)
    assert len(probes) <= 3
    assert all(after - before >= 4 for before, after in pairwise(probes))
    assert 0 < service.breaker.wait(service.sent[-1] + 0.2) <= 4


def test_where_the_video_waits_an_outage_is_probed_less_and_less_often() -> None:
    service = Service(0.1, outage(5, 60, 0.0), max_gap=4.0)
    service.run(80)
    probes = service.between(7, 60)
    gaps = [after - before for before, after in pairwise(probes)]
    assert gaps == sorted(gaps, key=round)
    assert gaps[-1] == pytest.approx(4.0, abs=0.1)
    assert len(service.between(65, 80)) >= 0.9 * 15 * RATE, "and as often as before once it answers"


class Endpoint:
    """A breaker and the account it rests on, told by hand."""

    def __init__(self) -> None:
        self.out = RequestsOut()
        self.breaker = CircuitBreaker(self.out)

    def sends(self, *frames: int, at: float) -> None:
        for rule in (self.out, self.breaker):
            for frame in frames:
                rule.sent(frame, at)

    def answers(self, frame: int, sent_at: float, at: float) -> None:
        for rule in (self.out, self.breaker):
            rule.answered(frame, sent_at, at)

    def fails(self, frame: int, sent_at: float, at: float, retry_after: float | None = None) -> None:
        for rule in (self.out, self.breaker):
            rule.failed(frame, sent_at, at, EndpointUnavailable("it fails", retry_after=retry_after))


def test_a_service_that_asks_to_wait_for_an_hour_is_asked_every_minute() -> None:
    endpoint = Endpoint()
    for number in range(5):
        endpoint.sends(number, at=0.0)
        endpoint.fails(number, 0.0, 0.1, retry_after=3600)
    assert not endpoint.breaker.allows(60)
    assert endpoint.breaker.wait(0.1) == 60
    assert endpoint.breaker.allows(60.2)


def test_a_few_failures_between_answers_change_nothing() -> None:
    numbers = count()
    service = Service(0.1, lambda _: 1.0 if next(numbers) % 5 else None)  # four of five fail
    service.run(20)
    assert len(service.sent) == pytest.approx(100, abs=1)


def test_one_answer_ends_the_probing() -> None:
    endpoint = Endpoint()
    for number in range(5):
        endpoint.sends(number, at=0.0)
        endpoint.fails(number, 0.0, 0.1)
    assert not endpoint.breaker.allows(0.2)
    endpoint.sends(5, at=0.5)
    assert not endpoint.breaker.allows(0.6)
    endpoint.answers(5, 0.5, 0.7)
    assert endpoint.breaker.allows(0.7)


def test_what_is_late_has_failed_and_its_end_is_no_second_failure() -> None:
    endpoint = Endpoint()
    endpoint.sends(0, at=0.0)
    endpoint.answers(0, 0.0, 0.4)
    endpoint.sends(1, 2, 3, 4, at=1.0)
    assert endpoint.breaker.allows(2.1)
    for number in range(1, 5):
        endpoint.fails(number, 1.0, 11.0)
    assert not endpoint.breaker.is_open(11.0)
    assert not endpoint.breaker.trouble(11.0)


def test_silence_is_told_where_nobody_is_answered() -> None:
    endpoint = Endpoint()
    endpoint.sends(*range(5), at=0.0)
    assert not endpoint.breaker.trouble(2.9)
    assert endpoint.breaker.trouble(7.2) == "no answer from the endpoint for 7 s, trying again"


def test_a_model_may_take_its_time_to_load() -> None:
    endpoint = Endpoint()
    endpoint.sends(*range(5), at=0.0)
    assert not endpoint.breaker.is_open(2.9)
    assert endpoint.breaker.is_open(3.1)


def test_an_endpoint_that_became_slow_is_asked_as_often_as_before() -> None:
    endpoint, numbers = Endpoint(), count()
    for latency in (0.2, 5.0):
        for _ in range(30):
            number = next(numbers)
            endpoint.sends(number, at=100.0 * number)
            endpoint.answers(number, 100.0 * number, 100.0 * number + latency)
    late = 100.0 * next(numbers)
    endpoint.sends(*range(1000, 1005), at=late)
    assert endpoint.breaker.allows(late + 6)


@pytest.mark.parametrize(("status", "is_open"), [(500, False), (503, True)])
def test_frames_that_fail_again_and_again_while_others_are_answered_are_no_outage(status: int, is_open: bool) -> None:
    out = RequestsOut()
    breaker = CircuitBreaker(out)
    gate = RequestGate([out, breaker])
    fault = EndpointUnavailable(str(status), status=status)

    def ask(frame_index: int, *, answered: bool) -> None:
        lease = gate.try_acquire(frame_index, 0.0)
        assert lease is not None
        if answered:
            lease.answered(0.1)
        else:
            lease.failed(fault, 0.1)

    ask(1, answered=False)
    ask(2, answered=False)
    ask(3, answered=True)
    for _ in range(2):
        ask(1, answered=False)
        ask(2, answered=False)
    ask(1, answered=False)
    assert breaker.is_open(0.1) is is_open
