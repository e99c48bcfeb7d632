"""Recorded video: every frame, at the time that its author gave it."""

from __future__ import annotations

import logging
import stat
import time
from contextlib import suppress
from dataclasses import dataclass
from math import inf, isnan, nan
from pathlib import Path

from av.container import InputContainer
from av.error import FFmpegError
from av.video.frame import VideoFrame
from av.video.stream import VideoStream

from kpstream.entities import Frame, Taken
from kpstream.errors import SourceOpenError, SourceReadError
from kpstream.media.decimation import Decimation
from kpstream.redact import redact
from kpstream.sources.declared import Declared, declared_by
from kpstream.sources.decoder import Decoder
from kpstream.sources.diagnosis import fault_of
from kpstream.sources.http import USUAL_ACCESS, HttpAccess, after_redirections
from kpstream.sources.hwaccel import NO_DEVICE
from kpstream.sources.numbering import Numbering
from kpstream.sources.opening import is_address, open_video, options_of
from kpstream.sources.picture import Converter
from kpstream.sources.survey import Survey, survey
from kpstream.sources.taken import taken_by
from kpstream.sources.timeline import Timeline

_log = logging.getLogger(__name__)

_INDEX_LAST = (
    "its index comes behind its pictures, and a pipe cannot go back to them: name the file, "
    "or have 'ffmpeg -c copy -movflags +faststart' put the index first"
)
LEFT_OUT = "%s: %d of %d frames could be read: the others are broken, or missing"
"""What is logged of a file with the two numbers, once it is closed."""
_TIMEOUT = 10.0
"""Seconds that a server of recorded video may be silent."""
_USUAL_INTERVAL = 0.04
_SAME_TIME = 1e-6
_FALL = 0.25
"""Seconds by which the container's time falls where files were joined; less is a fault of a single picture."""


@dataclass(frozen=True, slots=True)
class _Picture:
    """A decoded frame and its place in the file."""

    index: int
    decoded_index: int
    """As many could be decoded before it."""
    pts: float
    stamp: float
    """Seconds of the container's time; NaN where it does not say."""
    lap: int
    """How often that time has fallen before."""
    decoded: VideoFrame


