"""A pose as a JSON line has it: pixels with three decimals, keypoints by name, in the hosted API's words.

Every fault that is found in a line is a `ValueError` whose text is for the user.
"""

from __future__ import annotations

from collections.abc import Mapping
from math import nan
from typing import Any

import numpy as np

from kpstream.entities import Origin, Pose, box_of
from kpstream.skeleton import Skeleton, known_by_names
from kpstream.wire.numbers import centre_box, decimals, keypoints

_LARGEST = 1e30
"""Beyond it float32 ends; no coordinate and no time is near it."""
_MAX_KEYPOINTS = 10_000
_ORIGINS: dict[str, Origin] = {"measured": "measured", "predicted": "predicted", "interpolated": "interpolated"}


def write_pose(pose: Pose) -> dict[str, Any]:
    """What a line says of a pose."""
    x, y, width, height = centre_box(pose)
    return {
        "tracker_id": pose.tracker_id,
        "origin": pose.origin,
        "class": pose.class_name,
        "class_id": pose.class_id,
        "confidence": decimals(pose.confidence),
        "stale": pose.stale,
        "x": x,
        "y": y,
        "width": width,
        "height": height,
        "keypoints": [
            {"class": name, "class_id": index, "x": x, "y": y, "confidence": confidence}
            for index, name, x, y, confidence in keypoints(pose)
        ],
    }


class ClassSkeletons:
    """The skeleton of each class: as given, or growing with the keypoint names that are met."""

    def __init__(self, given: Mapping[str, Skeleton]) -> None:
        self._known = dict(given)
        self._given = frozenset(given)

    def skeleton_for(self, class_name: str, found: Mapping[int, str]) -> Skeleton:
        """The skeleton of a class in which keypoints of these indices and names were found.

        Raises:
            ValueError: The class has another name at an index, or a given skeleton has none there.
        """
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


def read_pose(item: dict[str, Any], skeletons: ClassSkeletons) -> Pose:
    """The pose that a line tells of.

    Args:
        item: What `write_pose` made; the file may be damaged, or another program's.
        skeletons: Where its class is found, and grows.

    Raises:
        ValueError: It is not of that form.
    """
    class_name = text(item, "class")
    found = [(whole(k, "class_id"), k) for k in objects(item, "keypoints")]
    if any(index >= _MAX_KEYPOINTS for index, _ in found):
        raise ValueError(f"'class_id' of a keypoint is {_MAX_KEYPOINTS} or more")
    skeleton = skeletons.skeleton_for(class_name, {index: text(keypoint, "class") for index, keypoint in found})
    xy = np.full((len(skeleton.names), 2), nan, np.float32)
    confidence = np.zeros(len(skeleton.names), np.float32)
    for index, keypoint in found:
        xy[index] = number(keypoint, "x"), number(keypoint, "y")
        confidence[index] = number(keypoint, "confidence", 1.0)
    origin = _ORIGINS.get(text(item, "origin")) if "origin" in item else "measured"
    if origin is None:
        raise ValueError("'origin' is none of " + ", ".join(_ORIGINS))
    return Pose(
        xy=xy,
        keypoint_confidence=confidence,
        xyxy=box_of([number(item, side) for side in ("x", "y", "width", "height")]),
        confidence=number(item, "confidence", 1.0),
        class_id=whole(item, "class_id") if "class_id" in item else 0,
        class_name=class_name,
        skeleton=skeleton,
        tracker_id=None if item.get("tracker_id") is None else whole(item, "tracker_id"),
        origin=origin,
        stale=item.get("stale") is True,
    )


def objects(item: dict[str, Any], key: str) -> list[dict[str, Any]]:
    """The list of objects under a key; empty where it is missing. Raises ValueError where it is none."""
    value = item.get(key, [])
    if not isinstance(value, list) or not all(isinstance(entry, dict) for entry in value):
        raise ValueError(f"{key!r} is not a list of objects")
    return value


def text(item: dict[str, Any], key: str) -> str:
    """The text under a key. Raises ValueError where there is none."""
    value = item.get(key)
    if not isinstance(value, str):
        raise ValueError(f"{key!r} is missing or not a text")  # noqa: TRY004
    return value


def whole(item: dict[str, Any], key: str) -> int:
    """The whole number under a key, not below 0. Raises ValueError where there is none."""
    value = item.get(key)
    if not isinstance(value, int) or isinstance(value, bool) or not 0 <= value < 2**62:
        raise ValueError(f"{key!r} is missing or not a whole number")
    return value


def number(item: dict[str, Any], key: str, otherwise: float | None = None) -> float:
    """The number under a key; ``otherwise`` where it is missing or null. Raises ValueError where it is none."""
    value = item.get(key, otherwise)
    if value is None:
        value = otherwise
    if not isinstance(value, int | float) or isinstance(value, bool) or abs(value) > _LARGEST:
        raise ValueError(f"{key!r} is missing or not a number")
    return float(value)
