from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kpstream.dispatch.retry import AskAgain, EndWork, Failure, Fault, GiveUp, LiveRetry, RecordedRetry, backoff, is_own
from kpstream.errors import EndpointUnavailable, ResponseFormatError

REFUSED = EndpointUnavailable("nothing listens")


def failure(
    fault: Fault = REFUSED,
    tries: int = 1,
    own: int = 0,
    *,
    others: bool = False,
    ever: bool = True,
    since: float = 1.0,
    alone: bool = False,
) -> Failure:
    return Failure(fault, tries, own, others_answered=others, ever_answered=ever, asking_for=since, is_alone=alone)


def pause(what: Failure) -> float:
    verdict = RecordedRetry().after(what)
    assert isinstance(verdict, AskAgain)
    return verdict.after


@given(st.integers(1, 100), st.booleans())
def test_live_a_frame_is_given_up_at_once(tries: int, ever: bool) -> None:
    assert LiveRetry().after(failure(tries=tries, own=tries, ever=ever, since=1e6)) == GiveUp()


@given(st.integers(1, 1000), st.floats(0, 1e6))
def test_recorded_an_outage_is_waited_out_however_long_it_lasts(tries: int, since: float) -> None:
    assert 0.25 <= pause(failure(tries=tries, since=since)) <= 8.0


def test_recorded_a_frame_that_fails_alone_is_given_up_after_ten_times() -> None:
    assert isinstance(RecordedRetry().after(failure(tries=30, own=9, alone=True)), AskAgain)
    assert RecordedRetry().after(failure(tries=10, own=10, alone=True)) == GiveUp()


def test_recorded_frames_that_fail_together_end_the_work_after_ten_times() -> None:
    assert RecordedRetry().after(failure(tries=10, own=10)) == EndWork()
    assert RecordedRetry().after(failure(tries=10, own=10, alone=True, ever=False)) == EndWork()


def test_recorded_an_endpoint_that_never_answers_ends_the_work_after_half_a_minute() -> None:
    assert isinstance(RecordedRetry().after(failure(ever=False, since=29.0)), AskAgain)
    assert RecordedRetry().after(failure(ever=False, since=31.0)) == EndWork()


def test_a_frame_that_fails_while_others_are_answered_does_not_hold_them_up_for_long() -> None:
    assert pause(failure(tries=9)) >= 4.0
    assert pause(failure(tries=9, others=True)) <= 2.0
    told = EndpointUnavailable("429", status=429, retry_after=5.0)
    assert pause(failure(told, tries=9, others=True)) >= 5.0


@pytest.mark.parametrize(
    ("fault", "others", "own"),
    [
        (REFUSED, False, False),
        (REFUSED, True, True),
        (EndpointUnavailable("503", status=503), False, False),
        (EndpointUnavailable("500", status=500), False, True),
        (ResponseFormatError("NaN"), False, True),
    ],
)
def test_a_frame_is_to_blame_where_others_are_answered_or_the_endpoint_says_so(
    fault: Fault, others: bool, own: bool
) -> None:
    assert is_own(fault, others_answered=others) == own


@given(st.integers(1, 30))
def test_backing_off_grows_and_is_bounded(attempt: int) -> None:
    assert 0.25 <= backoff(attempt, longest=8.0) <= 8.0
    assert backoff(8, longest=8.0) >= 4.0


def test_what_the_service_asks_for_is_the_least() -> None:
    assert 3.0 <= backoff(1, 3.0, longest=8.0) <= 3.1
    assert 60.0 <= backoff(1, 86400.0, longest=8.0) <= 60.1
    assert backoff(5, 0.0, longest=8.0) >= 4.0
