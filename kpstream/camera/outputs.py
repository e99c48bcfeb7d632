"""What is written of a camera: its recording and its JSON lines, each on a thread of its own."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable
from functools import partial
from math import ceil, isfinite, nan
from pathlib import Path

from kpstream.camera.settings import CameraSettings
from kpstream.camera.spec import CameraSpec, Recording
from kpstream.errors import UsageError
from kpstream.interfaces import Sink
from kpstream.options import RecordingOptions
from kpstream.paths import is_folder
from kpstream.pipeline.background import Background
from kpstream.sinks.clips import CRF, KEYFRAME_EVERY, PRESET, ClipSink
from kpstream.sinks.jsonl import JsonLinesSink
from kpstream.sinks.output import STDOUT, check_apart, check_writable, is_stream, rename_existing
from kpstream.sinks.pausing import PausingJsonLines
from kpstream.sinks.segments import SegmentedVideo
from kpstream.sinks.switched import SwitchedRecording

_log = logging.getLogger("kpstream")
_CAPACITY = 30
"""Scenes that may wait for the disk: a second's stall costs memory, not frames."""
_FRAME_RATE = 30.0
"""Frames per second where a source declares none."""


def recording_of(options: RecordingOptions) -> Recording | None:
    """The recording that options describe; None where they name none.

    Raises:
        UsageError: They do not fit together, or the name is none for a video.
    """
    path = options.record
    if path is None:
        if options.segment or options.keep or options.keep_size:
            raise UsageError("`segment`, `keep` and `keep_size` are about a recording: add `record` OUT.mp4")
        return None
    if options.segment is None and (options.keep is not None or options.keep_size is not None):
        raise UsageError("`keep` and `keep_size` remove old segments: add `segment`, as in `segment` 10m")
    has_folder = is_folder(path)
    if not has_folder and path.suffix.lower() != ".mp4":
        raise UsageError(f"{path}: give a name that ends in .mp4, or a folder that is there")
    return Recording(
        folder=path if has_folder else path.parent,
        name_prefix="kpstream" if has_folder else path.stem,
        segment=options.segment,
        keep=options.keep,
        keep_size=options.keep_size,
        first=path if options.segment is None and not has_folder else None,
    )


def check_outputs(spec: CameraSpec, reads: Iterable[Path] = (), more_writes: Iterable[Path] = ()) -> None:
    """See that everything can be written; leaves nothing behind.

    Args:
        spec: The camera.
        reads: Other files that are read.
        more_writes: Other files that are written; whoever writes them sees that it can.

    Raises:
        UsageError: An output is what is read, or another output.
        SinkError: An output cannot be written.
    """
    files = _files(spec)
    check_apart([Path(spec.reference), *reads], [*files, *more_writes])
    if spec.recording is not None and spec.recording.starts:
        _segments(spec.recording, spec.recording.first, nan).check()
    for path in files:
        check_writable(path)


def make_outputs(
    spec: CameraSpec, settings: CameraSettings, frame_rate: float = nan, clips: ClipSink | None = None
) -> list[Sink]:
    """The sinks; the picture waits for none of them. What earlier runs wrote under the same names is renamed and kept.

    Args:
        spec: The camera.
        settings: Start and stop the recording from now on.
        frame_rate: Declared frames per second; NaN where nothing is declared.
        clips: Writes clips of what happens, from what the recording encodes while it is on; None for none.

    Raises:
        SinkError: A file of an earlier run cannot be renamed.
    """
    for path in _files(spec):
        if aside := rename_existing(path):
            _log.info("%s was there already and is kept as %s", path, aside.name)
    sinks: list[Sink] = []
    of = f" of {spec.name}" if spec.name else ""
    capacity = _capacity(spec.view.max_delay or 0.0, frame_rate)
    if spec.recording is not None:
        video = SwitchedRecording(_maker(spec.recording, frame_rate, clips))
        settings.record_with(video)
        if clips is not None:
            clips.record_with(video)
        sinks.append(Background.dropping(clips or video, name=f"the recording{of}", capacity=capacity))
    elif clips is not None:
        sinks.append(Background.dropping(clips, name=f"the clips{of}", capacity=capacity))
    if spec.jsonl is not None:
        lines = JsonLinesSink(spec.jsonl) if is_stream(spec.jsonl) else PausingJsonLines(spec.jsonl)
        sinks.append(Background.dropping(lines, name=f"the JSON lines{of}", capacity=capacity))
    return sinks


def _files(spec: CameraSpec) -> list[Path]:
    first = None if spec.recording is None else spec.recording.first
    return [path for path in (first, spec.jsonl) if path is not None and str(path) != STDOUT]


def _capacity(delay: float, frame_rate: float) -> int:
    """How many scenes may wait for the disk: at the end all pictures that wait for their answers come at once."""
    return _CAPACITY + ceil(delay * (frame_rate if isfinite(frame_rate) else _FRAME_RATE))


def _maker(recording: Recording, frame_rate: float, clips: ClipSink | None) -> Callable[[], SegmentedVideo]:
    """What makes the recording: the first time under its own name, where it has one, afterwards named by time."""
    names = iter([recording.first])

    def make() -> SegmentedVideo:
        return _segments(recording, next(names, None), frame_rate, clips)

    return make


def _segments(
    recording: Recording, first: Path | None, frame_rate: float, clips: ClipSink | None = None
) -> SegmentedVideo:
    return SegmentedVideo(
        recording.folder,
        recording.name_prefix,
        segment=recording.segment,
        first=first,
        keep=recording.keep,
        keep_size=recording.keep_size,
        crf=CRF,
        preset=PRESET,
        tap=clips,
        keyframe_every=None if clips is None else KEYFRAME_EVERY,
        frame_rate=frame_rate,
        make_folder=partial(recording.folder.mkdir, parents=True, exist_ok=True),
    )
