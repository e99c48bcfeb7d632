"""Which changes of a camera's state are worth a line. Pure: it is told the time."""

from __future__ import annotations

import re
from math import inf
from typing import NamedTuple

from kpstream.entities import Stats


class Tidings:
    """Which changes are worth a line: trouble that lasts or comes again and again, and the end of what was told.

    A trouble that goes on is told once, whatever figures are in it. What comes and goes is told once a minute, and so
    is its end; what takes many forms gives no more than a line in ten seconds.

    Args:
        all_well: What to say when trouble is over.
        well: Whether that goes without saying at first.
    """

    LASTS = 2.0
    """Seconds that anything must last before it is told; trouble that pauses for less is the same trouble."""
    PAUSE = 10.0
    """Seconds between two forms of one trouble."""
    QUIET = 60.0
    """Seconds between two troubles, and before the same form of one is told again."""

    def __init__(self, all_well: str, *, well: bool = False) -> None:
        self._all_well = all_well
        self._stands: bool | None = False if well else None  # whether the last line was of trouble
        self._kind: str | None = None
        self._since = inf
        self._began_at = inf  # the trouble that is not over
        self._told: dict[str, float] = {}  # of this trouble: when each form was last seen
        self._told_at = -inf

    def news(self, trouble: str, now: float) -> str | None:
        """What is to be said now, if anything.

        Args:
            trouble: What is wrong right now, in words; empty when all is well.
            now: Seconds.
        """
        kind = _kind(trouble)
        if kind != self._kind:
            self._kind, self._since = kind, now
        return self._of_trouble(trouble, kind, now) if trouble else self._of_the_end(now)

    def untold(self, trouble: str) -> str | None:
        """What is to be said at the very end: the trouble, where it was too young to be told."""
        return None if _kind(trouble) in self._told else trouble or None

    def _of_trouble(self, trouble: str, kind: str, now: float) -> str | None:
        self._began_at = min(self._began_at, now)
        self._told = {told: at for told, at in self._told.items() if now - at < self.QUIET}
        if kind in self._told:
            self._told[kind] = now
            return None
        since, pause = (self._since, self.PAUSE) if self._stands else (self._began_at, self.QUIET)
        if now - since < self.LASTS or now - self._told_at < pause:
            return None
        self._stands, self._told_at, self._told[kind] = True, now, now
        return trouble

    def _of_the_end(self, now: float) -> str | None:
        if now - self._since < self.LASTS:
            return None
        self._began_at = inf
        self._told.clear()
        told, self._stands = self._stands, False
        return None if told is False else self._all_well


class News(NamedTuple):
    """One line about a camera."""

    text: str
    is_trouble: bool
    """Whether something is wrong, or over."""


class CameraTidings:
    """What of a camera's figures is worth a line: of its source and of its endpoint.

    Args:
        pictures_come: Whether that goes without saying at first.
    """

    def __init__(self, *, pictures_come: bool = False) -> None:
        self._source = Tidings("pictures come", well=pictures_come)
        self._endpoint = Tidings("the endpoint answers", well=True)

    def news(self, stats: Stats, now: float) -> list[News]:
        """What is to be said now.

        Args:
            stats: How the camera is doing.
            now: Seconds.
        """
        told = [(self._endpoint.news(stats.endpoint_trouble, now), stats.endpoint_trouble)]
        if stats.captured or stats.source_trouble:
            told.append((self._source.news(stats.source_trouble, now), stats.source_trouble))
        return [News(text, is_trouble=bool(trouble)) for text, trouble in told if text]

    def untold(self, stats: Stats) -> list[News]:
        """What is to be said at the very end: what is wrong, and was not told yet."""
        told = self._endpoint.untold(stats.endpoint_trouble), self._source.untold(stats.source_trouble)
        return [News(text, is_trouble=True) for text in told if text]


def _kind(trouble: str) -> str:
    return re.sub(r"\d+", "#", trouble)  # figures change all the time
