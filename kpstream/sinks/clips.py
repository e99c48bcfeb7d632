"""Clips of what happens, which begin before it: from the newest pictures as they were encoded, kept in memory."""

from __future__ import annotations

import io
import logging
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from fractions import Fraction
from math import inf
from pathlib import Path

import av
from av.packet import Packet
from av.video.stream import VideoStream

from kpstream.channel import Channel
from kpstream.entities import Image, Scene
from kpstream.errors import SinkError
from kpstream.interfaces import Sink, write_scene
from kpstream.sinks.clip import ClipFile
from kpstream.sinks.h264 import CodedPicture, PictureEncoder, PictureForm, Quality
from kpstream.sinks.packet_ring import PacketRing
from kpstream.sinks.room import check_room
from kpstream.sinks.timeline import TICKS, Timeline

KEYFRAME_EVERY = 1.0
"""Seconds: a clip begins so much too early at most."""
CRF, PRESET = 23, "ultrafast"
"""Those of a camera's recording, so that both encode the same way."""
_MAX_BYTES = 64 * 2**20
_LATE_ANSWERS = 10.0
"""Seconds by which an event may be known later than it can be."""
_CAPACITY = 1000
_log = logging.getLogger("kpstream")


@dataclass(frozen=True, slots=True)
class ClipLimits:
    """How long clips are, in seconds."""

    pre_roll: float = 5.0
    post_roll: float = 5.0
    max_clip: float = 60.0


@dataclass(slots=True)
class _Clip:
    path: Path
    begin: float
    end: float = inf
    file: ClipFile | None = None


@dataclass(frozen=True, slots=True)
class _Order:
    """What somebody wants of a clip."""

    name: str
    pts: float
    path: Path | None = None
    """Where it goes, of one that begins; None of one that ends."""


@dataclass(slots=True)
class _Encoder:
    """Encodes pictures for nobody but the ring."""

    form: PictureForm
    encoder: PictureEncoder = field(init=False)
    timeline: Timeline = field(init=False)
    pts: dict[int, float] = field(default_factory=dict)

    def __post_init__(self) -> None:
        discarded = av.open(io.BytesIO(), "w", format="mp4")
        self.encoder = PictureEncoder(discarded, self.form, Quality(CRF, PRESET, KEYFRAME_EVERY))
        self.timeline = Timeline(round(TICKS / self.form.rate))

    def encode(self, scene: Scene, canvas: Image) -> list[CodedPicture]:
        ticks = self.timeline.place(scene.frame.pts)
        if ticks is None:
            return []
        self.pts[ticks] = scene.frame.pts
        return self._coded(self.encoder.encode(scene.frame, canvas, ticks))

    def finish(self) -> list[CodedPicture]:
        return self._coded(self.encoder.finish())

    def _coded(self, packets: list[Packet[VideoStream]]) -> list[CodedPicture]:
        return [
            CodedPicture(self.pts.pop(packet.pts), bytes(packet), packet.is_keyframe, self.encoder.header)
            for packet in packets
            if packet.pts is not None
        ]


