"""Which changes of a camera's state are worth a line. Pure: it is told the time."""

from __future__ import annotations

import re
from math import inf


class Tidings:
    """Which changes are worth a line: those that last, no trouble again within a minute, and the end of what was told.

    Args:
        all_well: What to say when trouble is over.
        well: Whether that goes without saying at first.
    """

    LASTS = 2.0
    QUIET = 60.0

    def __init__(self, all_well: str, *, well: bool = False) -> None:
        self._all_well = all_well
        self._known: str | None = "" if well else None
        self._owed = not well  # whether it must be said when all is well
        self._kind: str | None = None
        self._since = inf
        self._told: dict[str, float] = {}

    def news(self, trouble: str, now: float) -> str | None:
        """What is to be said now, if anything.

        Args:
            trouble: What is wrong right now, in words; empty when all is well.
            now: Seconds.
        """
        kind = re.sub(r"\d+", "#", trouble)  # figures change all the time
        if kind != self._kind:
            self._kind, self._since = kind, now
        if kind == self._known or now - self._since < self.LASTS:
            return None
        self._known = kind
        if not trouble:
            owed, self._owed = self._owed, False
            return self._all_well if owed else None
        self._told = {text: at for text, at in self._told.items() if now - at < self.QUIET}
        if kind in self._told:
            return None
        self._told[kind], self._owed = now, True
        return trouble
