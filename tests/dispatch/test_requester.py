from __future__ import annotations

import gc
import threading
import time
import weakref
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import count
from math import inf

import numpy as np
import pytest

from kpstream.channel import Deadline
from kpstream.dispatch.breaker import CircuitBreaker
from kpstream.dispatch.gate import ConcurrencyLimit, RequestBudget, RequestGate
from kpstream.dispatch.requester import Requester
from kpstream.dispatch.retry import LiveRetry, RecordedRetry, RetryPolicy
from kpstream.dispatch.rule import LOADING, RequestsOut
from kpstream.entities import Answer, Frame, Image, Lost, Outcome, Result
from kpstream.errors import BudgetSpent, EndpointRejected, EndpointUnavailable, ResponseFormatError
from kpstream.interfaces import Endpoint
from kpstream.testing import FakeEndpoint, Gate, ManualClock, SyntheticSource, index_of

PICTURES = SyntheticSource()


def frame(index: int) -> Frame:
    return Frame(index, index / 30, 0.0, PICTURES.picture(index))


class Notes:
    """A journal in memory."""

    def __init__(self) -> None:
        self.answers: dict[int, Answer] = {}
        self.lost: dict[int, str] = {}

    def recall(self, frame_index: int) -> Answer | None:
        return self.answers.get(frame_index)

    def given_up(self, frame_index: int) -> str | None:
        return self.lost.get(frame_index)

    def note(self, frame_index: int, answer: Answer) -> None:
        self.answers[frame_index] = answer

    def give_up(self, frame_index: int, reason: str) -> None:
        self.lost[frame_index] = reason


LIVE = LiveRetry()
AT_ONCE = RecordedRetry(longest_pause=0.0, longest_alone=0.0)
"""Recorded video, whose requests are sent again without a pause."""


def gate_of(
    max_in_flight: int | None, max_requests: int | None, *, rate: float = inf, live: bool = True
) -> RequestGate:
    out = RequestsOut(LOADING if live else inf)
    budget = [] if max_requests is None else [RequestBudget(max_requests)]
    return RequestGate([out, ConcurrencyLimit(out, rate, 32, max_in_flight), CircuitBreaker(out), *budget])


@contextmanager
def requester_of(
    endpoint: Endpoint,
    retry: RetryPolicy = LIVE,
    *,
    max_in_flight: int | None = 3,
    max_requests: int | None = None,
    rate: float = inf,
    journal: Notes | None = None,
    clock: Callable[[], float] = time.monotonic,
) -> Iterator[Requester]:
    gate = gate_of(max_in_flight, max_requests, rate=rate, live=not retry.needs_every_answer)
    requester = Requester(endpoint, gate, retry, journal=journal, clock=clock)
    try:
        yield requester
    finally:
        requester.close(Deadline(5))


def all_outcomes(requester: Requester) -> list[Outcome]:
    outcomes: list[Outcome] = []
    while requester.pending:
        outcomes += requester.wait(0.01)
    return outcomes


class Failing:
    """Fails a number of times for each frame, then answers."""

    def __init__(self, times: int, error: Exception) -> None:
        self.times, self.error = times, error
        self.failed: dict[int, int] = {}
        self.lock = threading.Lock()

    def __call__(self, image: Image) -> Answer:
        index = index_of(image)
        with self.lock:
            self.failed[index] = self.failed.get(index, 0) + 1
            if self.failed[index] <= self.times:
                raise self.error
        return Answer(())


def test_several_requests_are_in_flight_and_no_more_than_allowed() -> None:
    gate = Gate()
    endpoint = FakeEndpoint(gate)
    with requester_of(endpoint, max_in_flight=3) as requester:
        assert [requester.offer(frame(i)) for i in range(5)] == [True, True, True, False, False]
        gate.wait_for(0, 1, 2)
        gate.open()
        assert sorted(outcome.frame_index for outcome in all_outcomes(requester)) == [0, 1, 2]
        assert endpoint.most_in_flight == 3
        assert requester.offer(frame(5))


def refused(image: Image) -> Answer:
    try:
        raise ConnectionRefusedError(len(image))
    except OSError:
        raise EndpointUnavailable("nothing listens") from None


@pytest.mark.parametrize("infer", [lambda _: Answer(()), refused])
def test_a_picture_is_let_go_with_its_outcome(infer: Callable[[Image], Answer]) -> None:
    pictures = []
    gc.disable()  # which would let it go some time later; at full size, some hundred of them are a gigabyte
    try:
        with requester_of(FakeEndpoint(infer)) as requester:
            for index in range(3):
                sampled = frame(index)
                pictures.append(weakref.ref(sampled.image))
                assert requester.offer(sampled)
                del sampled
                all_outcomes(requester)
            requester.close(Deadline(5))
            assert [picture() is None for picture in pictures] == [True] * 3
    finally:
        gc.enable()


