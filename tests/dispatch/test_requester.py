from __future__ import annotations

import gc
import random
import threading
import weakref
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import count
from math import inf

import numpy as np
import pytest

from kpstream.channel import Deadline
from kpstream.dispatch.gate import ConcurrencyLimit
from kpstream.dispatch.requester import ATTEMPTS, FIRST_ANSWER_WITHIN, Requester
from kpstream.entities import Answer, Frame, Image, Lost, Outcome, Result
from kpstream.errors import BudgetSpent, EndpointRejected, EndpointUnavailable, ResponseFormatError
from kpstream.interfaces import Endpoint
from kpstream.testing import FakeEndpoint, Gate, ManualClock, SyntheticSource, index_of

PICTURES = SyntheticSource()


def frame(index: int) -> Frame:
    return Frame(index, index / 30, 0.0, PICTURES.picture(index))


@contextmanager
def sampler_of(endpoint: Endpoint, *, patient: bool = False, max_in_flight: int = 3) -> Iterator[Requester]:
    sampler = Requester(endpoint, ConcurrencyLimit(inf, 32, max_in_flight), patient=patient)
    try:
        yield sampler
    finally:
        sampler.close(Deadline(5))


def all_outcomes(sampler: Requester) -> list[Outcome]:
    outcomes: list[Outcome] = []
    while got := sampler.wait():
        outcomes += got
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
    with sampler_of(endpoint, max_in_flight=3) as sampler:
        assert [sampler.offer(frame(i)) for i in range(5)] == [True, True, True, False, False]
        gate.wait_for(0, 1, 2)
        gate.open()
        assert sorted(outcome.frame_index for outcome in all_outcomes(sampler)) == [0, 1, 2]
        assert endpoint.most_in_flight == 3
        assert sampler.offer(frame(5))


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
        with sampler_of(FakeEndpoint(infer)) as sampler:
            for index in range(3):
                sampled = frame(index)
                pictures.append(weakref.ref(sampled.image))
                assert sampler.offer(sampled)
                del sampled
                all_outcomes(sampler)
            sampler.close(Deadline(5))
            assert [picture() is None for picture in pictures] == [True] * 3
    finally:
        gc.enable()


def test_a_busy_sampler_has_room_again_once_an_outcome_is_taken() -> None:
    gate = Gate()
    with sampler_of(FakeEndpoint(gate), max_in_flight=1) as sampler:
        assert sampler.offer(frame(0))
        assert sampler.busy
        gate.open()
        assert [outcome.frame_index for outcome in sampler.wait()] == [0]
        assert not sampler.busy


def test_live_a_request_that_fails_is_lost_and_not_asked_again() -> None:
    endpoint = FakeEndpoint(Failing(1, EndpointUnavailable("503", status=503)))
    with sampler_of(endpoint) as sampler:
        sampler.offer(frame(0))
        assert all_outcomes(sampler) == [Lost(0, "503")]
        assert endpoint.asked == [0]
        assert sampler.lost == 1
        assert sampler.trouble == "503"
        sampler.offer(frame(0))
        all_outcomes(sampler)
        assert sampler.trouble == ""


@pytest.mark.parametrize("error", [EndpointUnavailable("503", retry_after=0.0), ResponseFormatError("NaN")])
def test_recorded_a_request_that_fails_is_asked_again(error: Exception) -> None:
    endpoint = FakeEndpoint(Failing(1, error))
    with sampler_of(endpoint, patient=True) as sampler:
        sampler.offer(frame(0))
        (outcome,) = all_outcomes(sampler)
        assert not isinstance(outcome, Lost)
        assert endpoint.asked == [0, 0]
        assert sampler.requests == 2


@pytest.fixture
def no_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    """Tries follow each other at once."""
    monkeypatch.setattr(random, "uniform", lambda *_: 0.0)


@pytest.mark.usefixtures("no_pauses")
@pytest.mark.parametrize("error", [EndpointUnavailable("500", status=500), ResponseFormatError("NaN")])
def test_a_frame_that_the_endpoint_fails_at_ten_times_ends_the_job(error: Exception) -> None:
    endpoint = FakeEndpoint(Failing(10**9, error))
    with sampler_of(endpoint, patient=True) as sampler:
        sampler.offer(frame(0))
        with pytest.raises(type(error)):
            sampler.wait()
        assert len(endpoint.asked) == ATTEMPTS


@pytest.mark.usefixtures("no_pauses")
def test_a_frame_that_fails_while_others_are_answered_ends_the_job() -> None:
    def answer(image: Image) -> Answer:
        if index_of(image) == 0:
            raise EndpointUnavailable("hangs")
        return Answer(())

    def ask_for_ever(sampler: Requester) -> None:
        for index in range(10**6):
            while sampler.busy:
                sampler.wait()
            sampler.offer(frame(index))

    with sampler_of(FakeEndpoint(answer), patient=True) as sampler, pytest.raises(EndpointUnavailable, match="hangs"):
        ask_for_ever(sampler)


