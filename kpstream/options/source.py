"""How a source is opened."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import partial
from typing import Annotated, Literal

from kpstream.errors import UsageError
from kpstream.options.declared import Option

_source = partial(Option, panel="Source")
_SIZE = r"[1-9]\d{0,4}x[1-9]\d{0,4}"


Zone = tuple[tuple[float, float], ...]
"""Corners ``(x, y)`` in fractions of the picture's width and height, from the top left."""


def parse_zone(text: str) -> Zone:
    """The corners of a zone from ``x,y,x,y,x,y``: three at least, in fractions of the picture.

    Raises:
        ValueError: It is none.
    """
    try:
        numbers = [float(number) for number in text.split(",")]
    except ValueError:
        numbers = []
    if len(numbers) < 6 or len(numbers) % 2 or not all(0 <= number <= 1 for number in numbers):
        raise ValueError(f"{text:.60}: give three corners or more in fractions of the picture, as in 0,0,0.5,0,0.5,1")
    return tuple(zip(numbers[::2], numbers[1::2], strict=True))


@dataclass(frozen=True)
class SourceOptions:
    """How the source is opened."""

    loop: Annotated[bool, _source("Play a file again and again.", flags=("--loop",))] = False
    size: Annotated[
        str | None,
        _source(
            "Picture size, asked of a webcam.",
            metavar="WxH",
            in_file="picture size asked of a webcam, as 1280x720",
            pattern=f"^{_SIZE}$",
        ),
    ] = None
    frame_rate: Annotated[
        float | None,
        _source("Asked of a webcam.", metavar="R", min=1, in_file="frames a second asked of a webcam"),
    ] = None
    rtsp_transport: Annotated[
        Literal["tcp", "udp"],
        _source("How an RTSP stream travels.", in_file="how an RTSP stream travels"),
    ] = "tcp"
    masks: Annotated[
        tuple[Zone, ...],
        _source(
            "Paint over this zone, in fractions of the picture; several may be given.",
            metavar="X,Y,X,Y,X,Y...",
            flags=("--mask",),
            in_file="zones to paint over: 3 corners or more, each [x, y] in fractions of the picture",
            parse=parse_zone,
        ),
    ] = ()
    """Painted over before a picture goes anywhere."""

    no_audio: Annotated[
        bool,
        Option(
            "Record without the sound.",
            panel="Recording",
            flags=("--no-audio",),
            in_file="whether it is recorded without its sound",
        ),
    ] = False

    @property
    def picture_size(self) -> tuple[int, int] | None:
        """(width, height) in pixels; None where none was asked for.

        Raises:
            UsageError: It is no size.
        """
        if self.size is None:
            return None
        text = self.size.lower()
        if not re.fullmatch(_SIZE, text, re.ASCII):
            raise UsageError(f"{self.size}: give width and height in pixels, as in 1280x720", option="size")
        width, _, height = text.partition("x")
        return int(width), int(height)