def test_there_is_room_again_once_a_request_is_answered() -> None:
    gate = Gate()
    with requester_of(FakeEndpoint(gate), max_in_flight=1) as requester:
        assert requester.offer(frame(0))
        assert not requester.offer(frame(1))
        gate.open()
        assert [outcome.frame_index for outcome in all_outcomes(requester)] == [0]
        assert requester.offer(frame(2))


def test_live_a_request_that_fails_is_lost_and_not_asked_again() -> None:
    endpoint = FakeEndpoint(Failing(1, EndpointUnavailable("503", status=503)))
    with requester_of(endpoint) as requester:
        requester.offer(frame(0))
        assert all_outcomes(requester) == [Lost(0, "503")]
        assert endpoint.asked == [0]
        assert requester.lost == 1
        assert requester.trouble == "503"
        requester.offer(frame(0))
        all_outcomes(requester)
        assert requester.trouble == ""


@pytest.mark.parametrize("error", [EndpointUnavailable("503", retry_after=0.0), ResponseFormatError("NaN")])
def test_recorded_a_request_that_fails_is_asked_again(error: Exception) -> None:
    endpoint = FakeEndpoint(Failing(1, error))
    with requester_of(endpoint, RecordedRetry()) as requester:
        requester.offer(frame(0))
        (outcome,) = all_outcomes(requester)
        assert not isinstance(outcome, Lost)
        assert endpoint.asked == [0, 0]
        assert requester.sender.requests == 2


@pytest.mark.parametrize("error", [EndpointUnavailable("500", status=500), ResponseFormatError("NaN")])
def test_a_frame_that_the_endpoint_fails_at_ten_times_ends_the_job(error: Exception) -> None:
    endpoint, clock = FakeEndpoint(Failing(10**9, error)), ManualClock()
    with requester_of(endpoint, AT_ONCE, clock=clock) as requester:
        requester.offer(frame(0))
        with pytest.raises(type(error)):
            wait_out(requester, clock)
        assert len(endpoint.asked) == AT_ONCE.attempts


def wait_out(requester: Requester, clock: ManualClock) -> list[Outcome]:
    """Take outcomes until there are no more, while time passes."""
    outcomes: list[Outcome] = []
    while requester.pending:
        outcomes += requester.wait(0.001)
        clock.advance(0.5)
    return outcomes


def test_a_frame_that_fails_while_others_are_answered_is_given_up_for_good() -> None:
    def answer(image: Image) -> Answer:
        if index_of(image) == 3:
            raise ResponseFormatError("NaN")
        return Answer(())

    endpoint, clock, notes = FakeEndpoint(answer), ManualClock(), Notes()
    with requester_of(endpoint, AT_ONCE, journal=notes, clock=clock) as requester:
        for index in range(10):
            while not requester.offer(frame(index)):
                clock.advance(0.1)
                requester.wait(0.01)
        wait_out(requester, clock)
        assert endpoint.asked.count(3) == AT_ONCE.attempts
        assert (requester.sender.answered, requester.given_up) == (9, 1)
    assert notes.lost == {3: "NaN"}
    endpoint.asked.clear()
    with requester_of(endpoint, AT_ONCE, journal=notes, clock=clock) as requester:
        requester.offer(frame(3))
        assert wait_out(requester, clock) == [Lost(3, "NaN")]
        assert (requester.given_up, endpoint.asked) == (1, [])


def test_frames_that_all_fail_at_once_end_the_job() -> None:
    def answer(image: Image) -> Answer:
        if index_of(image):
            raise EndpointUnavailable("500", status=500)
        return Answer(())

    clock = ManualClock()
    with requester_of(FakeEndpoint(answer), AT_ONCE, clock=clock) as requester:
        requester.offer(frame(0))
        wait_out(requester, clock)
        for index in (1, 2, 3):
            assert requester.offer(frame(index))
        with pytest.raises(EndpointUnavailable, match="500"):
            wait_out(requester, clock)


@pytest.mark.parametrize("others", [0, 1])
def test_an_outage_of_the_whole_endpoint_is_waited_out(others: int) -> None:
    tries, clock, outage = dict[int, int](), ManualClock(), RecordedRetry().attempts + 5

    def answer(image: Image) -> Answer:
        index = index_of(image)
        tries[index] = tries.get(index, 0) + 1
        if index and sum(tries.values()) <= 1 + outage:
            raise EndpointUnavailable("refused")
        return Answer(())

    with requester_of(FakeEndpoint(answer), RecordedRetry(), clock=clock) as requester:
        requester.offer(frame(0))
        assert len(wait_out(requester, clock)) == 1
        for index in range(1, 2 + others):
            assert requester.offer(frame(index))
        assert len(wait_out(requester, clock)) == 1 + others
        assert sum(tries.values()) == 2 + others + outage


