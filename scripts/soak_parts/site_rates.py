"""What the counts of frames say: the rate of each camera while nothing is wrong with it, and how soon it is back."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from math import inf

from soak_parts.schedule import Fault
from soak_parts.site_run import Sample

_WINDOW = 10.0
"""Seconds over which a rate is taken."""
_SETTLES = 3.0
"""Seconds that a camera has after it is back, until it must show all again."""


@dataclass(frozen=True, slots=True)
class Back:
    """How soon a camera was back after a fault of its own."""

    fault: Fault
    after: float
    """Seconds from the fault's end to its next picture, of a death from the death; infinite where the next fault came
    before."""


@dataclass(frozen=True, slots=True)
class Rates:
    """Frames a second of a camera, while no fault was its own."""

    name: str
    seconds: float
    """How long that was, all together."""
    mean: float
    lowest: float
    """Over ten seconds."""
    lost: int
    """How often it began again without a fault of its own."""


def backs(samples: Sequence[Sample], faults: Sequence[Fault], name: str) -> list[Back]:
    """How soon a camera was back after each fault of its own."""
    own = sorted((fault for fault in faults if fault.of == name), key=lambda fault: fault.begins_at)
    counts = _counts(samples, name)
    found = []
    for number, fault in enumerate(own):
        until = own[number + 1].begins_at if number + 1 < len(own) else inf
        back_at = inf
        if is_death(fault):  # its process is not the one that begins to count anew
            back_at = next((at for at, step in _steps(counts, fault.begins_at, until) if step < 0), inf)
        if back_at == inf:
            back_at = next((at for at, step in _steps(counts, fault.ends_at, until) if step > 0), inf)
        found.append(Back(fault, back_at - (fault.begins_at if is_death(fault) else fault.ends_at)))
    return found


def is_death(fault: Fault) -> bool:
    """Whether a fault ends a process at once."""
    return fault.kind.startswith("SIG")


def _steps(counts: Sequence[tuple[float, int]], begin: float, until: float) -> Iterator[tuple[float, int]]:
    """By how much a count grew, and when, between two moments."""
    inside = [(at, count) for at, count in counts if begin <= at < until]
    return ((at, count - before) for (_, before), (at, count) in pairwise(inside))


def rates(samples: Sequence[Sample], faults: Sequence[Fault], name: str) -> Rates:
    """The rate of a camera while no fault was its own."""
    troubles = list(_troubles(backs(samples, faults, name)))
    counts = _counts(samples, name)
    frames, seconds, lowest, lost = 0, 0.0, inf, 0
    for (at, count), (later, then) in pairwise(counts):
        if _is_clear(at, later, troubles):
            lost += then < count
            frames, seconds = frames + max(0, then - count), seconds + later - at
    begin = 0
    for later, then in counts:
        while later - counts[begin + 1][0] >= _WINDOW:
            begin += 1
        at, count = counts[begin]
        if later - at >= _WINDOW and _is_clear(at, later, troubles):
            lowest = min(lowest, (then - count) / (later - at))
    return Rates(name, seconds, frames / seconds if seconds else 0.0, lowest, lost)


def _troubles(found: Sequence[Back]) -> Iterator[tuple[float, float]]:
    """When each fault began, and when its camera had to show all again; at the next fault that is another's matter."""
    for number, back in enumerate(found):
        until = found[number + 1].fault.begins_at if number + 1 < len(found) else inf
        fault = back.fault
        back_at = (fault.begins_at if is_death(fault) else fault.ends_at) + back.after
        yield fault.begins_at, min(until, max(fault.ends_at, back_at) + _SETTLES)


def _counts(samples: Sequence[Sample], name: str) -> list[tuple[float, int]]:
    return [(each.at, each.shown[name]) for each in samples if each.shown is not None and name in each.shown]


def _is_clear(begin: float, end: float, troubles: Sequence[tuple[float, float]]) -> bool:
    return not any(begins_at < end and begin < ends_at for begins_at, ends_at in troubles)
