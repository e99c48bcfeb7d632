"""Cameras that ask one model share its endpoint, keep to common limits, and let it rest after a rejection."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from kpstream.camera.endpoint_pool import RETRY_REJECTED_AFTER, EndpointPool, PooledEndpoint
from kpstream.camera.spec import CameraSpec
from kpstream.dispatch.dealer import Limits
from kpstream.dispatch.gate import RequestGate
from kpstream.entities import Answer, Filters, Image
from kpstream.errors import EndpointRejected, EndpointUnavailable
from kpstream.options import ModelOptions
from kpstream.testing import FakeEndpoint, ManualClock

BLACK: Image = np.zeros((8, 8, 3), np.uint8)
DOOR = CameraSpec("door", "0", model=ModelOptions("pose/1"))
GATE = replace(DOOR, name="gate")
YARD = replace(DOOR, name="yard", model=ModelOptions("pose/2"))


class Pool:
    """A pool, and the endpoints that it made."""

    def __init__(self, limits: Limits = Limits(), *, max_in_flight: int = 2) -> None:  # noqa: B008 - frozen
        self.clock = ManualClock()
        self.endpoints: list[FakeEndpoint] = []
        self.rejects = False
        self._max_in_flight = max_in_flight
        self.pool = EndpointPool(limits, self._make, self.clock)

    def _make(self, spec: CameraSpec) -> FakeEndpoint:
        self.endpoints.append(FakeEndpoint(self._answer, max_in_flight=self._max_in_flight))
        return self.endpoints[-1]

    def _answer(self, _: Image) -> Answer:
        if self.rejects:
            raise EndpointRejected("the API key is not accepted")
        return Answer(())

    def may_ask(self, *endpoints: PooledEndpoint) -> list[bool]:
        """Whether a gate with the rules of each lets a request through now; what it lets through stays out."""
        return [RequestGate(each.rules).try_acquire(0, self.clock.now) is not None for each in endpoints]


def test_one_model_is_one_endpoint_which_lives_as_long_as_somebody_asks_it() -> None:
    world = Pool()
    door, gate, yard = (world.pool.acquire(spec) for spec in (DOOR, GATE, YARD))
    assert len(world.endpoints) == 2
    door.close()
    door.release()
    door.release()
    assert not world.endpoints[0].closed
    gate.release()
    assert [endpoint.closed for endpoint in world.endpoints] == [True, False]
    again = world.pool.acquire(DOOR)
    assert len(world.endpoints) == 3
    world.pool.close()
    assert all(endpoint.closed for endpoint in world.endpoints)
    again.release()
    yard.release()


def test_another_key_is_another_endpoint() -> None:
    world = Pool()
    world.pool.acquire(DOOR)
    world.pool.acquire(replace(DOOR, api_key="rfKey0123456789"))
    assert len(world.endpoints) == 2


def test_filters_go_with_the_request() -> None:
    world = Pool()
    world.pool.acquire(DOOR).infer(BLACK, Filters(confidence=0.7))
    assert world.endpoints[0].filters == [Filters(confidence=0.7)]


def test_all_keep_to_the_budget_together_and_to_another_once_it_is_given() -> None:
    world = Pool(Limits(max_requests=2), max_in_flight=9)
    door, yard = world.pool.acquire(DOOR), world.pool.acquire(YARD)
    assert world.may_ask(door, yard, door, yard) == [True, True, False, False]
    world.pool.limit(Limits(max_requests=3))
    assert world.may_ask(door) == [True]


def test_those_who_ask_one_server_keep_to_what_it_can_take_together() -> None:
    world = Pool()
    door, gate, yard = (world.pool.acquire(spec) for spec in (DOOR, GATE, YARD))
    assert world.may_ask(door, gate, yard) == [True, True, False]
    door.release()
    assert world.may_ask(yard) == [True]


def test_a_rejection_lets_nobody_ask_for_a_minute() -> None:
    world = Pool()
    door, gate, yard = (world.pool.acquire(spec) for spec in (DOOR, GATE, YARD))
    world.rejects = True
    with pytest.raises(EndpointUnavailable, match="the API key is not accepted; asked again every minute") as caught:
        door.infer(BLACK)
    assert caught.value.retry_after == RETRY_REJECTED_AFTER
    assert world.may_ask(door, gate) == [False, False]
    assert world.may_ask(yard) == [True], "another model is asked"
    world.clock.advance(RETRY_REJECTED_AFTER)
    assert world.may_ask(gate) == [True]
    world.rejects = False
    gate.infer(BLACK)
