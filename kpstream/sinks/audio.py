"""The sound of a recorded video, carried over into the file that is written."""

from __future__ import annotations

import logging
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import chain
from math import inf, isnan, nan
from pathlib import Path

import av
from av.audio.frame import AudioFrame
from av.audio.stream import AudioStream
from av.container import InputContainer, OutputContainer
from av.packet import Packet
from av.stream import Stream

from kpstream.entities import Frame
from kpstream.sinks.sound import Conforming, RisingTime, add_aac, placed

_log = logging.getLogger(__name__)

_COPIED = frozenset({"aac", "alac", "ac3", "eac3", "flac", "mp3", "opus"})
"""Codecs that MP4 takes as they are; every other one is encoded again, as AAC."""
_PREROLL = 0.1
"""Seconds before the cut that are carried over and stay silent, for the file's edit list begins after them: decoders
need what comes before, and FFmpeg cuts off no less than the padding that the codec declares (at most 0.05 s)."""
_TAIL = 1.0
"""Seconds that sound may go on after the last frame, where the container does not say how long its video is."""
_CUT_FROM = 0.25
"""Seconds before the end of the video that still count as its end: declared durations are no more exact."""
_SEEK_FROM = 5.0
"""Seconds behind the beginning of a file from which on sound is sought there, and not read from the beginning."""
_INDEXED = frozenset({"mov", "mp4", "matroska", "webm", "avi", "flv", "asf", "ogg"})
"""Containers in which a time is found again. Others may count anew in the middle, where recordings were joined."""
_LATE = 0.4
"""Seconds after the first picture from which on sound is never copied, but encoded again after as much silence."""
_FALL = 0.25
"""Seconds by which the container's time falls where recordings were joined; less is a fault of single packets."""
_MOVED = 0.1
"""Seconds by which pictures may wander over the container's time before the sound follows them."""
_EARLY = 1.0
"""Seconds before the picture's end at which sound may end without a word."""


@dataclass(frozen=True, slots=True)
class AudioSource:
    """Where the sound of a recording comes from."""

    path: str | Path
    """The video whose frames are written."""
    origin: float = nan
    """The time in that container, in seconds, at which ``Frame.pts`` is 0, for frames that do not know their own
    ``stamp``; NaN for the start of its video stream."""

    def open(self, first: Frame) -> list[AudioTrack]:
        """Find the sound from a frame on; blocks for the first packet of each track.

        What is wrong with the sound is logged and never raised: it is no reason to lose the picture.

        Args:
            first: The first frame that is written.

        Returns:
            The tracks, in the order of the container. Who opened them closes them.
        """
        tracks: list[AudioTrack] = []
        number, count = 0, 1
        while number < count:
            track = AudioTrack(self, number, first)
            if track.open():
                tracks.append(track)
            count, number = track.count, number + 1
        return tracks


