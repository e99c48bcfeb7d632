"""Sound in the form that MP4 takes, at its place on the time of the file."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from fractions import Fraction
from typing import Any

import numpy as np
import numpy.typing as npt
from av.audio.codeccontext import AudioCodecContext
from av.audio.frame import AudioFrame
from av.audio.resampler import AudioResampler
from av.audio.stream import AudioStream
from av.container import OutputContainer
from av.packet import Packet

AAC_RATES = frozenset({7350, 8000, 11025, 12000, 16000, 22050, 24000, 32000, 44100, 48000, 64000, 88200, 96000})
_BIT_RATE = 96_000
"""Bits per second and channel of AAC that is encoded here."""
_DRIFT = 0.01
"""Seconds by which time stamps may wander (Matroska's are whole milliseconds) before they are a gap in the sound."""


def add_aac(output: OutputContainer, rate: int, channels: int) -> AudioStream:
    """Add a track of AAC that is encoded here; another rate or another number of channels is made one that AAC has.

    Args:
        output: A file whose header is not yet written.
        rate: Samples per second of what it will be given.
        channels: How many; what PCM's channels are is often not said, so their number decides.

    Raises:
        av.FFmpegError: The file does not take it.
    """
    layout, count = {1: ("mono", 1), 6: ("5.1", 6)}.get(channels, ("stereo", 2))
    stream = output.add_stream(
        "aac", rate=rate if rate in AAC_RATES else 48_000, layout=layout, bit_rate=_BIT_RATE * count
    )
    assert isinstance(stream, AudioStream)
    return stream


class RisingTime:
    """Lets through the packets of one track whose decoding time rises, as MP4 requires; damaged sound may not do so."""

    def __init__(self) -> None:
        self.is_empty = True
        """Whether nothing was let through yet."""
        self._last_dts: int | None = None

    def takes(self, packet: Packet[AudioStream]) -> bool:
        """Whether a packet may be written; the caller writes it then."""
        if self._last_dts is not None and packet.dts is not None and packet.dts <= self._last_dts:
            return False
        self.is_empty, self._last_dts = False, packet.dts
        return True


class Conforming:
    """Makes decoded sound what an encoder takes, also where its form changes: joined recordings, and broadcasts.

    Args:
        encoder: Open, or about to be opened.
    """

    def __init__(self, encoder: AudioCodecContext) -> None:
        self._encoder = encoder
        self._form: tuple[str, str, int] | None = None
        self._resampler: AudioResampler | None = None

    def of(self, frame: AudioFrame, time: float) -> Iterator[tuple[AudioFrame, float]]:
        """The same sound in the encoder's form.

        Args:
            frame: Decoded sound; not to be used afterwards.
            time: When it is heard, in seconds.

        Yields:
            Frames, each with the time at which it is heard.
        """
        form = frame.format.name, frame.layout.name, frame.sample_rate
        if self._resampler is None or form != self._form:
            encoder = self._encoder
            self._form = form
            self._resampler = AudioResampler(encoder.format.name, encoder.layout.name, encoder.sample_rate)
        frame.pts = None
        for made in self._resampler.resample(frame):
            yield made, time
            time += made.samples / made.sample_rate


def placed(
    frames: Iterable[tuple[AudioFrame, float] | None], *, longest_silence: float = 0.0
) -> Iterator[AudioFrame | None]:
    """Give sound its place: it begins at 0, after silence where it comes later; gaps stay gaps, and overlaps go.

    Args:
        frames: Each with the time at which it is heard, in seconds of the output; None where nothing is known yet.
        longest_silence: Gaps up to so many seconds are filled with silence.

    Yields:
        The same sound, timed; None where nothing is known yet.
    """
    due: float | None = None
    for item in frames:
        if item is None:
            yield None
            continue
        frame, time = item
        parts: Iterable[AudioFrame] = (frame,)
        if due is None:
            if round(time * frame.sample_rate) + frame.samples <= 0:
                continue
            parts, due = _from_zero(frame, time), 0.0
        elif time > due + longest_silence + _DRIFT:
            due = time
        elif time > due + _DRIFT:
            parts = (*_silence(frame, round((time - due) * frame.sample_rate)), frame)
        elif time < due - _DRIFT:  # where recordings were joined, they may overlap by a little
            parts = _without(frame, round((due - time) * frame.sample_rate))
        for part in parts:
            part.time_base = Fraction(1, part.sample_rate)
            part.pts = round(due * part.sample_rate)
            due += part.samples / part.sample_rate
            yield part


def _from_zero(first: AudioFrame, time: float) -> Iterator[AudioFrame]:
    """The first frame, cut or after silence, so that the sound begins at 0.

    FFmpeg cuts off the whole padding of an encoder or none of it, and a header cannot wait for sound that is far off.
    """
    shift = round(time * first.sample_rate)
    yield from _silence(first, shift)
    yield from _without(first, max(0, -shift))


def _silence(model: AudioFrame, count: int) -> Iterator[AudioFrame]:
    """So many silent samples, in the form of a frame."""
    samples = model.to_ndarray()
    step = 1 if model.format.is_planar else model.layout.nb_channels
    rest = 128 if samples.dtype == np.uint8 else 0
    for start in range(0, count, model.sample_rate):
        part = min(model.sample_rate, count - start)
        yield _like(model, np.full((samples.shape[0], part * step), rest, samples.dtype))


def _without(frame: AudioFrame, count: int) -> Iterator[AudioFrame]:
    """The frame less so many samples at its beginning, where any are left."""
    if count < frame.samples:
        step = 1 if frame.format.is_planar else frame.layout.nb_channels
        yield _like(frame, frame.to_ndarray()[:, count * step :])


def _like(frame: AudioFrame, samples: npt.NDArray[Any]) -> AudioFrame:
    made = AudioFrame.from_ndarray(np.ascontiguousarray(samples), frame.format.name, frame.layout.name)
    made.sample_rate = frame.sample_rate
    return made
