"""Scenes as JSON lines, one object a frame, and the way back: the poses that such a file holds."""

from __future__ import annotations

import json
import logging
from array import array
from bisect import bisect_left
from collections.abc import Iterator, Mapping
from contextlib import nullcontext
from dataclasses import dataclass
from math import isfinite, nan
from pathlib import Path
from typing import Any

from kpstream.entities import Image, Pose, Result, Scene
from kpstream.errors import SourceOpenError, SourceReadError
from kpstream.sinks.output import STDIN, OutputFile, stdin
from kpstream.skeleton import Skeleton
from kpstream.wire.lines import ClassSkeletons, number, objects, read_pose, whole, write_pose
from kpstream.wire.numbers import decimals, seconds, utc

_log = logging.getLogger(__name__)


def _refuse(constant: str) -> float:
    raise ValueError(f"{constant} is no JSON")


_DECODER = json.JSONDecoder(parse_constant=_refuse)
_dumps = json.JSONEncoder(ensure_ascii=False, allow_nan=False, separators=(",", ":"), check_circular=False).encode
_MAX_LINE = 1 << 26


class JsonLinesSink:
    """One JSON object a scene, UTF-8, in the reader's hands as soon as it is written.

    Args:
        path: The file, created by the first scene; ``-`` is stdout.
    """

    needs_canvas = False

    def __init__(self, path: str | Path) -> None:
        self._file = OutputFile(path)

    def write(self, scene: Scene, canvas: Image) -> None:  # noqa: ARG002 - the picture has no place in JSON
        """Write one line and flush it; blocks.

        Raises:
            SinkError: It could not be written; of stdout also when its reader has gone.
        """
        self._file.write(line_of(scene))

    def close(self) -> None:
        """Release the file. Idempotent.

        Raises:
            SinkError: The system reports a fault that it held back.
        """
        self._file.close()

    def __repr__(self) -> str:
        return f"<JsonLinesSink {self._file!r}>"


def line_of(scene: Scene) -> bytes:
    """The line of a scene, with its end."""
    return (_dumps(scene_object(scene)) + "\n").encode("utf-8", "replace")


def scene_object(scene: Scene) -> dict[str, Any]:
    """What a line says of a scene."""
    frame = scene.frame
    line = {
        "source": scene.source,
        "frame_index": frame.index,
        "pts": seconds(frame.pts),
        "captured_at": decimals(frame.captured_at),
        "rendered_at": decimals(scene.rendered_at),
        "frame_size": list(frame.size),
        "result_frame_index": scene.result_frame_index,
        "result_age": seconds(scene.result_age),
        "stale": scene.stale,
        "poses": [write_pose(pose) for pose in scene.poses],
    }
    if isfinite(frame.captured_wall):
        line["captured_wall"] = utc(frame.captured_wall)
    if scene.answers:
        line["answers"] = [_answer_object(answer) for answer in scene.answers]
    return line


def _answer_object(answer: Result) -> dict[str, Any]:
    poses = [write_pose(pose) for pose in answer.poses]
    return {"frame_index": answer.frame_index, "pts": seconds(answer.pts), "poses": poses}


@dataclass(frozen=True, slots=True)
class RecordedPoses:
    """What a JSON line says about one frame."""

    frame_index: int
    pts: float
    """Seconds; NaN where the line does not say."""
    poses: tuple[Pose, ...]
    result_frame_index: int | None = None
    result_age: float = nan
    stale: bool = False
    frame_size: tuple[int, int] | None = None
    """(width, height) in pixels; None where the line does not say."""
    answers: tuple[Result, ...] | None = None
    """The answers that a live view used since the line before; None where the line is none of a live view."""


def read_poses(path: str | Path, skeletons: Mapping[str, Skeleton] | None = None) -> Mapping[int, RecordedPoses]:
    """Look through a whole file of JSON lines, so that a broken one is known before work begins.

    A line is read again when its frame is asked for, so an hour of video needs hardly more memory than a minute.
    The file must stay as it is until then.

    Args:
        path: The file, as `JsonLinesSink` writes it. A last line that a crash cut short is left out, and logged.
        skeletons: By class name. A class that is not there gets the skeleton that its keypoint names are known for,
            or one without edges.

    Returns:
        What was recorded, by frame index. Frames without a line are missing.

    Raises:
        SourceOpenError: The file cannot be read.
        SourceReadError: A line is not of that form; the text names it.
    """
    if str(path) == STDIN:
        raise SourceOpenError("stdin: poses that are drawn again are read more than once: name a file")
    recording = _Recording(Path(path), ClassSkeletons(skeletons or {}))
    recording.index()
    return recording


