"""Poses and times as files have them: plain numbers with few decimals, and never a NaN."""

from __future__ import annotations

from datetime import UTC, datetime
from math import isfinite

import numpy as np

from kpstream.entities import Pose

Keypoint = tuple[int, str, float, float, float | None]
"""Index, name, x, y and confidence of one keypoint that is there."""


def decimals(value: float) -> float | None:
    """A number with three decimals; None where it is NaN or infinite."""
    return round(float(value), 3) if isfinite(value) else None


def seconds(value: float) -> float | None:
    """A time of the source with six decimals; None where it is NaN or infinite.

    Milliseconds would give neighbouring frames of 240 a second steps that are off by a fifth.
    """
    return round(float(value), 6) if isfinite(value) else None


def utc(at: float) -> str:
    """Seconds since the epoch as UTC, ISO 8601 with milliseconds."""
    return datetime.fromtimestamp(round(at, 3), UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def centre_box(pose: Pose) -> tuple[float | None, float | None, float | None, float | None]:
    """A pose's box as the wire has it: centre x, centre y, width and height, in pixels."""
    x_min, y_min, x_max, y_max = pose.xyxy.tolist()
    sides = ((x_min + x_max) / 2, (y_min + y_max) / 2, x_max - x_min, y_max - y_min)
    x, y, width, height = map(decimals, sides)
    return x, y, width, height


def keypoints(pose: Pose) -> list[Keypoint]:
    """The keypoints of a pose that are there, in the order of the skeleton."""
    # float64 first: rounded as float32, 640.2 would be written as 640.2000122070312.
    rows = np.round(np.column_stack((pose.xy, pose.keypoint_confidence)).astype(np.float64), 3).tolist()
    return [
        (index, name, x, y, confidence if isfinite(confidence) else None)
        for index, (name, (x, y, confidence)) in enumerate(zip(pose.skeleton.names, rows, strict=False))
        if isfinite(x) and isfinite(y)
    ]
