"""The sound of a live source, beside its pictures: kept for a while, for whoever records it."""

from __future__ import annotations

import threading
from collections import deque
from dataclasses import dataclass, field
from itertools import islice

_KEPT = 3000
"""Packets: half a minute of the shortest ones. No picture waits as long for its answers, or for the disk."""


@dataclass(frozen=True, slots=True)
class SoundFormat:
    """How sound is encoded."""

    codec: str
    """FFmpeg's name."""
    rate: int
    """Samples per second."""
    channels: int
    extradata: bytes = field(default=b"", repr=False)
    """What the decoder has to know before the first packet."""


@dataclass(frozen=True, slots=True)
class SoundPacket:
    """A piece of sound."""

    data: bytes = field(repr=False)
    stamp: float
    """When it begins, in the time of `Frame.stamp`."""
    arrived_at: float
    """When it came, in the time of `Frame.captured_at`; NaN where that says nothing, as of what comes in bursts."""


class SoundBuffer:
    """The newest packets of one stream of sound. Written by the thread that reads the source; read by any.

    Args:
        form: How they are encoded.
        kept: How many are kept.
    """

    def __init__(self, form: SoundFormat, *, kept: int = _KEPT) -> None:
        self.form = form
        """How the packets are encoded."""
        self._lock = threading.Lock()
        self._packets: deque[SoundPacket] = deque(maxlen=kept)
        self._count = 0

    def put(self, packet: SoundPacket) -> None:
        """Add a packet, in the place of the oldest one where there is no room; never waits."""
        with self._lock:
            self._packets.append(packet)
            self._count += 1

    def since(self, number: int) -> tuple[list[SoundPacket], int]:
        """The packets that a reader has not seen yet, and the number to ask with next time; never waits.

        Args:
            number: 0 at first.
        """
        with self._lock:
            new = min(self._count - number, len(self._packets))
            return list(islice(reversed(self._packets), new))[::-1], self._count

    def __repr__(self) -> str:
        return f"<SoundBuffer of {self.form.codec}, {len(self._packets)} packets>"
