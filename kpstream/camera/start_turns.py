"""Whose turn it is to start: few processes load at once, so that the first are done while the last still wait."""

from __future__ import annotations

import threading


class StartTurns:
    """Gives turns in the order in which they are asked for. Any thread; nothing here waits.

    Args:
        at_once: How many may have their turn at once, at least 1.
    """

    def __init__(self, at_once: int) -> None:
        self._at_once = at_once
        self._lock = threading.Lock()
        self._queue: list[threading.Event] = []  # the first so many have their turn

    def ask(self, turn: threading.Event) -> None:
        """Set the event as soon as it is its turn, which lasts until `end`."""
        with self._lock:
            self._queue.append(turn)
            self._tell()

    def end(self, turn: threading.Event) -> None:
        """Note that a turn is over, or wanted no more. Idempotent."""
        with self._lock:
            if turn in self._queue:
                self._queue.remove(turn)
                self._tell()

    def _tell(self) -> None:
        for turn in self._queue[: self._at_once]:
            turn.set()

    def __repr__(self) -> str:
        return f"<StartTurns {self._at_once} at once, {len(self._queue)} asked>"
