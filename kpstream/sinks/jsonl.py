"""Scenes as JSON lines, one object a frame, and the way back: the poses that such a file holds."""

from __future__ import annotations

import json
import logging
from array import array
from bisect import bisect_left
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from math import nan
from pathlib import Path
from typing import Any

import numpy as np

from kpstream.entities import Image, Origin, Pose, Scene, box_of
from kpstream.errors import SourceOpenError, UsageError
from kpstream.sinks.output import OutputFile
from kpstream.skeleton import Skeleton, known_by_names
from kpstream.wire.numbers import centre_box, decimals, keypoints, seconds

_log = logging.getLogger(__name__)


def _refuse(constant: str) -> float:
    raise ValueError(f"{constant} is no JSON")


_DECODER = json.JSONDecoder(parse_constant=_refuse)
_dumps = json.JSONEncoder(ensure_ascii=False, allow_nan=False, separators=(",", ":"), check_circular=False).encode
_LARGEST = 1e30
"""Beyond it float32 ends; no coordinate and no time is near it."""
_MAX_LINE = 1 << 26
_MAX_KEYPOINTS = 10_000
_ORIGINS: dict[str, Origin] = {"measured": "measured", "predicted": "predicted", "interpolated": "interpolated"}


class JsonLinesSink:
    """One JSON object a scene, UTF-8, in the reader's hands as soon as it is written.

    Args:
        path: The file, created by the first scene; ``-`` is stdout.
    """

    def __init__(self, path: str | Path) -> None:
        self._file = OutputFile(path)

    def write(self, scene: Scene, canvas: Image) -> None:  # noqa: ARG002 - the picture has no place in JSON
        """Write one line and flush it; blocks.

        Raises:
            SinkError: It could not be written; of stdout also when its reader has gone.
        """
        line = _dumps(scene_object(scene)) + "\n"
        self._file.write(line.encode("utf-8", "replace"))

    def close(self) -> None:
        """Release the file. Idempotent.

        Raises:
            SinkError: The system reports a fault that it held back.
        """
        self._file.close()

    def __repr__(self) -> str:
        return f"<JsonLinesSink {self._file!r}>"


def scene_object(scene: Scene) -> dict[str, Any]:
    """What a line says of a scene."""
    frame = scene.frame
    return {
        "source": scene.source,
        "frame_index": frame.index,
        "pts": seconds(frame.pts),
        "captured_at": decimals(frame.captured_at),
        "rendered_at": decimals(scene.rendered_at),
        "frame_size": list(frame.size),
        "result_frame_index": scene.result_frame_index,
        "result_age": seconds(scene.result_age),
        "stale": scene.stale,
        "poses": [_pose_object(pose) for pose in scene.poses],
    }


def _pose_object(pose: Pose) -> dict[str, Any]:
    x, y, width, height = centre_box(pose)
    return {
        "tracker_id": pose.tracker_id,
        "origin": pose.origin,
        "class": pose.class_name,
        "class_id": pose.class_id,
        "confidence": decimals(pose.confidence),
        "x": x,
        "y": y,
        "width": width,
        "height": height,
        "keypoints": [
            {"class": name, "class_id": index, "x": x, "y": y, "confidence": confidence}
            for index, name, x, y, confidence in keypoints(pose)
        ],
    }


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
        UsageError: A line is not of that form; the text names it.
    """
    recording = _Recording(Path(path), _Skeletons(skeletons or {}))
    recording.index()
    return recording


class _Recording(Mapping[int, RecordedPoses]):
    """Where each frame's line begins; the lines stay in the file."""

    def __init__(self, path: Path, skeletons: _Skeletons) -> None:
        self._path = path
        self._skeletons = skeletons
        self._frame_indices = array("q")
        self._offsets = array("q")

    def index(self) -> None:
        number = 0
        try:
            with self._path.open("rb") as file:
                offset = 0
                while line := file.readline(_MAX_LINE):
                    number += 1
                    if line.strip():
                        self._add(line, offset)
                    offset += len(line)
        except OSError as error:
            raise SourceOpenError(f"{self._path}: cannot be read: {error.strerror}") from None
        except ValueError as error:
            if line.endswith(b"\n") or not self._offsets:
                raise UsageError(f"{self._path}, line {number}: {error}") from None
            _log.warning("%s: its last line was cut short and is left out", self._path)

    def _add(self, line: bytes, offset: int) -> None:
        recorded = _recorded(line, self._skeletons)
        if self._frame_indices and recorded.frame_index <= self._frame_indices[-1]:
            raise ValueError(
                f"frame_index {recorded.frame_index} comes after {self._frame_indices[-1]}: "
                "the lines of more than one run are in this file, keep one of them"
            )
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
            raise UsageError(f"{self._path}: it was changed while it was read; run it again") from None

    def __iter__(self) -> Iterator[int]:
        return iter(self._frame_indices)

    def __len__(self) -> int:
        return len(self._frame_indices)

    def __repr__(self) -> str:
        return f"<poses of {len(self)} frames in {self._path}>"


