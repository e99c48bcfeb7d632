"""How many frames a second of a live source the machine can show. No clock, no I/O.

A camera that gives more than the machine can show must not cost what is thrown away afterwards: a frame that is
dropped on its way to the screen was decoded for nothing, in the time in which another camera's frame would have been
shown. So a camera that loses frames asks its source for fewer, and for more again once it loses none. Cameras know
nothing of each other: each falls by a share of its own rate and rises by a share of what it is asked for, as the
senders of a network do, and so those that are asked for as much come to about equal rates. A camera that fell because
it had no time left to show its frames measures how much it has since, and takes a part of that at once.
"""

from __future__ import annotations

from collections import deque
from math import inf, nan
from typing import NamedTuple

_WINDOW = 1.0
"""Seconds over which frames are counted, at least."""
_FEWEST = 8
"""Frames that are counted, at least."""
_SUSTAINED = 4
"""Windows in a row with losses before anything is done: a start and a moment of other work are shorter."""
_LOSSES = 0.08
"""The share of frames that must be lost for that."""
_TOLERATED = 0.08
"""The share that may be lost of late: on any machine some frames collide with other work."""
_NONE = 0.02
"""The share up to which nothing counts as lost."""
_NEWEST = 0.5
"""What the newest window counts of what was lost of late."""
_HEAVY = 0.25
"""The share of one window that says enough by itself."""
_BUSY = 0.92
"""The share of its time that a camera may take to show its frames: with none to spare it loses some."""
_KEPT = 0.5
"""The share of its rate that a camera keeps at least, in one window."""
_FIRST_STEP, _LARGEST_STEP, _GROWTH = 0.02, 0.05, 1.5
"""The share of what is asked by which a rate rises after a window without losses, and how that grows."""
_TAKEN = 0.2
"""The share of the room by which a rate rises at least, where it fell for lack of room: scenes change in seconds."""
_AMPLE = 1.2
"""A camera that has room for so many times its rate loses frames for another reason: they take long to decode."""
_AVERAGED = 5
"""Windows over which it is said what is asked and what is shown."""
_FORGETS = 0.98
"""The share of what a source gave in the window before that it is still taken to give."""
_FULL = 0.9
"""The share of what is asked that is shown at most where the machine is called full."""
_LOWEST = 1.0
"""Frames a second that are always asked for."""


class _Count(NamedTuple):
    """What was counted up to a time, or within one."""

    at: float
    offered: int
    wanted: int
    dropped: int
    busy: float

    def since(self, before: _Count) -> _Count:
        """What came behind an earlier count."""
        return _Count(
            self.at - before.at,
            self.offered - before.offered,
            self.wanted - before.wanted,
            self.dropped - before.dropped,
            self.busy - before.busy,
        )

    @property
    def room(self) -> float:
        """Frames a second that could be shown, with a little time to spare."""
        return _BUSY * (self.wanted - self.dropped) / self.busy if self.busy else inf


class LoadShedding:
    """Finds the rate at which a live source loses no frames.

    Args:
        ceiling: Frames a second that are wanted at most; infinite wants what comes.
    """

    def __init__(self, ceiling: float = inf) -> None:
        self.max_fps = ceiling
        """Frames a second to take from the source, from now on."""
        self.asked_fps = nan
        """Frames a second that were to be shown, of late; NaN before the first second."""
        self.shown_fps = nan
        """Frames a second that were shown, of late; NaN before the first second."""
        self._ceiling = ceiling
        self._offered_fps = 0.0
        self._counts: deque[_Count] = deque(maxlen=_AVERAGED + 1)
        self._losing = 0
        self._lost = 0.0
        self._step = _FIRST_STEP
        self._lacked_room = False  # when it last fell

    @property
    def is_shedding(self) -> bool:
        """Whether fewer frames are taken from the source than are asked for."""
        return self.max_fps < self._ceiling

    @property
    def trouble(self) -> str:
        """What the machine cannot show, in words; empty while it shows about what is asked."""
        if not self.is_shedding or self.shown_fps > _FULL * self.asked_fps:
            return ""
        return f"machine is full: {self.asked_fps:.0f} asked, {self.shown_fps:.0f} shown"

    def update(self, now: float, offered: int, wanted: int, dropped: int, busy: float) -> None:
        """Take in what was counted since the start; whenever a frame came.

        Args:
            now: Seconds.
            offered: Frames that the source gave, whether anybody wanted them or not.
            wanted: Frames that were to be shown, at the rate of the moment.
            dropped: How many of these came too late to be shown.
            busy: Seconds that it took to show the others; where others use the machine too, it takes longer.
        """
        count = _Count(now, offered, wanted, dropped, busy)
        if not self._counts:
            self._counts.append(count)
            return
        window = count.since(self._counts[-1])
        if window.at < _WINDOW or window.wanted < _FEWEST or window.wanted <= window.dropped:
            return  # where nothing at all is shown, somebody stands still: that is one loss, however long it lasts
        self._counts.append(count)
        self._average(count.since(self._counts[0]))
        lost = window.dropped / window.wanted
        if self.is_shedding:
            self._follow(lost, window.room)
        else:
            self._losing = self._losing + 1 if lost > _LOSSES else 0
            if self._losing >= _SUSTAINED:
                self._fall(window.wanted / window.at, lost, window.room)

    def _average(self, lately: _Count) -> None:
        # A file that is read late is played slowly: what it gave before it was too much is what is asked.
        self._offered_fps = max(lately.offered / lately.at, _FORGETS * self._offered_fps)
        self.asked_fps = min(self._ceiling, self._offered_fps)
        self.shown_fps = (lately.wanted - lately.dropped) / lately.at

    def _follow(self, lost: float, room: float) -> None:
        self._lost = lost if lost > _HEAVY else (1 - _NEWEST) * self._lost + _NEWEST * lost
        if self._lost > _TOLERATED:
            self._fall(self.max_fps, self._lost, room)
        elif room < self.max_fps:
            self._fall(self.max_fps, (1 - room / self.max_fps) / 2, room)
        elif lost > _NONE:
            self._step = _FIRST_STEP
        else:
            self._rise(room)
        if self.max_fps >= self.asked_fps:
            self.max_fps, self._losing = self._ceiling, 0

    def _rise(self, room: float) -> None:
        rise = self._step * self.asked_fps
        if self._lacked_room:
            rise = max(rise, _TAKEN * (min(room, self.asked_fps) - self.max_fps))
        self.max_fps = min(room, self.max_fps + rise)
        self._step = min(_LARGEST_STEP, self._step * _GROWTH)

    def _fall(self, rate: float, lost: float, room: float) -> None:
        self._lacked_room = room < _AMPLE * rate
        self.max_fps = max(_LOWEST, rate * max(_KEPT, 1 - lost))
        self._step, self._lost = _FIRST_STEP, 0.0
