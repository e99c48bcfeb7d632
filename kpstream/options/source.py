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