class _Recording(Mapping[int, RecordedPoses]):
    """Where each frame's line begins; the lines stay in the file."""

    def __init__(self, path: Path, skeletons: ClassSkeletons) -> None:
        self._path = path
        self._skeletons = skeletons
        self._frame_indices = array("q")
        self._offsets = array("q")

    def index(self) -> None:
        for offset, recorded in _lines(self._path, self._skeletons):
            self._frame_indices.append(recorded.frame_index)
            self._offsets.append(offset)

    def __contains__(self, frame_index: object) -> bool:
        """Whether a frame has a line; reads none."""
        if not isinstance(frame_index, int):
            return False
        at = self._place(frame_index)
        return at < len(self._frame_indices) and self._frame_indices[at] == frame_index

    def _place(self, frame_index: int) -> int:
        return bisect_left(self._frame_indices, frame_index)

    def __getitem__(self, frame_index: int) -> RecordedPoses:
        if frame_index not in self:
            raise KeyError(frame_index)
        at = self._place(frame_index)
        try:
            with self._path.open("rb") as file:
                file.seek(self._offsets[at])
                return _recorded(file.readline(_MAX_LINE), self._skeletons)
        except (OSError, ValueError):
            raise SourceReadError(f"{self._path}: it was changed while it was read; run it again") from None

    def __iter__(self) -> Iterator[int]:
        return iter(self._frame_indices)

    def __len__(self) -> int:
        return len(self._frame_indices)

    def __repr__(self) -> str:
        return f"<poses of {len(self)} frames in {self._path}>"


def stream_poses(path: str | Path) -> Iterator[RecordedPoses]:
    """The lines of a file, or with ``-`` of stdin, one after the other, for those who need each once.

    Raises:
        SourceOpenError: The file cannot be read.
        SourceReadError: A line is not of the form; the text names it.
    """
    return (recorded for _, recorded in _lines(Path(path), ClassSkeletons({})))


def _lines(path: Path, skeletons: ClassSkeletons) -> Iterator[tuple[int, RecordedPoses]]:
    """Where each line begins in the file, and what it says."""
    number, offset, newest, line = 0, 0, -1, b""
    try:
        with nullcontext(stdin()) if str(path) == STDIN else path.open("rb") as file:
            while line := file.readline(_MAX_LINE):
                number += 1
                if line.strip():
                    recorded = _recorded(line, skeletons)
                    _check_order(recorded.frame_index, newest)
                    newest = recorded.frame_index
                    yield offset, recorded
                offset += len(line)
    except OSError as error:
        raise SourceOpenError(f"{path}: cannot be read: {error.strerror}") from None
    except ValueError as error:
        if line.endswith(b"\n") or newest < 0:
            raise SourceReadError(f"{path}, line {number}: {error}") from None
        _log.warning("%s: its last line was cut short and is left out", path)


def _check_order(frame_index: int, newest: int) -> None:
    if frame_index <= newest:
        raise ValueError(
            f"frame_index {frame_index} comes after {newest}: "
            "the lines of more than one run are in this file, keep one of them"
        )


def _recorded(line: bytes, skeletons: ClassSkeletons) -> RecordedPoses:
    """Raises ValueError where the line is not of the form; its text is for the user."""
    try:
        item = _DECODER.decode(line.decode("utf-8-sig"))
    except (ValueError, RecursionError):
        raise ValueError("is not JSON") from None
    if not isinstance(item, dict):
        raise ValueError("is not a JSON object")  # noqa: TRY004 - one kind of fault, whatever it is in the line
    answered = item.get("result_frame_index")
    return RecordedPoses(
        frame_index=whole(item, "frame_index"),
        pts=number(item, "pts", nan),
        poses=tuple(read_pose(pose, skeletons) for pose in objects(item, "poses")),
        result_frame_index=None if answered is None else whole(item, "result_frame_index"),
        result_age=number(item, "result_age", nan),
        stale=item.get("stale") is True,
        frame_size=_frame_size(item),
        answers=_answers(item, skeletons),
    )


def _frame_size(item: dict[str, Any]) -> tuple[int, int] | None:
    size = item.get("frame_size")
    if size is None:
        return None
    if not isinstance(size, list) or len(size) != 2 or not all(type(side) is int and side > 0 for side in size):
        raise ValueError("'frame_size' is not a width and a height")
    return size[0], size[1]


def _answers(item: dict[str, Any], skeletons: ClassSkeletons) -> tuple[Result, ...] | None:
    if "answers" not in item and "captured_wall" not in item:
        return None
    return tuple(
        Result(
            frame_index=whole(answer, "frame_index"),
            pts=number(answer, "pts"),
            poses=tuple(read_pose(pose, skeletons) for pose in objects(answer, "poses")),
        )
        for answer in objects(item, "answers")
    )
