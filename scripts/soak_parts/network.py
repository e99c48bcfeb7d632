"""How a network before a camera or an endpoint fails."""

from __future__ import annotations

from collections.abc import Callable

from tests.rig.parts.processes import FaultyNetwork

_SETS = {
    "delay": {"delay": 0.5, "jitter": 0.3},
    "cut": {"drop_after": 50_000.0},
    "blackhole": {"blackhole": 1.0, "reset": 1.0},
}
"""What each kind sets of `fault_proxy`, where it is not simply its name."""


def actions(network: FaultyNetwork, kind: str) -> tuple[Callable[[], object], Callable[[], object]]:
    """What makes a network fail in some way, and what makes it well."""
    sets = _SETS.get(kind, {kind: 1.0})
    return (lambda: network.set(**sets)), (lambda: network.set(**dict.fromkeys(sets, 0)))
