"""A gate spends what it was granted, in time, and gives back what it does not need."""

from __future__ import annotations

import pytest

from kpstream.dispatch.dealer import GRANT_LASTS, Grant
from kpstream.dispatch.fair_share import FairShare
from kpstream.errors import EndpointUnavailable


class FarDealer:
    """Deals when the test says so, as one does whose answers take a while; keeps what it hears."""

    def __init__(self) -> None:
        self.ready: list[Grant] = []
        self.requests_left: int | None = 10
        self.requests_spent = 90
        self.wanted: list[int] = []
        self.heard: list[str] = []

    def ask(self, want: int, now: float) -> Grant | None:
        self.wanted.append(want)
        return self.ready.pop(0) if self.ready else None

    def ended(self, grant: Grant) -> None:
        self.heard.append(f"ended {grant.number}")

    def release(self, grant: Grant, unused: int) -> None:
        self.heard.append(f"{unused} back of {grant.number}")


@pytest.fixture
def dealer() -> FarDealer:
    return FarDealer()


def test_a_gate_asks_again_until_something_is_dealt_and_spends_it_all(dealer: FarDealer) -> None:
    share = FairShare(dealer, batch=2)
    assert not share.allows(0.0)
    assert not share.allows(0.1)
    dealer.ready.append(Grant(7, 2, 0.2 + GRANT_LASTS))
    for frame in (1, 2):
        assert share.allows(0.2)
        share.sent(frame, 0.2)
    assert not share.allows(0.3)
    assert dealer.wanted == [2, 2, 2, 2]
    share.answered(1, 0.2, 0.6)
    share.failed(2, 0.2, 0.7, EndpointUnavailable("503"))
    assert dealer.heard == ["ended 7", "ended 7"]


def test_a_grant_that_is_not_spent_in_time_is_given_back(dealer: FarDealer) -> None:
    share = FairShare(dealer, batch=3)
    dealer.ready.append(Grant(7, 3, 2.5))
    assert share.allows(0.0)
    share.sent(1, 0.0)
    assert share.allows(2.4)
    assert not share.allows(2.5)
    assert dealer.heard == ["2 back of 7"]
    share.answered(1, 0.0, 3.0)
    assert dealer.heard == ["2 back of 7", "ended 7"]


def test_a_grant_that_comes_too_late_is_not_spent(dealer: FarDealer) -> None:
    share = FairShare(dealer)
    dealer.ready.append(Grant(7, 1, 2.5))
    assert not share.allows(3.0)
    assert not share.allows(3.1)
    assert dealer.heard == ["1 back of 7"]


def test_what_was_not_sent_after_all_and_what_is_left_at_the_end_are_given_back(dealer: FarDealer) -> None:
    share = FairShare(dealer, batch=3)
    dealer.ready.append(Grant(7, 3, 2.5))
    assert share.allows(0.0)
    share.sent(1, 0.0)
    share.unsent(1)
    share.close()
    share.close()
    assert dealer.heard == ["1 back of 7", "2 back of 7"]


def test_the_end_of_the_common_budget_is_told(dealer: FarDealer) -> None:
    share = FairShare(dealer, batch=2)
    assert (share.requests_left, share.trouble(0.0)) == (10, "")
    dealer.ready.append(Grant(7, 2, 2.5))
    share.allows(0.0)
    dealer.requests_left = 0
    assert (share.requests_left, share.trouble(0.0)) == (2, "")
    share.sent(1, 0.0)
    share.sent(2, 0.0)
    assert (share.requests_left, share.trouble(0.0)) == (0, "all 90 requests are spent: no new answers")
    dealer.requests_left = None
    assert (share.requests_left, share.trouble(0.0)) == (None, "")