class ClipSink:
    """Takes the pictures of a camera, and writes clips of them. `begin` and `end` never wait, from any thread.

    Where a recording is on, it writes that, too, and takes what the recording encodes; else it encodes by itself.
    Satisfies `Sink` and `kpstream.sinks.h264.Tap`.

    Args:
        limits: How long clips are.
        longest_for: Seconds that an event may take to be known.
        frame_rate: Frames per second as a hint.
        on_written: Given a clip's name and its bytes, once it is complete; in the thread that writes.
    """

    def __init__(
        self,
        limits: ClipLimits,
        *,
        longest_for: float,
        frame_rate: Fraction = Fraction(30),
        on_written: Callable[[str, int], None] = lambda _name, _size: None,
    ) -> None:
        self._limits = limits
        self._rate = frame_rate
        self._on_written = on_written
        self._ring = PacketRing(limits.pre_roll + longest_for + _LATE_ANSWERS, _MAX_BYTES)
        self._orders: Channel[_Order] = Channel(_CAPACITY)
        self._clips: dict[str, _Clip] = {}
        self._recording: Sink | None = None
        self._own: _Encoder | None = None
        self._is_recorded = False
        self._is_in_trouble = False
        self._new: list[CodedPicture] = []

    def record_with(self, recording: Sink) -> None:
        """Write this recording, too, whose `Tap` this is; before the first picture."""
        self._recording = recording

    def taken(self, pts: float) -> None:  # noqa: ARG002 - it is the one that is being written
        """Know that the recording encodes the picture that is being written."""
        self._is_recorded = True

    def coded(self, picture: CodedPicture) -> None:
        """Take what the recording encoded."""
        self._new.append(picture)

    def begin(self, name: str, path: Path, began_pts: float) -> None:
        """Begin a clip of what began at a moment; never waits.

        Args:
            name: What to call it.
            path: Where it goes.
            began_pts: Seconds; it begins `ClipLimits.pre_roll` before.
        """
        self._orders.offer(_Order(name, began_pts - self._limits.pre_roll, path))

    def end(self, name: str, ended_pts: float) -> None:
        """End a clip `ClipLimits.post_roll` after a moment; never waits."""
        self._orders.offer(_Order(name, ended_pts + self._limits.post_roll))

    def write(self, scene: Scene, canvas: Image) -> None:
        """Take a picture, for the recording and for clips; blocks.

        Raises:
            KpstreamError: The recording could not be written.
        """
        self._is_recorded = False
        if self._recording is not None:
            write_scene(self._recording, scene)
        if self._is_recorded:
            self._end_own()
        else:
            self._encode(scene, canvas)
        self._use_new()

    def close(self) -> None:
        """Make all clips whole, and close the recording. Idempotent.

        Raises:
            KpstreamError: The recording could not be closed.
        """
        recording, self._recording = self._recording, None
        try:
            if recording is not None:
                recording.close()
        finally:
            self._end_own()
            self._use_new()
            for name in list(self._clips):
                self._finish(name)

    def _use_new(self) -> None:
        """Do what was asked for, and take in what was encoded."""
        new, self._new = self._new, []
        for order in self._orders.drain():
            self._obey(order)
        for picture in new:
            self._ring.add(picture)
            for name, clip in list(self._clips.items()):
                self._put(name, clip, picture)

    def _encode(self, scene: Scene, canvas: Image) -> None:
        height, width = canvas.shape[:2]
        form = PictureForm((width, height), scene.frame.pixel_aspect, self._rate)
        if min(width, height) < 2:
            return
        if self._own is not None and self._own.form != form:
            self._end_own()
        try:
            self._own = self._own or _Encoder(form)
            self._new += self._own.encode(scene, canvas)
        except av.FFmpegError as error:
            _log.debug("a picture is in no clip: %s", error)
            self._own = None

    def _end_own(self) -> None:
        """Take what the own encoder still holds, and go on without it."""
        own, self._own = self._own, None
        if own is not None:
            with suppress(av.FFmpegError):
                self._new += own.finish()

    def _obey(self, order: _Order) -> None:
        if order.path is not None:
            self._clips[order.name] = clip = _Clip(order.path, order.pts)
            for picture in self._ring.since(order.pts):
                self._put(order.name, clip, picture)
        elif order.name in self._clips:
            self._clips[order.name].end = order.pts

    def _put(self, name: str, clip: _Clip, picture: CodedPicture) -> None:
        """Write a picture into a clip, or end the clip, where it is over."""
        if name not in self._clips:
            return
        is_long = picture.pts > clip.begin + self._limits.max_clip
        if picture.pts > clip.end or is_long or (clip.file is not None and not clip.file.takes(picture)):
            self._finish(name)
            return
        try:
            if clip.file is None:
                if not picture.is_keyframe:
                    return
                clip.path.parent.mkdir(parents=True, exist_ok=True)
                check_room(clip.path.parent)
                clip.file = ClipFile(clip.path, picture)
            clip.file.write(picture)
        except (SinkError, OSError) as error:
            self._give_up(name, error)

    def _give_up(self, name: str, error: Exception) -> None:
        """Keep what there is of a clip that cannot be written on, where that plays; told once until one is whole."""
        _log.log(
            logging.DEBUG if self._is_in_trouble else logging.WARNING,
            "a clip is not written, or not to its end: %s",
            error,
        )
        self._is_in_trouble = True
        file = self._clips.pop(name).file
        if file is None:
            return
        if file.plays:
            self._on_written(name, file.size)
        else:
            file.remove()

    def _finish(self, name: str) -> None:
        clip = self._clips.pop(name)
        if clip.file is None:
            return
        try:
            clip.file.close()
            self._is_in_trouble = False
        except SinkError as error:
            _log.warning("a clip is not whole, and plays: %s", error)
        self._on_written(name, clip.file.size)

    def __repr__(self) -> str:
        return f"<ClipSink of {len(self._clips)} clips, {self._ring.bytes / 1e6:.1f} MB in memory>"
