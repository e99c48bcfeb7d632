"""How long to wait before a delivery is tried again. Pure."""

from __future__ import annotations

import random
from collections.abc import Callable

_SPREAD = 0.2


class Backoff:
    """Waits that double with each failure, up to a limit, with some jitter so that many do not end at once.

    Args:
        first: Seconds after the first failure.
        most: Seconds at most.
        spread: Gives the jitter, 0 to 1.
    """

    def __init__(self, first: float, most: float, spread: Callable[[], float] = random.random) -> None:
        self._first, self._most, self._spread = first, most, spread
        self._failures = 0

    @property
    def failures(self) -> int:
        """Failures since the last success."""
        return self._failures

    def failed(self, retry_after: float | None = None) -> float:
        """Count a failure.

        Args:
            retry_after: How long the destination asked to wait, in seconds; None where it said nothing.

        Returns:
            Seconds to wait.
        """
        seconds = min(self._most, self._first * 2.0 ** min(self._failures, 60))
        self._failures += 1
        seconds *= 1 + _SPREAD * self._spread()
        return seconds if retry_after is None else max(seconds, min(retry_after, self._most))

    def succeeded(self) -> None:
        """Start again with the shortest wait."""
        self._failures = 0
