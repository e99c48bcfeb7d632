"""The sound of a recorded video, carried over into the file that is written."""

from __future__ import annotations

import logging
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from fractions import Fraction
from itertools import chain
from math import inf, isnan, nan
from pathlib import Path
from typing import Any

import av
import numpy as np
import numpy.typing as npt
from av.audio.frame import AudioFrame
from av.audio.stream import AudioStream
from av.container import InputContainer, OutputContainer
from av.packet import Packet
from av.stream import Stream

_log = logging.getLogger(__name__)

_COPIED = frozenset({"aac", "alac", "ac3", "eac3", "flac", "mp3", "opus"})
"""Codecs that MP4 takes as they are; every other one is encoded again, as AAC."""
_AAC_RATES = frozenset({7350, 8000, 11025, 12000, 16000, 22050, 24000, 32000, 44100, 48000, 64000, 88200, 96000})
_PREROLL = 0.1
"""Seconds before the cut that are carried over and stay silent, for the file's edit list begins after them: decoders
need what comes before, and FFmpeg cuts off no less than the padding that the codec declares (at most 0.05 s)."""
_BIT_RATE = 96_000
"""Bits per second and channel of AAC that is encoded here."""
_TAIL = 1.0
"""Seconds that sound may go on after the last frame, where the container does not say how long its video is."""
_CUT_FROM = 0.25
"""Seconds before the end of the video that still count as its end: declared durations are no more exact."""
_SEEK_FROM = 5.0
_LATE = 0.4
"""Seconds after the first picture from which on sound is never copied, but encoded again after as much silence."""
_DRIFT = 0.01
"""Seconds by which time stamps may wander (Matroska's are whole milliseconds) before they are a gap in the sound."""


@dataclass(frozen=True, slots=True)
class AudioSource:
    """Where the sound of a recording comes from."""

    path: str | Path
    """The video whose frames are written."""
    origin: float = nan
    """The time in that container, in seconds, at which ``Frame.pts`` is 0; NaN for the start of its video stream."""


class AudioTrack:
    """Packets of an `AudioSource`, moved to the time of the output: 0 is the first frame that is written.

    Copied where MP4 takes the codec, else encoded again. What is wrong with the sound is logged and never raised:
    it is no reason to lose the picture. Used by the thread that writes the file; reads ahead by one packet.

    Args:
        source: What to read.
        first_pts: ``Frame.pts`` of the first frame that is written, in seconds.
    """

    def __init__(self, source: AudioSource, first_pts: float) -> None:
        self._source = source
        self._first_pts = first_pts
        self._input: InputContainer | None = None
        self._found: AudioStream | None = None
        self._stream: AudioStream | None = None
        self._packets: Iterator[Packet[AudioStream]] = iter(())
        self._next: Packet[AudioStream] | None = None
        self._begins_at = nan
        self._start = 0.0
        self._video_end: float | None = None
        self._last_dts: int | None = None

    def open(self) -> bool:
        """Find the sound; blocks for its first packet. False where there is none from the first frame on."""
        try:
            return self._open()
        except (av.FFmpegError, ValueError) as error:
            _log.warning("the sound is left out: %s", _reason(error))
            return False

    def _open(self) -> bool:
        path = str(self._source.path)
        self._input = av.open(path if "://" in path else f"file:{path}", metadata_errors="replace")
        found = self._input.streams.best("audio")
        if not isinstance(found, AudioStream):
            return False
        self._found = found
        self._locate(self._input)
        if self._start > _SEEK_FROM and found.time_base:
            self._input.seek(int((self._start - 1) / found.time_base), stream=found)
        packets = self._read(self._input, found)
        first = next(packets, None)
        if first is None:
            return False
        self._begins_at = _time_of(first) - self._start
        self._packets = chain((first,), packets)
        return True

    def add_to(self, output: OutputContainer) -> None:
        """Add the sound that `open` found to a file whose header is not yet written.

        Raises:
            av.FFmpegError: The file does not take it.
        """
        assert self._found is not None
        if _may_be_copied(self._found) and self._begins_at < _LATE:
            self._stream = output.add_stream_from_template(self._found)
            self._packets = self._moved(self._packets)
        else:
            self._stream = _add_aac(output, self._found)
            self._packets = self._encoded(self._packets, self._stream)
        self._next = next(self._packets, None)

    def _locate(self, source: InputContainer) -> None:
        video = source.streams.best("video")
        begins = (source.start_time or 0) / av.time_base
        if video is not None and video.time_base is not None:
            if video.start_time is not None:
                begins = float(video.start_time * video.time_base)
            self._video_end = _end_of(video, begins)
        self._start = self._first_pts + (begins if isnan(self._source.origin) else self._source.origin)

    def _read(self, source: InputContainer, stream: AudioStream) -> Iterator[Packet[AudioStream]]:
        try:
            for packet in source.demux(stream):
                if packet.pts is not None and packet.dts is not None and _time_of(packet) >= self._start - _PREROLL:
                    yield packet
        except av.FFmpegError as error:
            _log.warning("the sound ends early, its file could not be read on: %s", _reason(error))

    def _moved(self, packets: Iterable[Packet[AudioStream]]) -> Iterator[Packet[AudioStream]]:
        for packet in packets:
            assert packet.pts is not None
            assert packet.dts is not None
            shift = round(self._start / packet.time_base)
            packet.pts -= shift
            packet.dts -= shift
            yield packet

    def _encoded(self, packets: Iterable[Packet[AudioStream]], stream: AudioStream) -> Iterator[Packet[AudioStream]]:
        try:
            for frame in self._placed(_decoded(packets)):
                yield from stream.encode(frame)
            yield from stream.encode(None)
        except (av.FFmpegError, ValueError) as error:
            _log.warning("the sound ends early, it could not be encoded: %s", _reason(error))

    def _placed(self, frames: Iterable[AudioFrame]) -> Iterator[AudioFrame]:
        due: float | None = None
        for frame in frames:
            time = (frame.time or 0.0) - self._start
            parts: Iterable[AudioFrame] = (frame,)
            if due is None:
                if round(time * frame.sample_rate) + frame.samples <= 0:
                    continue
                parts, due = _from_zero(frame, time), 0.0
            elif abs(time - due) > _DRIFT:
                due = max(time, due)
            for part in parts:
                part.time_base = Fraction(1, part.sample_rate)
                part.pts = round(due * part.sample_rate)
                due += part.samples / part.sample_rate
                yield part

    def write_until(self, output: OutputContainer, time: float) -> None:
        """Write the packets that begin before ``time``, in seconds of the output; blocks.

        Raises:
            av.FFmpegError: The file could not be written.
        """
        while self._next is not None and _time_of(self._next) < time:
            packet, self._next = self._next, next(self._packets, None)
            if self._last_dts is not None and packet.dts is not None and packet.dts <= self._last_dts:
                continue  # MP4 refuses time that stands still; a damaged file may say so
            self._last_dts = packet.dts
            assert self._stream is not None
            packet.stream = self._stream
            output.mux(packet)

    def write_rest(self, output: OutputContainer, video_end: float) -> None:
        """Write what is left, as far as the picture goes; all of it where the picture was written to its own end.

        Args:
            output: The file.
            video_end: Where the last frame ends, in seconds of the output.

        Raises:
            av.FFmpegError: The file could not be written.
        """
        if self._video_end is None:
            self.write_until(output, video_end + _TAIL)
        else:
            whole = self._start + video_end >= self._video_end - _CUT_FROM
            self.write_until(output, inf if whole else video_end)

    def close(self) -> None:
        """Release the source. Idempotent."""
        self._next = None
        self._packets = iter(())
        if self._input is not None:
            self._input.close()
            self._input = None


