"""The contract of endpoints, for all of them."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache

import pytest

from kpstream.camera.shared_endpoint import SharedEndpoint
from kpstream.endpoints.embedded import EmbeddedEndpoint
from kpstream.endpoints.roboflow import RoboflowEndpoint
from kpstream.interfaces import Endpoint
from kpstream.models.movenet import MoveNet
from kpstream.testing import FakeEndpoint, ManualClock, ScriptedServer
from tests.support.endpoint_contract import KEY, EndpointContract


@cache
def network() -> MoveNet:
    return MoveNet()


class TestRoboflowEndpoint(EndpointContract):
    @pytest.fixture
    def endpoint(self) -> Iterator[Endpoint]:
        with ScriptedServer() as server:
            endpoint = RoboflowEndpoint("my-pose/3", endpoint_url=server.url, api_url=server.url, api_key=KEY)
            yield endpoint
            endpoint.close()


class TestEmbeddedEndpoint(EndpointContract):
    @pytest.fixture
    def endpoint(self) -> Endpoint:
        return EmbeddedEndpoint(model=network())


class TestSharedEndpoint(EndpointContract):
    @pytest.fixture
    def endpoint(self) -> Endpoint:
        return SharedEndpoint(FakeEndpoint(), lambda _: None, ManualClock())


class TestFakeEndpoint(EndpointContract):
    @pytest.fixture
    def endpoint(self) -> Endpoint:
        return FakeEndpoint()
