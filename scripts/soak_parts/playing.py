"""Puts faults in when they are due, and looks on meanwhile."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Protocol

from soak_parts.schedule import Fault


class Stage(Protocol):
    """What fails."""

    def begin(self, fault: Fault) -> None:
        """Let it go wrong."""

    def end(self, fault: Fault) -> None:
        """Make it well."""


def play(
    faults: Sequence[Fault],
    stage: Stage,
    *,
    seconds: float,
    glance: float,
    look: Callable[[float], bool],
    say: Callable[[str], None],
) -> list[Fault]:
    """Put every fault in and out; blocks.

    Args:
        faults: By when they begin.
        stage: What fails.
        seconds: After which this returns.
        glance: Seconds between two looks.
        look: Given the seconds since the start; False ends this.
        say: Told what happens.

    Returns:
        The faults as they were by the clock: a busy machine is late with them.
    """
    todo = [(fault.begins_at, fault, stage.begin) for fault in faults]
    todo += [(fault.ends_at, fault, stage.end) for fault in faults]
    todo.sort(key=lambda each: each[0])
    started_at, began, done = time.monotonic(), dict[Fault, float](), list[Fault]()
    while (now := time.monotonic() - started_at) < seconds and look(now):
        while todo and todo[0][0] <= now:
            _, fault, act = todo.pop(0)
            act(fault)
            if act == stage.begin:
                say(str(fault))
                began[fault] = now
            else:
                done.append(replace(fault, begins_at=began[fault], ends_at=time.monotonic() - started_at))
        time.sleep(glance)
    return done


def growth(points: Sequence[tuple[float, float]]) -> float:
    """By how much values grow in an hour: the slope of the line through points of seconds and values."""
    mean_at = sum(at for at, _ in points) / len(points)
    mean = sum(value for _, value in points) / len(points)
    spread = sum((at - mean_at) ** 2 for at, _ in points)
    return 3600 * sum((at - mean_at) * (value - mean) for at, value in points) / spread
