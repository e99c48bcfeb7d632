"""Before an endpoint hold what its owner asks for, what the user chose, and what others leave."""

from __future__ import annotations

from math import inf

from kpstream.dispatch.endpoint_gate import EndpointGate
from kpstream.dispatch.gate import RequestBudget
from kpstream.testing import FakeEndpoint


def let_through(gate: EndpointGate, *, at: float = 0.0, frames: int = 100) -> int:
    """How many of so many requests are let through at one moment; they stay out."""
    return sum(gate.try_acquire(frame, at) is not None for frame in range(frames))


def gate_of(
    endpoint: FakeEndpoint, *, max_in_flight: int | None = None, max_requests: int | None = None
) -> EndpointGate:
    return EndpointGate(
        endpoint,
        rate=inf,
        max_in_flight=max_in_flight,
        max_requests=max_requests,
        loading=inf,
        max_probe_gap=4.0,
    )


def test_before_the_first_answer_a_few_requests_go_out() -> None:
    assert let_through(gate_of(FakeEndpoint(max_in_flight=32))) == 4
    assert let_through(gate_of(FakeEndpoint(max_in_flight=1))) == 1


def test_a_chosen_number_holds_and_so_does_a_budget() -> None:
    assert let_through(gate_of(FakeEndpoint(), max_in_flight=12)) == 12
    gate = gate_of(FakeEndpoint(), max_in_flight=12, max_requests=5)
    assert let_through(gate) == 5
    assert gate.requests_left == 0


def test_the_owner_s_rate_holds_also_for_what_is_wanted() -> None:
    gate = gate_of(FakeEndpoint(max_rate=20), max_in_flight=50)
    assert let_through(gate) <= 3
    gate.rate = 60
    assert gate.rate == 20
    gate.rate = 5
    assert gate.rate == 5


def test_what_others_leave_holds_as_well() -> None:
    gate = EndpointGate(
        FakeEndpoint(), rate=5, max_requests=9, more_rules=[RequestBudget(2)], loading=3.0, max_probe_gap=0.5
    )
    assert let_through(gate) == 2
    assert gate.trouble(0.0) == "all 2 requests are spent: no new answers"


def test_the_latency_is_that_of_the_answers() -> None:
    gate = gate_of(FakeEndpoint())
    for frame, latency in enumerate((0.2, 0.4, 0.9)):
        lease = gate.try_acquire(frame, 10.0)
        assert lease is not None
        lease.answered(10.0 + latency)
    assert round(gate.latency, 6) == 0.4