@pytest.mark.usefixtures("no_pauses")
@pytest.mark.parametrize("others", [0, 1])
def test_an_outage_of_the_whole_endpoint_is_waited_out(others: int) -> None:
    tries: dict[int, int] = {}

    def answer(image: Image) -> Answer:
        index = index_of(image)
        tries[index] = tries.get(index, 0) + 1
        if index and tries[index] <= ATTEMPTS + 5:
            raise EndpointUnavailable("refused")
        return Answer(())

    with sampler_of(FakeEndpoint(answer), patient=True) as sampler:
        sampler.offer(frame(0))
        assert len(all_outcomes(sampler)) == 1
        for index in range(1, 2 + others):
            sampler.offer(frame(index))
        assert len(all_outcomes(sampler)) == 1 + others
        assert tries[1] == ATTEMPTS + 6


@pytest.mark.usefixtures("no_pauses")
def test_an_endpoint_that_never_answers_ends_the_job() -> None:
    clock = ManualClock()

    def answer(_: Image) -> Answer:
        clock.advance(1.0)
        raise EndpointUnavailable("nothing listens there")

    sampler = Requester(FakeEndpoint(answer), ConcurrencyLimit(inf, 32, 1), patient=True, clock=clock)
    clock.advance(1000.0)  # before the first sample nothing was asked
    sampler.offer(frame(0))
    with pytest.raises(EndpointUnavailable, match="nothing listens"):
        sampler.wait()
    sampler.close(Deadline(5))
    assert FIRST_ANSWER_WITHIN <= sampler.requests <= FIRST_ANSWER_WITHIN + 2


def test_a_refusal_for_good_is_raised_in_the_thread_of_the_loop() -> None:
    def refuse(_: Image) -> Answer:
        raise EndpointRejected("no such model")

    with sampler_of(FakeEndpoint(refuse)) as sampler:
        sampler.offer(frame(0))
        with pytest.raises(EndpointRejected, match="no such model"):
            sampler.wait()


def test_what_was_answered_before_a_refusal_is_not_lost() -> None:
    answered = threading.Event()

    def answer(image: Image) -> Answer:
        if index_of(image) == 1:
            assert answered.wait(10)
            raise EndpointRejected("no credits left")
        if index_of(image) == 2:
            answered.set()
        return Answer(())

    with sampler_of(FakeEndpoint(answer)) as sampler:
        sampler.offer(frame(0))
        assert [outcome.frame_index for outcome in sampler.wait()] == [0]
        sampler.offer(frame(2))
        sampler.offer(frame(1))
        assert [outcome.frame_index for outcome in sampler.wait()] == [2]
        with pytest.raises(EndpointRejected):
            sampler.wait()


def test_a_hurried_sampler_asks_nothing_again_and_does_not_wait() -> None:
    failing = Failing(10**9, EndpointUnavailable("503", status=503, retry_after=60.0))
    failed = threading.Event()

    def answer(image: Image) -> Answer:
        failed.set()
        return failing(image)

    endpoint = FakeEndpoint(answer)
    with sampler_of(endpoint, patient=True) as sampler:
        sampler.offer(frame(0))
        assert failed.wait(10)
        sampler.hurry()
        assert sampler.wait() == [Lost(0, "503")]
        assert endpoint.asked == [0]


def test_closing_ends_a_pause_between_tries_at_once() -> None:
    endpoint = FakeEndpoint(Failing(10**9, EndpointUnavailable("503", retry_after=60.0)))
    with sampler_of(endpoint, patient=True) as sampler:
        sampler.offer(frame(0))
    assert endpoint.closed


def test_what_was_spent_is_counted() -> None:
    endpoint = FakeEndpoint(lambda _: Answer((), bytes_sent=1000, billed=0.25, credits=0.5))
    with sampler_of(endpoint) as sampler:
        for i in range(4):
            sampler.offer(frame(i))
            all_outcomes(sampler)
        assert (sampler.requests, sampler.answered, sampler.bytes_sent) == (4, 4, 4000)
        assert (sampler.billed, sampler.credits) == (1.0, 2.0)


def test_unknown_pictures_are_no_problem() -> None:
    with sampler_of(FakeEndpoint(lambda _: Answer(()))) as sampler:
        sampler.offer(Frame(0, 0.0, 0.0, np.zeros((1, 4, 3), np.uint8)))
        assert len(all_outcomes(sampler)) == 1


def test_a_live_budget_is_never_exceeded_and_its_end_is_said() -> None:
    endpoint = FakeEndpoint()
    sampler = Requester(endpoint, ConcurrencyLimit(inf, 32, 8), patient=False, max_requests=3)
    assert sampler.requests_left == 3
    assert [sampler.offer(frame(i)) for i in range(5)] == [True, True, True, False, False]
    assert len(all_outcomes(sampler)) == 3
    assert not sampler.offer(frame(6))
    assert "3 requests are spent" in sampler.trouble
    assert sampler.requests_left == 0
    sampler.close(Deadline(5))
    assert len(endpoint.asked) == 3


