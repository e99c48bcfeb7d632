"""Which changes of a camera's state are worth a line. Pure: it is given the time."""

from __future__ import annotations

import re
from math import inf
from typing import NamedTuple

from kpstream.entities import Stats


class AlertFilter:
    """Which changes of a state are worth a line: trouble that lasts or returns, and the end of trouble that was logged.

    Trouble that goes on gives one line, whatever figures are in its text. Trouble that comes and goes gives one line a
    minute, and so does its end; trouble that takes many forms gives no more than a line in ten seconds.

    Args:
        healthy_line: The line that says that trouble is over.
        starts_well: Whether to assume at first that all is well, so that no line says so.
    """

    for_seconds = 2.0
    """Seconds that a state must last before it gives a line; trouble that pauses for less is the same trouble."""
    group_interval = 10.0
    """Seconds between two forms of one trouble."""
    repeat_interval = 60.0
    """Seconds between two troubles, and before the same form of one gives another line."""

    def __init__(self, healthy_line: str, *, starts_well: bool = False) -> None:
        self._healthy_line = healthy_line
        self._in_trouble: bool | None = False if starts_well else None  # as the last line said
        self._kind: str | None = None
        self._since = inf
        self._began_at = inf  # the trouble that is not over
        self._seen_at: dict[str, float] = {}  # when each form of this trouble that gave a line was last seen
        self._line_at = -inf

    def update(self, trouble: str, now: float) -> str | None:
        """The line that is due now; None where none is.

        Args:
            trouble: What is wrong right now, in words; empty when all is well.
            now: Seconds.
        """
        kind = _kind(trouble)
        if kind != self._kind:
            self._kind, self._since = kind, now
        return self._of_trouble(trouble, kind, now) if trouble else self._of_the_end(now)

    def flush(self, trouble: str) -> str | None:
        """The line that is due at the very end: the trouble, where it was too young for one."""
        return None if _kind(trouble) in self._seen_at else trouble or None

    def _of_trouble(self, trouble: str, kind: str, now: float) -> str | None:
        self._began_at = min(self._began_at, now)
        self._seen_at = {seen: at for seen, at in self._seen_at.items() if now - at < self.repeat_interval}
        if kind in self._seen_at:
            self._seen_at[kind] = now
            return None
        since, interval = (
            (self._since, self.group_interval) if self._in_trouble else (self._began_at, self.repeat_interval)
        )
        if now - since < self.for_seconds or now - self._line_at < interval:
            return None
        self._in_trouble, self._line_at, self._seen_at[kind] = True, now, now
        return trouble

    def _of_the_end(self, now: float) -> str | None:
        if now - self._since < self.for_seconds:
            return None
        self._began_at = inf
        self._seen_at.clear()
        before, self._in_trouble = self._in_trouble, False
        return None if before is False else self._healthy_line


class StatusLine(NamedTuple):
    """One line about a camera."""

    text: str
    is_trouble: bool
    """Whether something is wrong, or over."""


class CameraStatusLog:
    """Which changes of a camera's figures are worth a line: of its source, its pictures, its endpoint and the machine.

    Args:
        pictures_come: Whether to assume at first that pictures come, so that no line says so.
    """

    def __init__(self, *, pictures_come: bool = False) -> None:
        self._source = AlertFilter("pictures come", starts_well=pictures_come)
        self._pictures = AlertFilter("the pictures are whole again", starts_well=True)
        self._endpoint = AlertFilter("the endpoint answers", starts_well=True)
        self._machine = AlertFilter("the machine shows what is asked again", starts_well=True)

    def update(self, stats: Stats, now: float) -> list[StatusLine]:
        """The lines that are due now.

        Args:
            stats: How the camera is doing.
            now: Seconds.
        """
        lines = [
            (self._endpoint.update(stats.endpoint_trouble, now), stats.endpoint_trouble),
            (self._pictures.update(stats.picture_trouble, now), stats.picture_trouble),
            (self._machine.update(stats.machine_trouble, now), stats.machine_trouble),
        ]
        if stats.captured or stats.source_trouble:
            lines.append((self._source.update(stats.source_trouble, now), stats.source_trouble))
        return [StatusLine(text, is_trouble=bool(trouble)) for text, trouble in lines if text]

    def flush(self, stats: Stats) -> list[StatusLine]:
        """The lines that are due at the very end: what is wrong, and gave no line yet."""
        lines = (
            self._endpoint.flush(stats.endpoint_trouble),
            self._pictures.flush(stats.picture_trouble),
            self._machine.flush(stats.machine_trouble),
            self._source.flush(stats.source_trouble),
        )
        return [StatusLine(text, is_trouble=True) for text in lines if text]


def _kind(trouble: str) -> str:
    return re.sub(r"\d+", "#", trouble)  # figures change all the time
