"""Numbers the frames of a recording by its packets, so that a part has the numbers of the whole. No I/O."""

from __future__ import annotations

from collections import deque


class Numbering:
    """Counts what a container holds, whether or not it can be decoded.

    A packet holds one picture. Pictures come out of the decoder in the order of their stamps, so every packet whose
    stamp lies between two that came out after each other was lost, and leaves a gap in the numbers. A damaged picture
    may come out behind later ones: it is lost, too. Where the stamps of packets are missing or fall, as they do where
    recordings were joined, only what the decoder refused is known to be lost.
    """

    def __init__(self) -> None:
        self.lost = 0
        """How many pictures were lost between those that came out."""
        self._refused = 0
        self._unwanted: set[int] = set()
        self._has_stamps = True
        # The stamps that were fed and did not come out yet, apart for each recording that was joined.
        self._pending: deque[list[int]] = deque([[]])
        self._last_dts: int | None = None
        self._last_stamp: int | None = None
        self._last_index = 0

    @property
    def pending(self) -> int:
        """How many pictures were fed, and did not come out so far: once all was read, they are lost."""
        return sum(stamp not in self._unwanted for stamps in self._pending for stamp in stamps)

    def feed(self, stamp: int | None, dts: int | None) -> None:
        """Note a packet that goes into the decoder.

        Args:
            stamp: When its picture is shown, in units of the stream; None where the container does not say.
            dts: When it is decoded; None where the container does not say.
        """
        if dts is not None:
            if self._has_stamps and self._last_dts is not None and dts < self._last_dts:
                self._pending.append([])
            self._last_dts = dts
        if stamp is None:
            self._has_stamps = False
        elif self._has_stamps:
            self._pending[-1].append(stamp)

    def pass_over(self, stamp: int) -> None:
        """Note that a picture whose packet was fed will not come out, for nobody wants it.

        Args:
            stamp: Its own.
        """
        self._unwanted.add(stamp)

    def refuse(self) -> None:
        """Note that the decoder could make nothing of a packet."""
        self._refused += 1

    def restart(self) -> None:
        """Forget the packets that were not shown yet: reading goes on elsewhere."""
        self._pending = deque([[]])
        self._unwanted.clear()
        self._refused = 0
        self._last_dts = self._last_stamp = None

    def begin_at(self, index: int, stamp: int | None) -> None:
        """Note the first picture that came out, whose number is known; what was lost before it does not count.

        Args:
            index: Its number.
            stamp: Its stamp, in the units of those fed.
        """
        self._take(stamp)
        self._last_index, self._last_stamp, self._refused = index, stamp, 0

    def index_of(self, stamp: int | None) -> int | None:
        """The number of the next picture that came out.

        Args:
            stamp: Its own, in the units of those fed.

        Returns:
            None where it came out behind later ones, and is to be left out.
        """
        if stamp is None or not self._has_stamps:
            missing = lost = self._refused
        else:
            is_joined = self._enter_recording_of(stamp)
            if not is_joined and self._last_stamp is not None and stamp < self._last_stamp:
                return None
            missing, lost = self._take(stamp)
            missing, lost = (self._refused, self._refused) if is_joined else (missing, lost)
        self.lost += lost
        self._last_index += 1 + missing
        self._last_stamp, self._refused = stamp, 0
        return self._last_index

    def _enter_recording_of(self, stamp: int) -> bool:
        """Whether a picture is the first of another recording, which begins with it then."""
        number = next((number for number, stamps in enumerate(self._pending) if stamp in stamps), 0)
        for _ in range(number):
            self._pending.popleft()
        return number > 0

    def _take(self, stamp: int | None) -> tuple[int, int]:
        """How many pictures of the same recording are missing before this one, and how many of them were lost.

        Their packets are forgotten.
        """
        if stamp is None:
            return 0, 0
        stamps = self._pending[0]
        self._pending[0] = [other for other in stamps if other > stamp]
        missing = [other for other in stamps if other < stamp]
        lost = sum(other not in self._unwanted for other in missing)
        self._unwanted.difference_update(missing)
        return len(missing), lost
