"""Notices a live camera that repeats one picture for ever. No clock, no thread.

A sensor's noise makes every picture another one, so what is the same to the last bit comes from an encoder, a driver
or a network box that hangs. But a test card, a slide or a covered lens may stand still by themselves. What it is shows
when the camera is opened again: so that is tried once, and where it does not help, the picture is accepted
as still until it changes, and next time it may stand for twice as long.
"""

from __future__ import annotations

from math import isnan, nan

import numpy as np

from kpstream.media.frame import Image, Picture

_EVERY_ROW = 8
"""One row in so many is looked at: 0.1 ms at 1920x1080."""
_TRIAL = 4.0
"""A camera whose picture has not stood for this many times the allowed time after it was opened again is well."""
_MAX_FREEZE_AFTER = 600.0


class FreezeDetector:
    """Tells how long one picture stands, and whether opening the camera again is worth while.

    Args:
        freeze_after: Seconds that one picture may stand.
    """

    def __init__(self, freeze_after: float = 4.0) -> None:
        self.accepted_as_still = False
        """Whether the picture stands, and is taken for what the camera sees; until it changes."""
        self._usual = self._freeze_after = freeze_after
        self._rows: Image | None = None
        self._since = nan
        self._reopened_at = nan  # NaN while no trial runs

    def is_frozen(self, picture: Picture, now: float) -> bool:
        """Whether the picture has stood for too long.

        Args:
            picture: The newest one; its luma is enough.
            now: Seconds of any clock that only grows.
        """
        rows = (picture.image if picture.luma is None else picture.luma.plane)[::_EVERY_ROW]
        if self._rows is None or not np.array_equal(rows, self._rows):
            self._rows, self._since, self.accepted_as_still = rows.copy(), now, False
            if now - self._reopened_at > _TRIAL * self._usual:
                self._reopened_at, self._freeze_after = nan, self._usual
            return False
        stood = now - self._since
        if stood > self._usual and not isnan(self._reopened_at):
            self._reopened_at, self._freeze_after = nan, min(2 * self._freeze_after, _MAX_FREEZE_AFTER)
            self.accepted_as_still = True
        return stood > self._freeze_after and not self.accepted_as_still

    def try_again(self, now: float) -> None:
        """The camera will be opened again because its picture stood: what stands after that is accepted as still."""
        self._reopened_at = now
        self.forget()

    def forget(self) -> None:
        """The next picture is the first of a new connection: one that looks like the last one before does not stand."""
        self._rows = None
