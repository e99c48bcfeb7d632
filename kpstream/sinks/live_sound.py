"""The sound of a live source in the file that is written of its pictures."""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Iterator
from fractions import Fraction
from math import isnan, nan
from typing import cast

import av
import numpy as np
from av.audio.codeccontext import AudioCodecContext
from av.audio.frame import AudioFrame
from av.audio.stream import AudioStream
from av.container import OutputContainer
from av.packet import Packet

from kpstream.entities import Frame
from kpstream.media.sound import SoundBuffer, SoundFormat, SoundPacket
from kpstream.sinks.sound import Conforming, RisingTime, add_aac, placed

_log = logging.getLogger(__name__)

_MOVED = 0.1
"""Seconds by which pictures may wander over the source's time before the sound follows them."""
_APART = 0.5
"""Seconds by which sound may come before or after the pictures of its time before its time is not believed."""
_LATE = 0.4
"""Seconds after the first picture from which on nobody waits for sound any more."""
_LONGEST_SILENCE = 10.0
"""Seconds of a gap that are filled with silence: players lose their way in gaps, but an outage may last for days."""
_MAX_PENDING = 6000
"""Packets that may wait for their pictures: a minute of the shortest ones."""
_AAC_SAMPLES = 1024
"""In one packet."""


class LiveSound:
    """What a `SoundBuffer` holds, at its place on the time of the output: 0 is the first frame that is written.

    AAC is copied, everything else is encoded as AAC. Pictures say where sound belongs, by the time that both have from
    their source; where that puts it apart from the pictures with which it came, by its arrival. What is lost on the
    way, and an outage of the source, is silence. What is wrong with the sound is logged and never raised. Used by the
    thread that writes the file.

    Args:
        first: The first frame that is written; it has sound.
    """

    def __init__(self, first: Frame) -> None:
        assert first.sound is not None
        self._buffer: SoundBuffer = first.sound
        self._form = first.sound.form
        self._seen = 0
        self._place = _Place()
        self._stream: AudioStream | None = None
        self._is_copied = False
        self._encoder: Iterator[Packet[AudioStream] | None] = iter(())
        self._pending: deque[SoundPacket] = deque(maxlen=_MAX_PENDING)
        self._decoded: deque[tuple[AudioFrame, float]] = deque()
        self._decoder: AudioCodecContext | None = None
        self._conforming: Conforming | None = None
        self._rising = RisingTime()
        self._is_lost = False

    def add_to(self, output: OutputContainer) -> None:
        """Add a track to a file whose header is not yet written.

        Raises:
            av.FFmpegError: The file does not take it.
        """
        self._stream = add_aac(output, self._form.rate, self._form.channels)
        context = self._stream.codec_context
        context.open(strict=False)
        self._is_copied = _is_what_this_makes(context, self._form)
        self._conforming = Conforming(context)
        self._encoder = self._encoded(self._stream)

    def write_until(self, output: OutputContainer, time: float, frame: Frame) -> None:
        """Write what has come and is heard before a frame; blocks.

        Args:
            output: The file.
            time: When ``frame`` is shown, in seconds of the output.
            frame: The frame that is shown then.

        Raises:
            av.FFmpegError: The file could not be written.
        """
        if frame.sound is not None and frame.sound is not self._buffer:
            self._change_to(frame.sound)
        self._place.show(frame, time)
        self._write_before(output, time)

    def _write_before(self, output: OutputContainer, time: float) -> None:
        if self._is_lost:
            return
        new, self._seen = self._buffer.since(self._seen)
        self._pending += new
        packets: list[Packet[AudioStream]] = []
        try:
            if time > _LATE and self._rising.is_empty and not self._pending:
                packets += self._silent()
            while self._pending and (heard_at := self._place.of(self._pending[0])) < time:
                piece = self._pending.popleft()
                packets += self._copied(piece, heard_at) if self._is_copied else self._made(piece, heard_at)
        except (av.FFmpegError, ValueError) as error:
            self._lose(getattr(error, "strerror", None) or type(error).__name__)
        for packet in packets:
            if self._rising.takes(packet):
                output.mux(packet)

    def write_rest(self, output: OutputContainer, video_end: float) -> None:
        """Write what has come and is heard before the end, and what the encoder holds back; blocks.

        Args:
            output: The file.
            video_end: Where the last frame ends, in seconds of the output.

        Raises:
            av.FFmpegError: The file could not be written.
        """
        self._write_before(output, video_end)
        if self._is_copied or self._is_lost or self._stream is None:
            return
        for packet in self._stream.encode(None):
            if packet.pts is None or packet.pts * packet.time_base < video_end:
                output.mux(packet)

    def close(self) -> None:
        """Let go of the buffer. Idempotent."""
        self._encoder = iter(())

    def _change_to(self, buffer: SoundBuffer) -> None:
        """Go on with the sound of a source that came back."""
        if self._is_copied and buffer.form != self._form:
            self._lose("the camera sends it in another form since it came back")
        if buffer.form != self._form:
            self._decoder = None
        self._buffer, self._form, self._seen, self._place = buffer, buffer.form, 0, _Place()
        self._pending.clear()  # what came last belongs to pictures that never came

    def _lose(self, reason: str) -> None:
        self._is_lost = True
        _log.warning("the sound of this recording ends: %s", reason)

    def _copied(self, piece: SoundPacket, time: float) -> list[Packet[AudioStream]]:
        if time < 0:
            return []
        assert self._stream is not None
        packet = cast("Packet[AudioStream]", Packet(piece.data))
        packet.time_base = Fraction(1, self._form.rate)
        packet.pts = packet.dts = round(time * self._form.rate)
        packet.duration = _AAC_SAMPLES
        packet.stream = self._stream
        return [packet]

    def _made(self, piece: SoundPacket, time: float) -> list[Packet[AudioStream]]:
        self._decoded += self._decode(piece, time)
        return self._encode()

    def _encode(self) -> list[Packet[AudioStream]]:
        made = []
        while (packet := next(self._encoder, None)) is not None:
            made.append(packet)
        return made

    def _silent(self) -> list[Packet[AudioStream]]:
        """Begin with silence: a file's header waits for the first packet of each track, and a microphone may be off."""
        assert self._stream is not None
        context = self._stream.codec_context
        self._is_copied = False
        count = 4 * _AAC_SAMPLES
        silence = np.zeros((context.layout.nb_channels, count), np.float32)
        frame = AudioFrame.from_ndarray(silence, context.format.name, context.layout.name)
        frame.sample_rate = context.sample_rate
        self._decoded.append((frame, 0.0))
        return self._encode()

    def _encoded(self, stream: AudioStream) -> Iterator[Packet[AudioStream] | None]:
        for frame in placed(self._decoded_so_far(), longest_silence=_LONGEST_SILENCE):
            if frame is None:
                yield None
            else:
                yield from stream.encode(frame)

    def _decoded_so_far(self) -> Iterator[tuple[AudioFrame, float] | None]:
        while True:
            yield self._decoded.popleft() if self._decoded else None

    def _decode(self, piece: SoundPacket, time: float) -> Iterator[tuple[AudioFrame, float]]:
        assert self._conforming is not None
        self._decoder = self._decoder or _decoder_of(self._form)
        try:
            frames = self._decoder.decode(Packet(piece.data))
        except av.InvalidDataError:
            return  # a damaged packet is a click, not the end of the sound
        for frame in frames:
            ends = time + frame.samples / frame.sample_rate
            yield from self._conforming.of(frame, time)
            time = ends


