"""What a container declares of its video; no frame is decoded."""

from __future__ import annotations

from dataclasses import dataclass
from math import nan
from typing import BinaryIO

import av
from av.container import InputContainer
from av.video.stream import VideoStream

from kpstream.sources.opening import open_video

_MAX_FRAME_RATE = 1000.0
"""Declared at or above this, it is the rate of a clock that counts milliseconds."""


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


def declared_by(container: InputContainer, stream: VideoStream) -> Declared:
    """What an open container says of its pictures."""
    rate = float(stream.average_rate or stream.guessed_rate or 0)
    duration = nan
    if stream.duration and stream.time_base:
        duration = float(stream.duration * stream.time_base)
    elif container.duration:
        duration = container.duration / av.time_base
    return Declared(
        duration,
        rate if 0 < rate < _MAX_FRAME_RATE else nan,
        stream.codec_context.width,
        stream.codec_context.height,
        bool(container.streams.audio),
    )


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