def test_an_endpoint_that_never_answers_ends_the_job() -> None:
    clock = ManualClock()

    def answer(_: Image) -> Answer:
        raise EndpointUnavailable("nothing listens there")

    with requester_of(FakeEndpoint(answer), RecordedRetry(), max_in_flight=1, clock=clock) as requester:
        clock.advance(1000.0)  # before the first sample nothing was asked
        requester.offer(frame(0))
        began_at = clock.now
        with pytest.raises(EndpointUnavailable, match="nothing listens"):
            wait_out(requester, clock)
        assert 30 < clock.now - began_at < 45
        assert requester.sender.requests > 5


def test_a_frame_that_waits_to_be_asked_again_holds_no_place() -> None:
    clock = ManualClock()

    def answer(image: Image) -> Answer:
        if index_of(image) < 5:
            raise EndpointUnavailable("503", status=503, retry_after=60.0)
        return Answer(())

    endpoint = FakeEndpoint(answer)
    with requester_of(endpoint, RecordedRetry(), max_in_flight=1, clock=clock) as requester:
        answered = list[int]()
        for index in (0, 10, 1, 11, 2, 12, 3, 13, 4, 14):
            while not requester.offer(frame(index)):
                answered += [outcome.frame_index for outcome in requester.wait(0.01)]
        while len(answered) < 5:
            answered += [outcome.frame_index for outcome in requester.wait(0.01)]
        assert answered == [10, 11, 12, 13, 14]
        assert endpoint.most_in_flight == 1
        assert (requester.pending, requester.in_flight) == (5, 0)


def test_frames_that_were_asked_before_come_before_new_ones() -> None:
    clock, endpoint = ManualClock(), FakeEndpoint(Failing(1, EndpointUnavailable("reset")))
    with requester_of(endpoint, RecordedRetry(), max_in_flight=1, clock=clock) as requester:
        requester.offer(frame(7))
        while requester.in_flight:
            requester.wait(0.01)
        clock.advance(1.0)
        while not requester.offer(frame(8)):
            requester.wait(0.01)
        while requester.in_flight:
            requester.wait(0.01)
        assert endpoint.asked == [7, 7, 8]


def test_a_refusal_for_good_is_raised_in_the_thread_of_the_loop() -> None:
    def refuse(_: Image) -> Answer:
        raise EndpointRejected("no such model")

    with requester_of(FakeEndpoint(refuse)) as requester:
        requester.offer(frame(0))
        with pytest.raises(EndpointRejected, match="no such model"):
            all_outcomes(requester)


def test_what_was_answered_before_a_refusal_is_not_lost() -> None:
    answered = threading.Event()

    def answer(image: Image) -> Answer:
        if index_of(image) == 1:
            assert answered.wait(10)
            raise EndpointRejected("no credits left")
        if index_of(image) == 2:
            answered.set()
        return Answer(())

    with requester_of(FakeEndpoint(answer)) as requester:
        requester.offer(frame(0))
        assert [outcome.frame_index for outcome in all_outcomes(requester)] == [0]
        requester.offer(frame(2))
        requester.offer(frame(1))
        outcomes = list[Outcome]()
        while not outcomes:
            outcomes += requester.wait(0.01)
        assert [outcome.frame_index for outcome in outcomes] == [2]
        with pytest.raises(EndpointRejected):
            all_outcomes(requester)


def test_a_requester_that_is_told_so_asks_nothing_again_and_does_not_wait() -> None:
    failing = Failing(10**9, EndpointUnavailable("503", status=503, retry_after=60.0))
    failed = threading.Event()

    def answer(image: Image) -> Answer:
        failed.set()
        return failing(image)

    endpoint = FakeEndpoint(answer)
    with requester_of(endpoint, RecordedRetry()) as requester:
        requester.offer(frame(0))
        assert failed.wait(10)
        requester.stop_retrying()
        assert all_outcomes(requester) == [Lost(0, "503")]
        assert endpoint.asked == [0]


def test_closing_ends_a_pause_between_tries_at_once() -> None:
    endpoint = FakeEndpoint(Failing(10**9, EndpointUnavailable("503", retry_after=60.0)))
    with requester_of(endpoint, RecordedRetry()) as requester:
        requester.offer(frame(0))
    assert endpoint.closed


def test_what_was_spent_is_counted() -> None:
    endpoint = FakeEndpoint(lambda _: Answer((), bytes_sent=1000, billed=0.25, credits=0.5))
    with requester_of(endpoint) as requester:
        for i in range(4):
            requester.offer(frame(i))
            all_outcomes(requester)
        assert (requester.sender.requests, requester.sender.answered, requester.sender.bytes_sent) == (4, 4, 4000)
        assert (requester.sender.billed, requester.sender.credits) == (1.0, 2.0)


