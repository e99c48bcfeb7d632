"""Ctrl-C and SIGTERM: they end the work whole."""

from __future__ import annotations

import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType


class Signals:
    """What Ctrl-C and SIGTERM do, and whether they came."""

    def __init__(self) -> None:
        self.caught: list[int] = []
        self.stop: Callable[[], None] | None = None
        """Ends the work whole; None while there is none."""

    def handle(self, number: int, _: FrameType | None) -> None:
        """Stop the work; a second Ctrl-C, or either while there is no work, ends the program at once."""
        if self.stop is None and number == signal.SIGTERM:
            raise SystemExit(0)
        if self.stop is None or (self.caught and number == signal.SIGINT):
            raise KeyboardInterrupt
        self.caught.append(number)
        self.stop()


@contextmanager
def signals_handled() -> Iterator[Signals]:
    """Let Ctrl-C and SIGTERM end the work whole while the block runs."""
    signals = Signals()
    previous = {number: signal.signal(number, signals.handle) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield signals
    finally:
        for number, handler in previous.items():
            signal.signal(number, handler)


@contextmanager
def hangups_call(reload: Callable[[], None]) -> Iterator[None]:
    """Let SIGHUP read settings again while the block runs; on Windows there is none."""
    if not hasattr(signal, "SIGHUP"):
        yield
        return
    previous = signal.signal(signal.SIGHUP, lambda *_: reload())
    try:
        yield
    finally:
        signal.signal(signal.SIGHUP, previous)
