"""Ctrl-C, SIGTERM and a terminal that hangs up: they end the work whole."""

from __future__ import annotations

import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType

_HANG_UP = [signal.SIGHUP] if hasattr(signal, "SIGHUP") else []


class Signals:
    """What Ctrl-C, SIGTERM and SIGHUP do, and whether they came."""

    def __init__(self) -> None:
        self.caught: list[int] = []
        self.stop: Callable[[], None] | None = None
        """Ends the work whole; None while there is none."""

    def handle(self, number: int, _: FrameType | None) -> None:
        """Stop the work; a second Ctrl-C, or either while there is no work, ends the program at once."""
        is_second = bool(self.caught)
        self.caught.append(number)
        if self.stop is None and number != signal.SIGINT:
            raise SystemExit(0)
        if self.stop is None or (is_second and number == signal.SIGINT):
            raise KeyboardInterrupt
        self.stop()


@contextmanager
def signals_handled() -> Iterator[Signals]:
    """Let Ctrl-C, SIGTERM and SIGHUP end the work whole while the block runs; a hang-up that nohup ignores stays so."""
    signals = Signals()
    ending = [number for number in (signal.SIGINT, signal.SIGTERM, *_HANG_UP) if not _is_kept_out(number)]
    previous = {number: signal.signal(number, signals.handle) for number in ending}
    try:
        yield signals
    finally:
        for number, handler in previous.items():
            signal.signal(number, handler)


def _is_kept_out(number: signal.Signals) -> bool:
    """Whether who started the program keeps a signal from it: nohup a hang-up.

    A shell lets its background jobs ignore Ctrl-C, for it is not theirs; sent on purpose it still ends them whole.
    """
    return number in _HANG_UP and signal.getsignal(number) == signal.SIG_IGN


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
