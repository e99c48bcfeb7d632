"""What is written where, settled before the first request: names, and the sinks that write to them."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass, fields
from math import ceil, isfinite, nan
from pathlib import Path

from kpstream.controls import CameraControls
from kpstream.errors import UsageError
from kpstream.interfaces import Sink
from kpstream.pipeline.background import Background
from kpstream.sinks.audio import AudioSource
from kpstream.sinks.coco import CocoSink
from kpstream.sinks.csv_file import CsvSink
from kpstream.sinks.jsonl import JsonLinesSink
from kpstream.sinks.output import STDOUT, check_writable, set_aside, sink_error
from kpstream.sinks.segments import SegmentedVideo
from kpstream.sinks.switched import SwitchedRecording
from kpstream.sinks.video import VideoSink
from kpstream.sources.file import VideoFile

_log = logging.getLogger(__name__)
JOURNAL_SUFFIX = ".journal"
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
    """How a video is written."""

    crf: int = 20
    """x264's quality, 0 (lossless) to 51."""
    preset: str = "veryfast"
    audio: bool = True
    """Whether the source's sound is kept."""


@dataclass(frozen=True, slots=True)
class Job:
    """One recorded input, and what is made of it."""

    path: Path
    outputs: Outputs
    encoding: Encoding

    @property
    def journal(self) -> Path | None:
        """Where its answers are kept until it is done: beside the first output; None where all goes to stdout."""
        first = next(iter(self.outputs.paths()), None)
        return None if first is None else first.with_name(first.name + JOURNAL_SUFFIX)

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

    def make_sinks(self, video: VideoFile) -> list[Sink]:
        """The sinks; none of them has written anything yet.

        Args:
            video: The opened input.
        """
        outputs, encoding = self.outputs, self.encoding
        sinks: list[Sink] = []
        if outputs.video is not None:
            audio = AudioSource(self.path, video.start_pts) if encoding.audio and video.has_audio else None
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
        if outputs.coco is not None:
            sinks.append(CocoSink(outputs.coco))
        if outputs.csv is not None:
            sinks.append(CsvSink(outputs.csv))
        return sinks


_SUFFIXES = {"video": ".mp4", "jsonl": ".jsonl", "coco": ".json", "csv": ".csv"}


def plan(
    inputs: Sequence[Path], wanted: Outputs, encoding: Encoding, *, overwrite: bool, reads: Iterable[Path] = ()
) -> list[Job]:
    """What is made of each input, checked as a whole.

    Args:
        inputs: The videos.
        wanted: What the user named. Of several inputs every name is a folder, which is made; the files in it are
            named after the inputs. Of one input a name may be an existing folder too.
        encoding: How videos are written.
        overwrite: Whether files that are there may be replaced.
        reads: Other files that are read.

    Raises:
        UsageError: Two outputs would be one file, an output is an input, or it is there already.
        SinkError: An output cannot be written, or a folder not be made.
        SourceOpenError: One of several inputs is no video.
    """
    several = len(inputs) > 1
    jobs = [Job(path, _for_one(path, wanted, folders=several), encoding) for path in inputs]
    writes = [path for job in jobs for path in job.outputs.paths()]
    check_apart([*inputs, *reads], writes)
    for job in jobs:
        unfinished = job.journal is not None and job.journal.exists()  # the outputs are those of an interrupted run
        for path in job.outputs.paths():
            if path.exists() and not overwrite and not unfinished:
                raise UsageError(f"{path} is there already: add --overwrite, or choose another name")
    if several:
        _make_folders({path.parent for path in writes})
    for job in jobs:
        job.check()
        if several:
            VideoFile(job.path).close()  # the last one's fault is known before the first one's requests are spent
    return jobs


