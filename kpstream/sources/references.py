"""Which pictures of a coded stream others lean on, by the headers of their packets. No I/O."""

from __future__ import annotations

from bisect import bisect_left, bisect_right, insort
from collections.abc import Iterator
from itertools import pairwise
from math import inf

_H264_SLICES = {1, 5}
_HEVC_SLICES = 32
"""Kinds below this hold a part of a picture."""
_HEVC_PLAIN = 16
"""Kinds below this, and even, hold pictures that no other of their layer leans on."""
_START_CODE = b"\0\0\1"
_REMEMBERED = 16
"""More pictures than any coder puts into another order."""
_EVEN = 0.02
"""By how much of a picture's time an interval may miss a whole number of pictures."""


class ReferencePictures:
    """Tells which pictures others lean on, and whether these alone can be shown.

    Where a codec's headers say nothing of it, others lean on every picture.

    Args:
        codec: FFmpeg's name.
        extradata: What the decoder has to know before the first packet.
    """

    def __init__(self, codec: str, extradata: bytes) -> None:
        self._codec = codec
        self._length_size = _length_size(codec, extradata)
        self._stamps: list[int] = []
        self._all_stamps: list[int] = []

    def take(self, data: memoryview, stamp: int) -> bool:
        """Whether others lean on the picture of the next packet.

        Args:
            data: The packet's.
            stamp: When its picture is shown, in any unit.
        """
        is_leaned_on = self._is_leaned_on(data)
        _remember(self._all_stamps, stamp)
        if is_leaned_on:
            _remember(self._stamps, stamp)
        return is_leaned_on

    def suffice(self, interval: float, decoded_until: int) -> bool:
        """Whether they alone can be shown so often, and in an even rhythm if that can be done with all pictures.

        Args:
            interval: From one picture to the next, in the unit of their stamps.
            decoded_until: No packet that comes has a picture that is shown before this.
        """
        gap = _longest_gap(self._stamps, decoded_until)
        if gap > interval:
            return False
        return _is_even(interval / gap) or not _is_even(interval / _longest_gap(self._all_stamps, decoded_until))

    def gap_of_every_second(self, decoded_until: int) -> float:
        """The time from one to the next where they are every second picture, in their unit; otherwise 0.

        Args:
            decoded_until: As for `suffice`.
        """
        gaps, of_all = _gaps(self._stamps, decoded_until), _longest_gap(self._all_stamps, decoded_until)
        longest = max(gaps, default=0)
        # A rate that changes, and a picture that is lost, leave gaps of two kinds.
        is_every_second = bool(gaps) and max(longest - min(gaps), abs(longest - 2 * of_all)) < _EVEN * longest
        return longest if is_every_second else 0

    def gap_before(self, stamp: int, decoded_until: int) -> float:
        """The time from the one that is shown before another one, of which some may still come, in their unit.

        Args:
            stamp: When the other one is shown.
            decoded_until: As for `suffice`.
        """
        before = self._stamps[: bisect_left(self._stamps, stamp)]
        return min(stamp - before[-1] if before else inf, _longest_gap(self._stamps, decoded_until))

    def _is_leaned_on(self, data: memoryview) -> bool:
        for header in self._headers(data):
            if self._codec == "h264" and header & 0x1F in _H264_SLICES:
                return bool(header & 0x60)
            if self._codec == "hevc" and (kind := header >> 1 & 0x3F) < _HEVC_SLICES:
                return kind >= _HEVC_PLAIN or kind % 2 == 1
        return True

    def _headers(self, data: memoryview) -> Iterator[int]:
        """The first byte of each unit of a packet."""
        if self._codec not in {"h264", "hevc"}:
            return
        if self._length_size:
            at = self._length_size
            while at < len(data):
                yield data[at]
                at += int.from_bytes(data[at - self._length_size : at], "big") + self._length_size
            return
        whole, at = bytes(data), 0
        while (at := whole.find(_START_CODE, at) + len(_START_CODE)) >= len(_START_CODE) and at < len(whole):
            yield whole[at]


def _length_size(codec: str, extradata: bytes) -> int:
    """How many bytes before each unit say how long it is; 0 where a code stands before it instead."""
    place = {"h264": 4, "hevc": 21}.get(codec, 0)
    return (extradata[place] & 3) + 1 if place < len(extradata) and extradata[0] == 1 else 0


def _is_even(pictures: float) -> bool:
    return abs(pictures - round(pictures)) < _EVEN


def _remember(stamps: list[int], stamp: int) -> None:
    """Add a stamp in its place, and forget the first of many."""
    if len(stamps) == _REMEMBERED and stamp < stamps[0]:  # the stream begins anew
        stamps.clear()
    insort(stamps, stamp)
    del stamps[:-_REMEMBERED]


def _longest_gap(stamps: list[int], until: int) -> float:
    """The longest time between two pictures that are shown up to a time; infinite where there are no two."""
    return max(_gaps(stamps, until), default=0) or inf


def _gaps(stamps: list[int], until: int) -> list[int]:
    """The times between pictures that are shown up to a time."""
    return [after - before for before, after in pairwise(stamps[: bisect_right(stamps, until)])]