def test_a_recorded_budget_counts_what_is_asked_again_and_ends_the_work() -> None:
    endpoint = FakeEndpoint(Failing(1, EndpointUnavailable("503", status=503, retry_after=0.0)))
    sampler = Requester(endpoint, ConcurrencyLimit(inf, 32, 1), patient=True, max_requests=3)
    random.seed(1)
    assert sampler.offer(frame(0))
    assert [type(outcome) for outcome in all_outcomes(sampler)] == [Result]
    assert not sampler.short
    assert sampler.offer(frame(1))
    assert [type(outcome) for outcome in all_outcomes(sampler)] == [Lost]  # it failed, and there is no fourth request
    assert sampler.short
    with pytest.raises(BudgetSpent, match="3 requests"):
        sampler.offer(frame(2))
    sampler.close(Deadline(5))
    assert len(endpoint.asked) == 3


class Notes:
    """A journal in memory."""

    def __init__(self) -> None:
        self.answers: dict[int, Answer] = {}

    def recall(self, frame_index: int) -> Answer | None:
        return self.answers.get(frame_index)

    def note(self, frame_index: int, answer: Answer) -> None:
        self.answers[frame_index] = answer


def test_what_the_journal_knows_is_not_asked_and_what_is_answered_is_noted() -> None:
    endpoint, notes = FakeEndpoint(), Notes()
    notes.answers[1] = Answer(())
    sampler = Requester(endpoint, ConcurrencyLimit(inf, 32, 8), patient=True, journal=notes, max_requests=2)
    assert [sampler.offer(frame(i)) for i in range(3)] == [True, True, True]
    outcomes = {outcome.frame_index: outcome for outcome in all_outcomes(sampler)}
    assert sorted(outcomes) == [0, 1, 2]
    assert outcomes[1].poses == ()  # type: ignore[union-attr]
    assert sorted(endpoint.asked) == [0, 2]
    assert sorted(notes.answers) == [0, 1, 2]
    assert (sampler.requests, sampler.recalled, sampler.requests_left) == (2, 1, 0)
    sampler.close(Deadline(5))


def offered(sampler: Requester, clock: ManualClock, frames: Iterator[int], seconds: float) -> int:
    """Offer thirty frames a second for a while; how many were asked about."""
    taken = 0
    for _ in range(round(30 * seconds)):
        taken += sampler.offer(frame(next(frames)))
        clock.advance(1 / 30)
    return taken


def test_live_an_endpoint_that_hangs_is_probed_twice_a_second_and_asked_as_before_once_it_answers() -> None:
    clock, gate, frames = ManualClock(), Gate(), count()
    sampler = Requester(FakeEndpoint(gate), ConcurrencyLimit(5, 32), patient=False, clock=clock)
    try:
        assert offered(sampler, clock, frames, 3) == 4
        assert offered(sampler, clock, frames, 4) > 4
        assert sampler.trouble.startswith("no answer from the endpoint for")
        assert offered(sampler, clock, frames, 10) == pytest.approx(20, abs=1)
        gate.open()
        while sampler.in_flight:
            sampler.wait()
        assert not sampler.trouble
        assert offered(sampler, clock, frames, 1 / 30) == 1
    finally:
        gate.open()
        sampler.close(Deadline(5))


def test_live_an_endpoint_that_asks_for_time_gets_it() -> None:
    clock, frames = ManualClock(), count()
    error = EndpointUnavailable("asked too often", status=429, retry_after=5.0)
    sampler = Requester(FakeEndpoint(Failing(10**9, error)), ConcurrencyLimit(inf, 32, 5), patient=False, clock=clock)
    try:
        for _ in range(5):
            sampler.offer(frame(next(frames)))
        all_outcomes(sampler)
        assert sampler.trouble == "asked too often - waiting 5 s"
        assert offered(sampler, clock, frames, 4.9) == 0
        assert offered(sampler, clock, frames, 0.2) == 1
    finally:
        sampler.close(Deadline(5))


def test_threads_that_an_outage_left_over_end() -> None:
    gate, limit = Gate(), ConcurrencyLimit(30, 32)
    limit.answered(0.4)
    endpoint = FakeEndpoint(gate, max_in_flight=32)
    sampler = Requester(endpoint, limit, patient=True)
    for index in range(12):
        assert sampler.offer(frame(index))
    gate.wait_for(*range(12))
    many = {thread.name for thread in threading.enumerate() if thread.name.startswith("kpstream-request")}
    for _ in range(50):
        limit.answered(0.01)
    gate.open()
    assert len(all_outcomes(sampler)) == 12
    for index in range(12, 18):
        assert sampler.offer(frame(index))
        all_outcomes(sampler)
    few = [thread for thread in threading.enumerate() if thread.name in many]
    assert len(few) <= 4
    sampler.close(Deadline(5))
    assert sorted(endpoint.asked) == list(range(18))
