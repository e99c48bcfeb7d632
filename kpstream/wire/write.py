"""Poses in the words of the hosted API's answer, with whole pixels as the service gives them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any
from uuid import uuid4

from kpstream.entities import Pose


def write_answer(
    poses: Sequence[Pose], size: tuple[int, int], *, seconds: float, inference_id: str | None = None
) -> dict[str, Any]:
    """The JSON object of an answer.

    Args:
        poses: In pixels of the picture.
        size: (width, height) of the picture.
        seconds: What finding took.
        inference_id: None has one made.
    """
    width, height = size
    return {
        "inference_id": inference_id or str(uuid4()),
        "time": seconds,
        "image": {"width": width, "height": height},
        "predictions": [_prediction(pose, width, height) for pose in poses],
    }


def _prediction(pose: Pose, width: int, height: int) -> dict[str, Any]:
    # Corners are rounded and kept within the picture, so a centre may lie on half a pixel.
    left, top, right, bottom = (
        min(max(0.0, corner), float(most))
        for corner, most in zip(pose.xyxy.astype(float).round().tolist(), (width, height, width, height), strict=True)
    )
    return {
        "x": (left + right) / 2,
        "y": (top + bottom) / 2,
        "width": right - left,
        "height": bottom - top,
        "confidence": float(pose.confidence),
        "class": pose.class_name,
        "class_id": pose.class_id,
        "detection_id": str(uuid4()),
        "keypoints": _keypoints(pose),
    }


def _keypoints(pose: Pose) -> list[dict[str, Any]]:
    """The keypoints that are there; the others are left out, so a place in this list means nothing."""
    places = pose.xy.astype(float).round().tolist()
    there = pose.visible(0.0).tolist()
    return [
        # The service sends the name as `class`, its documentation says `class_name`: both kinds of readers are served.
        {"x": x, "y": y, "confidence": confidence, "class_id": slot, "class": name, "class_name": name}
        for slot, ((x, y), confidence, name) in enumerate(
            zip(places, pose.keypoint_confidence.tolist(), pose.skeleton.names, strict=False)
        )
        if there[slot]
    ]
