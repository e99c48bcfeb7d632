"""The rules of a camera as the page sees them, wherever they run."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, tzinfo
from typing import Protocol

from kpstream.events import Line, RuleSet, Zone

Edit = Callable[[tuple[Zone, ...], tuple[Line, ...]], None]
"""Writes zones and lines into the file that they come from, which is then followed.

Blocks; called by one thread at a time. Raises KpstreamError, for the user, where that cannot be.
"""


class CameraRules(Protocol):
    """What the page asks of one camera's rules. Any thread; nothing here waits."""

    @property
    def camera(self) -> str:
        """The camera's name in events."""

    @property
    def rules(self) -> RuleSet:
        """The camera's own."""

    @property
    def armed(self) -> Mapping[str, bool]:
        """Whether each rule is armed, by name, and with an empty name the camera; a rule is where both are."""

    def arm(self, rule: str, armed: bool) -> None:
        """Arm or disarm a rule, or with an empty name the camera as a whole."""


@dataclass(frozen=True, slots=True)
class PageRules:
    """The rules of all cameras of a page."""

    find: Callable[[str], CameraRules | None]
    """Those of the camera with this title; None where it has none."""
    timezone: tzinfo | None = None
    """In which schedules hold; None for the machine's own."""
    edit: Edit | None = None
    """Writes zones and lines; None where the page may not."""

    def now(self) -> datetime:
        """The wall clock of the schedules."""
        return datetime.now(self.timezone)
