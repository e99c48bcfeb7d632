"""Recorded video of which few frames are wanted: only those are given, and as little as can be is decoded for them."""

from __future__ import annotations

import logging
import time
from collections.abc import Generator, Iterator
from contextlib import suppress
from itertools import pairwise
from math import inf
from pathlib import Path
from typing import Any

from av.error import FFmpegError
from av.packet import Packet
from av.video.frame import VideoFrame

from kpstream.entities import Frame
from kpstream.sources.decoder import Decoder
from kpstream.sources.deinterlace import Deinterlacer
from kpstream.sources.file import LEFT_OUT, VideoFile
from kpstream.sources.opening import open_video
from kpstream.sources.picture import Converter
from kpstream.sources.spacing import FrameTable, Group, KeyFrame, Spacing, plan_groups, read_table
from kpstream.sources.survey import place_of

_log = logging.getLogger(__name__)
_READ_ON = 1 << 18
"""Bytes up to which reading on to a key frame is cheaper than seeking it."""
_A_LITTLE_BEFORE = 1.0
"""Seconds: where a seek ends in the middle of a picture, the times of the first ones are wrong."""


class SampledFile:
    """A video file that gives frames a certain time apart, with their own pts and numbers.

    At its first `read` the packets of the whole file are read, and none is decoded. Then each wanted frame that is a
    key frame is decoded alone; any other from the key frame before it, without the frames that no other one needs.
    A file whose packets do not tell their times is decoded whole.

    Args:
        path: Where it is.
        spacing: How far apart the frames are.
        deinterlace: Make interlaced pictures whole.

    Raises:
        SourceOpenError: No such file, no permission, no video.
    """

    is_live = False
    stall_timeout = inf

    def __init__(self, path: Path, spacing: Spacing, *, deinterlace: bool = True) -> None:
        video = self._video = VideoFile(path, deinterlace=deinterlace)
        self.name = video.name
        self.frame_size, self.frame_rate, self.duration = video.frame_size, video.frame_rate, video.duration
        self.start_pts, self.has_audio, self.taken = video.start_pts, video.has_audio, video.taken
        self._reference = f"file:{path}"
        self._spacing = spacing
        self._whole = Deinterlacer() if deinterlace else None
        self._convert = Converter()
        self._frames: Generator[Frame, None, None] | None = None
        self._missing = 0
        self._place = 0  # where in the file the packet lies that was read last

    @property
    def missing_frames(self) -> int:
        """How many wanted frames could not be read so far, those included that the file declares behind its end."""
        return self._missing or self._video.missing_frames

    def read(self) -> Frame | None:
        """Decode the next wanted frame; blocks for as long as that takes.

        Raises:
            SourceReadError: The disk failed.
        """
        if self._frames is None:
            self._frames = self._open_frames()
        frame = next(self._frames, None)
        if frame is None:
            self.close()
        return frame

    def close(self) -> None:
        """Close the file; nothing is read from it afterwards. Idempotent."""
        self._video.close()
        if self._frames is not None:
            self._frames.close()

    def _open_frames(self) -> Generator[Frame, None, None]:
        table, time_base = self._read_table()
        if table is None:
            return self._decode_all()
        self._video.close()
        self._missing = self._missing_behind(table, time_base)
        return self._decode_groups(plan_groups(table, self._spacing, time_base), table)

    def _missing_behind(self, table: FrameTable, time_base: float) -> int:
        """How many frames would be wanted of those that the file declares and does not hold."""
        last = table.stamps[-1] * time_base - self.start_pts
        longest = max((after - before for before, after in pairwise(table.stamps)), default=0) * time_base
        missing = self._video.declared.missing_after(len(table.stamps) - 1, last, longest)
        frames = 1.0 if self._spacing.in_frames or last <= 0 else (len(table.stamps) - 1) / last
        return round(missing / (frames * self._spacing.interval))

    def _read_table(self) -> tuple[FrameTable | None, float]:
        container, stream = open_video(self._reference)
        with container:
            if not stream.time_base:
                return None, 0.0
            time_base, table = float(stream.time_base), None
            with suppress(FFmpegError):  # what cannot be read cannot be wanted
                table = read_table(container.demux(stream), round(self.start_pts / time_base))
            return table, time_base

    def _decode_all(self) -> Generator[Frame, None, None]:
        """Every frame is decoded, and the first one of each step is given."""
        interval, reached = self._spacing.interval, -1
        while (frame := self._video.read()) is not None:
            step = int((frame.index if self._spacing.in_frames else frame.pts + 1e-6) / interval)
            if step > reached:
                reached = step
                yield frame

    def _decode_groups(self, groups: list[Group], table: FrameTable) -> Generator[Frame, None, None]:
        decoder = Decoder(self._reference, deinterlace=False, by_slices=True)
        given = 0
        try:
            for group in groups:
                numbers = {table.stamps[number]: number for number in group.wanted}
                for picture in self._decode_group(decoder, group.key, frozenset(numbers)):
                    given += 1
                    yield self._frame(decoder, picture, numbers.pop(picture.pts or 0))
                self._missing += len(numbers)
        finally:
            decoder.close()
        if self._missing:
            _log.warning(LEFT_OUT, self.name, given, given + self._missing)

    def _decode_group(self, decoder: Decoder, key: KeyFrame, wanted: frozenset[int]) -> Iterator[VideoFrame]:
        """The pictures with these stamps, in order, decoded from a key frame on."""
        codec = decoder.stream.codec_context
        to_feed = set(wanted)
        packet = self._go_to(decoder, key)
        while packet is not None and packet.size:
            codec.skip_frame = "DEFAULT" if packet.pts in to_feed else "NONREF"
            yield from (picture for picture in decoder.decode(packet) if picture.pts in wanted)
            to_feed.discard(packet.pts or 0)
            if not to_feed:
                break
            packet = self._read_packet(decoder)
        with suppress(FFmpegError):
            yield from (picture for picture in codec.decode(None) if picture.pts in wanted)
        codec.flush_buffers()

    def _go_to(self, decoder: Decoder, key: KeyFrame) -> Packet[Any] | None:
        """The packet of a key frame; None where it cannot be found any more."""
        _, place, _ = key.place
        if place is not None and 0 < place - self._place <= _READ_ON:
            packet = self._read_packet(decoder)
            if (found := self._read_on_to(decoder, packet, key)) is not None:
                return found
        decoded_at = key.stamp if key.dts is None else key.dts
        for entry in (key.stamp, decoded_at, decoded_at - round(_A_LITTLE_BEFORE / (decoder.stream.time_base or 1)), 0):
            if decoder.seek(entry):
                packet = self._read_packet(decoder)
                if (found := self._read_on_to(decoder, packet, key)) is not None:
                    return found
        return None

    def _read_on_to(self, decoder: Decoder, packet: Packet[Any] | None, key: KeyFrame) -> Packet[Any] | None:
        while packet is not None and packet.size and place_of(packet) != key.place:
            if packet.dts is not None and key.dts is not None and packet.dts > key.dts:
                return None
            packet = self._read_packet(decoder)
        return packet if packet is not None and packet.size else None

    def _read_packet(self, decoder: Decoder) -> Packet[Any] | None:
        packet = decoder.read_packet()
        if packet is not None and packet.pos is not None:
            self._place = packet.pos
        return packet

    def _frame(self, decoder: Decoder, picture: VideoFrame, number: int) -> Frame:
        if self._whole is not None and picture.interlaced_frame:
            stamp = picture.pts
            picture = [*self._whole.feed(picture), *self._whole.flush()][0]
            picture.pts = stamp
        seconds = float((picture.pts or 0) * (decoder.stream.time_base or 0))
        return Frame(
            number,
            seconds - self.start_pts,
            time.monotonic(),
            picture=self._convert(picture),
            pixel_aspect=decoder.pixel_aspect(picture),
            stamp=seconds,
            is_damaged=picture.is_corrupt,
        )

    def __repr__(self) -> str:
        width, height = self.frame_size
        return f"<SampledFile {self.name}: {width}x{height}>"
