"""From poses to what is sent: the JSON of the wire, with whole pixels as the hosted service gives them."""

from __future__ import annotations

import base64
import json
import time
from dataclasses import dataclass
from typing import Any, Protocol
from uuid import uuid4

import numpy as np

from kpstream.entities import Image, Pose
from kpstream.server.parameters import Question
from kpstream.server.request_picture import decode
from kpstream.wire.drawing import drawn_jpeg


class Finder(Protocol):
    """What finds the poses in a picture. Called by several threads at once."""

    def __call__(self, image: Image, *, overlap: float) -> tuple[Pose, ...]:
        """Block until everybody is found.

        Args:
            image: BGR, shape ``(height, width, 3)``.
            overlap: 0 to 1; of two boxes that overlap more, the surer one is kept.
        """


@dataclass(frozen=True, slots=True)
class Answer:
    """What one picture is answered with."""

    content: dict[str, Any] | None
    """The JSON object; None where the drawing alone was asked for."""
    drawing: bytes
    """A JPEG; empty where none was asked for."""
    seconds: float
    """What finding took, decoding included."""


def answer(find: Finder, encoded: bytes, failure: str, question: Question) -> Answer:
    """Answer one picture; blocks while it is decoded, searched and drawn.

    Args:
        find: What finds the poses.
        encoded: The picture's file: JPEG, PNG …
        failure: What to say where it cannot be decoded.
        question: What is asked for.

    Raises:
        Fault: 400, it is no picture.
    """
    began = time.perf_counter()
    image = decode(encoded, failure, ignores_orientation=question.ignores_orientation)
    poses = question.filters.apply(find(image, overlap=question.filters.overlap))
    return answer_with(poses, image, question, time.perf_counter() - began)


def answer_with(poses: tuple[Pose, ...], image: Image, question: Question, seconds: float = 0.0) -> Answer:
    """Put poses into the words of the wire, and into the drawing where one is asked for.

    Args:
        poses: In pixels of the picture.
        image: BGR, shape ``(height, width, 3)``.
        question: What is asked for; its filters were applied before.
        seconds: What finding took.
    """
    drawing = (
        drawn_jpeg(image, poses, stroke=question.stroke, labels=question.labels) if question.wants_drawing else b""
    )
    if not question.wants_json:
        return Answer(None, drawing, seconds)
    height, width = image.shape[:2]
    content: dict[str, Any] = {
        "inference_id": question.request_id or str(uuid4()),
        "time": seconds,
        "image": {"width": width, "height": height},
        "predictions": [_prediction(pose, width, height) for pose in poses],
    }
    if drawing:
        content["visualization"] = base64.b64encode(drawing).decode("ascii")
    return Answer(content, drawing, seconds)


def as_json(content: object) -> bytes:
    """Compact JSON in ASCII: nothing that came with a request can make it fail."""
    return json.dumps(content, separators=(",", ":"), allow_nan=False).encode("ascii")


def _prediction(pose: Pose, width: int, height: int) -> dict[str, Any]:
    # Corners are rounded and kept within the picture, so a centre may lie on half a pixel.
    left, top, right, bottom = np.clip(np.round(pose.xyxy.astype(float)), 0, [width, height, width, height]).tolist()
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
    places = np.round(pose.xy.astype(float)).tolist()
    there = pose.visible(0.0)
    return [
        # The service sends the name as `class`, its documentation says `class_name`: both kinds of readers are served.
        {"x": x, "y": y, "confidence": confidence, "class_id": slot, "class": name, "class_name": name}
        for slot, ((x, y), confidence, name) in enumerate(
            zip(places, pose.keypoint_confidence.astype(float).tolist(), pose.skeleton.names, strict=False)
        )
        if there[slot]
    ]