class _Skeletons:
    """The skeleton of each class: as given, or growing with the keypoint names that are met."""

    def __init__(self, given: Mapping[str, Skeleton]) -> None:
        self._known = dict(given)
        self._given = frozenset(given)

    def of(self, class_name: str, found: Mapping[int, str]) -> Skeleton:
        """The skeleton of a class in which keypoints of these indices and names were found."""
        skeleton = self._known.get(class_name, Skeleton(()))
        for index, name in found.items():
            ours = skeleton.names[index] if index < len(skeleton.names) else ""
            if ours and ours != name:
                raise ValueError(f"keypoint {index} of class {class_name!r} is {name!r} here and {ours!r} elsewhere")
            if not ours:
                skeleton = self._grown(class_name, skeleton, index, name)
        return self._known.setdefault(class_name, skeleton)

    def _grown(self, class_name: str, skeleton: Skeleton, index: int, name: str) -> Skeleton:
        if class_name in self._given:
            raise ValueError(f"the skeleton of class {class_name!r} has no keypoint {index}, {name!r}")
        names = [*skeleton.names, *[""] * (index + 1 - len(skeleton.names))]
        names[index] = name
        self._known[class_name] = known_by_names(names)
        return self._known[class_name]


def _recorded(line: bytes, skeletons: _Skeletons) -> RecordedPoses:
    """Raises ValueError where the line is not of the form; its text is for the user."""
    try:
        item = _DECODER.decode(line.decode("utf-8-sig"))
    except (ValueError, RecursionError):
        raise ValueError("is not JSON") from None
    if not isinstance(item, dict):
        raise ValueError("is not a JSON object")  # noqa: TRY004 - one kind of fault, whatever it is in the line
    answered = item.get("result_frame_index")
    return RecordedPoses(
        frame_index=_whole(item, "frame_index"),
        pts=_number(item, "pts", nan),
        poses=tuple(_pose(pose, skeletons) for pose in _objects(item, "poses")),
        result_frame_index=None if answered is None else _whole(item, "result_frame_index"),
        result_age=_number(item, "result_age", nan),
        stale=item.get("stale") is True,
    )


def _pose(item: dict[str, Any], skeletons: _Skeletons) -> Pose:
    class_name = _text(item, "class")
    found = [(_whole(k, "class_id"), k) for k in _objects(item, "keypoints")]
    if any(index >= _MAX_KEYPOINTS for index, _ in found):
        raise ValueError(f"'class_id' of a keypoint is {_MAX_KEYPOINTS} or more")
    skeleton = skeletons.of(class_name, {index: _text(keypoint, "class") for index, keypoint in found})
    xy = np.full((len(skeleton.names), 2), nan, np.float32)
    confidence = np.zeros(len(skeleton.names), np.float32)
    for index, keypoint in found:
        xy[index] = _number(keypoint, "x"), _number(keypoint, "y")
        confidence[index] = _number(keypoint, "confidence", 1.0)
    origin = _ORIGINS.get(_text(item, "origin")) if "origin" in item else "measured"
    if origin is None:
        raise ValueError("'origin' is none of " + ", ".join(_ORIGINS))
    return Pose(
        xy=xy,
        keypoint_confidence=confidence,
        xyxy=box_of([_number(item, side) for side in ("x", "y", "width", "height")]),
        confidence=_number(item, "confidence", 1.0),
        class_id=_whole(item, "class_id") if "class_id" in item else 0,
        class_name=class_name,
        skeleton=skeleton,
        tracker_id=None if item.get("tracker_id") is None else _whole(item, "tracker_id"),
        origin=origin,
    )


def _objects(item: dict[str, Any], key: str) -> list[dict[str, Any]]:
    value = item.get(key, [])
    if not isinstance(value, list) or not all(isinstance(entry, dict) for entry in value):
        raise ValueError(f"{key!r} is not a list of objects")
    return value


def _text(item: dict[str, Any], key: str) -> str:
    value = item.get(key)
    if not isinstance(value, str):
        raise ValueError(f"{key!r} is missing or not a text")  # noqa: TRY004
    return value


def _whole(item: dict[str, Any], key: str) -> int:
    value = item.get(key)
    if not isinstance(value, int) or isinstance(value, bool) or not 0 <= value < 2**62:
        raise ValueError(f"{key!r} is missing or not a whole number")
    return value


def _number(item: dict[str, Any], key: str, otherwise: float | None = None) -> float:
    value = item.get(key, otherwise)
    if value is None:
        value = otherwise
    if not isinstance(value, int | float) or isinstance(value, bool) or abs(value) > _LARGEST:
        raise ValueError(f"{key!r} is missing or not a number")
    return float(value)