def test_unknown_pictures_are_no_problem() -> None:
    with requester_of(FakeEndpoint(lambda _: Answer(()))) as requester:
        requester.offer(Frame(0, 0.0, 0.0, np.zeros((1, 4, 3), np.uint8)))
        assert len(all_outcomes(requester)) == 1


def test_a_live_budget_is_never_exceeded_and_its_end_is_said() -> None:
    endpoint = FakeEndpoint()
    with requester_of(endpoint, max_in_flight=8, max_requests=3) as requester:
        assert [requester.offer(frame(i)) for i in range(5)] == [True, True, True, False, False]
        assert len(all_outcomes(requester)) == 3
        assert not requester.offer(frame(6))
        assert "all 3 requests are spent" in requester.trouble
    assert len(endpoint.asked) == 3


def test_a_recorded_budget_counts_what_is_asked_again_and_ends_the_work() -> None:
    endpoint = FakeEndpoint(Failing(1, EndpointUnavailable("503", status=503, retry_after=0.0)))
    with requester_of(endpoint, AT_ONCE, max_in_flight=1, max_requests=3) as requester:
        assert requester.offer(frame(0))
        assert [type(outcome) for outcome in all_outcomes(requester)] == [Result]
        assert not requester.short
        assert requester.offer(frame(1))
        assert [type(outcome) for outcome in all_outcomes(requester)] == [Lost]  # there is no fourth request
        assert requester.short
        with pytest.raises(BudgetSpent, match="all 3 requests of `max_requests`"):
            requester.offer(frame(2))
    assert len(endpoint.asked) == 3


def test_what_the_journal_knows_is_not_asked_and_what_is_answered_is_noted() -> None:
    endpoint, notes = FakeEndpoint(), Notes()
    notes.answers[1] = Answer(())
    with requester_of(endpoint, RecordedRetry(), max_in_flight=8, journal=notes, max_requests=2) as requester:
        assert [requester.offer(frame(i)) for i in range(3)] == [True, True, True]
        outcomes = {outcome.frame_index: outcome for outcome in all_outcomes(requester)}
        assert sorted(outcomes) == [0, 1, 2]
        assert outcomes[1].poses == ()  # type: ignore[union-attr]
        assert sorted(endpoint.asked) == [0, 2]
        assert sorted(notes.answers) == [0, 1, 2]
        assert (requester.sender.requests, requester.recalled) == (2, 1)


def test_what_the_journal_knows_needs_no_request_to_be_free() -> None:
    gate, notes = Gate(), Notes()
    notes.answers[1] = Answer(())
    with requester_of(FakeEndpoint(gate), RecordedRetry(), max_in_flight=1, journal=notes) as requester:
        assert [requester.offer(frame(i)) for i in range(3)] == [True, True, False]
        assert [outcome.frame_index for outcome in requester.ready()] == [1]
        gate.open()
        assert [outcome.frame_index for outcome in all_outcomes(requester)] == [0]


def offered(requester: Requester, clock: ManualClock, frames: Iterator[int], seconds: float) -> int:
    """Offer thirty frames a second for a while; how many were asked about."""
    taken = 0
    for _ in range(round(30 * seconds)):
        taken += requester.offer(frame(next(frames)))
        clock.advance(1 / 30)
    return taken


def test_live_an_endpoint_that_hangs_is_probed_twice_a_second_and_asked_as_before_once_it_answers() -> None:
    clock, gate, frames = ManualClock(), Gate(), count()
    with requester_of(FakeEndpoint(gate), rate=5, max_in_flight=None, clock=clock) as requester:
        try:
            assert offered(requester, clock, frames, 3) == 4
            assert offered(requester, clock, frames, 4) > 4
            assert requester.trouble.startswith("no answer from the endpoint for")
            assert offered(requester, clock, frames, 10) == pytest.approx(20, abs=1)
        finally:
            gate.open()
        all_outcomes(requester)
        assert not requester.trouble
        assert offered(requester, clock, frames, 1 / 30) == 1


def test_live_an_endpoint_that_asks_for_time_gets_it() -> None:
    clock, frames = ManualClock(), count()
    error = EndpointUnavailable("asked too often", status=429, retry_after=5.0)
    with requester_of(FakeEndpoint(Failing(10**9, error)), max_in_flight=5, clock=clock) as requester:
        for _ in range(5):
            requester.offer(frame(next(frames)))
        all_outcomes(requester)
        assert requester.trouble == "asked too often - waiting 5 s"
        assert offered(requester, clock, frames, 4.9) == 0
        assert offered(requester, clock, frames, 0.2) == 1
