"""From true, false and unknown to events: one state machine for each rule and whom it is about.

It counts seconds of pts, never frames. Unknown neither opens nor ends; it stops the clock.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import inf, nan
from typing import Literal

Truth = bool | None
GAP = 2.0
"""Seconds between two true moments that still count as true all the time; after a longer gap, time counts anew."""
_EPSILON = 1e-6

Change = Literal["opened", "changed", "ended"]


@dataclass(slots=True)
class Machine:
    """What one rule knows of one object.

    Args:
        for_seconds: It opens when the condition was true for so long.
        clear: It ends when the condition was false for so long.
        cooldown: Seconds after its end in which it does not open again.
    """

    for_seconds: float
    clear: float
    cooldown: float
    truth: Truth = None
    """What the condition said last."""
    truth_since: float = nan
    """Since when it has said so."""
    began_pts: float = nan
    """The first true moment; NaN while nothing is pending or open."""
    last_true: float = -inf
    last_true_index: int = 0
    is_open: bool = False
    _false_since: float = nan
    _closed_until: float = -inf

    @property
    def is_pending(self) -> bool:
        """Whether it may open soon."""
        return not self.is_open and self.began_pts == self.began_pts

    @property
    def is_clearing(self) -> bool:
        """Whether it may end soon."""
        return self.is_open and self._false_since == self._false_since

    def step(self, pts: float, frame_index: int, truth: Truth, *, may_open: bool) -> Change | None:
        """Take in what the condition says at a moment; moments come in order.

        Args:
            pts: Seconds.
            frame_index: The moment's frame.
            truth: What the condition says; None where it cannot tell.
            may_open: Whether an event may open now.
        """
        if truth is not self.truth:
            self.truth, self.truth_since = truth, pts
        if truth is None:
            if self.is_pending and pts - self.last_true > GAP:
                self.began_pts = nan
            return None
        if truth:
            return self._true(pts, frame_index, may_open=may_open)
        if self.is_open:
            return self._false(pts)
        self.began_pts = nan
        return None

    def _true(self, pts: float, frame_index: int, *, may_open: bool) -> Change | None:
        self._false_since = nan
        if self.is_open:
            self.last_true, self.last_true_index = pts, frame_index
            return "changed"
        if pts < self._closed_until:
            return None
        if not self.is_pending or pts - self.last_true > GAP:
            self.began_pts = pts
        self.last_true, self.last_true_index = pts, frame_index
        if not may_open or pts - self.began_pts < self.for_seconds - _EPSILON:
            return None
        self.is_open = True
        return "opened"

    def _false(self, pts: float) -> Change | None:
        if self._false_since != self._false_since:
            self._false_since = self.last_true if pts - self.last_true <= GAP else pts
        return self.end() if pts - self._false_since >= self.clear - _EPSILON else None

    def end(self) -> Change | None:
        """End what is open or pending, at its last true moment."""
        was_open = self.is_open
        self.is_open, self.began_pts, self._false_since = False, nan, nan
        if not was_open:
            return None
        self._closed_until = self.last_true + self.cooldown if self.cooldown else -inf
        return "ended"
