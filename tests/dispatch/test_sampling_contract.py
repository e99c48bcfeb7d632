"""The contract of samplings, for all of them."""

from __future__ import annotations

from math import inf

import pytest

from kpstream.dispatch.sampling import Adaptive, EveryNth, FixedRate
from tests.support.sampling_contract import Make, SamplingContract


class TestFixedRate(SamplingContract):
    @pytest.fixture(params=[5.0, 7.0, inf])
    def make(self, request: pytest.FixtureRequest) -> Make:
        return lambda: FixedRate(request.param)


class TestAdaptive(SamplingContract):
    @pytest.fixture(params=[5.0, 7.0, inf])
    def make(self, request: pytest.FixtureRequest) -> Make:
        return lambda: Adaptive(request.param)


class TestEveryNth(SamplingContract):
    @pytest.fixture(params=[1, 6, 100])
    def make(self, request: pytest.FixtureRequest) -> Make:
        return lambda: EveryNth(request.param)
