"""The parts of a request: each nanosecond is told once."""

from __future__ import annotations

from collections import Counter

import pytest
from request_parts import PARTS, parts_of


def test_the_parts_are_the_time_of_all_threads_for_each_request() -> None:
    spent = Counter(dict.fromkeys(PARTS, 1_000_000))
    used = {"process": 40_000_000, "kpstream-server": 3_000_000, "kpstream-server-compute": 12_000_000, "MainThread": 5}
    parts = parts_of(2, spent, used)
    assert parts["HTTP, routes and the loop"] == pytest.approx(1.0), "all but the JSON, which the loop writes"
    assert parts["between these, on the threads that compute"] == pytest.approx((12 - 7) / 2)
    assert parts["the network"] == pytest.approx((1 + 25) / 2, abs=1e-5), "with threads that Python does not know"
    assert sum(parts.values()) == pytest.approx(40 / 2, abs=1e-5)
