"""Which joint fails when, how and for how long: chosen by a seed, so that a run can be had again."""

from __future__ import annotations

import random
from dataclasses import dataclass

from endpoint import FAULTS

JOINTS: dict[str, tuple[str, ...]] = {
    "camera": ("freeze", "kill"),
    "camera network": ("stall", "reset", "blackhole", "delay", "cut"),
    "endpoint": (*sorted(FAULTS - {"400", "401", "402", "403", "404", "413", "redirect"}), "kill"),
    "endpoint network": ("stall", "reset", "blackhole", "refuse", "delay"),
}
"""What each may do; nothing that ends a live view for good."""
_QUIET = (3.0, 10.0)
_LASTS = (1.0, 8.0)


@dataclass(frozen=True, slots=True)
class Fault:
    """One thing that goes wrong for a while."""

    joint: str
    kind: str
    begins_at: float
    """Seconds from the start."""
    ends_at: float

    def __str__(self) -> str:
        return f"{self.joint}: {self.kind}, {self.ends_at - self.begins_at:.1f} s at {self.begins_at:.0f} s"


def schedule(seconds: float, seed: int) -> list[Fault]:
    """Faults on either side of the program, by when they begin; those of the camera and of the endpoint overlap.

    Args:
        seconds: How long the run is; its last ten seconds are left in peace.
        seed: The same one gives the same faults.
    """
    dice = random.Random(seed)
    faults: list[Fault] = []
    for side in (("camera", "camera network"), ("endpoint", "endpoint network")):
        at = dice.uniform(*_QUIET)
        while (end := at + dice.uniform(*_LASTS)) < seconds - 10:
            joint = dice.choice(side)
            faults.append(Fault(joint, dice.choice(JOINTS[joint]), at, end))
            at = end + dice.uniform(*_QUIET)
    return sorted(faults, key=lambda fault: fault.begins_at)
