"""What a request asks for beside its picture: thresholds, and the form of the answer.

The query speaks percent or fractions, the JSON body fractions only; both are read into a `Question`.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from kpstream.entities import Filters
from kpstream.server.faults import Fault, invalid

_LOWEST_CONFIDENCE = 0.01
"""What the hosted service raises every lower threshold to."""
_NONE_PASSES = 2.0
_MAX_STROKE = 100
_MAX_ID = 200
_MAX_COUNT = 1_000_000
_TRUE = frozenset({"1", "on", "t", "true", "y", "yes"})
_FALSE = frozenset({"0", "off", "f", "false", "n", "no"})
_MODELS_CHOICE = frozenset({"best", "default"})
_FORMATS = {"json": (True, False), "image": (False, True), "image_and_json": (True, True)}
_USUAL = Filters(keypoint_confidence=0.0)


@dataclass(frozen=True, slots=True)
class Question:
    """What is to be answered to a picture, and how."""

    filters: Filters = _USUAL
    wants_json: bool = True
    wants_drawing: bool = False
    labels: bool = False
    """Whether the drawing names the classes."""
    stroke: int = 1
    """Pixels, of the drawing's lines."""
    ignores_orientation: bool = False
    """Whether the picture is taken as stored, not as its EXIF orientation says."""
    request_id: str | None = None
    """Sent back as ``inference_id``; None has one made."""


@dataclass(frozen=True, slots=True)
class _Values:
    """Reads single values, each of which may be absent, and says which one was wrong."""

    values: Mapping[str, Any]
    where: str
    """``query`` or ``body``: the beginning of the place in an error."""
    percent: bool = False
    """Whether a value of 1 or more is a percentage."""

    def number(self, name: str, default: float) -> float:
        given = self.values.get(name)
        if given is None:
            return default
        try:
            value = float(given)
        except (TypeError, ValueError, OverflowError):
            raise self._wrong(name, "float_parsing", "a valid number, unable to parse string as a number") from None
        if not math.isfinite(value):
            raise self._wrong(name, "finite_number", "a finite number")
        return value

    def share(self, name: str, default: float) -> float:
        """0 to 1, or beyond where nothing shall pass."""
        value = self.number(name, default)
        return value / 100 if self.percent and value >= 1 else value

    def count(self, name: str, default: int, most: int) -> int:
        """0 to ``most``; what lies outside is brought in."""
        given = self.values.get(name)
        if given is None:
            return default
        if isinstance(given, float) and not given.is_integer():
            raise self._wrong(name, "int_from_float", "a valid integer, got a number with a fractional part")
        try:
            value = int(given)
        except (TypeError, ValueError, OverflowError):
            raise self._wrong(name, "int_parsing", "a valid integer, unable to parse string as an integer") from None
        return min(max(value, 0), most)

    def flag(self, name: str) -> bool:
        given = self.values.get(name)
        text = str(given).strip().lower() if isinstance(given, str | int) else ""
        if given is None or text in _FALSE:
            return False
        if text in _TRUE:
            return True
        raise self._wrong(name, "bool_parsing", "a valid boolean, unable to interpret input")

    def _wrong(self, name: str, kind: str, expected: str) -> Fault:
        return invalid((self.where, name), kind, f"Input should be {expected}", self.values.get(name))


def from_query(query: Mapping[str, str]) -> Question:
    """Read the query of ``/{project}/{version}``; what is not known is left alone.

    Raises:
        Fault: 422, a value cannot be read.
    """
    values = _Values(query, "query", percent=True)
    # Where the model is asked to choose its own threshold, it is the usual one.
    own_choice = query.get("confidence", "").lower() in _MODELS_CHOICE
    confidence = _USUAL.confidence if own_choice else values.share("confidence", _USUAL.confidence)
    wants_json, wants_drawing = _FORMATS.get(query.get("format", "json"), _FORMATS["json"])
    return Question(
        filters=_filters(values, confidence, "overlap", query.get("classes", "").split(",")),
        wants_json=wants_json,
        wants_drawing=wants_drawing,
        labels=values.flag("labels"),
        stroke=values.count("stroke", 1, _MAX_STROKE),
        ignores_orientation=values.flag("disable_preproc_auto_orient"),
    )


def from_json(body: Mapping[str, Any]) -> Question:
    """Read the body of ``/infer/keypoints_detection``; null is as good as absent.

    Raises:
        Fault: 422, a value cannot be read.
    """
    values = _Values(body, "body")
    classes = body.get("class_filter") or []
    if not isinstance(classes, list) or not all(isinstance(name, str) for name in classes):
        raise invalid(("body", "class_filter"), "list_type", "Input should be a valid list of strings", classes)
    confidence = values.share("confidence", _USUAL.confidence)
    request_id = body.get("id")
    if isinstance(request_id, str) and len(request_id) > _MAX_ID:
        raise invalid(("body", "id"), "string_too_long", f"String should have at most {_MAX_ID} characters", request_id)
    return Question(
        filters=_filters(values, confidence, "iou_threshold", classes),
        wants_drawing=values.flag("visualize_predictions"),
        labels=values.flag("visualization_labels"),
        stroke=values.count("visualization_stroke_width", 1, _MAX_STROKE),
        ignores_orientation=values.flag("disable_preproc_auto_orient"),
        request_id=request_id if isinstance(request_id, str) else None,
    )


def _filters(values: _Values, confidence: float, overlap: str, classes: Iterable[str]) -> Filters:
    keypoint_confidence = values.number("keypoint_confidence", _USUAL.keypoint_confidence)
    return Filters(
        confidence=max(confidence, _LOWEST_CONFIDENCE),
        overlap=min(max(values.share(overlap, _USUAL.overlap), 0.0), 1.0),
        classes=tuple(name.strip() for name in classes if name.strip()),
        # Brought to where single precision can still compare it.
        keypoint_confidence=min(max(keypoint_confidence, 0.0), _NONE_PASSES),
        max_detections=values.count("max_detections", _USUAL.max_detections, _MAX_COUNT),
    )
