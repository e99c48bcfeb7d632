"""Which part of the tracker brings how much."""

from __future__ import annotations

import track_lab

from bench_parts.case import Case
from bench_parts.processes import say

LATENCY, RATE = 0.4, 5.0


def measure(case: Case) -> dict[str, float]:
    """The error of the overlay in shares of the held answer's, by what was taken out of the tracker."""
    say(f"ablation, {case.name}")
    return track_lab.ablation(case.clip, case.poses, latency=LATENCY, rate=RATE)
