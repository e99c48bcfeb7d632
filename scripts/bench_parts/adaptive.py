"""Adaptive sampling: ten seconds in which nothing moves, then somebody enters. What is asked, and how soon."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from draw_walkers import draw_entrance
from scoring import lines_of

from bench_parts.case import LATENCIES, Case
from bench_parts.live_score import RATE
from bench_parts.processes import Part, kpstream, run, say

STILL = 10.0
"""Seconds."""
_PLAYED = 3.0
"""Seconds that are played on after them."""
_SEEN = 0.1
"""The share of somebody's body in the picture from which on they are there."""
_SETTLING = 1.0
"""Seconds at the start that do not count as still: the tracker has seen nothing yet."""


@dataclass(frozen=True)
class Adaptive:
    """One run."""

    latency: float
    still: int
    """Requests in the still seconds but the first."""
    steady: int
    """What steady sampling sends in that time."""
    moving: float
    """Requests a second while somebody walks."""
    wait: float
    """Seconds from entering to the first picture with the answer to one that shows it."""
    fault: str


def measure(folder: Path, seconds: float = STILL) -> Iterator[Adaptive]:
    """Draw the clip, then play it at each latency."""
    case, enters = draw(folder, seconds)
    with Part("endpoint", case.clip, case.poses) as endpoint:
        for latency in LATENCIES:
            say(f"adaptive, {latency:g} s")
            endpoint.get(f"_latency/{latency}")
            endpoint.get("_reset")
            out = folder / "adaptive.jsonl"
            out.unlink(missing_ok=True)
            words = ("--no-window", "--sampling", "adaptive", "--rate", 5, "--jsonl", out)
            ended = run(kpstream(endpoint.url, "live", case.clip, *words), seconds + _PLAYED + 30)
            lines = lines_of(out) if out.exists() else []
            asked = endpoint.get("_stats")["asked"]
            yield judge(lines, asked, enters=enters, still=seconds, latency=latency, fault=ended.fault)


def draw(folder: Path, seconds: float) -> tuple[Case, int]:
    """An empty street that stands still, and then somebody enters; gives the frame in which they do, too."""
    say("adaptive: drawing the clip")
    case = Case(folder / "still.mp4", folder / "still.poses.json")
    truth = draw_entrance(case.clip, case.poses, still=seconds, played=_PLAYED)
    return case, next(i for i, people in enumerate(truth) if any(one["seen"] >= _SEEN for one in people))


def judge(
    lines: list[dict[str, Any]], asked: list[Any], *, enters: int, still: float, latency: float, fault: str
) -> Adaptive:
    """Read a run.

    Args:
        lines: What was shown.
        asked: Requests as ``[frame, arrived_at, answered_at]``.
        enters: The frame in which somebody comes into the picture.
        still: Seconds at the start in which nothing moves.
        latency: The endpoint's.
        fault: Why the run ended badly, or nothing.
    """
    if not lines:
        return Adaptive(latency, 0, 0, float("nan"), float("nan"), fault or "nothing was shown")
    began_at = lines[0]["captured_at"] - lines[0]["pts"]
    still_from, still_to = began_at + _SETTLING, began_at + still
    quiet = sum(still_from <= arrived_at < still_to for _, arrived_at, _ in asked)
    last = lines[-1]["captured_at"]
    moving = sum(still_to <= arrived_at for _, arrived_at, _ in asked) / max(1e-9, last - still_to)
    entered_at = next((line["captured_at"] for line in lines if line["frame_index"] >= enters), float("nan"))
    answered = (line for line in lines if (line["result_frame_index"] or 0) >= enters and line["poses"])
    wait = next((line["rendered_at"] - entered_at for line in answered), float("nan"))
    return Adaptive(latency, quiet, round((still - _SETTLING) * RATE), moving, wait, fault)
