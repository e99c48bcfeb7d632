"""What is made of recorded video, and of which part of it."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from math import inf
from pathlib import Path
from typing import Annotated, Literal

from kpstream.options.declared import Option
from kpstream.options.decoding import HwAccel

_LATEST = 10_000_000
"""Seconds, of which a container of hours knows no more."""
_export = partial(Option, panel="Exports")


@dataclass(frozen=True)
class OutputOptions:
    """What is made of each input."""

    output: Annotated[
        Path | None,
        Option("OUT.mp4, or a folder for several inputs.", metavar="OUT", flags=("-o", "--output")),
    ] = None
    overwrite: Annotated[bool, Option("Replace outputs that are there.", flags=("--overwrite",))] = False
    jsonl: Annotated[Path | None, _export("Poses, a line a frame; - is stdout.", metavar="OUT.jsonl")] = None
    coco: Annotated[Path | None, _export("Poses as COCO keypoints.", metavar="OUT.json")] = None
    frames: Annotated[
        Path | None, _export("The pictures that COCO names, as JPEG files, nothing drawn on them.", metavar="FOLDER")
    ] = None
    coco_frames: Annotated[
        Literal["all", "sampled"],
        _export("Which frames COCO names, and --frames writes: all, or those that were asked about."),
    ] = "all"
    csv: Annotated[Path | None, _export("Poses as a table.", metavar="OUT.csv")] = None


@dataclass(frozen=True)
class VideoOptions:
    """How the pictures of recorded video are read, and how annotated video is written."""

    crf: Annotated[int, Option("x264 quality; lower is better.", min=0, max=51)] = 20
    preset: Annotated[str, Option("x264 preset; a slower one makes smaller files.")] = "veryfast"
    audio: Annotated[bool, Option("Keep the sound.", flags=("--audio/--no-audio",))] = True
    no_deinterlace: Annotated[bool, Option("Leave interlaced pictures as they are.", flags=("--no-deinterlace",))] = (
        False
    )


@dataclass(frozen=True)
class PartOptions:
    """Which part of recorded video is worked on, and which of its frames are asked about."""

    start: Annotated[float, Option("Begin at this second.", metavar="S", min=0, max=_LATEST)] = 0.0
    end: Annotated[
        float | None, Option("End at this second.", metavar="S", min=0, max=_LATEST, shown_default="the end")
    ] = None
    every: Annotated[
        int | None, Option("Ask about every N-th frame; poses between are interpolated.", metavar="N", min=1)
    ] = None
    poses: Annotated[
        Path | None,
        Option("Draw or export these again, without one request.", metavar="POSES.jsonl", flags=("--from",)),
    ] = None
    frame_rate: Annotated[
        float | None,
        Option("Pictures per second of a sequence of pictures.", metavar="R", min=0.01, max=1000, shown_default="25"),
    ] = None

    hwaccel: HwAccel = "none"

    @property
    def last(self) -> float:
        """Where the part ends, in seconds; infinite for the end of the video."""
        return inf if self.end is None else self.end
