"""How long a camera waits that died before it begins again, and which deaths are worth a line. Pure."""

from __future__ import annotations

_FIRST_PAUSE, _LONGEST_PAUSE = 1.0, 60.0
"""Seconds before a camera that died begins again."""
_STEADY = 60.0
"""Seconds after which a camera that dies has not been dying at once."""


class Restarts:
    """The deaths of one camera: each that follows at once doubles the pause, and is told only where it is another."""

    def __init__(self) -> None:
        self._pause = _FIRST_PAUSE
        self._in_a_row = 0
        self._fault = ""

    def note(self, lived: float, fault: str) -> tuple[float, str]:
        """Note that it died.

        Args:
            lived: Seconds from its beginning.
            fault: Why, for the user; empty where that is told already.

        Returns:
            Seconds until it is to begin again, and the line that is due; empty where none is.
        """
        if lived > _STEADY:
            self._pause, self._in_a_row, self._fault = _FIRST_PAUSE, 0, ""
        pause, self._pause = self._pause, min(_LONGEST_PAUSE, 2 * self._pause)
        self._in_a_row += 1
        is_new, self._fault = fault != self._fault, fault
        if fault and is_new:
            return pause, f"{fault} - begins again"
        if fault and pause < _LONGEST_PAUSE == self._pause:
            return pause, f"{fault}, {self._in_a_row} times in a row - tried again every minute from now on"
        return pause, ""
