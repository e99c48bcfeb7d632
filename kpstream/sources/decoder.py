"""Pictures out of one container, in the order of their showing."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Iterator, Mapping
from fractions import Fraction
from math import inf
from typing import Any, Literal

from av.codec.context import ThreadType
from av.container import InputContainer
from av.error import FFmpegError, InvalidDataError
from av.packet import Packet
from av.video.frame import VideoFrame
from av.video.stream import VideoStream

from kpstream.errors import SourceReadError
from kpstream.media.decimation import Decimation
from kpstream.media.sound import SoundBuffer
from kpstream.redact import redact
from kpstream.sources.deinterlace import Deinterlacer
from kpstream.sources.hearing import hearing_of
from kpstream.sources.hwaccel import NO_DEVICE, device_for
from kpstream.sources.numbering import Numbering
from kpstream.sources.opening import NEARLY, explain, open_video, shown
from kpstream.sources.references import ReferencePictures
from kpstream.sources.survey import Place, holds_a_picture, place_of

_UNWANTED_IN_FLIGHT = 64
"""Pictures that a decoder may hold back, and more."""
_Skipped = Literal["DEFAULT", "NONREF"]
_SQUARE = Fraction(1)
_MIN_ASPECT = Fraction(1, 10)
"""Pixels that are longer are a fault of the file."""


class Decoder:
    """Reads and decodes one container; broken packets are counted and passed over.

    One thread decodes. Threads for the slices of a picture make it ready earlier, where it has slices; threads for
    several pictures at once hold pictures back (67 ms at 30 frames/s on two cores). Both cost up to 12 % more CPU, and
    other threads of ours are there to use the other cores. Source: measured on VP9 at 1768x994, H.264 at 1080p.

    Args:
        reference: An address, or a path as FFmpeg takes it.
        options: FFmpeg's, for the protocol and the container.
        timeout: Seconds to wait for each step of opening, and for each packet; None waits for ever.
        by_slices: Use threads for the slices of a picture.
        with_sound: Read the sound, too, and keep it for a while.
        deinterlace: Make interlaced pictures whole.
        numbering: Told of each packet that is decoded.
        hwaccel: The kind of device that decodes where it is there, ``auto`` for any, ``none`` for none.
        decimation: Says which pictures are wanted. The others are not given, and not decoded where no other picture
            leans on them. Where those that others lean on are enough by themselves, they alone are given.

    Raises:
        SourceOpenError: It could not be opened, or holds no video.
    """

    def __init__(
        self,
        reference: str,
        *,
        options: Mapping[str, str] | None = None,
        timeout: float | None = None,
        by_slices: bool = False,
        with_sound: bool = False,
        deinterlace: bool = True,
        numbering: Numbering | None = None,
        hwaccel: str = NO_DEVICE,
        decimation: Decimation | None = None,
    ) -> None:
        self.place: Place | None = None
        """Of the first packet of pictures that was read since the opening, or the last `seek`."""
        self.refused = 0
        """How many packets could not be decoded."""
        self.passed_over = 0
        """How many pictures were not given, for nobody wants them."""
        self.chooses = True
        """Whether pictures are chosen by the times of their packets; where those say nothing all are given."""
        self._decimation = decimation or Decimation()
        self._others = Decimation()  # of pictures that nobody leans on
        self._unwanted: deque[int] = deque(maxlen=_UNWANTED_IN_FLIGHT)
        self._whole = Deinterlacer() if deinterlace else None
        self._numbering = numbering
        self._reference = reference
        self._timeout = timeout
        self._ready: deque[VideoFrame] = deque()
        self.container: InputContainer
        self.stream: VideoStream
        """Not to be touched after `close`: its memory is gone then."""
        self.container, self.stream = open_video(
            reference, options=options, timeout=timeout, device=device_for(hwaccel)
        )
        self.stream.thread_type = ThreadType.SLICE if by_slices else ThreadType.NONE
        context = self.stream.codec_context
        self._stands_alone = context.codec.intra_only
        self._unit = float(self.stream.time_base or 0)  # seconds; a packet's own makes a fraction each time
        self._references = ReferencePictures(context.name, context.extradata or b"")
        self._may_skip = True
        self._skipped: _Skipped = "DEFAULT"
        self._hearing = hearing_of(self.container) if with_sound else None
        self._packets: Iterator[Packet[Any]] = self._demuxed()
        self._declared_aspect = self.stream.sample_aspect_ratio
        self._coded_aspect = self.stream.codec_context.sample_aspect_ratio

    def next(self, picture_timeout: float = inf) -> VideoFrame | None:
        """The next picture; blocks. None at the end, and where nothing that follows can be read.

        Args:
            picture_timeout: Seconds for which packets may come without a picture in them.

        Raises:
            SourceReadError: The disk, the device or the connection failed, or was silent for too long.
        """
        asked_at = time.monotonic()
        while not self._ready:
            packet = self.read_packet()
            if packet is None:
                self._ready.extend(self._whole.flush() if self._whole is not None else ())
                break
            if packet.stream.index == self.stream.index:  # at the end it is an empty one without a number
                self.place = self.place or place_of(packet)
                self._ready.extend(self._made_whole(self.decode(packet)))
            elif self._hearing is not None:
                self._hearing.take(packet)
            if not self._ready and time.monotonic() - asked_at > picture_timeout:
                raise SourceReadError(f"{self._name}: data came for {picture_timeout:g} s, but no picture")
        return self._ready.popleft() if self._ready else None

    def read_packet(self) -> Packet[Any] | None:
        """The next packet, of pictures or of sound; blocks. None where nothing that follows can be read.

        Raises:
            SourceReadError: The disk, the device or the connection failed, or was silent for too long.
        """
        asked_at = time.monotonic()
        fault = ""
        packet = None
        try:
            packet = next(self._packets, None)
        except InvalidDataError:
            pass  # cut short
        except FFmpegError as error:
            fault = explain(error, self._reference, self._timeout)
        if self._timeout and time.monotonic() - asked_at >= NEARLY * self._timeout:
            # What comes with a timeout is what the parser held back, and already old; the next call would wait again.
            fault = f"nothing came for {self._timeout:g} s"
        if fault:
            raise SourceReadError(f"{self._name}: {fault}")
        return packet

    def decode(self, packet: Packet[VideoStream]) -> list[VideoFrame]:
        """The pictures that are ready with this packet, as they are coded; none where it is broken, or not wanted."""
        is_wanted = True
        if holds_a_picture(packet):
            if self._numbering is not None:
                self._numbering.feed(packet.pts, packet.dts)
            is_wanted = self._is_wanted(packet)
        if not is_wanted and self._stands_alone:
            return []
        self._skip("NONREF" if self._may_skip and not is_wanted else "DEFAULT")
        try:
            pictures = packet.decode()
        except FFmpegError:
            self.refused += 1
            if self._numbering is not None:
                self._numbering.refuse()
            return []
        # One field alone of a picture must not be skipped.
        self._may_skip = self._may_skip and not any(picture.interlaced_frame for picture in pictures)
        return [picture for picture in pictures if picture.pts is None or picture.pts not in self._unwanted]

    @property
    def sound(self) -> SoundBuffer | None:
        """The sound that was read; None where there is none, or nobody asked for it."""
        return None if self._hearing is None else self._hearing.buffer

    def pixel_aspect(self, picture: VideoFrame) -> Fraction:
        """Width of a pixel of the upright picture by its height; 1 where nothing is declared that can be.

        Args:
            picture: The newest one that `next` gave.
        """
        coded = self.stream.codec_context.sample_aspect_ratio
        # The container knows better than the codec, until the codec changes its mind: broadcasts do.
        aspect = (self._declared_aspect if coded == self._coded_aspect else coded) or _SQUARE
        if aspect == _SQUARE or not _MIN_ASPECT <= aspect <= 1 / _MIN_ASPECT:
            return _SQUARE
        return 1 / aspect if picture.rotation % 180 else aspect

    def seek(self, stamp: int) -> bool:
        """Go on from the last key picture at or before ``stamp``, in units of the stream; False where that fails."""
        self._ready.clear()
        self._unwanted.clear()
        if self._whole is not None:
            self._whole.forget()
        try:
            self.container.seek(stamp, stream=self.stream)
        except FFmpegError:
            return False
        self._packets = self._demuxed()
        self.place = None
        if self._numbering is not None:
            self._numbering.restart()
        return True

    def close(self) -> None:
        """Close the container. Idempotent."""
        self._ready.clear()
        self._packets = iter(())
        self.container.close()

    @property
    def _name(self) -> str:
        return redact(shown(self._reference))

    def _demuxed(self) -> Iterator[Packet[Any]]:
        heard = [] if self._hearing is None else [self._hearing.stream]
        return self.container.demux(self.stream, *heard)

    def _made_whole(self, pictures: list[VideoFrame]) -> list[VideoFrame]:
        if self._whole is None:
            return pictures
        return [whole for picture in pictures for whole in self._whole.feed(picture)]

    def _skip(self, what: _Skipped) -> None:
        if what != self._skipped:
            self.stream.codec_context.skip_frame = self._skipped = what

    def _is_wanted(self, packet: Packet[VideoStream]) -> bool:
        if packet.pts is None or not self._unit:
            self.chooses = False
            return True
        if not self.chooses or self._is_chosen(packet, packet.pts):
            return True
        self.passed_over += 1
        self._unwanted.append(packet.pts)
        if self._numbering is not None:
            self._numbering.pass_over(packet.pts)
        return False

    def _is_chosen(self, packet: Packet[VideoStream], pts: int) -> bool:
        references, unit, max_fps = self._references, self._unit, self._decimation.max_fps
        interval = 1 / (max_fps * unit)
        is_leaned_on = references.take(memoryview(packet), pts)
        if packet.dts is None:
            return self._decimation.wants(pts * unit)
        if references.suffice(interval, packet.dts):
            # Any other one would be decoded for itself alone.
            gap = references.gap_before(pts, packet.dts) if is_leaned_on else 0
            return self._decimation.wants(pts * unit, gap * unit)
        is_wanted = self._decimation.wants(pts * unit)
        gap = references.gap_of_every_second(packet.dts)
        if interval >= gap:
            return is_wanted
        # They are decoded anyhow: as many others as are wanted beside them lie between two of them each.
        self._others.max_fps = max_fps - 1 / (gap * unit)
        return is_leaned_on or self._others.wants(pts * unit)
