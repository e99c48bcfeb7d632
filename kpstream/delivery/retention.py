"""Which stored events have to go. Knows no clock and no disk."""

from __future__ import annotations

from collections.abc import Iterable
from math import inf


def outdated(
    events: Iterable[tuple[str, float, int]], *, before: float = -inf, keep_size: float = inf, reserved: int = 0
) -> list[str]:
    """The identities of those that have to go.

    Args:
        events: Those that may go, the oldest first: identity, time and bytes.
        before: Those that are older go.
        keep_size: Bytes that all may take together.
        reserved: How much of that is taken by what must stay.
    """
    oldest_first = list(events)
    total = reserved + sum(size for _, _, size in oldest_first)
    going = []
    for event_id, at, size in oldest_first:
        if at >= before and total <= keep_size:
            break
        going.append(event_id)
        total -= size
    return going
