"""What decodes video, wherever video comes from."""

from __future__ import annotations

from typing import Annotated

from kpstream.options.declared import Option

HwAccel = Annotated[
    str,
    Option(
        "Decode on a device of this kind where it is there: auto, vaapi, cuda, qsv, videotoolbox...",
        panel="Source",
        metavar="NAME",
        in_file="the kind of device that decodes, as auto, vaapi or cuda; none for the processor",
        pattern="^[a-z][a-z0-9]*$",
    ),
]
"""The kind of a device, by FFmpeg's name; ``auto`` for any, ``none`` for the processor."""
