"""Poses and skeletons with every bit kept: what a journal holds, so that an answer read again is the same answer."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import isnan, nan
from typing import Any

import numpy as np

from kpstream.entities import Floats, Pose
from kpstream.skeleton import Skeleton


def write_pose(pose: Pose, skeleton: int) -> dict[str, Any]:
    """What is kept of an endpoint's pose, which has no tracker_id.

    Args:
        pose: As the endpoint answered.
        skeleton: The number of its skeleton, which is kept once.
    """
    return {
        "class_id": pose.class_id,
        "class": pose.class_name,
        "confidence": pose.confidence,
        "xyxy": pose.xyxy.tolist(),
        "xy": [None if isnan(x) else [x, y] for x, y in pose.xy.tolist()],
        "keypoint_confidence": pose.keypoint_confidence.tolist(),
        "skeleton": skeleton,
    }


def read_pose(entry: Mapping[str, Any], skeletons: Sequence[Skeleton]) -> Pose:
    """The pose that was kept.

    Args:
        entry: What `write_pose` made.
        skeletons: By number.
    """
    points = [(nan, nan) if point is None else point for point in entry["xy"]]
    return Pose(
        xy=_floats(points).reshape(-1, 2),
        keypoint_confidence=_floats(entry["keypoint_confidence"]),
        xyxy=_floats(entry["xyxy"]),
        confidence=entry["confidence"],
        class_id=entry["class_id"],
        class_name=entry["class"],
        skeleton=skeletons[entry["skeleton"]],
    )


def write_skeleton(skeleton: Skeleton) -> dict[str, Any]:
    """Everything of a skeleton, its edges as pairs of indices."""
    return {
        "names": list(skeleton.names),
        "edges": [list(edge) for edge in skeleton.edges],
        "vertex_colors": list(skeleton.vertex_colors),
        "edge_colors": list(skeleton.edge_colors),
        "symmetries": [list(pair) for pair in skeleton.symmetries],
    }


def read_skeleton(entry: Mapping[str, Any]) -> Skeleton:
    """The skeleton that `write_skeleton` took apart."""
    return Skeleton(
        names=tuple(entry["names"]),
        edges=tuple((a, b) for a, b in entry["edges"]),
        vertex_colors=tuple(entry["vertex_colors"]),
        edge_colors=tuple(entry["edge_colors"]),
        symmetries=tuple((a, b) for a, b in entry["symmetries"]),
    )


def _floats(values: Any) -> Floats:
    return np.array(values, np.float32)
