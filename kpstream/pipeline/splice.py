"""Frames of several sources in a row, numbered and timed as those of one. No clock, no I/O."""

from __future__ import annotations

from dataclasses import replace
from math import isnan, nan

from kpstream.entities import Frame

_SHORTEST_STEP = 0.001


class Splice:
    """Lets index and pts run on where a source was lost and another one opened in its place.

    The frames of the first source stay as they are. The first frame of each later one follows the last frame before
    it by one in index. Its pts is the time that passed from the very first capture to its own: a camera sends its
    first pictures late and catches up, and measured from the last capture every outage would add that delay.
    """

    def __init__(self) -> None:
        self._origin = nan  # the capture that has pts 0.0; NaN before the first frame
        self._last = nan, nan  # index and pts of the last frame
        self._is_cut = False
        self._shift = 0, 0.0

    def cut(self) -> None:
        """Take the next frame for the first one of another source."""
        self._is_cut = True

    def join(self, frame: Frame) -> Frame:
        """Place the next frame after those before it.

        Args:
            frame: As its source numbered it; the frames of one source come in order.

        Returns:
            The frame with its index and pts in the whole.
        """
        last_index, last_pts = self._last
        if isnan(self._origin):
            self._origin = frame.captured_at - frame.pts
        elif self._is_cut:
            pts = max(last_pts + _SHORTEST_STEP, frame.captured_at - self._origin)
            self._shift = int(last_index) + 1 - frame.index, pts - frame.pts
        self._is_cut = False
        index_shift, pts_shift = self._shift
        if index_shift or pts_shift:
            frame = replace(frame, index=frame.index + index_shift, pts=frame.pts + pts_shift)
        self._last = frame.index, frame.pts
        return frame
