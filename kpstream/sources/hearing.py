"""The sound in a container, in packets that outlive it."""

from __future__ import annotations

import time
from math import nan

from av.audio.stream import AudioStream
from av.container import InputContainer
from av.packet import Packet
from av.stream import Stream

from kpstream.media.sound import SoundBuffer, SoundFormat, SoundPacket

IN_BURSTS = frozenset({"hls", "dash"})
"""Containers whose packets come in bursts, long before they are due."""


class Hearing:
    """Hands the sound of one container over to a buffer; for the thread that reads the container.

    Args:
        stream: The sound.
    """

    def __init__(self, stream: AudioStream) -> None:
        context = stream.codec_context
        self.stream = stream
        """Not to be touched once the container is closed."""
        self.buffer = SoundBuffer(
            SoundFormat(context.codec.name, context.sample_rate, context.channels, bytes(context.extradata or b""))
        )
        """Where it is kept."""
        # What has an end is read ahead of its time, too.
        form, duration = stream.container.format.name, getattr(stream.container, "duration", None)
        self._comes_early = duration is not None or not IN_BURSTS.isdisjoint(form.split(","))

    def take(self, packet: Packet[Stream]) -> None:
        """Keep a packet of this sound; those that do not say when they are heard are left out."""
        if packet.size and packet.pts is not None:
            arrived_at = nan if self._comes_early else time.monotonic()
            self.buffer.put(SoundPacket(bytes(packet), float(packet.pts * packet.time_base), arrived_at))


def hearing_of(container: InputContainer) -> Hearing | None:
    """What hands over the sound of an open container; None where it has none that is known here."""
    stream = container.streams.best("audio")
    if not isinstance(stream, AudioStream) or stream.codec_context is None or not stream.codec_context.sample_rate:
        return None
    return Hearing(stream)
