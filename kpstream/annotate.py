"""Recorded video: every frame, nothing dropped; what is written where, and drawing again without a request."""

from __future__ import annotations

import time
from collections.abc import Callable, Generator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, fields
from math import nan
from pathlib import Path

from kpstream.background import Background
from kpstream.entities import Scene
from kpstream.errors import UsageError
from kpstream.interfaces import Annotator, Sink, Source
from kpstream.sinks.audio import AudioSource
from kpstream.sinks.coco import CocoSink
from kpstream.sinks.csv_file import CsvSink
from kpstream.sinks.jsonl import JsonLinesSink, RecordedPoses
from kpstream.sinks.output import STDOUT, check_writable, sink_error
from kpstream.sinks.video import VideoSink
from kpstream.sources.file import VideoFile

LIVE_CAPACITY = 30
"""Scenes of a live view that may wait for the disk: a second's stall costs memory, not frames."""


@dataclass(frozen=True, slots=True)
class Outputs:
    """What is written for one input; None where it is not."""

    video: Path | None = None
    jsonl: Path | None = None
    coco: Path | None = None
    csv: Path | None = None

    def paths(self) -> list[Path]:
        """The files, without stdout."""
        found = [getattr(self, field.name) for field in fields(self)]
        return [path for path in found if path is not None and str(path) != STDOUT]

    def __str__(self) -> str:
        return ", ".join(map(str, self.paths())) or "standard output"


@dataclass(frozen=True, slots=True)
class Encoding:
    """How the video is written."""

    crf: int = 20
    """x264's quality, 0 (lossless) to 51."""
    preset: str = "veryfast"
    audio: bool = True
    """Whether the source's sound is kept."""


_SUFFIXES = {"video": ".mp4", "jsonl": ".jsonl", "coco": ".json", "csv": ".csv"}


def plan(inputs: Sequence[Path], wanted: Outputs, *, overwrite: bool) -> list[tuple[Path, Outputs]]:
    """What is written for each input, settled before any request is sent.

    Args:
        inputs: The videos.
        wanted: What the user named. Of several inputs every name is a folder, which is made; the files in it are
            named after the inputs. Of one input a name may be an existing folder too.
        overwrite: Whether files that are there may be replaced.

    Raises:
        UsageError: Two outputs would be one file, an output is its own input, or it is there already.
        SinkError: A folder cannot be made.
    """
    jobs = [(path, _for_one(path, wanted, folders=len(inputs) > 1)) for path in inputs]
    taken: set[Path] = set()
    for source, outputs in jobs:
        for path in outputs.paths():
            where = path.resolve()
            if where in taken:
                raise UsageError(f"{path} would be written twice: give each its own name or folder")
            if where in {other.resolve() for other in inputs}:
                raise UsageError(f"{path} is an input: write to another name than {source}")
            if path.exists() and not overwrite:
                raise UsageError(f"{path} is there already: add --overwrite, or choose another name")
            taken.add(where)
    if len(inputs) > 1:
        _make_folders({path.parent for _, outputs in jobs for path in outputs.paths()})
    return jobs


def _make_folders(folders: set[Path]) -> None:
    for folder in folders:
        try:
            folder.mkdir(exist_ok=True)
        except OSError as error:
            raise sink_error(folder, error) from None


def _for_one(source: Path, wanted: Outputs, *, folders: bool) -> Outputs:
    named: dict[str, Path | None] = {}
    for kind, suffix in _SUFFIXES.items():
        path: Path | None = getattr(wanted, kind)
        if path is not None and str(path) != STDOUT and (folders or path.is_dir()):
            if path.suffix and not path.is_dir():
                raise UsageError(f"{path}: with several inputs this names a folder, one file for each goes into it")
            path = path / (source.stem + suffix)
        named[kind] = path
    return Outputs(**named)


@dataclass(frozen=True, slots=True)
class Job:
    """One input and what is made of it."""

    video: VideoFile
    outputs: Outputs
    encoding: Encoding

    def make_sinks(self) -> list[Sink]:
        """The sinks; none of them has written anything yet.

        Raises:
            SinkError: An output cannot be written, or is no kind of video that can be.
        """
        outputs, encoding, video = self.outputs, self.encoding, self.video
        for path in outputs.paths():
            check_writable(path)
        sinks: list[Sink] = []
        if outputs.video is not None:
            audio = AudioSource(video.name, video.start_pts) if encoding.audio and video.has_audio else None
            sink = VideoSink(
                outputs.video,
                crf=encoding.crf,
                preset=encoding.preset,
                audio=audio,
                frame_rate=video.frame_rate,
            )
            sinks.append(Background.waiting(sink, name="video"))
        if outputs.jsonl is not None:
            sinks.append(JsonLinesSink(outputs.jsonl))
        if outputs.coco is not None:
            sinks.append(CocoSink(outputs.coco))
        if outputs.csv is not None:
            sinks.append(CsvSink(outputs.csv))
        return sinks


def live_sinks(record: Path | None, jsonl: Path | None) -> list[Sink]:
    """The sinks of a live view, each on its own thread: the picture waits for none of them.

    Raises:
        SinkError: One of them cannot be written.
    """
    for path in (record, jsonl):
        if path is not None:
            check_writable(path)
    sinks: list[Sink] = []
    if record is not None:
        sinks.append(Background.dropping(VideoSink(record, preset="ultrafast"), name="video", capacity=LIVE_CAPACITY))
    if jsonl is not None:
        sinks.append(Background.dropping(JsonLinesSink(jsonl), name="jsonl", capacity=LIVE_CAPACITY))
    return sinks


def redraw(
    source: Source,
    recorded: Mapping[int, RecordedPoses],
    sinks: Sequence[Sink],
    *,
    annotator: Annotator | None,
    clock: Callable[[], float] = time.monotonic,
) -> Generator[Scene]:
    """Every frame with the poses that were written for it earlier; not one request.

    Args:
        source: The recorded video that the poses were found in; closed at the end.
        recorded: Poses by frame index.
        sinks: Given every scene; closed at the end.
        annotator: Draws what the sinks are given; None draws nothing.
        clock: Monotonic seconds.

    Yields:
        The scenes, in order.
    """
    with ExitStack() as stack:
        for sink in reversed(sinks):
            stack.callback(sink.close)
        stack.callback(source.close)
        while (frame := source.read()) is not None:
            found = recorded.get(frame.index)
            scene = Scene(
                frame=frame,
                poses=found.poses if found else (),
                result_frame_index=found.result_frame_index if found else None,
                result_age=found.result_age if found else nan,
                stale=found.stale if found else False,
                rendered_at=clock(),
                source=source.name,
                annotator=annotator,
            )
            canvas = frame.image if annotator is None else scene.draw()
            for sink in sinks:
                sink.write(scene, canvas)
            yield scene
