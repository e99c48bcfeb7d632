"""A machine that several cameras share, in numbers alone: what it shows of each where each sheds what it loses.

Every camera has a thread that reads (pictures come with the clock, each costs its decoding) and one that shows the
newest picture that was read. The machine gives all threads equal parts of its cores, and what one does not need to the
others.
"""

from __future__ import annotations

import random
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field

from kpstream.media.decimation import Decimation
from kpstream.pipeline.load_shedding import LoadShedding

_TICK = 1 / 120
_CATCHES_UP = 0.25
"""Seconds that a reader may be late before it gives up the pictures that it missed."""


@dataclass(slots=True)
class _Picture:
    at: float
    cost: float
    wanted: bool


@dataclass
class SharedCamera:
    """One of the cameras.

    Args:
        dice: For what its pictures cost.
        rate: Pictures a second.
        leaned_on: Seconds to decode a picture that others lean on: every second one.
        alone: Seconds to decode one of the others.
        passes_over: Seconds for one that is not decoded.
        converts: Seconds to hand on a picture that is wanted.
        shows: Seconds to show it.
        sheds: Whether it takes fewer pictures where it loses some.
    """

    dice: random.Random
    rate: float = 30.0
    leaned_on: float = 0.0017
    alone: float = 0.001
    passes_over: float = 0.0001
    converts: float = 0.002
    shows: float = 0.014
    sheds: bool = True
    shedding: LoadShedding = field(default_factory=LoadShedding)
    shown: int = 0
    """How many pictures were shown so far."""
    _decimation: Decimation = field(default_factory=Decimation)
    _given: int = 0
    _wanted: int = 0
    _dropped: int = 0
    _begins_at: float = 0.0
    _read: deque[_Picture] = field(default_factory=deque)
    _is_waiting: bool = False
    _left: float = 0.0
    _busy: float = 0.0

    def needs(self, now: float) -> tuple[float, float]:
        """Seconds of work that the two threads have."""
        while self._begins_at + self._given / self.rate <= now:
            wanted = self._decimation.wants(self._given / self.rate)
            cost = self.leaned_on if self._given % 2 == 0 else self.alone if wanted else self.passes_over
            cost += self.converts * wanted
            self._read.append(_Picture(self._begins_at + self._given / self.rate, self._about(cost), wanted))
            self._given += 1
        return sum(picture.cost for picture in self._read), self._left + self.shows * self._is_waiting

    def work(self, now: float, reading: float, showing: float) -> None:
        """Let the two threads work for so many seconds."""
        while self._read and reading > 0:
            picture = self._read[0]
            done = min(reading, picture.cost)
            picture.cost -= done
            reading -= done
            if picture.cost > 0:
                break
            self._read.popleft()
            if picture.wanted:
                self._hand_over(picture, now)
        self._busy += _TICK * (showing > 0 or self._left > 0)
        while showing > 0 and (self._left > 0 or self._is_waiting):
            if self._left <= 0:
                self._is_waiting, self._left = False, self._about(self.shows)
                self.shown += 1
            done = min(showing, self._left)
            self._left -= done
            showing -= done

    def _hand_over(self, picture: _Picture, now: float) -> None:
        self._wanted += 1
        is_late = any(other.wanted for other in self._read)
        if is_late and now - picture.at > _CATCHES_UP:  # it plays slowly from now on
            self._begins_at = now - self._given / self.rate
            self._read.clear()
            is_late = False
        self._dropped += is_late or self._is_waiting
        self._is_waiting = self._is_waiting or not is_late
        if self.sheds:
            self.shedding.update(now, self._given, self._wanted, self._dropped, self._busy)
            self._decimation.max_fps = self.shedding.max_fps

    def _about(self, seconds: float) -> float:
        return seconds * self.dice.uniform(0.7, 1.3)


class SharedMachine:
    """Runs cameras on some cores.

    Args:
        cameras: What runs on it.
        cores: How many threads run at the same time.
    """

    def __init__(self, cameras: Sequence[SharedCamera], cores: int = 2) -> None:
        self.cameras = cameras
        """Some may go."""
        self._cores = cores
        self._ticks = 0

    def run(self, seconds: float) -> list[float]:
        """Run for a while; gives what each camera showed, in pictures a second."""
        before = [camera.shown for camera in self.cameras]
        for _ in range(round(seconds / _TICK)):
            now = self._ticks * _TICK
            self._ticks += 1
            needs = [min(need, _TICK) for camera in self.cameras for need in camera.needs(now)]
            parts = _equal_parts(needs, self._cores * _TICK)
            for place, camera in enumerate(self.cameras):
                camera.work(now, *parts[2 * place : 2 * place + 2])
        return [(camera.shown - shown) / seconds for camera, shown in zip(self.cameras, before, strict=True)]

    def stand_still(self, seconds: float) -> None:
        """Let nothing happen for a while."""
        self._ticks += round(seconds / _TICK)


def _equal_parts(needs: Sequence[float], room: float) -> list[float]:
    parts, left = [0.0] * len(needs), len(needs)
    for place in sorted(range(len(needs)), key=needs.__getitem__):
        parts[place] = min(needs[place], room / left)
        room -= parts[place]
        left -= 1
    return parts