class VideoFile:
    """A video file, or one behind an ``http(s)`` address.

    It is opened here, and its first frame decoded, so that a wrong file fails at once. Variable frame rates, turned
    and mirrored pictures, odd sizes, deep colours, grey and alpha are taken as they are. Frames that cannot be
    decoded are left out: the index has a gap there, and one logged line counts them. A file that was cut short ends
    at its cut, and what it declares behind that is counted too.

    Args:
        path: Where it is; ``-`` is standard input. A pipe is read from its beginning, and once.
        start: The first frame at or after this pts is the first to be given; those before it are counted.
        end: The first frame at or after this pts is not given any more.
        with_sound: Let frames have the sound, as those of a live source; who works on the whole reads it from the file.
        deinterlace: Make interlaced pictures whole.
        hwaccel: The kind of device that decodes where it is there, ``auto`` for any, ``none`` for none.

    Raises:
        SourceOpenError: No such file, no permission, no video.
    """

    is_live = False
    stall_timeout = inf

    def __init__(
        self,
        path: str | Path,
        *,
        start: float = 0.0,
        end: float = inf,
        with_sound: bool = False,
        deinterlace: bool = True,
        access: HttpAccess = USUAL_ACCESS,
        hwaccel: str = NO_DEVICE,
    ) -> None:
        self.name = "standard input" if path == "-" else redact(path)
        """The path as given, without any password."""
        self.frame_size = (0, 0)
        """(width, height) of the first frame, the way it is seen."""
        self.frame_rate = nan
        """Declared average of frames per second; NaN where nothing is declared."""
        self.duration = nan
        """Declared seconds; NaN where nothing is declared."""
        self.start_pts = 0.0
        """Seconds of the container's time at pts 0.0: its sound at time t belongs to pts ``t - start_pts``."""
        self.has_audio = False
        self.declared: Declared
        """What the container says of its pictures."""
        self.taken = Taken()
        """When and where it was taken, as it says itself."""
        remote = is_address(str(path))
        self._reference = "pipe:0" if path == "-" else str(path) if remote else f"file:{path}"
        self._is_pipe = is_pipe(path)
        self._access = access
        self._reference, access = after_redirections(self._reference, access, _TIMEOUT)
        self._options = {"reconnect": "1", **options_of(access)} if remote else {}
        self._timeout = _TIMEOUT if remote else None
        self._deinterlace, self._hwaccel = deinterlace, hwaccel
        self._path, self._start, self._end, self._with_sound = path, start, end, with_sound
        self._decoder: Decoder | None = None
        self._convert = Converter()
        self._timeline = Timeline()
        self._stamp, self._lap = nan, 0
        self._numbering = Numbering()
        self._decimation = Decimation()
        self._given = 0
        self._last: _Picture | None = None
        self._longest = 0.0  # seconds between two frames
        self._missing_at_end = 0
        self._pending: _Picture | None = None
        self._open_at(start)

    @property
    def missing_frames(self) -> int:
        """How many frames it holds, or declares, that could not be read so far; complete at its end."""
        return self._numbering.lost + self._missing_at_end

    def again(self, at: float | None = None) -> VideoFile:
        """Open the same file once more, standing before a frame. What lies before is read, but hardly decoded.

        Args:
            at: That frame's pts; by default where this one started.

        Raises:
            SourceOpenError: It is gone, or was replaced by something else.
        """
        other = VideoFile(
            self._path,
            start=self._start,
            end=self._end,
            with_sound=self._with_sound,
            deinterlace=self._deinterlace,
            access=self._access,
            hwaccel=self._hwaccel,
        )
        if at is not None:
            other._open_at(at)
        return other

    def read(self) -> Frame | None:
        """Decode the next frame; blocks for as long as that takes.

        Raises:
            SourceReadError: The disk or the server failed.
        """
        picture, self._pending = self._pending or self._next(), None
        if picture is None and self._decoder is not None and self._last is not None:
            self._missing_at_end = self._count_missing(self.declared, self._last)
        if picture is None or picture.pts >= self._end:
            self.close()
            return None
        assert self._decoder is not None
        return Frame(
            picture.index,
            picture.pts,
            time.monotonic(),
            picture=self._convert(picture.decoded),
            pixel_aspect=self._decoder.pixel_aspect(picture.decoded),
            decoded_index=picture.decoded_index,
            stamp=picture.stamp,
            lap=picture.lap,
            sound=self._decoder.sound,
            is_damaged=picture.decoded.is_corrupt,
        )

    def _count_missing(self, declared: Declared, last: _Picture) -> int:
        """How many frames are missing behind the last one."""
        behind = declared.missing_after(last.index, last.pts, self._longest)
        return max(behind, 0 if isnan(declared.lasting) else self._numbering.pending)

    def decimate(self, max_fps: float) -> bool:
        """Give at most so many frames a second from now on; those that nobody leans on are not decoded either."""
        self._decimation.max_fps = max_fps
        return True

    def close(self) -> None:
        """Close the file; nothing is read from it afterwards. Idempotent."""
        if self._decoder is not None:
            if missing := self.missing_frames:
                _log.warning(LEFT_OUT, self.name, self._given, self._given + missing)
            self._decoder.close()
        self._decoder = None
        self._pending = None

    def _open_at(self, position: float) -> None:
        try:
            first = self._begin()
            self._pending = self._first(first)
            if position > 0:
                self._go_to(position, first)
        except SourceReadError as error:
            self.close()
            raise SourceOpenError(f"cannot open {self.name}: {str(error).removeprefix(f'{self.name}: ')}") from None

    def _begin(self) -> VideoFrame:
        """Open it and decode its first frame."""
        self.close()
        self._numbering = Numbering()
        self._decoder = decoder = Decoder(
            self._reference,
            options=self._options,
            timeout=self._timeout,
            with_sound=self._with_sound,
            deinterlace=self._deinterlace,
            hwaccel=self._hwaccel,
            numbering=self._numbering,
            decimation=self._decimation,
        )
        self._declare(decoder.container, decoder.stream)
        self._convert = Converter()
        self._timeline = Timeline()
        self._stamp, self._lap = nan, 0
        self._last, self._longest, self._missing_at_end = None, 0.0, 0
        first = decoder.next()
        if first is None:
            is_index_last = self._is_pipe and decoder.container.format.name.startswith("mov,mp4")
            self.close()
            fault = _INDEX_LAST if is_index_last else fault_of(str(self._path)) or "no picture in it can be decoded"
            raise SourceOpenError(f"cannot open {self.name}: {fault}")
        self._given = 0
        self.start_pts = _seconds(first) or 0.0
        self.frame_size = self._convert(first).size
        return first

    def _declare(self, container: InputContainer, stream: VideoStream) -> None:
        """Note what the container says about the video."""
        declared = self.declared = declared_by(container, stream)
        self.frame_rate, self.duration, self.has_audio = declared.frame_rate, declared.duration, declared.has_audio
        self.taken = taken_by(container, stream)

    def _next(self) -> _Picture | None:
        while self._decoder is not None and (decoded := self._decoder.next()) is not None:
            index = self._numbering.index_of(_stamp(decoded))
            if index is None:
                continue
            picture = self._placed(decoded, index)
            if self._decoder.chooses or self._decimation.wants(picture.pts):
                return picture
        return None

    def _first(self, decoded: VideoFrame) -> _Picture:
        self._numbering.begin_at(0, _stamp(decoded))
        return self._placed(decoded, 0)

    def _placed(self, decoded: VideoFrame, index: int) -> _Picture:
        interval = _USUAL_INTERVAL if isnan(self.frame_rate) else 1 / self.frame_rate
        seconds = _seconds(decoded)
        pts = self._timeline.pts(seconds, (self._timeline.last or 0.0) + interval)
        stamp = nan if seconds is None else seconds
        if stamp < self._stamp - _FALL:
            self._lap += 1
        if not isnan(stamp):
            self._stamp = stamp
        picture = _Picture(index, self._given, pts, stamp, self._lap, decoded)
        if self._last is not None and index == self._last.index + 1:
            self._longest = max(self._longest, pts - self._last.pts)
        self._last = picture
        self._given += 1
        return picture

    def _go_to(self, position: float, first: VideoFrame) -> None:
        """Stand before the first frame at or after ``position``; the file was just opened, and ``first`` decoded."""
        found = Survey() if self._is_pipe else self._survey(position, first)
        landed = any(self._land(entry, found, position) for entry in found.entries)
        if found.entries and not landed:
            self._pending = self._first(self._begin())
        while self._pending is not None and self._pending.pts < position - _SAME_TIME:
            self._pending = self._next()

    def _land(self, entry: int, found: Survey, position: float) -> bool:
        """Go on from a key picture; False where the file cannot be entered there, at or before ``position``."""
        assert self._decoder is not None
        if not self._decoder.seek(entry):
            return False
        self._timeline = Timeline(self.start_pts)
        self._stamp, self._lap = nan, 0
        decoded = self._decoder.next()
        if decoded is None or self._decoder.place not in found.key_places:
            return False
        stamp = _stamp(decoded)
        index = self._given = sum(stamp is None or shown < stamp for shown in found.stamps)
        self._numbering.begin_at(index, stamp)
        self._pending = self._placed(decoded, index)
        return self._pending.pts <= position + _SAME_TIME

    def _survey(self, position: float, first: VideoFrame) -> Survey:
        """Read the packets up to ``position``."""
        zero, found = _stamp(first), Survey()
        container, stream = open_video(self._reference, options=self._options, timeout=self._timeout)
        with container, suppress(FFmpegError):  # what cannot be read cannot be counted
            if zero is not None and stream.time_base:
                found = survey(container.demux(stream), zero, position, float(stream.time_base))
        return found

    def __repr__(self) -> str:
        width, height = self.frame_size
        state = "closed" if self._decoder is None else f"{self._given} frames read"
        return f"<VideoFile {self.name}: {width}x{height}, {state}>"


def is_pipe(path: str | Path) -> bool:
    """Whether a path can be read only once, and not from any place: a pipe, or ``-`` for standard input."""
    if path == "-":
        return True
    try:
        return not is_address(str(path)) and stat.S_ISFIFO(Path(path).stat().st_mode)
    except (OSError, ValueError):
        return False


def _stamp(decoded: VideoFrame) -> int | None:
    """When it is shown, in units of its stream; some containers only say when it is decoded."""
    return decoded.pts if decoded.pts is not None else decoded.dts


def _seconds(decoded: VideoFrame) -> float | None:
    if decoded.pts is not None:
        return decoded.time
    return None if decoded.dts is None or decoded.time_base is None else float(decoded.dts * decoded.time_base)
