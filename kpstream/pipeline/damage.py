"""Puts the last whole picture of a camera in the place of damaged ones, and tells of them. No clock, no thread."""

from __future__ import annotations

from collections import deque
from dataclasses import replace
from math import nan

from kpstream.entities import Frame, Image
from kpstream.media.frame import BgrPicture, Picture

DIMMED_AFTER = 2.0
"""Seconds without a whole picture after which the last one is shown dimmed."""
_WINDOW = 10.0
_REPORTED_FROM = 3
"""Damaged pictures in those seconds: one alone is not worth a word."""


class DamageShield:
    """Hides the damaged pictures of a live source behind the last whole one."""

    def __init__(self) -> None:
        self.trouble = ""
        """What is wrong with the pictures of the last seconds, in words; empty where they are whole."""
        self._whole: Picture | None = None
        self._dimmed: Picture | None = None
        self._whole_at = nan
        self._recent: deque[tuple[float, int]] = deque()  # when a picture came, and how many were damaged by then
        self._damaged = 0  # of these

    def shield(self, frame: Frame, now: float) -> Frame:
        """The frame with a picture that can be shown.

        Args:
            frame: The newest frame.
            now: Seconds of any clock that only grows.
        """
        self._recent.append((now, frame.is_damaged + frame.undecoded))
        self._damaged += self._recent[-1][1]
        while self._recent[0][0] < now - _WINDOW:
            self._damaged -= self._recent.popleft()[1]
        self.trouble = self._words()
        if not frame.is_damaged:
            self._whole, self._dimmed, self._whole_at = frame.picture, None, now
            return frame
        if self._whole is None or self._whole.size != frame.size:
            return frame.showing(_dimmed(frame.image))
        if now - self._whole_at < DIMMED_AFTER:
            return replace(frame, picture=self._whole)
        if self._dimmed is None:
            self._dimmed = BgrPicture(_dimmed(self._whole.image))
        return replace(frame, picture=self._dimmed)

    def _words(self) -> str:
        if self._damaged < _REPORTED_FROM:
            return ""
        came = max(self._damaged, len(self._recent))
        return (
            f"{self._damaged} of the last {came} pictures arrived damaged: data is lost on the way; "
            "have RTSP carried over TCP, use a cable instead of Wi-Fi, or let the camera send fewer bits"
        )


def _dimmed(image: Image) -> Image:
    dimmed: Image = image // 3
    return dimmed
