"""The picture that ``format=image`` asks for: boxes, limbs and keypoints, ``stroke`` pixels thick."""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np

from kpstream.entities import Floats, Image, Pose
from kpstream.media.jpeg import encoded

_BOX = (0xEA, 0x92, 0x48)
"""BGR of #4892EA, what the hosted service draws in."""
_LIMBS = ((0x00, 0x80, 0xFF), (0xFF, 0x00, 0xFF), (0xCE, 0xFF, 0x00), (0xFF, 0x22, 0x86), (0x56, 0x00, 0xFE))
"""BGR of the colours that the hosted service gives to new skeletons, taken in turn."""
_TEXT = (255, 255, 255)
_FONT = cv2.FONT_HERSHEY_SIMPLEX
_JPEG_QUALITY = 90


def drawn_jpeg(image: Image, poses: Sequence[Pose], *, stroke: int, labels: bool) -> bytes:
    """Draw on a copy of the picture and encode it; blocks while it computes.

    Args:
        image: BGR, shape ``(height, width, 3)``; left as it is.
        poses: In its pixels.
        stroke: Thickness of lines in pixels, below 1 is 1; the radius of a keypoint is a pixel more.
        labels: Whether to name each pose's class and confidence.

    Returns:
        A JPEG of the picture's size.
    """
    canvas = image.copy()
    thickness = max(stroke, 1)
    for pose in poses:
        _draw_box(canvas, pose, thickness)
        _draw_skeleton(canvas, pose, thickness)
        if labels:
            _draw_label(canvas, pose)
    return encoded(canvas, _JPEG_QUALITY)


def _draw_box(canvas: Image, pose: Pose, thickness: int) -> None:
    top_left, bottom_right = _on_canvas(pose.xyxy.reshape(2, 2), canvas)
    cv2.rectangle(canvas, top_left, bottom_right, _BOX, thickness, cv2.LINE_AA)


def _draw_skeleton(canvas: Image, pose: Pose, thickness: int) -> None:
    there = np.flatnonzero(pose.visible(0.0))
    place = dict(zip(there.tolist(), _on_canvas(pose.xy[there], canvas), strict=True))
    for number, (a, b) in enumerate(pose.skeleton.edges):
        if a in place and b in place:
            cv2.line(canvas, place[a], place[b], _LIMBS[number % len(_LIMBS)], thickness, cv2.LINE_AA)
    for slot, point in place.items():
        cv2.circle(canvas, point, thickness + 1, _LIMBS[slot % len(_LIMBS)], cv2.FILLED, cv2.LINE_AA)


def _draw_label(canvas: Image, pose: Pose) -> None:
    text = f"{pose.class_name} {pose.confidence:.2f}"
    scale = max(0.4, canvas.shape[0] / 1500)
    (width, height), below = cv2.getTextSize(text, _FONT, scale, 1)
    [(left, above)] = _on_canvas(pose.xyxy[None, :2], canvas)
    top = max(0, above - height - 2 * below)  # above the box, inside it where there is no room
    cv2.rectangle(canvas, (left, top), (left + width, top + height + 2 * below), _BOX, cv2.FILLED)
    cv2.putText(canvas, text, (left, top + height + below // 2), _FONT, scale, _TEXT, 1, cv2.LINE_AA)


def _on_canvas(xy: Floats, canvas: Image) -> list[tuple[int, int]]:
    """Whole pixels, shape ``(N, 2)`` to N pairs; what lies far outside is brought to where OpenCV can still count."""
    height, width = canvas.shape[:2]
    points = np.clip(np.round(xy), [-width, -height], [2 * width, 2 * height]).astype(int)
    return [(x, y) for x, y in points.tolist()]
