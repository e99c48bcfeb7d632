"""Turns: never above the limits, fair to all who want one, and what one leaves goes to the others."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kpstream.dispatch.fair_share import PATIENCE, STUCK, FairShare, Limits


def simulate(
    shares: FairShare, cameras: Mapping[str, float], seconds: float, *, wants: Mapping[str, float] | None = None
) -> Counter[str]:
    """Let cameras with these frame rates ask at each of their frames; gives how often each was let in.

    Args:
        shares: What they share.
        cameras: Frames a second by name.
        seconds: For how long.
        wants: The most that one of them wants a second; each frame where it is not named.
    """
    taken: Counter[str] = Counter()
    frames = sorted((i / rate, name) for name, rate in cameras.items() for i in range(int(seconds * rate)))
    for now, name in frames:
        if wants and name in wants and taken[name] > now * wants[name]:
            shares.withdraw(name)
        elif shares.ask(name, now):
            shares.taken(name, now)
            shares.ended(name, shares.began(name, now))
            taken[name] += 1
    return taken


def test_all_together_stay_at_the_rate_and_each_has_its_part() -> None:
    taken = simulate(FairShare(Limits(rate=10)), {"a": 30, "b": 25, "c": 10, "d": 12.5}, 60)
    assert 590 <= sum(taken.values()) <= 605
    assert max(taken.values()) - min(taken.values()) <= 2


def test_a_camera_alone_has_the_whole_rate() -> None:
    assert simulate(FairShare(Limits(rate=20)), {"a": 30}, 30)["a"] == pytest.approx(600, abs=3)


def test_what_one_does_not_want_goes_to_the_others() -> None:
    taken = simulate(FairShare(Limits(rate=10)), {"calm": 30, "busy": 30, "eager": 25}, 60, wants={"calm": 1})
    assert taken["calm"] == pytest.approx(60, abs=2)
    assert taken["busy"] == pytest.approx(270, abs=5)
    assert taken["eager"] == pytest.approx(270, abs=5)


def test_a_slow_camera_is_not_pushed_aside_by_fast_ones() -> None:
    taken = simulate(FairShare(Limits(rate=5)), {"slow": 0.5, "a": 30, "b": 30}, 60)
    assert taken["slow"] >= 15  # of its 30 frames: a turn that is not free is kept for the next one


def test_a_camera_that_dies_with_a_turn_holds_nobody_up_for_long() -> None:
    shares = FairShare(Limits(rate=1))
    assert shares.ask("dead", 0.0)
    assert not shares.ask("alive", 0.5)
    assert shares.ask("alive", 0.1 + PATIENCE)


def test_a_turn_that_is_kept_is_nobody_elses() -> None:
    shares = FairShare(Limits(max_requests=1))
    assert shares.ask("first", 0.0)
    assert not shares.ask("second", 0.01)
    shares.taken("first", 0.02)
    assert not shares.ask("second", 0.03)
    shares.began("first", 0.04)
    assert shares.left == 0


def test_a_turn_that_is_kept_is_not_even_theirs_who_waited_longer() -> None:
    shares = FairShare(Limits(max_requests=1))
    assert shares.ask("older", 0.0)
    shares.withdraw("older")
    assert shares.ask("younger", 0.1)
    assert not shares.ask("older", 0.2)


def test_who_leaves_gives_its_turn_back_at_once() -> None:
    shares = FairShare(Limits(max_in_flight=1))
    assert shares.ask("first", 0.0)
    shares.leave("first")
    assert shares.ask("second", 0.01)


def test_a_turn_that_became_no_request_is_given_back() -> None:
    shares = FairShare(Limits(max_requests=1))
    assert shares.ask("first", 0.0)
    shares.taken("first", 0.0)  # and then its camera died, and the request never began
    assert not shares.ask("second", 0.1)
    assert shares.ask("second", 0.1 + PATIENCE)


def test_a_request_that_begins_before_its_turn_is_noted_counts_once() -> None:
    shares = FairShare(Limits(max_requests=2))
    assert shares.ask("quick", 0.0)
    number = shares.began("quick", 0.01)
    shares.taken("quick", 0.02)
    shares.ended("quick", number)
    assert shares.left == 1
    assert shares.ask("quick", 0.03)


def test_what_is_spent_stays_spent_under_a_new_budget() -> None:
    shares = FairShare(Limits(max_requests=2))
    assert simulate(shares, {"a": 10}, 10)["a"] == 2
    shares.limit(Limits(max_requests=5))
    assert shares.left == 3
    assert shares.spent == 2


def test_a_rate_that_is_set_later_holds_from_then_on() -> None:
    shares = FairShare()
    assert simulate(shares, {"a": 10}, 10)["a"] == 100
    shares.limit(Limits(rate=1))
    assert simulate(shares, {"b": 10}, 10)["b"] <= 12


@settings(deadline=None)
@given(
    rates=st.lists(st.sampled_from([0.5, 1, 5, 10, 12.5, 25, 30, 60]), min_size=1, max_size=6),
    rate=st.sampled_from([0.2, 1, 5, 20, 100]),
    budget=st.none() | st.integers(1, 200),
)
def test_no_limit_is_ever_broken_and_nobody_starves(rates: list[float], rate: float, budget: int | None) -> None:
    cameras = {str(i): fps for i, fps in enumerate(rates)}
    taken = simulate(FairShare(Limits(rate=rate, max_requests=budget)), cameras, 20)
    assert sum(taken.values()) <= rate * 20 + len(cameras) + 1
    assert budget is None or sum(taken.values()) <= budget
    if budget is None:
        fair = min(rate / len(cameras), 0.25) * 20
        assert all(taken[name] >= fair - 3 for name in cameras)


@given(st.integers(1, 4), st.lists(st.tuples(st.sampled_from("abcd"), st.booleans()), max_size=200))
def test_never_more_at_once_than_allowed(most: int, steps: list[tuple[str, bool]]) -> None:
    shares, running = FairShare(Limits(max_in_flight=most)), list[tuple[str, int]]()
    for number, (name, ends) in enumerate(steps):
        now = number * 0.01
        mine = [request for request in running if request[0] == name]
        if ends and mine:
            shares.ended(*mine[0])
            running.remove(mine[0])
        elif not ends and shares.ask(name, now):
            shares.taken(name, now)
            running.append((name, shares.began(name, now)))
        assert len(running) <= most


def test_a_request_that_is_stuck_holds_nobody_up_for_ever() -> None:
    shares = FairShare(Limits(max_in_flight=1))
    assert shares.ask("stuck", 0.0)
    shares.taken("stuck", 0.0)
    number = shares.began("stuck", 0.0)
    assert not shares.ask("other", STUCK)
    assert shares.ask("other", STUCK + 0.1)
    shares.taken("other", STUCK + 0.1)
    shares.ended("other", shares.began("other", STUCK + 0.1))
    shares.ended("stuck", number)
    assert shares.ask("stuck", STUCK + 0.2)
