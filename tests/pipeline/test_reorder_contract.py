"""The contract of reorder buffers, for all of them."""

from __future__ import annotations

import pytest

from kpstream.pipeline.reorder import PassThrough, PlayoutBuffer, WaitForAll
from tests.support.reorder_contract import Make, ReorderContract


class TestPassThrough(ReorderContract):
    @pytest.fixture
    def make(self) -> Make:
        return PassThrough


class TestWaitForAll(ReorderContract):
    @pytest.fixture
    def make(self) -> Make:
        return lambda: WaitForAll(41)


class TestPlayoutBuffer(ReorderContract):
    @pytest.fixture(params=[0.1, 0.5, 9.0])
    def make(self, request: pytest.FixtureRequest) -> Make:
        return lambda: PlayoutBuffer(request.param, 41)
