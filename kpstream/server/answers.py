"""From a picture to what is answered: decoded, searched, and put into the words of the wire."""

from __future__ import annotations

import base64
import json
import time
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np

from kpstream.entities import Image, Pose
from kpstream.media.jpeg import LONGEST_SIDE
from kpstream.server.faults import refused
from kpstream.server.parameters import Question
from kpstream.server.request_picture import decode
from kpstream.wire.drawing import drawn_jpeg
from kpstream.wire.write import write_answer

_JSON = json.JSONEncoder(separators=(",", ":"), allow_nan=False)


class Finder(Protocol):
    """What finds the poses in a picture. Called by several threads at once."""

    def __call__(self, image: Image, *, overlap: float) -> tuple[Pose, ...]:
        """Block until all objects are found.

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


def answer(find: Finder, encoded: bytes, failure: str, question: Question, *, long_side: int | None = None) -> Answer:
    """Answer one picture; blocks while it is decoded, searched and drawn.

    Args:
        find: What finds the poses.
        encoded: The picture's file: JPEG, PNG …
        failure: What to say where it cannot be decoded.
        question: What is asked for.
        long_side: Pixels of a picture's longer side of which ``find`` makes use; None for all.

    Raises:
        Fault: 400, it is no picture, or one of which a drawing is asked for and no JPEG can be made.
    """
    began = time.perf_counter()
    enough = None if question.wants_drawing else long_side
    decoded = decode(encoded, failure, ignores_orientation=question.ignores_orientation, enough=enough)
    if question.wants_drawing and max(decoded.size) > LONGEST_SIDE:
        width, height = decoded.size
        raise refused(400, f"No JPEG has room for a drawing of {width} x {height} pixels. Ask for format=json.")
    filters = question.filters
    poses = filters.apply(find(decoded.image, overlap=filters.overlap))
    if decoded.times > 1:
        poses = tuple(pose.scaled(np.full(2, decoded.times, np.float32)) for pose in poses)
    seconds = time.perf_counter() - began
    drawing = b""
    if question.wants_drawing:
        drawing = drawn_jpeg(decoded.image, poses, stroke=question.stroke, labels=question.labels)
    if not question.wants_json:
        return Answer(None, drawing, seconds)
    content = write_answer(poses, decoded.size, seconds=seconds, inference_id=question.request_id)
    if drawing:
        content["visualization"] = base64.b64encode(drawing).decode("ascii")
    return Answer(content, drawing, seconds)


def as_json(content: object) -> bytes:
    """Compact JSON in ASCII: nothing that came with a request can make it fail."""
    return _JSON.encode(content).encode("ascii")
