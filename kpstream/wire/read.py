"""Read what the service answers, and let nothing through that a tracker or a sink would choke on.

Pure: JSON in, poses out. The documented page and the real server differ (``class_name`` and ``class``, optional ids),
the list of keypoints is sparse and in no order, and whatever stands between us and the service may have damaged it.
So every number is checked, and one that cannot be true condemns the whole answer; what is only a little wrong
`kpstream.wire.mend` has mended before.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from math import nan
from typing import Any, NamedTuple

import numpy as np

from kpstream.entities import Pose, box_of
from kpstream.errors import EndpointRejected, ResponseFormatError
from kpstream.redact import without_remembered
from kpstream.skeleton import MAX_KEYPOINTS, Skeleton, label
from kpstream.wire.classes import NO_SKELETON, ClassRegistry

_FAR = 10.0
"""A coordinate may lie outside the picture (a cut-off joint), but not by more than this many times its size."""
_MAX_SIDE = 1_000_000
_PHANTOM = 1e-6
"""A keypoint that is no surer than this is not there."""
_MAX_PREDICTIONS = 10_000
_MAX_CLASS_ID = 1_000_000


@dataclass(frozen=True, slots=True)
class ReadAnswer:
    """One answer, read."""

    poses: tuple[Pose, ...]
    """In pixels of the picture that was asked about, in the order of the answer."""
    boxes_only: bool
    """True when there are predictions, and not one has the word ``keypoints``: an object detection model."""


class _Point(NamedTuple):
    x: float
    y: float
    confidence: float
    slot: int | None
    name: str


def read_json(body: bytes) -> Any:
    """Decode a body as JSON.

    Raises:
        ResponseFormatError: It is none.
    """
    try:
        return json.loads(body)
    except (ValueError, RecursionError):  # RecursionError: a megabyte of opening brackets
        pass
    what = "a web page" if body.lstrip()[:1] == b"<" else "something that is not JSON"
    raise ResponseFormatError(f"the endpoint answered with {what}: check that `endpoint` is the address of its API")


def read_answer(document: object, size: tuple[float, float] | None, registry: ClassRegistry) -> ReadAnswer:
    """Read the poses of one answer.

    Args:
        document: The decoded JSON.
        size: (width, height) of the picture that the poses are wanted for; the answer is scaled to it from the size
            that the answer names. None takes the answer's own.
        registry: Names and skeletons; it learns from the answer.

    Raises:
        EndpointRejected: The model's version was never trained.
        ResponseFormatError: The answer is not of the documented form, or holds what cannot be true.
    """
    predictions = _predictions(document)
    answered = _size(document) or size or (float(_MAX_SIDE), float(_MAX_SIDE))
    poses = tuple(
        _pose(item, f"predictions[{index}]", answered, size or answered, registry)
        for index, item in enumerate(predictions)
    )
    return ReadAnswer(poses, bool(predictions) and not any("keypoints" in item for item in predictions))


def rescaled(document: dict[str, Any], size: tuple[int, int]) -> dict[str, Any]:
    """A copy of an answer that `read_answer` accepted, in pixels of a picture of another size.

    Args:
        document: The answer.
        size: (width, height) of that picture.
    """
    answered = _size(document)
    if answered is None or answered == size:
        return document
    sx, sy = size[0] / answered[0], size[1] / answered[1]

    def scaled(item: Mapping[str, Any]) -> dict[str, Any]:
        factors = {"x": sx, "y": sy, "width": sx, "height": sy}
        return {key: round(value * factors[key], 3) if key in factors else value for key, value in item.items()}

    predictions = [
        {**scaled(item), "keypoints": [scaled(point) for point in item["keypoints"]]}
        if item.get("keypoints")
        else scaled(item)
        for item in document["predictions"]
    ]
    return {**document, "image": {"width": size[0], "height": size[1]}, "predictions": predictions}


def without_secrets(document: dict[str, Any]) -> dict[str, Any]:
    """A copy of an answer with no key in it, for an endpoint may repeat what it was asked.

    Raises:
        ResponseFormatError: It is nested more deeply than any answer is.
    """
    try:
        cleaned: dict[str, Any] = _cleaned(document)
    except RecursionError:
        pass
    else:
        return cleaned
    raise ResponseFormatError("the answer is nested too deeply")


def _cleaned(value: Any) -> Any:
    if isinstance(value, str):
        return without_remembered(value)
    if isinstance(value, dict):
        return {without_remembered(name): _cleaned(each) for name, each in value.items()}
    return [_cleaned(each) for each in value] if isinstance(value, list) else value


def _predictions(document: object) -> list[dict[str, Any]]:
    if not isinstance(document, dict):
        raise ResponseFormatError("the answer is not a JSON object")
    if document.get("is_stub") is True:
        raise EndpointRejected("this version has no trained model yet: train it, or give another as `model`")
    predictions = document.get("predictions")
    if not isinstance(predictions, list) or len(predictions) > _MAX_PREDICTIONS:
        raise ResponseFormatError("the answer has no list of predictions: is it a keypoint detection model?")
    if not all(isinstance(item, dict) for item in predictions):
        raise ResponseFormatError("the answer's predictions are not JSON objects")
    return predictions


def _size(document: Any) -> tuple[float, float] | None:
    image = document.get("image")
    if image is None:
        return None
    if not isinstance(image, dict):
        raise ResponseFormatError("the answer's image is not a JSON object")
    return (
        _number(image.get("width"), "image", "width", 1, _MAX_SIDE),
        _number(image.get("height"), "image", "height", 1, _MAX_SIDE),
    )


def _pose(
    item: dict[str, Any], path: str, answered: tuple[float, float], wanted: tuple[float, float], registry: ClassRegistry
) -> Pose:
    sx, sy = wanted[0] / answered[0], wanted[1] / answered[1]
    x, y = _position(item, path, answered)
    width, height = (
        _number(item.get(key), path, key, 0, _FAR * side)
        for key, side in zip(("width", "height"), answered, strict=True)
    )
    confidence = _number(item.get("confidence"), path, "confidence", 0, 1)
    class_name = _name(item.get("class"), path)
    class_id = registry.class_id(class_name, _index(item.get("class_id"), path, _MAX_CLASS_ID))
    points = item.get("keypoints")
    xy, sure, skeleton = np.empty((0, 2), np.float32), np.empty(0, np.float32), NO_SKELETON
    if points is not None:
        skeleton, rows = _placed(_points(points, f"{path}.keypoints", answered), class_name, registry)
        table = np.array(rows, np.float32).reshape(-1, 3)
        xy, sure = table[:, :2] * np.array((sx, sy), np.float32), np.ascontiguousarray(table[:, 2])
    box = box_of((x * sx, y * sy, width * sx, height * sy))
    return Pose(xy, sure, box, confidence, class_id, class_name, skeleton)


def _points(points: object, path: str, answered: tuple[float, float]) -> Iterable[_Point]:
    if not isinstance(points, list) or len(points) > MAX_KEYPOINTS:
        raise ResponseFormatError(f"the answer's {path} is not a list of keypoints")
    for number, point in enumerate(points):
        place = f"{path}[{number}]"
        if not isinstance(point, dict):
            raise ResponseFormatError(f"the answer's {place} is not a JSON object")
        given = point.get("confidence")
        confidence = 1.0 if given is None else _number(given, place, "confidence", 0, 1)
        slot = _index(point.get("class_id"), place, MAX_KEYPOINTS - 1)
        name = point.get("class")
        name = point.get("class_name") if name is None else name
        x, y = _position(point, place, answered)
        yield _Point(x, y, confidence, slot, "" if name is None else _name(name, place))


def _placed(
    points: Iterable[_Point], class_name: str, registry: ClassRegistry
) -> tuple[Skeleton, list[tuple[float, float, float]]]:
    # A slot that the model did not fill may come as a point at (0, 0) with confidence 0: its name counts, it does not.
    points = list(points)
    skeleton, slots = registry.assign_slots(class_name, [(point.slot, point.name) for point in points])
    rows = [(nan, nan, 0.0)] * len(skeleton.names)
    for slot, point in zip(slots, points, strict=True):
        if point.confidence > max(rows[slot][2], _PHANTOM):
            rows[slot] = (point.x, point.y, point.confidence)
    return skeleton, rows


def _position(item: Mapping[str, Any], path: str, answered: tuple[float, float]) -> tuple[float, float]:
    reach = _FAR * max(answered)
    return (
        _number(item.get("x"), path, "x", -reach, reach),
        _number(item.get("y"), path, "y", -reach, reach),
    )


def _number(value: object, path: str, key: str, low: float, high: float) -> float:
    # bool is an int to Python; NaN and infinity are numbers to its JSON reader, and fail the comparison.
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not low <= value <= high:
        raise ResponseFormatError(f"the answer's {path}.{key} is no number that can be true")
    return float(value)


def _index(value: object, path: str, high: int) -> int | None:
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value <= high:
        raise ResponseFormatError(f"the answer's {path}.class_id is no index that can be true")
    return value


def _name(value: object, path: str) -> str:
    name = label(without_remembered(value)) if isinstance(value, str) else ""
    if not name:
        raise ResponseFormatError(f"the answer's {path}.class is not a name")
    return name
