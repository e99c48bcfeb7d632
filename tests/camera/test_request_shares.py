"""Cameras that keep to common limits from processes of their own, and let an endpoint rest after a rejection."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace

import numpy as np
import pytest

from kpstream.camera.link import GrantReply, Rejection
from kpstream.camera.request_shares import CameraShare, Requests, RequestShares
from kpstream.camera.shared_endpoint import RETRY_REJECTED_AFTER, SharedEndpoint
from kpstream.camera.spec import CameraSpec
from kpstream.dispatch.dealer import Limits, Quota
from kpstream.dispatch.gate import Lease, RequestGate
from kpstream.entities import Answer, Filters, Image
from kpstream.errors import EndpointRejected, EndpointUnavailable
from kpstream.options import ModelOptions
from kpstream.testing import FakeEndpoint, ManualClock

BLACK: Image = np.zeros((8, 8, 3), np.uint8)
DOOR = CameraSpec("door", "0", model=ModelOptions("pose/1"))
GATE = replace(DOOR, name="gate")
YARD = replace(DOOR, name="yard", model=ModelOptions("pose/2"))


@dataclass
class Camera:
    """A camera's end, and the site's, whose messages wait until somebody carries them."""

    share: CameraShare
    endpoint: SharedEndpoint
    fake: FakeEndpoint
    gate: RequestGate
    to_site: list[Requests]
    to_camera: list[GrantReply | Rejection] = field(default_factory=list)

    def carry(self) -> None:
        while self.to_site:
            self.share.take(self.to_site.pop(0))
        while self.to_camera:
            message = self.to_camera.pop(0)
            if isinstance(message, GrantReply):
                self.endpoint.grants.take(message)
            else:
                self.endpoint.rest(message)


class World:
    def __init__(self, limits: Limits = Limits(), *, max_in_flight: int = 2) -> None:  # noqa: B008 - frozen
        self.clock = ManualClock()
        self.shares = RequestShares(limits, self.clock)
        self.rejects = False
        self._max_in_flight = max_in_flight
        self._numbers = iter(range(10**6))

    def join(self, spec: CameraSpec, own: Quota | None = None) -> Camera:
        to_site: list[Requests] = []
        to_camera: list[GrantReply | Rejection] = []
        share = self.shares.join(spec, own, to_camera.append)
        fake = FakeEndpoint(self._answer, max_in_flight=self._max_in_flight)
        endpoint = SharedEndpoint(fake, to_site.append, self.clock, share.rejected_until)
        camera = Camera(share, endpoint, fake, RequestGate(endpoint.rules), to_site, to_camera)
        camera.carry()
        return camera

    def _answer(self, _: Image) -> Answer:
        if self.rejects:
            raise EndpointRejected("the API key is not accepted")
        return Answer(())

    def leases(self, *cameras: Camera) -> list[Lease | None]:
        """What each gets that wants to ask at one picture, and at the next where its grant has come by then."""
        found = []
        for camera in cameras:
            number = next(self._numbers)
            lease = camera.gate.try_acquire(number, self.clock.now)
            if lease is None:
                camera.carry()
                lease = camera.gate.try_acquire(number, self.clock.now)
            found.append(lease)
        return found

    def may_ask(self, *cameras: Camera) -> list[bool]:
        return [lease is not None for lease in self.leases(*cameras)]


def test_nobody_waits_for_a_grant_which_is_there_with_the_next_picture() -> None:
    world = World()
    door = world.join(DOOR)
    assert door.gate.try_acquire(0, world.clock.now) is None
    door.carry()
    assert door.gate.try_acquire(1, world.clock.now) is not None


def test_filters_go_with_the_request() -> None:
    door = World().join(DOOR)
    door.endpoint.infer(BLACK, Filters(confidence=0.7))
    assert door.fake.filters == [Filters(confidence=0.7)]


def test_all_keep_to_the_budget_together_and_to_another_once_it_is_given() -> None:
    world = World(Limits(max_requests=2), max_in_flight=9)
    door, yard = world.join(DOOR), world.join(YARD)
    assert world.may_ask(door, yard, door, yard) == [True, False, True, False]
    assert yard.gate.trouble(world.clock.now) == "all 2 requests are spent: no new answers"
    assert yard.gate.requests_left == 0
    world.shares.limit(Limits(max_requests=3))
    assert world.may_ask(yard) == [True]


def test_those_who_ask_one_server_keep_to_what_it_can_take_together() -> None:
    world = World(max_in_flight=3)
    door, gate, yard = world.join(DOOR), world.join(GATE), world.join(YARD)
    first, *others = world.leases(door, gate, yard)
    assert first is not None
    assert None not in others
    assert world.may_ask(door, gate, yard) == [False, False, False]
    first.answered(world.clock.now)
    door.carry()
    assert world.may_ask(door, gate, yard) == [True, False, False]


def test_those_who_run_the_embedded_model_leave_it_to_the_system_who_computes_when() -> None:
    world = World(max_in_flight=2)
    cameras = [world.join(replace(DOOR, name=str(number), model=ModelOptions())) for number in range(8)]
    for _ in range(8):
        assert None not in world.leases(*cameras)
    assert not any(camera.to_site for camera in cameras), "one question was enough for all of it"


def test_those_who_run_the_embedded_model_keep_to_a_limit_that_is_set_for_all() -> None:
    world = World(Limits(max_in_flight=4))
    first, second = (world.join(replace(DOOR, name=name, model=ModelOptions())) for name in ("first", "second"))
    assert world.may_ask(first, first, second, second, first, second) == [True, True, True, True, False, False]


def test_a_camera_alone_is_dealt_several_requests_at_once() -> None:
    world = World(max_in_flight=3)
    door = world.join(DOOR)
    assert world.may_ask(door) == [True]
    door.to_site.clear()
    assert [door.gate.try_acquire(number, world.clock.now) is not None for number in (7, 8, 9)] == [True, True, False]


@pytest.mark.parametrize("ends", ["dies", "closes its gate"])
def test_what_a_process_held_is_settled_when_it_ends(ends: str) -> None:
    world = World(Limits(max_requests=10), max_in_flight=4)
    door = world.join(DOOR)
    assert world.may_ask(door) == [True]
    gate = world.join(GATE)
    assert world.may_ask(gate) == [False]
    if ends != "dies":
        door.gate.close()
        door.carry()
    door.share.close()
    assert world.may_ask(gate) == [True]
    assert gate.gate.requests_left == (10 - 4 - 1 if ends == "dies" else 10 - 1 - 1), "what it held may have been sent"


def test_a_budget_of_a_camera_is_its_own_over_all_its_processes() -> None:
    world, own = World(max_in_flight=9), Quota(Limits(max_requests=3))
    first, gate = world.join(DOOR, own), world.join(GATE)
    assert world.may_ask(first, first) == [True, True]
    first.gate.close()
    first.carry()
    first.share.close()
    second = world.join(DOOR, own)
    assert world.may_ask(second, second, gate) == [True, False, True]
    assert second.gate.trouble(world.clock.now) == "all 3 requests are spent: no new answers"
    assert gate.gate.requests_left is None


def test_a_grant_that_came_too_late_is_given_back() -> None:
    world = World(Limits(max_requests=2), max_in_flight=9)
    door = world.join(DOOR)
    assert door.gate.try_acquire(0, world.clock.now) is None
    door.carry()
    world.clock.advance(60)
    assert world.may_ask(door) == [True]
    assert door.gate.requests_left == 1


def _rejected(world: World, camera: Camera) -> EndpointUnavailable:
    world.rejects = True
    with pytest.raises(EndpointUnavailable, match="the API key is not accepted; asked again every minute") as caught:
        camera.endpoint.infer(BLACK)
    world.rejects = False
    return caught.value


@pytest.mark.parametrize("later", [lambda world: world.join(GATE), None])
def test_a_rejection_lets_nobody_ask_for_a_minute(later: Callable[[World], Camera] | None) -> None:
    world = World(max_in_flight=9)
    door, gate, yard = world.join(DOOR), world.join(GATE), world.join(YARD)
    assert _rejected(world, door).retry_after == RETRY_REJECTED_AFTER
    for camera in (door, gate, yard):
        camera.carry()
    if later is not None:
        gate = later(world)
    assert world.may_ask(door, gate) == [False, False]
    assert world.may_ask(yard) == [True], "another model is asked"
    world.clock.advance(RETRY_REJECTED_AFTER)
    assert world.may_ask(gate) == [True]
    gate.endpoint.infer(BLACK)
    gate.carry()
    assert world.join(GATE).share.rejected_until < world.clock.now


def test_another_key_is_not_rejected() -> None:
    world = World(max_in_flight=9)
    door, other = world.join(DOOR), world.join(replace(DOOR, api_key="rfKey0123456789"))
    _rejected(world, door)
    door.carry()
    assert world.may_ask(other) == [True]
