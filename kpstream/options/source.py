"""How a source is opened."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from functools import partial
from typing import Annotated, Literal

from kpstream.errors import UsageError
from kpstream.options.declared import Option
from kpstream.options.decoding import HwAccel
from kpstream.redact import remember, remember_variable

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


Header = tuple[str, str]
"""The name of a header, and that of the environment variable that holds its value."""


def parse_header(text: str) -> Header:
    """A header from ``NAME=VARIABLE``.

    Raises:
        ValueError: It is none.
    """
    name, _, variable = text.partition("=")
    if not re.fullmatch(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+", name) or not re.fullmatch(r"[A-Za-z_][A-Za-z0-9_]*", variable):
        example = "as in X-Door=DOOR_HEADER with DOOR_HEADER in the environment"
        raise ValueError(f"give a header and the name of the variable that holds its value, {example}")
    return name, variable


def parse_turn(text: str | int) -> int:
    """Degrees by which a picture is turned.

    Raises:
        ValueError: It is no quarter turn.
    """
    if str(text) not in ("0", "90", "180", "270"):
        raise ValueError(f"{text!s:.20}: give 90, 180 or 270")
    return int(text)


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
        _source(
            "Asked of a webcam; how often a snapshot address is asked.",
            metavar="R",
            min=0.01,
            max=1000,
            in_file="frames a second asked of a webcam, or of a snapshot address",
        ),
    ] = None
    max_fps: Annotated[
        float | None,
        _source(
            "Frames shown a second at most; what comes more often is not decoded where that can be.",
            metavar="R",
            min=1,
            shown_default="what comes, and what the machine can show",
            in_file="the most frames a second that are shown",
        ),
    ] = None
    rtsp_transport: Annotated[
        Literal["tcp", "udp"] | None,
        _source(
            "How an RTSP stream travels.",
            shown_default="tcp, then udp where the camera refuses it",
            in_file="how an RTSP stream travels",
        ),
    ] = None
    stall_timeout: Annotated[
        float | None,
        _source(
            "A camera that is silent for so long is opened again.",
            metavar="S",
            min=0.5,
            max=86400,
            shown_default="learned from the stream",
            in_file="the seconds of silence after which the camera is opened again",
        ),
    ] = None
    rotate: Annotated[
        Literal[0, 90, 180, 270],
        _source(
            "Turn the picture clockwise.",
            metavar="90|180|270",
            shown_default="as it is",
            in_file="by how many degrees the picture is turned clockwise",
            parse=parse_turn,
        ),
    ] = 0
    mirror: Annotated[
        bool, _source("Swap left and right.", flags=("--mirror",), in_file="whether left and right are swapped")
    ] = False
    no_deinterlace: Annotated[
        bool,
        _source(
            "Leave interlaced pictures as they are.",
            flags=("--no-deinterlace",),
            in_file="whether interlaced pictures are left as they are",
        ),
    ] = False
    hwaccel: HwAccel = "none"
    source_header: Annotated[
        tuple[Header, ...],
        _source(
            "A header for a web server, whose value is that of an environment variable; several may be given.",
            metavar="NAME=VARIABLE",
            in_file="headers for a web server, as X-Key=NAME_OF_A_VARIABLE",
            parse=parse_header,
        ),
    ] = ()
    source_verify: Annotated[
        bool,
        _source(
            "Open a source by https or rtsps only if its certificate holds.",
            flags=("--source-verify",),
            in_file="whether the source's certificate must hold",
        ),
    ] = False
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
    def headers(self) -> dict[str, str]:
        """The headers for a web server, with their values, which no text shows from now on.

        Raises:
            UsageError: A variable is not set.
        """
        found = {}
        for name, variable in self.source_header:
            value = os.environ.get(variable, "").strip()
            if not value:
                raise UsageError(f"{name}: the environment variable {variable} is not set", option="source_header")
            remember(value)
            remember_variable(variable)
            found[name] = value
        return found

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
