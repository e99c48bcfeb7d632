"""How a camera is doing, in words. Told the time, never asking for it."""

from __future__ import annotations

from dataclasses import dataclass
from math import isnan
from typing import Literal

SILENT_AFTER = 2.0
"""Seconds without a picture after which a camera is called silent."""
STUCK_AFTER = 10.0
"""Seconds without a sign of life from a pipeline, which gives one twenty times a second even without a camera."""

Word = Literal["live", "waiting", "silent", "stuck", "ended"]


@dataclass(frozen=True, slots=True)
class State:
    """How one camera is doing."""

    word: Word
    """``live``: pictures come; ``waiting``: none has come yet; ``silent``: they stopped, and it is tried again;
    ``stuck``: the pipeline itself gives no sign of life; ``ended``: nothing more will come."""
    text: str
    """The same for people."""

    @property
    def dead(self) -> bool:
        """Whether nothing but a restart can help; a silent camera comes back by itself."""
        return self.word in ("stuck", "ended")


def state_of(*, closed: bool, picture_at: float, beat_at: float, now: float, trouble: str) -> State:
    """Judge a camera.

    Args:
        closed: Nothing more will come.
        picture_at: When the last picture came, NaN before the first; all times in seconds of one clock.
        beat_at: When the pipeline last gave a sign of life.
        now: The time.
        trouble: What the pipeline says is wrong with the source; empty where nothing is.
    """
    if closed:
        return State("ended", "ended")
    if now - beat_at > STUCK_AFTER:
        return State("stuck", f"no sign of life for {_seconds(now - beat_at)}")
    if isnan(picture_at):
        return State("waiting", trouble or "waiting for the first picture")
    silent = now - picture_at
    if silent < SILENT_AFTER and not trouble:
        return State("live", "live")
    text = f"camera silent for {_seconds(silent)}"
    return State("silent", f"{text}: {trouble}" if trouble else f"{text}, trying again")


def _seconds(seconds: float) -> str:
    if seconds < 120:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 7200 else f"{seconds / 3600:.0f} h"


def overall(states: dict[str, State]) -> Literal["ok", "degraded", "dead"]:
    """One word for several cameras: dead only where none of them lives any more."""
    if states and all(state.dead for state in states.values()):
        return "dead"
    return "ok" if all(state.word == "live" for state in states.values()) else "degraded"
