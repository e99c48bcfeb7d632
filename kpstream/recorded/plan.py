"""What is written where, settled before the first request: names, and the sinks that write to them."""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from math import inf
from pathlib import Path
from typing import Literal

from kpstream.errors import UsageError
from kpstream.interfaces import Sink
from kpstream.paths import is_folder, is_there
from kpstream.pipeline.background import Background
from kpstream.recorded.inputs import Input, Recording, is_read_once, name_of, open_input
from kpstream.sinks.audio import AudioSource
from kpstream.sinks.coco import CocoSink
from kpstream.sinks.csv_file import CsvSink
from kpstream.sinks.jsonl import JsonLinesSink
from kpstream.sinks.output import STDOUT, check_apart, check_writable, sink_error
from kpstream.sinks.pictures import PictureFolder
from kpstream.sinks.sampled import SampledOnly
from kpstream.sinks.video import VideoSink
from kpstream.sources.sampled import SampledFile
from kpstream.sources.spacing import Spacing

JOURNAL_SUFFIX = ".journal"


@dataclass(frozen=True, slots=True)
class Outputs:
    """What is written for one input; None where it is not."""

    video: Path | None = None
    jsonl: Path | None = None
    coco: Path | None = None
    csv: Path | None = None
    parquet: Path | None = None
    frames: Path | None = None
    """A folder for the pictures that COCO names."""
    coco_frames: Literal["all", "sampled"] = "all"
    """Which ones those are."""

    def paths(self) -> list[Path]:
        """The files, without stdout."""
        found = (self.video, self.jsonl, self.coco, self.csv, self.parquet)
        return [path for path in found if path is not None and str(path) != STDOUT]

    def places(self) -> list[Path]:
        """The files, and the folder of pictures."""
        return [*self.paths(), *([] if self.frames is None else [self.frames])]

    def __str__(self) -> str:
        return ", ".join(map(str, self.places())) or ("" if self.jsonl is None else "standard output")


@dataclass(frozen=True, slots=True)
class Encoding:
    """How a video is written."""

    crf: int = 20
    """x264's quality, 0 (lossless) to 51."""
    preset: str = "veryfast"
    audio: bool = True
    """Whether the source's sound is kept."""


@dataclass(frozen=True, slots=True)
class Job:
    """One recorded input, and what is made of it."""

    path: Input
    outputs: Outputs
    encoding: Encoding = Encoding()
    deinterlace: bool = True
    """Whether interlaced pictures are made whole."""
    frame_rate: float | None = None
    """Pictures per second, where they are single pictures that do not say it; None for 25."""
    hwaccel: str = "none"
    """The kind of device that decodes where it is there, ``auto`` for any, ``none`` for none."""
    spacing: Spacing | None = None
    """Of a file: how far apart the frames are that are read at all, of which those that were answered are written; None
    for every frame."""
    source: str = ""
    """What the input is called in outputs; empty for its path, or its address without any password."""

    @property
    def name(self) -> Path:
        """What the input is called, with its folders where it has some."""
        return name_of(self.path)

    @property
    def journal(self) -> Path | None:
        """Where its answers are kept until it is done: beside the first output.

        None where all goes to stdout, and for what cannot be read a second time.
        """
        first = next(iter(self.outputs.places()), None)
        return None if first is None or is_read_once(self.path) else first.with_name(first.name + JOURNAL_SUFFIX)

    def check(self) -> None:
        """See that everything can be written; leaves nothing behind.

        Raises:
            UsageError: A name or a setting is none that is known.
            SinkError: An output cannot be written.
        """
        if self.outputs.video is not None:
            VideoSink(self.outputs.video, crf=self.encoding.crf, preset=self.encoding.preset).check()
        for path in self.outputs.paths():
            check_writable(path)
        if self.outputs.frames is not None:
            PictureFolder(self.outputs.frames).check()

    def open(self, start: float = 0.0, end: float = inf) -> Recording:
        """Open the input; blocks.

        Args:
            start: The first frame at or after this pts is the first to be given.
            end: The first frame at or after this pts is not given any more.

        Raises:
            SourceOpenError: It is no video that can be read.
        """
        if self.spacing is not None and isinstance(self.path, Path):
            video: Recording = SampledFile(self.path, self.spacing, deinterlace=self.deinterlace)
        else:
            video = self._open(start, end)
        video.name = self.source or video.name
        return video

    def _open(self, start: float, end: float) -> Recording:
        return open_input(
            self.path,
            start,
            end,
            deinterlace=self.deinterlace,
            hwaccel=self.hwaccel,
            with_sound=self.encoding.audio and is_read_once(self.path),
            frame_rate=self.frame_rate,
        )

    def make_sinks(self, video: Recording) -> list[Sink]:
        """The sinks; none of them has written anything yet.

        Args:
            video: The opened input.
        """
        outputs, encoding = self.outputs, self.encoding
        sinks: list[Sink] = []
        if outputs.video is not None:
            has_sound = encoding.audio and video.has_audio and not is_read_once(self.path)
            audio = AudioSource(self.path, video.start_pts) if has_sound else None
            sink = VideoSink(
                outputs.video,
                crf=encoding.crf,
                preset=encoding.preset,
                audio=audio,
                frame_rate=video.frame_rate,
                taken=video.taken,
            )
            sinks.append(Background.waiting(sink, name="video"))
        if outputs.jsonl is not None:
            sinks.append(JsonLinesSink(outputs.jsonl))
        named: list[Sink] = [] if outputs.coco is None else [CocoSink(outputs.coco)]
        if outputs.frames is not None:
            named.append(Background.waiting(PictureFolder(outputs.frames), name="pictures"))
        sinks += named if outputs.coco_frames == "all" else map(SampledOnly, named)
        if outputs.csv is not None:
            sinks.append(CsvSink(outputs.csv))
        if outputs.parquet is not None:
            from kpstream.sinks.parquet import ParquetSink  # pyarrow is in an extra

            sinks.append(ParquetSink(outputs.parquet))
        return sinks if self.spacing is None else [SampledOnly(sink) for sink in sinks]


