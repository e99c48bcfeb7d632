"""Many workers, one rate, one budget: simulated, with deaths."""

from __future__ import annotations

import random
from bisect import bisect_right
from collections import Counter
from dataclasses import dataclass, field
from heapq import heappop, heappush
from itertools import count
from math import inf

import pytest

from kpstream.dispatch.dealer import Grant
from kpstream.dispatch.grant_queue import GrantQueue, LocalGrants
from kpstream.errors import EndpointUnavailable

TOO_MUCH = EndpointUnavailable("too much", status=429)


@dataclass
class Simulation:
    """Workers that ask, send what they were granted, die with a grant in hand, and are replaced.

    Of most that die it is known how much they have sent; others are cut off, and may go on to spend what they hold.
    """

    queue: GrantQueue
    workers: int
    seed: int
    deaths_a_second: float = 0.0
    returns: float = 0.02
    """The share of grants of which nothing is sent, and all is given back."""
    sent_at: list[float] = field(default_factory=list)
    waits: list[float] = field(default_factory=list)
    lost: int = 0
    """Requests that were booked and never sent, as nobody could know."""
    sent: Counter[int] = field(default_factory=Counter)
    """Requests by worker."""
    over: int = 0
    """Requests that those who are gone have sent at most."""

    def run(self, seconds: float) -> None:
        chance, numbers = random.Random(self.seed), count()
        events: list[tuple[float, int, str, int]] = []
        asked_at: dict[int, float] = {}
        for worker in range(self.workers):
            heappush(events, (chance.random(), next(numbers), "ask", worker))
        heappush(events, (0.0, next(numbers), "death", -1))
        newest, now, deals_at = self.workers, 0.0, inf
        while events and now < seconds:
            now, _, what, worker = heappop(events)
            if what == "ask":
                asked_at.setdefault(worker, now)
                self.queue.ask(worker, 8)
            elif what == "death" and self.deaths_a_second:
                victim = chance.choice(sorted(asked_at)) if asked_at else -1
                self._bury(victim, self.sent[victim])
                asked_at.pop(victim, None)
                newest += 1
                heappush(events, (now + 2.0, next(numbers), "ask", newest))
                heappush(events, (now + chance.expovariate(self.deaths_a_second), next(numbers), "death", -1))
            for member, grant in self.queue.deal(now):
                assert isinstance(member, int)
                self.waits.append(now - asked_at.pop(member))
                if not self._use(chance, member, grant, now):
                    newest += 1
                    member = newest  # noqa: PLW2901
                heappush(events, (now + chance.uniform(0.01, 0.2), next(numbers), "ask", member))
            due_in = self.queue.due_in(now)
            if what == "deal" or now + due_in < deals_at - 0.006:
                deals_at = now + due_in + chance.uniform(0, 0.005)
                if due_in < inf:
                    heappush(events, (deals_at, next(numbers), "deal", -1))
        self.waits += [now - at for at in asked_at.values()]

    def _use(self, chance: random.Random, member: int, grant: Grant, now: float) -> bool:
        """Whether the worker lives on."""
        if chance.random() < self.returns:
            self.queue.release(grant.number, grant.requests)
            return True
        dies = self.deaths_a_second > 0 and chance.random() < 0.05
        sends = chance.randint(0, grant.requests) if dies else grant.requests
        for _ in range(sends):
            self._send(member, now)
            self.queue.ended(grant.number)
        if dies and chance.random() < 0.8:
            self._bury(member, self.sent[member])
        elif dies:
            held = self.queue.held(member)
            self._bury(member, held)
            for _ in range(chance.randint(0, grant.requests - sends)):
                self._send(member, now)
            self.lost += held - self.sent[member]
        return not dies

    def _send(self, member: int, now: float) -> None:
        self.sent_at.append(now)
        self.sent[member] += 1

    def _bury(self, member: int, sent: int) -> None:
        self.over += sent
        self.queue.leave(member)
        self.queue.recount(self.over)

    def most_in(self, window: float) -> int:
        at = sorted(self.sent_at)
        return max(bisect_right(at, start + window) - place for place, start in enumerate(at))


