"""Frames of several sources in a row, numbered and timed as those of one. No clock, no I/O."""

from __future__ import annotations

from dataclasses import replace
from math import isnan, nan

from kpstream.entities import Frame

_SHORTEST_STEP = 0.001


class Splice:
    """Lets index and pts run on where a source was lost and another one opened in its place.

    The frames of the first source stay as they are. The first frame of each later one follows the last frame before
    it by one in index, and in pts by the time that passed between the two captures.
    """

    def __init__(self) -> None:
        self._last = nan, nan, nan  # index, pts and capture of the last frame; NaN before the first
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
        last_index, last_pts, last_captured_at = self._last
        if self._is_cut and not isnan(last_pts):
            passed = max(_SHORTEST_STEP, frame.captured_at - last_captured_at)
            self._shift = int(last_index) + 1 - frame.index, last_pts + passed - frame.pts
        self._is_cut = False
        index_shift, pts_shift = self._shift
        joined = replace(frame, index=frame.index + index_shift, pts=frame.pts + pts_shift)
        self._last = joined.index, joined.pts, joined.captured_at
        return joined
