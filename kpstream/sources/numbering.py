"""Numbers the frames of a recording by its packets, so that a part has the numbers of the whole. No I/O."""

from __future__ import annotations


class Numbering:
    """Counts what a container holds, whether or not it can be decoded.

    A packet holds one picture. Pictures come out of the decoder in the order of their stamps, so every packet whose
    stamp lies between two that came out after each other was lost, and leaves a gap in the numbers. Where stamps are
    missing, fall or stand, only what the decoder refused is known to be lost.
    """

    def __init__(self) -> None:
        self.lost = 0
        """How many pictures were lost between those that came out."""
        self._refused = 0
        self._pending: list[int] = []
        self._has_stamps = True
        self._last_stamp: int | None = None
        self._last_index = -1

    def feed(self, stamp: int | None) -> None:
        """Note a packet that goes into the decoder.

        Args:
            stamp: When its picture is shown, in units of the stream; None where the container does not say.
        """
        if stamp is None:
            self._has_stamps = False
            self._pending.clear()
        elif self._has_stamps:
            self._pending.append(stamp)

    def refuse(self) -> None:
        """Note that the decoder could make nothing of a packet."""
        self._refused += 1

    def restart(self) -> None:
        """Forget the packets that were not shown yet: reading goes on elsewhere."""
        self._pending.clear()
        self._refused, self._last_stamp = 0, None

    def index_of(self, stamp: int | None, *, known: int | None = None) -> int:
        """The number of the next picture that came out.

        Args:
            stamp: Its own, in the units of those fed.
            known: The number, where it is known from elsewhere: the first one of a part.
        """
        lost = self._lost_before(stamp)
        if known is not None:
            lost, self._last_index = 0, known - 1
        elif self._last_index < 0:
            lost = 0  # what cannot be decoded before the first picture is not part of the video
        self.lost += lost
        self._last_index += 1 + lost
        self._last_stamp, self._refused = stamp, 0
        return self._last_index

    def _lost_before(self, stamp: int | None) -> int:
        last = self._last_stamp
        if stamp is None or not self._has_stamps:
            return self._refused
        if stamp not in self._pending:
            self._pending = [other for other in self._pending if other > stamp]
            return self._refused
        if last is not None and stamp <= last:  # another recording begins
            self._pending = self._pending[self._pending.index(stamp) + 1 :]
            return self._refused
        lost = sum(last is not None and last < other < stamp for other in self._pending)
        self._pending = [other for other in self._pending if other > stamp]
        return lost