@pytest.mark.parametrize("seed", range(3))
def test_a_thousand_workers_that_die_keep_to_the_rate_use_it_and_starve_nobody(seed: int) -> None:
    rate, seconds = 200.0, 60.0
    simulation = Simulation(GrantQueue(rate), 1000, seed, deaths_a_second=2.0)
    simulation.run(seconds)
    assert simulation.most_in(10.0) <= 10 * rate * 1.02
    assert len(simulation.sent_at) + simulation.lost >= 0.95 * rate * seconds
    assert max(simulation.waits) < 3 * 1000 / rate  # a full turn takes 5 s


@pytest.mark.parametrize("seed", range(3))
def test_a_thousand_workers_that_die_never_exceed_the_budget_and_spend_it(seed: int) -> None:
    queue = GrantQueue(500.0, max_requests=5000)
    simulation = Simulation(queue, 1000, seed, deaths_a_second=5.0)
    simulation.run(30.0)
    assert len(simulation.sent_at) + simulation.lost == 5000
    assert queue.left == 0


def test_a_slow_rate_is_kept_by_four_workers_in_any_ten_seconds() -> None:
    simulation = Simulation(GrantQueue(20.0), 4, seed=1)
    simulation.run(60.0)
    assert simulation.most_in(10.0) <= 204
    assert len(simulation.sent_at) >= 0.95 * 20 * 60


def test_who_asked_first_is_dealt_to_first_and_then_waits_for_all_others() -> None:
    queue = GrantQueue(1.0)
    for name in "abc":
        queue.ask(name, 8)
    order = []
    for second in range(5):
        for member, grant in queue.deal(float(second)):
            order.append(member)
            assert grant.requests == 1
            queue.ask(member, 8)
    assert order == ["a", "b", "c", "a", "b"]


def test_nothing_is_dealt_above_what_is_reserved() -> None:
    queue = GrantQueue(max_requests=100, spent=10)
    queue.reserved = 14
    queue.ask("a", 8)
    assert [grant.requests for _, grant in queue.deal(0.0)] == [4]
    queue.ask("a", 8)
    assert queue.deal(1.0) == []
    assert queue.due_in(1.0) == inf
    assert queue.left == 86
    queue.reserved = 100
    assert [grant.requests for _, grant in queue.deal(2.0)] == [8]


def test_all_slow_down_when_the_service_says_too_much_and_wait_as_long_as_it_asks() -> None:
    queue = GrantQueue(100.0)
    queue.ask("a", 1)
    queue.deal(0.0)
    queue.answered(0.0, 0.1)
    queue.failed(EndpointUnavailable("too much", status=429, retry_after=7.0), 0.1, 0.2)
    assert queue.rate < 100.0
    queue.ask("b", 1)
    assert queue.deal(7.1) == []
    assert queue.deal(9.0) != []


def test_what_a_member_held_stays_booked_when_it_leaves_and_is_not_given_back_twice() -> None:
    queue = GrantQueue(max_requests=10)
    queue.ask("a", 4)
    ((_, grant),) = queue.deal(0.0)
    queue.leave("a")
    queue.release(grant.number, 4)
    assert queue.spent == 4


def test_requests_that_are_given_back_can_be_dealt_again() -> None:
    grants = LocalGrants(GrantQueue(max_requests=4))
    grant = grants.ask(8, 0.0)
    assert grant is not None
    assert (grant.requests, grants.requests_left) == (4, 0)
    grants.ended(grant)
    grants.release(grant, 3)
    assert (grants.requests_left, grants.requests_spent) == (3, 1)
    grants.failed(TOO_MUCH, 0.0, 0.1)
    grants.answered(0.0, 0.1)
    assert grants.ask(8, 1.0) is not None
