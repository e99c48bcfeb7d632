"""Answers that are a little wrong, mended: what is left to guess is not, and every kind of mending is remarked.

One number beside its bounds does not make an answer untrue. What cannot be true stays as it is, for
`kpstream.wire.read` to refuse: NaN, a text for a number, a coordinate far outside, an object without a box. Pure.
"""

from __future__ import annotations

import json
from math import isfinite
from typing import Any

_SLACK = 0.1
"""How far a confidence may lie outside of 0 to 1: rounding and quantised models give 1.0000001, some scores 1.08."""
_SHOWN = 60
Remarks = dict[str, str]
"""What was mended, in words for the user, by kind: one of each kind, with its value."""


def mended(document: Any, sent: tuple[int, int] | None = None) -> tuple[Any, Remarks]:
    """An answer with its small faults mended, and what they were; the same object where there are none.

    Args:
        document: The decoded JSON, whatever it is.
        sent: (width, height) of the picture that was sent: what an answer that names no size speaks of. None where
            that is not known.
    """
    predictions = document.get("predictions") if isinstance(document, dict) else None
    if not isinstance(predictions, list):
        return document, {}
    remarks: Remarks = {}
    better = [_prediction(item, remarks) if isinstance(item, dict) else item for item in predictions]
    if remarks:
        document = {**document, "predictions": better}
    if sent is not None and _names_no_size(document.get("image"), remarks):
        document = {**document, "image": {"width": sent[0], "height": sent[1]}}
    return document, remarks


def _names_no_size(image: Any, remarks: Remarks) -> bool:
    if not isinstance(image, dict):
        return image is None
    texts = [side for side in (image.get("width"), image.get("height")) if isinstance(side, str)]
    if texts:
        shown = json.dumps(texts[0])[:_SHOWN]
        remarks["size"] = f"the size of the picture is {shown}: it is taken as the size of the one that was sent"
    return bool(texts)


def _prediction(item: dict[str, Any], remarks: Remarks) -> dict[str, Any]:
    changes = _common(item, "an object", remarks)
    points = item.get("keypoints")
    if isinstance(points, list):
        placed = [(place, point) for place, point in enumerate(points) if not _is_placeless(point, remarks)]
        if len(placed) < len(points):  # a keypoint without number and name is known by its place
            placed = [(place, _numbered(point, place)) for place, point in placed]
        better = [_keypoint(point, remarks) if isinstance(point, dict) else point for _, point in placed]
        if len(better) < len(points) or any(new is not old for new, old in zip(better, points, strict=True)):
            changes["keypoints"] = better
    return {**item, **changes} if changes else item


def _keypoint(point: dict[str, Any], remarks: Remarks) -> dict[str, Any]:
    if point.get("confidence") is None:
        remarks["keypoint confidence"] = f"keypoint {_called(point)} has no confidence: it is taken for sure"
    changes = _common(point, "a keypoint", remarks)
    return {**point, **changes} if changes else point


def _is_placeless(point: Any, remarks: Remarks) -> bool:
    if not isinstance(point, dict) or (point.get("x") is not None and point.get("y") is not None):
        return False
    missing = "x" if point.get("x") is None else "y"
    remarks["coordinate"] = f"keypoint {_called(point)} has no {missing}: it is left out"
    return True


def _numbered(point: Any, place: int) -> Any:
    known = not isinstance(point, dict) or any(
        point.get(key) is not None for key in ("class_id", "class", "class_name")
    )
    return point if known else {**point, "class_id": place}


def _common(item: dict[str, Any], what: str, remarks: Remarks) -> dict[str, Any]:
    """What is mended in objects and keypoints alike: confidence, number, name."""
    changes: dict[str, Any] = {}
    confidence: Any = item.get("confidence")
    if _is_number(confidence) and not 0 <= confidence <= 1 and -_SLACK <= confidence <= 1 + _SLACK:
        changes["confidence"] = 1.0 if confidence > 1 else 0.0
        remarks["confidence"] = f"the confidence of {what} is {confidence!r}: it is taken as {changes['confidence']:g}"
    number = item.get("class_id")
    if isinstance(number, float) and number.is_integer():
        changes["class_id"] = number = int(number)
        remarks["class_id"] = f"the class_id of {what} is {item['class_id']!r}: it is taken as {number}"
    name = item.get("class") if item.get("class") is not None else item.get("class_name")
    if _is_number(name) and not isinstance(name, float):
        changes["class"] = str(name)
        remarks["name"] = f"the name of {what} is {name!r}: it is taken as a text"
    elif isinstance(name, str) and not name.strip() and _is_number(number):
        changes["class"] = str(number)
        remarks["empty name"] = f"the name of {what} is empty: it is called {number}, its number"
    return changes


def _is_number(value: Any) -> bool:
    return (
        isinstance(value, int | float) and not isinstance(value, bool) and (isinstance(value, int) or isfinite(value))
    )


def _called(point: dict[str, Any]) -> str:
    name = point.get("class") or point.get("class_name") or point.get("class_id")
    return json.dumps(name)[:_SHOWN]
