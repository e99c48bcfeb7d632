"""How a camera is doing, in words. Told the time, never asking for it."""

from __future__ import annotations

import re
from dataclasses import dataclass
from math import isnan
from typing import Literal

SILENT_AFTER = 2.0
"""Seconds without a picture after which a camera is called silent."""
STUCK_AFTER = 10.0
"""Seconds without a sign of life from a pipeline, which gives one ten times a second even without a camera."""
_SILENT = re.compile(r"camera silent for \d+ s")

Status = Literal["live", "waiting", "silent", "stuck", "ended"]


@dataclass(frozen=True, slots=True)
class Health:
    """How one camera is doing."""

    status: Status
    """``live``: pictures come; ``waiting``: none has come yet; ``silent``: they stopped, and it is tried again;
    ``stuck``: the pipeline itself gives no sign of life; ``ended``: nothing more will come."""
    text: str
    """The same for people."""

    @property
    def dead(self) -> bool:
        """Whether nothing but a restart can help; a silent camera comes back by itself."""
        return self.status in ("stuck", "ended")


def health_of(*, closed: bool, picture_at: float, beat_at: float, now: float, trouble: str) -> Health:
    """Judge a camera.

    Args:
        closed: Nothing more will come.
        picture_at: When the last picture came, NaN before the first; all times in seconds of one clock.
        beat_at: When the pipeline last gave a sign of life; NaN where its start is still to come.
        now: The time.
        trouble: What the pipeline says is wrong with the source; empty where nothing is.
    """
    if closed:
        return Health("ended", "ended")
    if now - beat_at > STUCK_AFTER:
        return Health("stuck", f"no sign of life for {_seconds(now - beat_at)}")
    if isnan(picture_at):
        awaited = "its turn to start" if isnan(beat_at) else "the first picture"
        return Health("waiting", trouble or f"waiting for {awaited}")
    silent = now - picture_at
    if silent < SILENT_AFTER and not trouble:
        return Health("live", "live")
    text = f"camera silent for {_seconds(silent)}"
    if _SILENT.match(trouble):  # as the capture saw it a moment ago
        return Health("silent", _SILENT.sub(text, trouble))
    return Health("silent", f"{text}: {trouble}" if trouble else f"{text}, trying again")


def _seconds(seconds: float) -> str:
    if seconds < 120:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 7200 else f"{seconds / 3600:.0f} h"


def overall_status(cameras: dict[str, Health]) -> Literal["ok", "degraded", "dead"]:
    """One status for several cameras: dead only where none of them lives any more."""
    if cameras and all(health.dead for health in cameras.values()):
        return "dead"
    return "ok" if all(health.status == "live" for health in cameras.values()) else "degraded"
