"""Faults of the endpoint that one live view outlives: no frame is missing, and answers come back."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from itertools import pairwise
from typing import Any

import pytest

from tests.rig.parts.fault_table import LATENCY, MIX, SLACK, Table, assert_whole, percentage, row, shown_share
from tests.rig.parts.programs import Endpoint, Live

pytestmark = [pytest.mark.rig, pytest.mark.quiet]

LASTS = 3.0
"""Seconds that a fault lasts, if it is not told otherwise."""


@pytest.fixture(scope="module")
def endpoint() -> Iterator[Endpoint]:
    with Endpoint(LATENCY) as endpoint:
        yield endpoint


@pytest.fixture(scope="module")
def live(endpoint: Endpoint, clip: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Live]:
    folder = tmp_path_factory.mktemp("live")
    with Live(clip, endpoint.url, folder, ["--loop"]) as live:
        live.wait_for(lambda lines: bool(lines) and lines[-1]["result_frame_index"] is not None)
        yield live
        assert live.end() == 0
        assert_whole(live)


def back_after(lines: list[dict[str, Any]], moment: float) -> float | None:
    """Seconds from a moment until an answer for a picture that was taken after it was shown; None for not yet."""
    taken = {line["frame_index"] for line in lines if line["captured_at"] > moment}
    return next((float(line["rendered_at"]) - moment for line in lines if line["result_frame_index"] in taken), None)


def suffer(
    table: Table, done: str, live: Live, begin: Callable[[], None], end: Callable[[], None], lasts: float = LASTS
) -> float:
    """Let a fault be for some seconds, and add its row; seconds until answers were back."""
    seen = len(live.lines())
    usual = shown_share(live.lines()[-90:])  # less than all of them where the machine has other work
    begin()
    live.wait_for(lambda lines: len(lines) > seen and lines[-1]["captured_at"] - lines[seen]["captured_at"] > lasts)
    end()
    ended_at = time.monotonic()
    live.wait_for(lambda lines: back_after(lines, ended_at) is not None)
    during = live.lines()[seen:]
    assert max(after["rendered_at"] - before["rendered_at"] for before, after in pairwise(during)) < 0.5 + SLACK
    assert shown_share(during) >= 0.8 * usual
    back = back_after(during, ended_at) or 0.0
    overlay = "predicted, then stale" if any(line["stale"] for line in during) else "predicted"
    row(table, f"endpoint: {done}", percentage(during), overlay, "whole", "none, it goes on", f"{back:.2f} s")
    return back


FAULTS = {
    "500": "500 to every request",
    "502": "502 to every request",
    "503": "503, Retry-After: 1",
    "429": "429, Retry-After: 1",
    "429bare": "429 without Retry-After",
    "hang": "takes requests and never answers",
    "reset": "resets every connection",
    "slow": "sends a byte each 50 ms",
    "truncated": "half of a JSON answer",
    "garbage": "bytes that are no JSON",
    "html": "a web page",
    "wrong": "JSON of another shape",
    "nan": "NaN for coordinates",
    "huge": "coordinates of 1e9",
    "flood": "bodies of 100 MB",
    MIX: "some of each: 47 % of the requests fail",
}


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault.partition(":")[0] if ":" in fault else fault)
def test_an_endpoint_that_fails_costs_no_frame(fault: str, endpoint: Endpoint, live: Live, table: Table) -> None:
    lasts = 15.0 if fault == MIX else LASTS
    back = suffer(table, FAULTS[fault], live, lambda: endpoint.fail(fault), lambda: endpoint.fail(""), lasts)
    assert back <= (2 if fault in ("429", "503", MIX) else 1) + LATENCY + SLACK


def test_an_endpoint_that_is_gone_costs_no_frame(endpoint: Endpoint, live: Live, table: Table) -> None:
    back = suffer(table, "is gone: connections are refused", live, endpoint.kill, endpoint.restart)
    assert back <= 1 + LATENCY + SLACK