def plan_jobs(
    inputs: Sequence[Input],
    wanted: Outputs,
    encoding: Encoding,
    *,
    overwrite: bool,
    reads: Iterable[Path] = (),
    more_writes: Iterable[Path] = (),
    deinterlace: bool = True,
    frame_rate: float | None = None,
    hwaccel: str = "none",
) -> list[Job]:
    """What is made of each input, checked as a whole.

    Args:
        inputs: The videos.
        wanted: What the user named. Of several inputs every name is a folder, which is made; the files in it are
            named after the inputs, in folders like theirs where several have one name. Of one input a name may be an
            existing folder too.
        encoding: How videos are written.
        overwrite: Whether files that are there may be replaced.
        reads: Other files that are read.
        more_writes: Other files that are written, of all inputs together.
        deinterlace: Whether interlaced pictures are made whole.
        frame_rate: Pictures per second of inputs that are single pictures; None for 25.
        hwaccel: As of `Job`.

    Raises:
        UsageError: Two outputs would be one file, an output is an input, or it is there already.
        SinkError: An output cannot be written, or a folder not be made.
        SourceOpenError: One of several inputs is no video.
    """
    several = len(inputs) > 1
    names = _names([name_of(given) for given in inputs])
    jobs = [
        Job(given, _for_one(name, wanted, folders=several), encoding, deinterlace, frame_rate, hwaccel)
        for given, name in zip(inputs, names, strict=True)
    ]
    writes = [path for job in jobs for path in job.outputs.places()]
    check_apart([*(given for given in inputs if isinstance(given, Path)), *reads], [*writes, *more_writes])
    for job in jobs:
        unfinished = job.journal is not None and is_there(job.journal)  # the outputs are those of an interrupted run
        for path in job.outputs.places():
            if _holds_something(path) and not overwrite and not unfinished:
                raise UsageError(f"{path} is there already: add `overwrite`, or choose another name")
    if several:
        _make_folders(wanted.places(), {path.parent for path in writes})
    for job in jobs:
        job.check()
        if several and not is_read_once(job.path):
            job.open().close()  # the last one's fault is known before the first one's requests are spent
    return jobs


def _holds_something(path: Path) -> bool:
    try:
        return any(path.iterdir()) if is_folder(path) else is_there(path)
    except OSError as error:
        raise sink_error(path, error) from None


def _make_folders(tops: Iterable[Path], folders: Iterable[Path]) -> None:
    """Make the folders that were named, which must have a place already, and what lies below them."""
    for folder in tops:
        try:
            folder.mkdir(exist_ok=True)
        except OSError as error:
            raise sink_error(folder, error) from None
    for folder in folders:
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise sink_error(folder, error) from None


def _names(inputs: Sequence[Path]) -> list[Path]:
    """What the outputs of each input are called, without suffix: by its own name, or by its place in the tree.

    The place counts from the folder that all inputs lie in, where several have one name; the suffix of an input tells
    those apart that lie in one folder.
    """
    flat = [Path(path.stem) for path in inputs]
    if _all_differ(flat):
        return flat
    places = [path.absolute() for path in inputs]
    try:
        top = os.path.commonpath([place.parent for place in places])
        tree = [place.parent.relative_to(top) / place.stem for place in places]
    except ValueError:  # on several drives
        tree = [Path(place.parent.name, place.stem) for place in places]
    return tree if _all_differ(tree) else [name.with_name(place.name) for name, place in zip(tree, places, strict=True)]


def _all_differ(names: Sequence[Path]) -> bool:
    return len({str(name).casefold() for name in names}) == len(names)


def _for_one(name: Path, wanted: Outputs, *, folders: bool) -> Outputs:
    def named(path: Path | None, suffix: str) -> Path | None:
        if path is None or str(path) == STDOUT or not (folders or is_folder(path)):
            return path
        if path.suffix and not is_folder(path):
            raise UsageError(f"{path}: with several inputs this names a folder, one file for each goes into it")
        return path / f"{name}{suffix}"

    return replace(
        wanted,
        video=named(wanted.video, ".mp4"),
        jsonl=named(wanted.jsonl, ".jsonl"),
        coco=named(wanted.coco, ".json"),
        csv=named(wanted.csv, ".csv"),
        frames=wanted.frames / name if wanted.frames is not None and folders else wanted.frames,
    )
