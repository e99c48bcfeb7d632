"""How long to wait before a request that failed is sent again.

Pure: it is told the time and never asks for it.
"""

from __future__ import annotations

import random


def backoff(attempt: int, retry_after: float | None = None, *, longest: float = 8.0) -> float:
    """Seconds to wait before asking again.

    Doubles from half a second, with jitter on the upper half so that many requests do not come back at once.

    Args:
        attempt: How many times it failed so far, from 1.
        retry_after: The least that the service asked for, in seconds; kept to, up to a minute.
        longest: The most that the doubling leads to.
    """
    pause = min(longest, 0.5 * 2.0 ** (min(attempt, 30) - 1)) * random.uniform(0.5, 1.0)
    return pause if retry_after is None else max(pause, min(retry_after, 60.0) + random.uniform(0, 0.1))