def _end_of(video: Stream, begins: float) -> float | None:
    """Where a container says that its video ends, in seconds of its own time."""
    if video.duration is not None and video.time_base is not None:
        return begins + float(video.duration * video.time_base)
    tag = re.fullmatch(r"(\d+):(\d+):(\d+(?:\.\d+)?)", video.metadata.get("DURATION", ""))  # Matroska's
    return None if tag is None else int(tag[1]) * 3600 + int(tag[2]) * 60 + float(tag[3])


def _may_be_copied(stream: AudioStream) -> bool:
    name = stream.codec_context.codec.canonical_name
    # AAC out of a transport stream lacks the description that MP4 keeps in its header.
    return name in _COPIED and (name != "aac" or bool(stream.codec_context.extradata))


def _add_aac(output: OutputContainer, source: AudioStream) -> AudioStream:
    context = source.codec_context
    rate = context.sample_rate if context.sample_rate in _AAC_RATES else 48_000
    # By their number: what PCM's channels are is often not said.
    layout, channels = {1: ("mono", 1), 6: ("5.1", 6)}.get(context.channels, ("stereo", 2))
    stream = output.add_stream("aac", rate=rate, layout=layout, bit_rate=_BIT_RATE * channels)
    assert isinstance(stream, AudioStream)
    return stream


def _decoded(packets: Iterable[Packet[AudioStream]]) -> Iterator[AudioFrame]:
    for packet in packets:
        try:
            yield from packet.decode()
        except av.InvalidDataError:
            continue  # a damaged packet is a click, not the end of the sound


def _from_zero(first: AudioFrame, time: float) -> Iterator[AudioFrame]:
    """The first frame, cut or after silence, so that the sound begins at 0.

    FFmpeg cuts off the whole padding of an encoder or none of it, and a header cannot wait for sound that is far off.
    """
    samples = first.to_ndarray()
    step = 1 if first.format.is_planar else first.layout.nb_channels
    shift = round(time * first.sample_rate)
    rest = 128 if samples.dtype == np.uint8 else 0
    for start in range(0, shift, first.sample_rate):
        count = min(first.sample_rate, shift - start)
        yield _like(first, np.full((samples.shape[0], count * step), rest, samples.dtype))
    yield _like(first, samples[:, max(0, -shift) * step :])


def _like(frame: AudioFrame, samples: npt.NDArray[Any]) -> AudioFrame:
    made = AudioFrame.from_ndarray(np.ascontiguousarray(samples), frame.format.name, frame.layout.name)
    made.sample_rate = frame.sample_rate
    return made


def _time_of(packet: Packet[AudioStream]) -> float:
    assert packet.pts is not None
    return float(packet.pts * packet.time_base)


def _reason(error: Exception) -> str:
    # Never the text of the error itself: PyAV's holds the whole reference, which may be a URL with a password.
    return getattr(error, "strerror", None) or type(error).__name__
