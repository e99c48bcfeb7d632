"""What a server says when the system gives it no more connections."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable
from math import inf
from typing import Any

from kpstream.errors import lacks_open_files

_EVERY = 60.0
"""Seconds between two lines."""
_log = logging.getLogger("kpstream")


class ExhaustionLog:
    """Tells in a line a minute that no connection can be accepted; an exception handler of an event loop.

    Asyncio tries again every second by itself, but would write thousands of tracebacks meanwhile.

    Args:
        clock: Monotonic seconds.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._told_at = -inf

    def __call__(self, loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
        """Take in what went wrong in the loop; all else goes the usual way."""
        error = context.get("exception")
        if not lacks_open_files(error):
            loop.default_exception_handler(context)
        elif (now := self._clock()) - self._told_at >= _EVERY:
            self._told_at = now
            _log.warning("no more connections are accepted: %s (ulimit -n says how many there may be)", error.strerror)
