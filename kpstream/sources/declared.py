"""What a container declares of its video; no frame is decoded."""

from __future__ import annotations

import re
from dataclasses import dataclass
from math import isfinite, nan
from typing import BinaryIO

import av
from av.container import InputContainer
from av.video.stream import VideoStream

from kpstream.sources.opening import open_video

_MAX_FRAME_RATE = 1000.0
"""Declared at or above this, it is the rate of a clock that counts milliseconds."""
_DECLARING = ("mov,mp4,m4a,3gp,3g2,mj2", "matroska,webm", "avi")
"""Containers that say how long they are; of others FFmpeg estimates it."""
_BY_ITS_END = "matroska,webm"
"""The container that says when it ends, by a clock that need not begin at 0: a part of a long recording goes on
counting where the part before it ended."""
_TAG = re.compile(r"(\d+):(\d\d):(\d\d(?:\.\d+)?)")
"""How Matroska says how long one of its tracks is."""
_TOLERATED, _TOLERATED_SHARE = 1.0, 0.02
"""Seconds, and the share of a video, by which it may end before it says so."""


@dataclass(frozen=True, slots=True)
class Declared:
    """What is said of a video before a frame of it is decoded."""

    duration: float
    """Seconds; NaN where nothing is said."""
    frame_rate: float
    """Average frames per second; NaN where nothing is said."""
    width: int
    height: int
    has_audio: bool
    frames: int = 0
    """Frames; 0 where nothing is said."""
    lasting: float = nan
    """Seconds of the pictures alone; NaN where nothing is said, or what is said is estimated."""

    def missing_after(self, index: int, pts: float, longest: float = 0.0) -> int:
        """How many frames are missing behind the last one that could be read, about.

        What containers usually get wrong does not count.

        Args:
            index: The number of that frame.
            pts: Its time, in seconds.
            longest: Seconds between two frames of the file at most.
        """
        rate = index / pts if pts > 0 else self.frame_rate
        if not (isfinite(self.lasting) and isfinite(rate)):
            return 0
        seconds = self.lasting - pts - 1 / rate
        if seconds <= max(_TOLERATED, _TOLERATED_SHARE * self.lasting, 2 * longest):
            return 0
        missing = round(seconds * rate)
        return max(0, min(missing, self.frames - index - 1) if self.frames else missing)


def declared_by(container: InputContainer, stream: VideoStream) -> Declared:
    """What an open container says of its pictures."""
    rate = float(stream.average_rate or stream.guessed_rate or 0)
    duration = lasting = nan
    if stream.duration and stream.time_base:
        duration = lasting = float(stream.duration * stream.time_base)
    elif container.duration:
        duration = container.duration / av.time_base
        lasting = nan if container.streams.audio else duration
    if tag := _TAG.match(stream.metadata.get("DURATION", "")):
        lasting = int(tag[1]) * 3600 + int(tag[2]) * 60 + float(tag[3])
    if container.format.name == _BY_ITS_END and stream.start_time and stream.time_base:
        begins = float(stream.start_time * stream.time_base)
        duration, lasting = _from(begins, duration), _from(begins, lasting)
    return Declared(
        duration,
        rate if 0 < rate < _MAX_FRAME_RATE else nan,
        stream.codec_context.width,
        stream.codec_context.height,
        bool(container.streams.audio),
        stream.frames,
        lasting if container.format.name in _DECLARING else nan,
    )


def _from(begins: float, ends: float) -> float:
    """Seconds between two times; the second one alone where it must be a length already."""
    return ends - begins if ends > begins else ends


def declared_in(file: BinaryIO, name: str) -> Declared:
    """What a file that can be read and sought says; blocks.

    Args:
        file: Of any kind; what it raises is raised.
        name: What to call it before users.

    Raises:
        SourceOpenError: It holds no video that can be read.
    """
    container, stream = open_video(name, file=file)
    with container:
        return declared_by(container, stream)