def check_apart(reads: Iterable[Path], writes: Sequence[Path]) -> None:
    """See that nothing is written twice, or over what is read.

    Raises:
        UsageError: It would be.
    """
    taken = {path.resolve(): "is read, too: write to another name" for path in reads}
    for path in writes:
        where = path.resolve()
        if where in taken:
            raise UsageError(f"{path} {taken[where]}")
        taken[where] = "would be written twice: give each output its own name or folder"


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
class Recording:
    """Where the annotated picture of a live view goes."""

    path: Path
    """A video, or the folder and the beginning of the names of its segments; or a folder for them."""
    segment: float | None = None
    """Seconds of a file; None for one file of this name."""
    keep: float | None = None
    """Seconds for which segments are kept; None for ever."""
    keep_size: int | None = None
    """Bytes that they may take together; None for no limit."""

    @property
    def whole(self) -> Path | None:
        """The one file that it is; None where it is segments, or files that are begun by hand."""
        return self.path if self.segment is None and self.path.suffix and not self.path.is_dir() else None

    @property
    def folder(self) -> Path:
        """Where the files go."""
        return self.path.parent if self.path.suffix and not self.path.is_dir() else self.path

    def check(self) -> None:
        """See that it can be written; leaves nothing behind.

        Raises:
            UsageError: There are no segments of which some could go, or the name is none for a video.
            SinkError: It cannot be written.
        """
        if self.segment is None and (self.keep is not None or self.keep_size is not None):
            raise UsageError("--keep and --keep-size remove old segments: add --segment, as in --segment 10m")
        if not self.path.is_dir() and self.path.suffix.lower() != ".mp4":
            raise UsageError(f"{self.path}: give a name that ends in .mp4, or a folder that is there")
        self._make(self.whole).check()

    def maker(self, frame_rate: float = nan) -> Callable[[], SegmentedVideo]:
        """What makes the recording: at first the file of that name, afterwards files that are named by time.

        Args:
            frame_rate: Declared frames per second; NaN where nothing is declared.
        """
        names = iter([self.whole])

        def make() -> SegmentedVideo:
            with suppress(OSError):  # the sink says what is wrong with the folder, and tries again
                self.folder.mkdir(exist_ok=True)
            return self._make(next(names, None), frame_rate)

        return make

    def _make(self, first: Path | None, frame_rate: float = nan) -> SegmentedVideo:
        return SegmentedVideo(
            self.folder,
            "kpstream" if self.folder == self.path else self.path.stem,
            segment=self.segment,
            first=first,
            keep=self.keep,
            keep_size=self.keep_size,
            preset="ultrafast",
            frame_rate=frame_rate,
        )


def live_capacity(held: float, frame_rate: float = nan) -> int:
    """How many scenes of a live view may wait for the disk.

    Args:
        held: Seconds of pictures that may come at once, when a view ends whose pictures wait for their answers.
        frame_rate: Declared frames per second; NaN where nothing is declared.
    """
    return LIVE_CAPACITY + ceil(held * (frame_rate if isfinite(frame_rate) else LIVE_CAPACITY))


class LiveOutputs:
    """What is written of a live view. Files of earlier views are kept: they get names by the time of their last change.

    Args:
        source: The reference of what is shown.
        recording: The annotated picture, or None.
        jsonl: JSON lines, or None.
    """

    def __init__(self, source: str, recording: Recording | None, jsonl: Path | None) -> None:
        self._source = source
        self._recording = recording
        self._jsonl = jsonl

    @property
    def folder(self) -> Path:
        """Where recordings go; the working folder where there are none."""
        return Path() if self._recording is None else self._recording.folder

    @property
    def beginning(self) -> str:
        """What the names of the recordings begin with, where other files may lie beside them; else empty."""
        return (
            ""
            if self._recording is None or self._recording.folder == self._recording.path
            else self._recording.path.stem
        )

    def check(self) -> None:
        """See that everything can be written; leaves nothing behind.

        Raises:
            UsageError: A name is none that is known, or is that of the source or of another output.
            SinkError: An output cannot be written.
        """
        check_apart([Path(self._source)], self._files())
        if self._recording is not None:
            self._recording.check()
        for path in self._files():
            check_writable(path)

    def _files(self) -> list[Path]:
        return Outputs(None if self._recording is None else self._recording.whole, self._jsonl).paths()

    def make_sinks(self, controls: CameraControls, frame_rate: float = nan, *, held: float = 0.0) -> list[Sink]:
        """The sinks, each on its own thread: the picture waits for none of them.

        Args:
            controls: Start and stop the recording from now on.
            frame_rate: Declared frames per second; NaN where nothing is declared.
            held: Seconds of pictures that may come at once at the end.

        Raises:
            SinkError: A file of an earlier view cannot be renamed.
        """
        for path in self._files():
            if aside := set_aside(path):
                _log.info("%s was there already and is kept as %s", path, aside.name)
        sinks: list[Sink] = []
        capacity = live_capacity(held, frame_rate)
        if self._recording is not None:
            video = SwitchedRecording(self._recording.maker(frame_rate))
            controls.record_with(video)
            sinks.append(Background.dropping(video, name="the recording", capacity=capacity))
        if self._jsonl is not None:
            lines = JsonLinesSink(self._jsonl)
            sinks.append(Background.dropping(lines, name="the JSON lines", capacity=capacity))
        return sinks
