"""Turns true, false and unknown into events: one state machine for each rule and subject. Pure.

The machine counts seconds of pts, never frames. While the condition is unknown, no event opens or ends.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import inf, nan
from typing import Literal

Truth = bool | None
GAP = 2.0
"""Seconds between two true moments within which the condition counts as true; a longer gap starts the count anew."""
_EPSILON = 1e-6

Change = Literal["opened", "changed", "ended"]


@dataclass(slots=True)
class Machine:
    """The state of one rule for one subject: an event that is pending, open or neither.

    Args:
        for_seconds: An event opens when the condition was true for so many seconds.
        clear: An event ends when the condition was false for so many seconds.
        cooldown: Seconds after the end of an event in which no event opens.
    """

    for_seconds: float
    clear: float
    cooldown: float
    truth: Truth = None
    """The last truth of the condition."""
    truth_since: float = nan
    """The pts since which the condition has had this truth; NaN before the first moment."""
    began_pts: float = nan
    """The pts of the first true moment; NaN while no event is pending or open."""
    last_true: float = -inf
    last_true_index: int = 0
    is_open: bool = False
    _false_since: float = nan
    _closed_until: float = -inf

    @property
    def is_pending(self) -> bool:
        """Whether an event may open soon."""
        return not self.is_open and self.began_pts == self.began_pts

    @property
    def is_clearing(self) -> bool:
        """Whether the open event may end soon."""
        return self.is_open and self._false_since == self._false_since

    def step(self, pts: float, frame_index: int, truth: Truth, *, may_open: bool) -> Change | None:
        """Take in the truth of the condition at a moment; moments come in order.

        Args:
            pts: Seconds.
            frame_index: The moment's frame.
            truth: Of the condition; None where it is unknown.
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
        """End the event that is open or pending, at its last true moment."""
        was_open = self.is_open
        self.is_open, self.began_pts, self._false_since = False, nan, nan
        if not was_open:
            return None
        self._closed_until = self.last_true + self.cooldown if self.cooldown else -inf
        return "ended"
