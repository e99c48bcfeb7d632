"""Which joint fails when, how and for how long: chosen by a seed, so that a run can be had again."""

from __future__ import annotations

import random
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from endpoint import FAULTS

JOINTS: dict[str, tuple[str, ...]] = {
    "camera": ("freeze", "kill"),
    "camera network": ("stall", "reset", "blackhole", "delay", "cut"),
    "endpoint": (*sorted(FAULTS - {"400", "401", "402", "403", "404", "413", "redirect"}), "kill"),
    "endpoint network": ("stall", "reset", "blackhole", "refuse", "delay"),
}
"""What each may do; nothing that ends a live view for good."""
STREAMS, SERVED, FILES = ("door", "gate"), ("door", "gate", "lane"), ("yard", "roof")
"""The cameras of a site that want a password, those that have a server, and those that are files."""
_PROCESS = ("SIGSEGV", "SIGKILL", "SIGABRT", "stopped")
_SERVER = {"camera": ("freeze", "kill"), "network": ("stall", "reset", "blackhole", "refuse")}
SITE_JOINTS: dict[str, dict[str, tuple[str, ...]]] = {
    **{name: {"process": _PROCESS, **_SERVER} for name in SERVED},
    **{name: {"process": _PROCESS, **_SERVER, "password": ("wrong",)} for name in STREAMS},
    **{name: {"process": (*_PROCESS, "hangs")} for name in FILES},
    "": {joint: JOINTS[joint] for joint in ("endpoint", "endpoint network")},
    "site": {"site": ("a camera more", "faulty file", "stopped", "read again")},
    **{f"viewer {number}": {"viewer": ("reads", "stalls")} for number in (1, 2, 3)},
}
"""What goes wrong one after another, by camera; and beside the cameras by what else there is."""
_QUIET, _LASTS = (3.0, 10.0), (1.0, 8.0)
_SEVERAL_QUIET = (20.0, 70.0)
"""Seconds between two faults of one of several cameras: it is well for longer than a fault and its end take."""
_HANG = 75.0
"""Seconds until a process that hangs for good is ended by its site, and its camera is back."""
_PEACE = 10.0
"""Seconds at the end without faults."""


@dataclass(frozen=True, slots=True)
class Fault:
    """One thing that goes wrong for a while."""

    joint: str
    kind: str
    begins_at: float
    """Seconds from the start."""
    ends_at: float
    of: str = ""
    """Which of several cameras or viewers; empty where there is one."""

    def __str__(self) -> str:
        what = f"{self.of} {self.joint}".strip()
        return f"{what}: {self.kind}, {self.ends_at - self.begins_at:.1f} s at {self.begins_at:.0f} s"


def schedule(seconds: float, seed: int) -> list[Fault]:
    """Faults on either side of the program, by when they begin; those of the camera and of the endpoint overlap.

    Args:
        seconds: How long the run is; its last ten seconds are left in peace.
        seed: The same one gives the same faults.
    """
    dice = random.Random(seed)
    faults: list[Fault] = []
    for side in (("camera", "camera network"), ("endpoint", "endpoint network")):
        faults += _sequence({joint: JOINTS[joint] for joint in side}, seconds, dice, _QUIET)
    return sorted(faults, key=lambda fault: fault.begins_at)


def site_schedule(seconds: float, seed: int) -> list[Fault]:
    """Faults of each camera of a site, of its endpoint and of the site, by when they begin; all of them overlap.

    Args:
        seconds: How long the run is; its last ten seconds are left in peace.
        seed: The same one gives the same faults.
    """
    dice = random.Random(seed)
    several = (min(_SEVERAL_QUIET[0], seconds / 10), min(_SEVERAL_QUIET[1], seconds / 3))
    faults: list[Fault] = []
    for name, joints in SITE_JOINTS.items():
        quiet = several if name in (*SERVED, *FILES) else _QUIET
        faults += _sequence(joints, seconds, dice, quiet, name)
    return sorted(faults, key=lambda fault: fault.begins_at)


def _sequence(
    joints: Mapping[str, Sequence[str]], seconds: float, dice: random.Random, quiet: tuple[float, float], of: str = ""
) -> Iterator[Fault]:
    """Faults one after another."""
    at = dice.uniform(*quiet)
    while (end := at + dice.uniform(*_LASTS)) < seconds - _PEACE:
        joint = dice.choice(list(joints))
        kind = dice.choice(joints[joint])
        if kind == "hangs":
            end = at + _HANG
        if end < seconds - _PEACE:
            yield Fault(joint, kind, at, end, of)
        at = end + dice.uniform(*quiet)