class _Place:
    """Where sound belongs on the time of the output."""

    def __init__(self) -> None:
        self._of_stamps = nan
        """What is added to a stamp, by the pictures."""
        self._of_arrivals = nan
        """What is added to an arrival, by the pictures."""
        self._by_arrival = nan
        """What is added to a stamp, where it is not believed."""

    def show(self, frame: Frame, time: float) -> None:
        """Note when a picture is shown."""
        if not abs(time - frame.stamp - self._of_stamps) < _MOVED:
            self._of_stamps = time - frame.stamp
        self._of_arrivals = time - frame.captured_at

    def of(self, packet: SoundPacket) -> float:
        """When a packet is heard, in seconds of the output."""
        by_stamp, by_arrival = packet.stamp + self._of_stamps, packet.arrived_at + self._of_arrivals
        if isnan(by_arrival) or abs(by_stamp - by_arrival) < _APART:
            return by_stamp
        if not abs(packet.stamp + self._by_arrival - by_arrival) < _APART:
            self._by_arrival = by_arrival - packet.stamp
        return packet.stamp + self._by_arrival


def _decoder_of(form: SoundFormat) -> AudioCodecContext:
    context = av.CodecContext.create(form.codec, "r")
    assert isinstance(context, AudioCodecContext)
    context.sample_rate = form.rate
    context.layout = {1: "mono", 2: "stereo", 6: "5.1"}.get(form.channels, f"{form.channels}c")
    context.extradata = form.extradata or None
    return context


def _is_what_this_makes(encoder: AudioCodecContext, form: SoundFormat) -> bool:
    """Whether AAC is of the very form that the file's header will tell of: profile, rate and channels."""
    ours = bytes(encoder.extradata or b"")
    return form.codec == "aac" and len(form.extradata) >= 2 and form.extradata[:2] == ours[:2]
