from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from kpstream.dispatch.retry import backoff


@given(st.integers(1, 30))
def test_backing_off_grows_and_is_bounded(attempt: int) -> None:
    assert 0.25 <= backoff(attempt) <= 8.0
    assert backoff(8) >= 4.0


def test_what_the_service_asks_for_is_the_least() -> None:
    assert 3.0 <= backoff(1, 3.0) <= 3.1
    assert 60.0 <= backoff(1, 86400.0) <= 60.1
    assert backoff(5, 0.0) >= 4.0
