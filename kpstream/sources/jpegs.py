"""JPEGs out of a stream of bytes, whatever stands between them. No I/O.

What cameras write between their pictures is right, wrong or missing; the pictures themselves say where they end.
"""

from __future__ import annotations

_START = b"\xff\xd8\xff"
_END = b"\xff\xd9"
_SCAN = 0xDA
_ALONE = {0x01, *range(0xD0, 0xD8)}
"""Markers without a length behind them."""
_MAY_HOLD_PICTURES = range(0xE0, 0xF0)
"""Markers of segments with anything in them, a small copy of the picture for instance."""
MAX_BYTES = 32 * 2**20
"""Of one picture; what goes on for longer is none."""


class JpegSplitter:
    """Cuts a stream of bytes into JPEGs. One that was cut short ends where the next one begins."""

    def __init__(self) -> None:
        self._data = bytearray()
        self._searched = 0  # bytes of it in which the picture at the beginning does not end

    def feed(self, data: bytes) -> list[bytes]:
        """Take in bytes.

        Returns:
            The pictures that are complete now, in order.
        """
        self._data += data
        found = []
        while (picture := self._next()) is not None:
            found.append(picture)
        return found

    def _next(self) -> bytes | None:
        while True:
            start = self._data.find(_START)
            if start < 0:
                self._drop(max(0, len(self._data) - len(_START) + 1))
                return None
            if start > 0:
                self._drop(start)
            end = self._end()
            if end is None:
                if len(self._data) <= MAX_BYTES:
                    return None
                end = 0
            if end > 0:
                picture = bytes(self._data[:end])
                self._drop(end)
                return picture
            self._drop(2)  # no picture after all

    def _drop(self, count: int) -> None:
        del self._data[:count]
        self._searched = 0

    def _end(self) -> int | None:
        """Where the picture at the beginning ends; None while that is not there yet, 0 where it is no picture."""
        data, place = self._data, 2
        while True:
            if place + 4 > len(data):
                return None
            if data[place] != 0xFF:
                return 0
            marker = data[place + 1]
            if marker == 0xFF:  # filling
                place += 1
            elif marker == 0xD9:
                return place + 2
            elif marker in _ALONE:
                place += 2
            elif marker == _SCAN:
                return self._end_of_scan(place + 2)
            elif marker < 0xC0:
                return 0
            else:
                end = place + 2 + int.from_bytes(data[place + 2 : place + 4])
                other = -1 if marker in _MAY_HOLD_PICTURES else data.find(_START, place, end + len(_START))
                if other >= 0:  # it was cut short in its head
                    return other
                place = end

    def _end_of_scan(self, place: int) -> int | None:
        place = max(place, self._searched)
        end, other = self._data.find(_END, place), self._data.find(_START, place)
        if other >= 0 and (end < 0 or other < end):
            return other
        if end >= 0:
            return end + 2
        self._searched = max(place, len(self._data) - len(_START) + 1)
        return None
