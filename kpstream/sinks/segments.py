"""Drawn pictures as MP4 files of limited length, for weeks: old ones go, and a disk that fails is waited for."""

from __future__ import annotations

import logging
import os
import shutil
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from functools import partial
from itertools import count
from math import inf, isfinite, nan
from pathlib import Path

from kpstream.entities import Image, Scene
from kpstream.errors import SinkError, UsageError
from kpstream.sinks.h264 import Tap
from kpstream.sinks.output import sink_error
from kpstream.sinks.retention import Segment, age_limit, outdated, read_segment_name, segment_name, stem_of
from kpstream.sinks.room import LOOK_EVERY, DiskUsage, check_room
from kpstream.sinks.video import VideoSink

_log = logging.getLogger(__name__)

_SILENCE = 1.0
"""Seconds without a picture that are no frame rate."""
_STEP_BACK = 1.0


class SegmentedVideo:
    """Annotated video as MP4 files, each of which plays by itself and is named after the time at which it begins.

    ``NAME_2026-11-23T14-05-00Z.mp4``, in UTC; a name that is taken gets a number behind it, and nothing is replaced.
    A file ends after ``segment`` seconds of pts, and then also where the picture's size or the form of its pixels
    changes. A silence of the
    source belongs to the file in which it began, unless it is longer than a whole one; so the files together are as
    long as it took. The wall clock gives the names and nothing else: it may jump.

    After the first picture nothing is raised for what may pass. With a disk that is full, gone or failing the
    recording pauses, says so, looks again every two seconds of the frames' clock and goes on in a new file.

    Old files go, the oldest first, as far as ``keep`` and ``keep_size`` say. Only files in this folder with names of
    this form count. Their age is what their names say, but for those that were written here: theirs is measured, so
    that a wall clock that jumps removes nothing. One that is ahead from the start has ten minutes to be set
    (`age_limit`), while there is room.

    Args:
        folder: Where the files go; must exist.
        name: What their names begin with; ``-`` stands for what some file systems forbid in a name.
        segment: Seconds of a file; None for no end.
        first: The first file, which replaces what is there; None names it like the others.
        keep: Seconds after its end for which a file is kept; None for ever.
        keep_size: Bytes that the files may take together, the one that is written included; None for no limit.
        crf: x264's quality, 0 (lossless) to 51.
        preset: x264's speed, ``ultrafast`` to ``placebo``.
        frame_rate: What the source declares, in frames per second; NaN where it does not.
        tap: Given what is encoded, in the thread that writes; None for nobody.
        keyframe_every: Seconds between pictures that stand by themselves; None for what makes small files.
        make_folder: Called before each try to write until a picture is in the folder; may raise OSError.
        wall_clock: Seconds since the epoch.
        disk_usage: Bytes of the disk under a folder, in all and free.
    """

    def __init__(
        self,
        folder: str | Path,
        name: str,
        *,
        segment: float | None = None,
        first: str | Path | None = None,
        keep: float | None = None,
        keep_size: int | None = None,
        crf: float = 23,
        preset: str = "veryfast",
        frame_rate: float = nan,
        tap: Tap | None = None,
        keyframe_every: float | None = None,
        make_folder: Callable[[], None] = lambda: None,
        wall_clock: Callable[[], float] = time.time,
        disk_usage: DiskUsage = shutil.disk_usage,
    ) -> None:
        self._folder = Path(folder)
        self._stem = stem_of(name)
        self._length = inf if segment is None else segment
        self._first = None if first is None else Path(first)
        self._keep = inf if keep is None else keep
        self._keep_size = inf if keep_size is None else keep_size
        self._make = partial(
            VideoSink, crf=crf, preset=preset, frame_rate=frame_rate, tap=tap, keyframe_every=keyframe_every
        )
        self._make_folder = make_folder
        self._wall_clock = wall_clock
        self._disk_usage = disk_usage
        self._video: VideoSink | None = None
        self._path = self._folder
        self._form: tuple[object, ...] = ()
        self._first_pts = self._last_pts = nan
        # By the frames' clock, which never jumps; and how far the wall clock was ahead of it, at the start or less.
        self._began_at = self._written_at = self._wall_offset = nan
        self._looked_at = -inf
        self._ended_at: dict[str, float] = {}
        self._complete: list[Segment] | None = None
        self._offered = self._frames = 0
        self._trouble = ""
        self._closed = False

    @property
    def frames(self) -> int:
        """How many pictures were taken."""
        video = self._video
        return self._frames + (0 if video is None else video.frames)

    @property
    def dropped(self) -> int:
        """How many were left out: for their pts was not after the one before, or while the recording paused."""
        return self._offered - self.frames

    @property
    def trouble(self) -> str:
        """Why the recording pauses, in words for the user; empty while it does not. Any thread."""
        return self._trouble

    def check(self) -> None:
        """Find out, before there is a picture, whether files can be written; leaves nothing behind.

        Raises:
            UsageError: The length, the quality or the preset is none that this sink knows.
            SinkError: A file cannot be written there.
        """
        if not self._length >= 1:
            raise UsageError(f"segments of {self._length:g} s: choose 1 s at least, 10 minutes are usual")
        self._make(self._first or self._free_path()).check()

    def write(self, scene: Scene, canvas: Image) -> None:
        """Encode one picture and write what is finished; blocks.

        Raises:
            UsageError: As from `check`, at the first scene.
            SinkError: It is closed.
        """
        if self._closed:
            raise SinkError(f"{self._folder / self._stem}: nothing more can be written, it is closed")
        self._offered += 1
        if not isfinite(scene.frame.pts):
            return
        now = scene.frame.captured_at
        if not isfinite(self._began_at):
            self._began_at, self._wall_offset = now, self._wall_clock() - now
        try:
            self._write(scene, canvas, now)
        except SinkError as error:
            self._pause(error, now)
        except OSError as error:
            self._pause(sink_error(self._folder / self._stem, error), now)

    def close(self) -> None:
        """Make the last file whole; blocks. Idempotent.

        Raises:
            SinkError: The last file could not be made whole, or the recording pauses. What was written before plays.
        """
        is_paused = self._trouble and self._video is None and not self._closed
        self._closed = True
        self._end_file()
        if is_paused:
            raise SinkError(f"at the end {self._trouble}")

    def _write(self, scene: Scene, canvas: Image, now: float) -> None:
        pts, form = scene.frame.pts, (*canvas.shape, scene.frame.pixel_aspect)
        if self._video is not None and self._is_over(pts, form):
            self._end_file()
        if abs(now - self._looked_at) >= LOOK_EVERY:
            self._looked_at = now
            self._look_after_the_disk(now)
            if self._trouble and self._video is not None and self._path.exists():
                # A first fragment may just have fitted in, the next ones have too.
                self._trouble = ""
                _log.info("the recording goes on: %s", self._path)
        elif self._video is None and self._trouble:
            return
        video = self._video
        if video is None:
            video = self._begin_file(form, pts)
        video.write(scene, canvas)
        self._last_pts, self._written_at = max(pts, self._last_pts), now

    def _is_over(self, pts: float, form: tuple[object, ...]) -> bool:
        if self._length == inf:  # one file for everything: it fits in what comes
            return False
        if pts < self._last_pts - _STEP_BACK or form != self._form:
            return True
        if pts - self._first_pts < self._length:
            return False
        # The picture after a silence is still taken in, so that the silence is in true time, and the next one is not.
        return self._last_pts - self._first_pts >= self._length or not (_SILENCE < pts - self._last_pts <= self._length)

    def _begin_file(self, form: tuple[object, ...], pts: float) -> VideoSink:
        self._path, self._first = self._first or self._free_path(), None
        self._form = form
        self._first_pts = self._last_pts = pts
        self._video = self._make(self._path)
        return self._video

    def _end_file(self) -> None:
        if self._video is not None:
            video, self._video = self._video, None
            self._complete = None
            self._frames += video.frames
            try:
                video.close()
            finally:
                if self._path.exists():
                    self._ended_at[self._path.name] = self._written_at

    def _pause(self, error: SinkError, now: float) -> None:
        self._looked_at = now
        with suppress(SinkError):
            self._end_file()
        if not self._trouble:
            _log.warning("the recording pauses: %s", error)
        self._trouble = f"the recording is paused: {error}"

    def _look_after_the_disk(self, now: float) -> None:
        if not self.frames:  # later a folder that is not there may be a drive that was taken off
            self._make_folder()
        check = partial(check_room, self._folder, reserves=2 if self._trouble else 1, disk_usage=self._disk_usage)
        if min(self._keep, self._keep_size) == inf:
            check()
            return
        offset = self._wall_clock() - now
        if offset < self._wall_offset - _STEP_BACK:  # it was ahead before: what is there is less old
            self._wall_offset, self._complete = offset, None
        ended = (segment.ended for segment in self._others())
        self._remove_outdated(age_limit(ended, keep=self._keep, began=self._began_at, now=now))
        try:
            check()
        except SinkError:
            self._remove_outdated(now - self._keep)
            check()

    def _remove_outdated(self, before: float) -> None:
        if not self._outdated(before):
            return
        self._complete = None  # somebody else may have removed some
        for segment in self._outdated(before):
            try:
                (self._folder / segment.name).unlink(missing_ok=True)
            except OSError as error:
                _log.debug("not removed: %s", sink_error(self._folder / segment.name, error))
            else:
                _log.debug("removed, it was to be kept no longer: %s", self._folder / segment.name)
                self._ended_at.pop(segment.name, None)
        self._complete = None

    def _outdated(self, before: float) -> list[Segment]:
        written = 0 if self._video is None else _size_of(self._path)
        return outdated(self._others(), before=before, keep_size=self._keep_size, reserved=written)

    def _others(self) -> list[Segment]:
        """All that are complete."""
        if self._complete is None:
            current = "" if self._video is None else self._path.name
            self._complete = [segment for segment in self._segments() if segment.name != current]
        return self._complete

    def _segments(self) -> Iterator[Segment]:
        length = self._length if self._length < inf else 0.0
        with os.scandir(self._folder) as entries:
            for entry in entries:
                read = read_segment_name(self._stem, entry.name)
                if read is None or not entry.is_file(follow_symlinks=False):
                    continue
                at, number = read
                # Whatever was there before is older than all that is written here, also where the clock was set back.
                ended = self._ended_at.get(entry.name, min(at + length - self._wall_offset, self._began_at - 1))
                yield Segment(ended, number, entry.name, _size_of(entry))

    def _free_path(self) -> Path:
        at = self._wall_clock()
        names = (segment_name(self._stem, at, number) for number in count(1))
        return next(path for name in names if not os.path.lexists(path := self._folder / name))

    def __repr__(self) -> str:
        state = "closed" if self._closed else "paused" if self._trouble else "open" if self._video else "not started"
        return f"<SegmentedVideo {self._folder / self._stem} {state}, {self.frames} frames, {self.dropped} dropped>"


def _size_of(file: Path | os.DirEntry[str]) -> int:
    """Bytes; 0 where it is not there, or was removed just now."""
    try:
        return file.stat().st_size
    except FileNotFoundError:
        return 0
