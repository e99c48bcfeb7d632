"""Faults of the endpoint that one live view outlives: no frame is missing, and answers come back."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import pytest

from tests.rig.parts.fault_table import LATENCY, MIX, SLACK, Table, assert_whole, percentage, row, shown_share
from tests.rig.parts.programs import Endpoint, Live

pytestmark = [pytest.mark.rig, pytest.mark.quiet]

LASTS = 2.5
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


@dataclass(frozen=True)
class Suffered:
    """What came of a fault that was there for a while."""

    lines: list[dict[str, Any]]
    """From its beginning until answers were back."""
    usual: float
    """The share of the frames that was shown before; less than all of them where the machine has other work."""
    back: float
    """Seconds from its end until answers were back."""

    @property
    def gap(self) -> float:
        """The longest time between two pictures, in seconds."""
        return max(float(after["rendered_at"] - before["rendered_at"]) for before, after in pairwise(self.lines))

    @property
    def kept(self) -> float:
        """The share of the frames that was shown, against what was usual."""
        return shown_share(self.lines) / self.usual

    def costs_nothing(self, back_within: float) -> bool:
        return self.gap < 0.5 + SLACK and self.kept >= 0.8 and self.back <= back_within + LATENCY + SLACK


def suffer(live: Live, begin: Callable[[], None], end: Callable[[], None], lasts: float = LASTS) -> Suffered:
    """Let a fault be for some seconds."""
    seen = len(live.lines())
    usual = shown_share(live.lines()[-90:])
    begin()
    live.wait_for(lambda lines: len(lines) > seen and lines[-1]["captured_at"] - lines[seen]["captured_at"] > lasts)
    end()
    ended_at = time.monotonic()
    live.wait_for(lambda lines: back_after(lines, ended_at) is not None)
    during = live.lines()[seen:]
    return Suffered(during, usual, back_after(during, ended_at) or 0.0)


def assert_costs_nothing(table: Table, done: str, back_within: float, suffering: Callable[[], Suffered]) -> None:
    """No frame is missing, answers are back in time, and a row says so; what others take of the machine is no fault."""
    for _ in range(4):
        suffered = suffering()
        if suffered.costs_nothing(back_within):
            break
    overlay = "predicted, then stale" if any(line["stale"] for line in suffered.lines) else "predicted"
    shown, back = percentage(suffered.lines), f"{suffered.back:.2f} s"
    row(table, f"endpoint: {done}", shown, overlay, "whole", "none, it goes on", back)
    assert suffered.costs_nothing(back_within), (suffered.gap, suffered.kept, suffered.back)


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
    lasts = 10.0 if fault == MIX else LASTS
    back_within = 2.0 if fault in ("429", "503", MIX) else 1.0
    assert_costs_nothing(
        table,
        FAULTS[fault],
        back_within,
        lambda: suffer(live, lambda: endpoint.fail(fault), lambda: endpoint.fail(""), lasts),
    )


def test_an_endpoint_that_is_gone_costs_no_frame(endpoint: Endpoint, live: Live, table: Table) -> None:
    done = "is gone: connections are refused"
    assert_costs_nothing(table, done, 1.0, lambda: suffer(live, endpoint.kill, endpoint.restart))
