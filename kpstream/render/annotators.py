"""Draws the poses on a picture: boxes, limbs and labels.

Everything is drawn in place; nothing here knows a clock, a thread or a file. Whatever the poses hold (missing points,
NaN, coordinates a million pixels away), drawing goes on: what cannot be drawn is left out.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from math import hypot

import cv2
import numpy as np
import numpy.typing as npt

from kpstream.entities import Annotator, Image, Pose, Scene
from kpstream.render.colors import DARK, LimbColors, color_of, faded, limb_colors
from kpstream.render.lettering import Pen, Spot, fitted, pen_for, printable, write_label

PARTS = frozenset({"boxes", "keypoints", "edges", "labels", "ids"})
"""What `PoseAnnotator` can draw."""
_SHIFT = 4
"""Bits below one pixel in cv2's coordinates, so that slow motion is smooth."""
_FAR = 1 << 14
"""Pixels. What lies farther out is no point of the picture: beyond any picture, and far below cv2's overflow."""


class PoseAnnotator:
    """Draws the poses of a scene: boxes, limbs and labels.

    A pose has one colour as long as the tracker follows it, or that of its class where there is no tracker. Limbs
    have the colours that the skeleton's owner chose, or else one for the left and one for the right. Poses that are
    stale, or all of a scene that is, lose their colour: corners instead of boxes, thin limbs, hollow keypoints.

    Args:
        draw: Which of `PARTS` to draw.
        thickness: Of lines, in pixels; None suits it to the picture's size.
    """

    def __init__(self, *, draw: frozenset[str] = PARTS, thickness: int | None = None) -> None:
        self._draw = draw
        self._thickness = thickness

    def annotate(self, canvas: Image, scene: Scene) -> None:
        """Draw the scene's poses on ``canvas``, BGR ``(height, width, 3)``, in place."""
        height, width = canvas.shape[:2]
        pen = pen_for(width, height, self._thickness)
        boxed = [(pose, box) for pose in scene.poses if (box := _box_within(pose, width, height)) is not None]
        if "boxes" in self._draw:
            _draw_boxes(canvas, [(pose, box) for pose, box in boxed if not (scene.stale or pose.stale)], pen.line)
            _draw_corners(canvas, [(pose, box) for pose, box in boxed if scene.stale or pose.stale], pen.line)
        for pose in scene.poses:
            if len(pose.xy):
                self._draw_limbs(canvas, pose, pen, scene.stale or pose.stale)
        if self._draw & {"labels", "ids"} and boxed:
            self._draw_labels(canvas, boxed, pen, scene.stale)

    def _draw_limbs(self, canvas: Image, pose: Pose, pen: Pen, stale: bool) -> None:
        there = pose.visible(0.0) & (np.abs(pose.xy) < _FAR).all(axis=1)
        xy = (np.where(there[:, None], pose.xy, 0) * (1 << _SHIFT)).round().astype(np.int32)
        colors = limb_colors(pose.skeleton, color_of(pose), stale)
        line, radius = (pen.line, pen.radius) if self._thickness else _suited(pen, pose)
        if "edges" in self._draw and len(colors.edges):
            _draw_edges(canvas, xy, there, colors, max(1, line // 2) if stale else line, outlined=not stale)
        if "keypoints" in self._draw:
            _draw_keypoints(canvas, xy, there, colors, radius, hollow=stale)

    def _draw_labels(self, canvas: Image, boxed: Sequence[tuple[Pose, Spot]], pen: Pen, stale: bool) -> None:
        taken: list[Spot] = []
        size = (canvas.shape[1], canvas.shape[0])
        # Always in the same order, or labels that give way to each other would change places.
        for pose, box in sorted(boxed, key=lambda item: -1 if item[0].tracker_id is None else item[0].tracker_id):
            text, width = fitted(self._text(pose), size[0] - 2 * pen.padding, pen)
            if text:
                spot = _label_spot(box, (width + 2 * pen.padding, pen.text_height + 2 * pen.padding), size, taken)
                taken.append(spot)
                color = color_of(pose)
                write_label(canvas, text, spot, pen, faded(color) if stale or pose.stale else color)

    def _text(self, pose: Pose) -> str:
        words = [f"{printable(pose.class_name)} {pose.confidence:.2f}"] if "labels" in self._draw else []
        if "ids" in self._draw and pose.tracker_id is not None:
            words.append(f"#{pose.tracker_id}")
        return " ".join(words)


def _box_within(pose: Pose, width: int, height: int) -> Spot | None:
    """The part of the box that lies in the picture; None where nothing of it does."""
    x_min, y_min, x_max, y_max = pose.xyxy.tolist()
    # Written so that a NaN, which compares as false, is outside as well.
    if not (x_min <= width - 1 and y_min <= height - 1 and x_max >= 0 and y_max >= 0):
        return None
    return int(max(x_min, 0)), int(max(y_min, 0)), int(min(x_max, width - 1)), int(min(y_max, height - 1))


def _suited(pen: Pen, pose: Pose) -> tuple[int, int]:
    """Line and radius for one pose: someone far away is not drawn with the strokes of someone near."""
    x_min, y_min, x_max, y_max = pose.xyxy.tolist()
    extent = hypot(x_max - x_min, y_max - y_min)
    largest = max(1, int(extent / 60)) if extent < 60 * pen.radius else pen.radius
    return min(pen.line, largest), min(pen.radius, largest + 1)


def _draw_boxes(canvas: Image, boxed: Sequence[tuple[Pose, Spot]], thickness: int) -> None:
    for pose, (x_min, y_min, x_max, y_max) in boxed:
        cv2.rectangle(canvas, (x_min, y_min), (x_max, y_max), color_of(pose), thickness)


def _draw_corners(canvas: Image, boxed: Sequence[tuple[Pose, Spot]], thickness: int) -> None:
    """Two lines at each corner of each box, as long at all of them as suits the largest."""
    length = max([4, *(min(box[2] - box[0], box[3] - box[1]) // 5 for _, box in boxed)])
    for pose, (x_min, y_min, x_max, y_max) in boxed:
        color = faded(color_of(pose))
        for x, inward in ((x_min, length), (x_max, -length)):
            for y, downward in ((y_min, length), (y_max, -length)):
                cv2.line(canvas, (x, y), (x + inward, y), color, thickness)
                cv2.line(canvas, (x, y), (x, y + downward), color, thickness)


def _draw_edges(
    canvas: Image,
    xy: npt.NDArray[np.int32],
    there: npt.NDArray[np.bool_],
    colors: LimbColors,
    thickness: int,
    *,
    outlined: bool,
) -> None:
    ends = np.minimum(colors.edges, len(there) - 1)
    whole = (colors.edges == ends).all(axis=1) & there[ends].all(axis=1)
    lines = xy[ends]
    # The fill is plain and the outline alone anti-aliased, which looks the same as two anti-aliased lines, one wider
    # than the other, for 0.6 ms instead of 1.0; and one call draws all lines of a colour.
    width, kind = (thickness + 1, cv2.LINE_8) if outlined else (thickness, cv2.LINE_AA)
    for color, has_it in colors.strokes:
        cv2.polylines(canvas, list(lines[whole & has_it]), False, color, width, kind, _SHIFT)
    if outlined:
        sides = _beside(lines[whole], thickness / 2 + 1)
        cv2.polylines(canvas, list(sides), False, DARK, max(1, thickness // 3), cv2.LINE_AA, _SHIFT)


def _beside(lines: npt.NDArray[np.int32], distance: float) -> npt.NDArray[np.int32]:
    """The two parallels of each line, ``distance`` pixels away: from ``(N, 2, 2)`` to ``(2 * N, 2, 2)``."""
    along = (lines[:, 1] - lines[:, 0]).astype(np.float32)
    across = np.stack([-along[:, 1], along[:, 0]], axis=1)
    across *= distance * (1 << _SHIFT) / np.maximum(np.hypot(along[:, 0], along[:, 1]), 1e-6)[:, None]
    return np.concatenate([lines + across[:, None], lines - across[:, None]]).round().astype(np.int32)


def _draw_keypoints(
    canvas: Image,
    xy: npt.NDArray[np.int32],
    there: npt.NDArray[np.bool_],
    colors: LimbColors,
    radius: int,
    *,
    hollow: bool,
) -> None:
    size, outline = radius << _SHIFT, max(1, radius // 4)
    for place, color, drawn in zip(xy.tolist(), colors.vertices, there.tolist(), strict=False):
        if drawn and hollow:
            cv2.circle(canvas, place, size, color, outline, cv2.LINE_AA, _SHIFT)
        elif drawn:
            cv2.circle(canvas, place, size + (outline << _SHIFT), DARK, cv2.FILLED, cv2.LINE_AA, _SHIFT)
            cv2.circle(canvas, place, size, color, cv2.FILLED, cv2.LINE_AA, _SHIFT)


def _label_spot(box: Spot, size: tuple[int, int], picture: tuple[int, int], taken: Sequence[Spot]) -> Spot:
    """Where a label of ``size`` goes: in the picture, at its box, and over no other label while there is room."""
    width, height = size
    spots = []
    for x, y in _label_places(box, width, height):
        x_min, y_min = max(0, min(x, picture[0] - width)), max(0, min(y, picture[1] - height))
        spot = (x_min, y_min, x_min + width, y_min + height)
        if not any(_overlap(spot, other) for other in taken):
            return spot
        spots.append(spot)
    return spots[0]


def _label_places(box: Spot, width: int, height: int) -> Iterator[tuple[int, int]]:
    left, top, right, bottom = box
    yield left, top - height
    yield right - width, top - height
    yield left, top
    yield left, bottom
    yield right - width, bottom
    for row in range(1, 9):
        yield left, top + row * height
        yield left, top - (row + 1) * height


def _overlap(a: Spot, b: Spot) -> bool:
    return a[0] < b[2] and b[0] < a[2] and a[1] < b[3] and b[1] < a[3]


class Layers:
    """Several annotators, one over the other.

    Args:
        annotators: The lowest first.
    """

    def __init__(self, *annotators: Annotator) -> None:
        self._annotators = annotators

    def annotate(self, canvas: Image, scene: Scene) -> None:
        """Draw every layer on ``canvas``, in place."""
        for annotator in self._annotators:
            annotator.annotate(canvas, scene)