class AudioTrack:
    """Packets of one track of an `AudioSource`, moved to the time of the output: 0 is the first frame that is written.

    Copied where MP4 takes the codec, else encoded again, with language and title. Used by the thread that writes the
    file; reads ahead by one packet. Where recordings were joined and the container's time begins anew, sound waits for
    the pictures to get there too: they say where it belongs.

    Args:
        source: What to read.
        number: Which of its tracks, from 0.
        first: The first frame that is written.
    """

    def __init__(self, source: AudioSource, number: int, first: Frame) -> None:
        self.count = 0
        """How many tracks there are, once it was opened."""
        self._source = source
        self._number = number
        self._first = first
        self._input: InputContainer | None = None
        self._found: AudioStream | None = None
        self._stream: AudioStream | None = None
        self._packets: Iterator[Packet[AudioStream] | None] = iter(())
        self._next: Packet[AudioStream] | None = None
        self._begins_at = nan
        self._origin = 0.0
        self._shifts: dict[int, float] = {}
        self._lap = 0
        self._video_end: float | None = None
        self._rising = RisingTime()
        self._ended_at = 0.0
        self._is_whole = True

    def open(self) -> bool:
        """Find the sound; blocks for its first packet. False where there is none from the first frame on."""
        try:
            is_there = self._open()
        except (av.FFmpegError, ValueError) as error:
            _log.warning("%s is left out: %s", self._name, _reason(error))
            is_there = False
        if not is_there:
            self.close()
        return is_there

    def _open(self) -> bool:
        path = str(self._source.path)
        self._input = av.open(path if "://" in path else f"file:{path}", metadata_errors="replace")
        self.count = len(self._input.streams.audio)
        if not self.count:
            return False
        self._found = found = self._input.streams.audio[self._number]
        if found.codec_context is None:
            _log.warning("%s is left out: its codec is not known here", self._name)
            return False
        self._locate(self._input)
        start = self._shifts[self._first.lap]
        begins = (self._input.start_time or 0) / av.time_base
        if start - begins > _SEEK_FROM and found.time_base and self._is_indexed(self._input):
            self._input.seek(int((start - 1) / found.time_base), stream=found)
        packets = self._read(self._input, found)
        first = next(packets, None)
        if first is None:
            if self._first.pts > 0:
                _log.warning("%s ends before %.1f s, where the picture begins", self._name, self._first.pts)
            return False
        self._begins_at = _time_of(first) - self._shifts.get(self._lap, -inf)
        self._packets = chain((first,), packets)
        return True

    def _is_indexed(self, source: InputContainer) -> bool:
        return not self._first.lap and not _INDEXED.isdisjoint(source.format.name.split(","))

    @property
    def _name(self) -> str:
        """What to call it before users; of several tracks with its number and language."""
        language = "" if self._found is None else self._found.metadata.get("language", "")
        return "the sound" if self.count < 2 else f"sound track {self._number + 1}{language and f' ({language})'}"

    def add_to(self, output: OutputContainer) -> None:
        """Add the sound that `open` found to a file whose header is not yet written.

        Raises:
            av.FFmpegError: The file does not take it.
        """
        assert self._found is not None
        context = self._found.codec_context
        if _may_be_copied(self._found) and self._begins_at < _LATE:
            self._stream = output.add_stream_from_template(self._found)
            self._packets = self._moved(self._packets)
        else:
            self._stream = add_aac(output, context.sample_rate, context.channels)
            self._packets = self._encoded(self._packets, self._stream)
        self._stream.metadata.update(_names(self._found.metadata))
        self._stream.disposition = self._found.disposition
        self._next = next(self._packets, None)

    def _locate(self, source: InputContainer) -> None:
        video = source.streams.best("video")
        begins = (source.start_time or 0) / av.time_base
        if video is not None and video.time_base is not None:
            if video.start_time is not None:
                begins = float(video.start_time * video.time_base)
            self._video_end = _end_of(video, begins)
        self._origin = begins if isnan(self._source.origin) else self._source.origin
        self._shifts[self._first.lap] = self._stamp_of(self._first)

    def _stamp_of(self, frame: Frame) -> float:
        return frame.pts + self._origin if isnan(frame.stamp) else frame.stamp

    def _read(self, source: InputContainer, stream: AudioStream) -> Iterator[Packet[AudioStream]]:
        """The packets from the first frame on; notes in which lap they are."""
        lap, newest = self._first.lap, -inf
        start = self._shifts[lap] - _PREROLL
        try:
            for packet in source.demux(stream):
                if packet.pts is None or packet.dts is None:
                    continue
                time = _time_of(packet)
                if time < newest - _FALL:
                    self._lap += 1
                    newest = time
                newest = max(time, newest)
                if self._lap > lap or (self._lap == lap and time >= start):
                    yield packet
        except av.FFmpegError as error:
            self._is_whole = False
            _log.warning("%s ends early, its file could not be read on: %s", self._name, _reason(error))

    def _located(
        self, packets: Iterable[Packet[AudioStream] | None]
    ) -> Iterator[tuple[Packet[AudioStream], float] | None]:
        """Each packet with the container's time that is 0 in the output; None while the pictures are not there yet."""
        for packet in packets:
            assert packet is not None
            lap = self._lap
            while lap not in self._shifts:
                yield None
            yield packet, self._shifts[lap]

    def _moved(self, packets: Iterable[Packet[AudioStream] | None]) -> Iterator[Packet[AudioStream] | None]:
        for item in self._located(packets):
            if item is None:
                yield None
                continue
            packet, start = item
            assert packet.pts is not None
            assert packet.dts is not None
            shift = round(start / packet.time_base)
            packet.pts -= shift
            packet.dts -= shift
            yield packet

    def _encoded(
        self, packets: Iterable[Packet[AudioStream] | None], stream: AudioStream
    ) -> Iterator[Packet[AudioStream] | None]:
        try:
            for frame in placed(self._decoded(packets, Conforming(stream.codec_context))):
                if frame is None:
                    yield None
                else:
                    yield from stream.encode(frame)
            yield from stream.encode(None)
        except (av.FFmpegError, ValueError) as error:
            self._is_whole = False
            _log.warning("%s ends early, it could not be encoded: %s", self._name, _reason(error))

    def _decoded(
        self, packets: Iterable[Packet[AudioStream] | None], conforming: Conforming
    ) -> Iterator[tuple[AudioFrame, float] | None]:
        for item in self._located(packets):
            if item is None:
                yield None
                continue
            packet, start = item
            try:
                for frame in packet.decode():
                    yield from conforming.of(frame, (frame.time or 0.0) - start)
            except av.InvalidDataError:
                continue  # a damaged packet is a click, not the end of the sound

    def write_until(self, output: OutputContainer, time: float, frame: Frame | None = None) -> None:
        """Write the packets that begin before ``time``, in seconds of the output; blocks.

        Args:
            output: The file.
            time: When ``frame`` is shown.
            frame: The frame that is shown then; None at the end.

        Raises:
            av.FFmpegError: The file could not be written.
        """
        if frame is not None:
            shift = self._stamp_of(frame) - time
            if abs(shift - self._shifts.get(frame.lap, inf)) > _MOVED:
                self._shifts[frame.lap] = shift
        self._next = self._next or next(self._packets, None)
        while self._next is not None and _time_of(self._next) < time:
            packet, self._next = self._next, next(self._packets, None)
            if not self._rising.takes(packet):
                continue
            self._ended_at = _time_of(packet)
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
        if self._video_end is None or len(self._shifts) > 1:
            self.write_until(output, video_end + _TAIL)
        else:
            (start,) = self._shifts.values()
            whole = start + video_end >= self._video_end - _CUT_FROM
            self.write_until(output, inf if whole else video_end)
        if self._is_whole and self._ended_at < video_end - _EARLY:
            _log.warning("%s ends at %.1f s, the picture goes on to %.1f s", self._name, self._ended_at, video_end)

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


def _names(tags: dict[str, str]) -> dict[str, str]:
    """What a track says of itself: MP4 keeps its title as the name of its handler, too."""
    title = tags.get("title") or tags.get("name")
    names = {"language": tags.get("language"), "title": title, "handler_name": title}
    return {name: text for name, text in names.items() if text}


def _time_of(packet: Packet[AudioStream]) -> float:
    assert packet.pts is not None
    return float(packet.pts * packet.time_base)


def _reason(error: Exception) -> str:
    # Never the text of the error itself: PyAV's holds the whole reference, which may be a URL with a password.
    return getattr(error, "strerror", None) or type(error).__name__
