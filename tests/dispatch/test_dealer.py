"""What is dealt never breaks a limit, is dealt fairly, and what one does not want goes to the others."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kpstream.dispatch.dealer import DEMAND_LASTS, STUCK_AFTER, Dealer, Grant, Limits, Member
from kpstream.dispatch.fair_share import FairShare
from kpstream.dispatch.gate import Lease, RequestGate


def simulate(
    dealer: Dealer, cameras: Mapping[str, float], seconds: float, *, wants: Mapping[str, float] | None = None
) -> Counter[str]:
    """Let cameras with these frame rates ask at each of their frames; gives how often each was dealt to.

    Args:
        dealer: Deals to them.
        cameras: Frames a second by name.
        seconds: For how long.
        wants: The most that one of them wants a second; each frame where it is not named.
    """
    taken: Counter[str] = Counter()
    members = {name: dealer.join() for name in cameras}
    frames = sorted((i / rate, name) for name, rate in cameras.items() for i in range(int(seconds * rate)))
    for now, name in frames:
        if wants and name in wants and taken[name] > now * wants[name]:
            continue
        if grant := members[name].ask(1, now):
            members[name].ended(grant)
            taken[name] += 1
    return taken


def dealt(member: Member, now: float, want: int = 1) -> Grant:
    grant = member.ask(want, now)
    assert grant is not None
    return grant


def test_all_together_stay_at_the_rate_and_each_has_its_part() -> None:
    taken = simulate(Dealer(Limits(rate=10)), {"a": 30, "b": 25, "c": 10, "d": 12.5}, 60)
    assert 590 <= sum(taken.values()) <= 605
    assert max(taken.values()) - min(taken.values()) <= 2


def test_a_camera_alone_has_the_whole_rate() -> None:
    assert simulate(Dealer(Limits(rate=20)), {"a": 30}, 30)["a"] == pytest.approx(600, abs=3)


def test_what_one_does_not_want_goes_to_the_others() -> None:
    taken = simulate(Dealer(Limits(rate=10)), {"calm": 30, "busy": 30, "eager": 25}, 60, wants={"calm": 1})
    assert taken["calm"] == pytest.approx(60, abs=2)
    assert taken["busy"] == pytest.approx(270, abs=5)
    assert taken["eager"] == pytest.approx(270, abs=5)


def test_a_slow_camera_is_not_pushed_aside_by_fast_ones() -> None:
    taken = simulate(Dealer(Limits(rate=5)), {"slow": 0.5, "a": 30, "b": 30}, 60)
    assert taken["slow"] >= 15  # of its 30 frames: a demand that was not met is kept for the next one


def test_one_that_asked_and_died_holds_nobody_up_for_long() -> None:
    dealer = Dealer(Limits(rate=1))
    first, dead, alive = dealer.join(), dealer.join(), dealer.join()
    dealt(first, 0.0)
    assert dead.ask(1, 0.1) is None
    assert alive.ask(1, 1.5) is None
    assert alive.ask(1, 0.2 + DEMAND_LASTS)


def test_one_that_leaves_holds_nobody_up_at_all() -> None:
    dealer = Dealer(Limits(rate=1, max_in_flight=1))
    first, second = dealer.join(), dealer.join()
    dealt(first, 0.0)
    first.leave()
    first.leave()
    assert second.ask(1, 1.1)


def test_what_is_dealt_is_booked_at_once() -> None:
    dealer = Dealer(Limits(max_requests=3))
    first, second = dealer.join(), dealer.join()
    grant = dealt(first, 0.0, want=2)
    assert (grant.requests, dealer.left, dealer.spent) == (2, 1, 2)
    assert dealt(second, 0.0, want=2).requests == 1
    assert second.ask(1, 0.1) is None
    assert first.ask(1, 0.1) is None


def test_what_is_given_back_goes_to_the_others() -> None:
    dealer = Dealer(Limits(rate=1, max_requests=1, max_in_flight=1))
    first, second = dealer.join(), dealer.join()
    grant = dealt(first, 0.0)
    assert second.ask(1, 0.0) is None
    first.release(grant, 1)
    assert dealt(second, 0.0).requests == 1
    assert dealer.left == 0


def test_what_a_dead_member_did_not_give_back_may_have_been_sent_and_stays_spent() -> None:
    dealer = Dealer(Limits(max_requests=5))
    dead = dealer.join()
    dealt(dead, 0.0, want=3)
    dead.leave()
    assert (dealer.left, dealer.spent) == (2, 3)


def test_one_that_wants_many_leaves_their_part_to_those_who_wait() -> None:
    dealer = Dealer(Limits(max_in_flight=8))
    greedy, others = dealer.join(), [dealer.join() for _ in range(3)]
    grant = dealt(greedy, 0.0, want=8)
    for other in others:
        assert other.ask(1, 0.1) is None
    for _ in range(8):
        greedy.ended(grant)
    for other in others:
        dealt(other, 0.2)
    assert dealt(greedy, 0.2, want=8).requests == 5


def test_what_is_spent_stays_spent_under_a_new_budget() -> None:
    dealer = Dealer(Limits(max_requests=2))
    assert simulate(dealer, {"a": 10}, 10)["a"] == 2
    dealer.limit(Limits(max_requests=5))
    assert (dealer.left, dealer.spent) == (3, 2)


def test_a_rate_that_is_set_later_holds_from_then_on() -> None:
    dealer = Dealer()
    assert simulate(dealer, {"a": 10}, 10)["a"] == 100
    dealer.limit(Limits(rate=1))
    assert simulate(dealer, {"b": 10}, 10)["b"] <= 12


def test_members_of_one_service_share_what_it_can_take_and_no_other_waits_for_that() -> None:
    dealer = Dealer(Limits(rate=100))
    busy, also, free = (dealer.join(name, Limits(max_in_flight=1)) for name in ("there", "there", "here"))
    grant = dealt(busy, 0.0)
    assert also.ask(1, 0.1) is None
    dealt(free, 0.1)
    busy.ended(grant)
    dealt(also, 0.2)


@settings(deadline=None)
@given(
    rates=st.lists(st.sampled_from([0.5, 1, 5, 10, 12.5, 25, 30, 60]), min_size=1, max_size=6),
    rate=st.sampled_from([0.2, 1, 5, 20, 100]),
    budget=st.none() | st.integers(1, 200),
)
def test_no_limit_is_ever_broken_and_nobody_starves(rates: list[float], rate: float, budget: int | None) -> None:
    cameras = {str(i): fps for i, fps in enumerate(rates)}
    taken = simulate(Dealer(Limits(rate=rate, max_requests=budget)), cameras, 20)
    assert sum(taken.values()) <= rate * 20 + len(cameras) + 1
    assert budget is None or sum(taken.values()) <= budget
    if budget is None:
        fair = min(rate / len(cameras), 0.25) * 20
        assert all(taken[name] >= fair - 3 for name in cameras)


@given(st.integers(1, 4), st.lists(st.tuples(st.integers(0, 3), st.booleans(), st.integers(1, 3)), max_size=200))
def test_never_more_at_once_than_allowed(most: int, steps: list[tuple[int, bool, int]]) -> None:
    dealer, running = Dealer(Limits(max_in_flight=most)), list[tuple[int, Grant]]()
    members = [dealer.join() for _ in range(4)]
    for number, (index, ends, want) in enumerate(steps):
        mine = [request for request in running if request[0] == index]
        if ends and mine:
            members[index].ended(mine[0][1])
            running.remove(mine[0])
        elif not ends and (grant := members[index].ask(want, number * 0.01)):
            running += [(index, grant)] * grant.requests
        assert len(running) <= most


def test_a_request_that_is_stuck_holds_nobody_up_for_ever() -> None:
    dealer = Dealer(Limits(max_in_flight=1))
    stuck, other = dealer.join(), dealer.join()
    grant = dealt(stuck, 0.0)
    assert other.ask(1, STUCK_AFTER) is None
    other.ended(dealt(other, STUCK_AFTER + 0.1))
    stuck.ended(grant)
    dealt(stuck, STUCK_AFTER + 0.2)


# -- many gates, some of which die


@dataclass
class Asking:
    """A gate that wants to send at each of its frames, until it dies."""

    gate: RequestGate
    member: Member
    frame_rate: float
    born_at: float
    dies_at: float
    sent: int = 0
    out: list[tuple[float, Lease]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.next_at = self.born_at


class Crowd:
    """Gates that share a dealer, come and die at random, and ask whenever they may.

    Args:
        limits: What they share.
        seed: Of all that is random.
    """

    STEP = 0.01

    def __init__(self, limits: Limits, seed: int) -> None:
        self.dealer = Dealer(limits)
        self.sent_at: list[float] = []
        self.gone: list[tuple[Asking, float]] = []
        """Each gate, and when it was over with it."""
        self._random = random.Random(seed)
        self._frames = 0
        self.asking = [self._born(0.0) for _ in range(12)]

    def run(self, seconds: float) -> None:
        for step in range(round(seconds / self.STEP)):
            now = step * self.STEP
            for asking in list(self.asking):
                if now >= asking.dies_at:
                    self._bury(asking, now)
                else:
                    self._ask(asking, now)
        self.gone += [(asking, seconds) for asking in self.asking]

    def _born(self, now: float) -> Asking:
        member = self.dealer.join()
        gate = RequestGate([FairShare(member, self._random.choice([1, 1, 2, 4]))])
        frame_rate = self._random.choice([2.0, 5.0, 10.0, 25.0, 30.0])
        return Asking(gate, member, frame_rate, now, now + self._random.expovariate(1 / 60))

    def _ask(self, asking: Asking, now: float) -> None:
        for over_at, lease in list(asking.out):
            if over_at <= now:
                lease.answered(now)
                asking.out.remove((over_at, lease))
        if now >= asking.next_at:
            asking.next_at += 1 / asking.frame_rate
            self._frames += 1
            if granted := asking.gate.try_acquire(self._frames, now):
                asking.sent += 1
                self.sent_at.append(now)
                asking.out.append((now + self._random.uniform(0.05, 0.8), granted))

    def _bury(self, asking: Asking, now: float) -> None:
        """It may give back what it has, or vanish with it; its member may be told so, or never be heard of again."""
        how = self._random.randrange(3)
        if how == 0:
            asking.gate.close()
        if how < 2:
            asking.member.leave()
        self.gone.append((asking, now))
        self.asking.remove(asking)
        self.asking.append(self._born(now))


@pytest.mark.parametrize("seed", range(5))
def test_gates_that_come_and_die_never_exceed_the_rate_use_it_well_and_none_starves(seed: int) -> None:
    crowd, seconds, rate = Crowd(Limits(rate=20), seed), 300.0, 20.0
    crowd.run(seconds)
    assert 0.95 * rate * seconds <= len(crowd.sent_at) <= 1.02 * rate * seconds
    for asking, until in crowd.gone:
        lived = until - asking.born_at
        assert asking.sent >= 0.25 * lived * rate / 12 - 2, f"{asking.frame_rate} frames/s, {lived:.0f} s"


@pytest.mark.parametrize("seed", range(5))
def test_gates_that_come_and_die_never_exceed_the_budget(seed: int) -> None:
    crowd = Crowd(Limits(rate=50, max_requests=2000, max_in_flight=30), seed)
    crowd.run(120)
    assert crowd.dealer.left == 0
    assert 0.95 * 2000 <= len(crowd.sent_at) <= 2000
