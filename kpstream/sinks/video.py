"""Drawn pictures as an MP4 file, with the source's own times and with its sound."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import replace
from fractions import Fraction
from math import nan
from pathlib import Path

import av

from kpstream.entities import Frame, Image, Scene, Taken
from kpstream.errors import SinkError, UnfitPicture, UsageError
from kpstream.sinks.audio import AudioSource
from kpstream.sinks.h264 import PictureForm, Quality, Tap
from kpstream.sinks.live_sound import LiveSound
from kpstream.sinks.mp4 import Mp4File, Sound
from kpstream.sinks.output import check_writable, sink_error
from kpstream.sinks.tags import tags_of
from kpstream.sinks.timeline import TICKS, Timeline

__all__ = ["AudioSource", "VideoSink"]

_log = logging.getLogger(__name__)

_FALLBACK_RATE = Fraction(30)
_LONGEST_SIDE = 16384
"""Pixels; x264's limit."""
_SUFFIXES = (".mp4", ".m4v", ".mov")


class VideoSink:
    """An MP4 file with H.264 pictures, each at its own pts, so that the rate may vary.

    While it is written the file consists of fragments, each on the disk as soon as it is complete: after a crash or
    a kill it plays, but for the last second. `close` makes an ordinary MP4 of it, in place.

    The first picture decides the size, less a column or a row where that is odd, and the form of the pixels; one of
    another size or form is fitted in, between black bars. A frame whose pts is not after the one before is left out and
    counted.

    Args:
        path: ``*.mp4``, created with its first fragment; a file that is there is replaced.
        crf: x264's quality, 0 (lossless) to 51.
        preset: x264's speed, ``ultrafast`` to ``placebo``.
        audio: Where the sound comes from; None for that of the frames, where they have any.
        frame_rate: What the source declares, in frames per second; NaN where it does not.
        taken: When and where the source was taken, at pts 0; frames that know when they were seen know better.
        tap: Given what is encoded, so that nobody needs to encode it again; None for nobody.
        keyframe_every: Seconds between pictures that stand by themselves; None for what makes small files.
    """

    def __init__(
        self,
        path: str | Path,
        *,
        crf: float = 23,
        preset: str = "veryfast",
        audio: AudioSource | None = None,
        frame_rate: float = nan,
        taken: Taken = Taken(),  # noqa: B008 - it is frozen
        tap: Tap | None = None,
        keyframe_every: float | None = None,
    ) -> None:
        self._path = Path(path)
        self._quality = Quality(crf, preset)
        if keyframe_every is not None:
            self._quality = replace(self._quality, keyframe_every=keyframe_every)
        self._tap = tap
        self._audio = audio
        self._taken = taken
        self._rate = Fraction(frame_rate).limit_denominator(1001) if 1 <= frame_rate <= 1000 else _FALLBACK_RATE
        self._timeline = Timeline(round(TICKS / self._rate))
        self._mp4: Mp4File | None = None
        self._frames = 0
        self._dropped = 0
        self._closed = False

    @property
    def frames(self) -> int:
        """How many pictures were taken."""
        return self._frames

    @property
    def dropped(self) -> int:
        """How many were left out, for their pts was not after the one before."""
        return self._dropped

    def check(self) -> None:
        """Find out, before there is a picture, whether the file can be written; leaves nothing behind.

        Raises:
            UsageError: The name, the quality or the preset is none that this sink knows.
            SinkError: The file cannot be written.
        """
        if self._path.suffix.lower() not in _SUFFIXES:
            raise UsageError(f"{self._path}: videos are written as MP4, give it a name that ends in .mp4")
        self._quality.check()
        if "libx264" not in av.codecs_available:
            raise SinkError("this PyAV has no H.264 encoder: 'pip install --force-reinstall av' installs one that has")
        check_writable(self._path)

    def write(self, scene: Scene, canvas: Image) -> None:
        """Encode one picture and write what is finished; blocks.

        Raises:
            UsageError: As from `check`, at the first scene.
            SinkError: It could not be written. What was written before plays.
        """
        if self._closed:
            raise SinkError(f"{self._path}: nothing more can be written, it is closed")
        ticks = self._timeline.place(scene.frame.pts)
        if ticks is None:
            self._leave_out(scene)
            return
        try:
            mp4 = self._mp4 or self._open(scene, canvas)
            mp4.write(scene.frame, canvas, ticks, self._timeline.interval)
        except (av.FFmpegError, OSError) as error:
            raise self._failed(error) from None
        self._frames += 1

    def close(self) -> None:
        """Write what is held back, the rest of the sound and the index; blocks. Idempotent.

        Raises:
            SinkError: It could not be written. What was written before plays.
        """
        if self._closed:
            return
        self._closed = True
        if self._mp4 is None:
            return
        try:
            self._mp4.finish(self._timeline.end, self._timeline.interval)
        except (av.FFmpegError, OSError) as error:
            raise self._failed(error) from None

    def _open(self, scene: Scene, canvas: Image) -> Mp4File:
        self.check()
        height, width = canvas.shape[:2]
        if min(width, height) < 2 or max(width, height) > _LONGEST_SIDE:
            what = "small" if min(width, height) < 2 else "large"
            raise UnfitPicture(f"{self._path}: a picture of {width}x{height} pixels is too {what} for a video")
        self._mp4 = Mp4File(self._path, self._tap)
        form = PictureForm((width, height), scene.frame.pixel_aspect, self._rate)
        tags = tags_of(self._taken, scene.frame, self._rate)
        self._mp4.begin(form, self._quality, self._sound_from(scene.frame), tags)
        return self._mp4

    def _sound_from(self, first: Frame) -> Sequence[Sound]:
        if self._audio is not None:
            return self._audio.open(first)
        return [] if first.sound is None else [LiveSound(first)]

    def _leave_out(self, scene: Scene) -> None:
        self._dropped += 1
        if self._dropped == 1:
            text = "%s: frame %d is left out, its time (%.3f s) is not after the one before; more are only counted"
            _log.warning(text, self._path, scene.frame.index, scene.frame.pts)

    def _failed(self, error: Exception) -> SinkError:
        self._closed = True
        left = self._mp4.abandon() if self._mp4 is not None else False
        return SinkError(f"{sink_error(self._path, error)}{'; what was written before plays' if left else ''}")

    def __repr__(self) -> str:
        state = "closed" if self._closed else "open" if self._mp4 is not None else "not started"
        return f"<VideoSink {self._path} {state}, {self._frames} frames, {self._dropped} dropped>"
