"""What is drawn on a picture: the poses, and a line on how the pipeline is doing.

Everything is drawn in place; nothing here knows a clock, a thread or a file. Whatever the poses hold (missing points,
NaN, coordinates a million pixels away), drawing goes on: what cannot be drawn is left out.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from math import hypot, isnan
from string import hexdigits

import cv2
import numpy as np
import numpy.typing as npt

from kpstream.entities import Annotator, Image, Pose, Scene
from kpstream.options import in_file
from kpstream.redact import redact
from kpstream.skeleton import Skeleton

Bgr = tuple[int, int, int]
Spot = tuple[int, int, int, int]
"""A rectangle of whole pixels: x_min, y_min, x_max, y_max."""

PARTS = frozenset({"boxes", "keypoints", "edges", "labels", "ids"})
"""What `PoseAnnotator` can draw."""

_COLORS: tuple[Bgr, ...] = (
    (191, 212, 45),
    (250, 139, 167),
    (182, 114, 244),
    (21, 204, 250),
    (53, 230, 163),
    (113, 113, 248),
    (174, 199, 214),
    (240, 232, 226),
)
"""Of poses; nothing in it looks like the two colours of the sides."""
_LEFT: Bgr = (60, 150, 255)
_RIGHT: Bgr = (255, 190, 60)
_FADED: Bgr = (128, 128, 128)
_DARK: Bgr = (24, 20, 18)
_LIGHT: Bgr = (245, 245, 245)
_ATTENTION: Bgr = (64, 190, 255)
_MAX_TROUBLE_ROWS = 3
_FONT = cv2.FONT_HERSHEY_DUPLEX
_SHIFT = 4
"""Bits below one pixel in cv2's coordinates, so that slow motion is smooth."""
_FAR = 1 << 14
"""Pixels. What lies farther out is no point of the picture: beyond any picture, and far below cv2's overflow."""


@dataclass(frozen=True, slots=True)
class _Pen:
    """The sizes that suit one picture, in its pixels."""

    line: int
    radius: int
    font_scale: float
    text_height: int
    """Of a capital letter: one for all texts, so that no label changes its height with its letters."""
    padding: int


@lru_cache(maxsize=64)
def _pen(width: int, height: int, thickness: int | None) -> _Pen:
    diagonal = hypot(width, height)
    line = thickness or max(2, round(diagonal / 720))
    font_scale = max(0.42, diagonal / 3400)
    text_height = cv2.getTextSize("A", _FONT, font_scale, 1)[0][1]
    return _Pen(line, line + max(1, line // 2), font_scale, text_height, max(3, round(text_height * 0.5)))


@dataclass(frozen=True, slots=True)
class _LimbColors:
    """How the limbs of one skeleton are coloured."""

    edges: npt.NDArray[np.intp]
    """Shape ``(E, 2)``: indices of keypoints."""
    strokes: tuple[tuple[Bgr, npt.NDArray[np.bool_]], ...]
    """Each colour, and which of the E edges have it."""
    vertices: tuple[Bgr, ...]
    """The colour of each keypoint."""


@lru_cache(maxsize=256)
def _limb_colors(skeleton: Skeleton, own: Bgr, stale: bool) -> _LimbColors:
    """Colours as the skeleton's owner chose them; else by side, and ``own`` for what has no side."""
    size = len(skeleton.names)
    sides = _sides(skeleton)
    by_side = {1: _LEFT, -1: _RIGHT, 0: own}
    vertices = [by_side[side] for side in sides]
    for i, color in enumerate(skeleton.vertex_colors[:size]):
        vertices[i] = _parsed(color, vertices[i])
    edges, colors = [], []
    for i, (a, b) in enumerate(skeleton.edges):
        if 0 <= a < size and 0 <= b < size:
            edges.append((a, b))
            across = sides[a] * sides[b] < 0
            chosen = skeleton.edge_colors[i] if i < len(skeleton.edge_colors) else ""
            colors.append(_parsed(chosen, own if across else by_side[sides[a] or sides[b]]))
    if stale:
        vertices, colors = [_faded(color) for color in vertices], [_faded(color) for color in colors]
    strokes = tuple((color, np.array([other == color for other in colors])) for color in dict.fromkeys(colors))
    return _LimbColors(np.array(edges, np.intp).reshape(-1, 2), strokes, tuple(vertices))


def _sides(skeleton: Skeleton) -> list[int]:
    """Of each keypoint: 1 left, -1 right, 0 neither. Of a pair, the first is left unless the names say otherwise."""
    sides = [0] * len(skeleton.names)
    for first, second in skeleton.symmetries:
        if 0 <= first < len(sides) and 0 <= second < len(sides):
            swapped = "right" in skeleton.names[first].lower() or "left" in skeleton.names[second].lower()
            sides[first], sides[second] = (-1, 1) if swapped else (1, -1)
    return sides


def _parsed(color: str, otherwise: Bgr) -> Bgr:
    """A colour as web pages write them, ``#rgb`` or ``#rrggbb``; what it says of opacity is not looked at."""
    digits = color.lstrip("#")
    if len(digits) not in (3, 4, 6, 8) or not set(digits) <= set(hexdigits):
        return otherwise
    if len(digits) <= 4:
        digits = "".join(2 * digit for digit in digits)
    red, green, blue, *_ = bytes.fromhex(digits)
    return blue, green, red


def _faded(color: Bgr) -> Bgr:
    blue, green, red = ((own * 2 + grey * 3) // 5 for own, grey in zip(color, _FADED, strict=True))
    return blue, green, red


def _color(pose: Pose) -> Bgr:
    return _COLORS[(pose.class_id if pose.tracker_id is None else pose.tracker_id) % len(_COLORS)]


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
        pen = _pen(width, height, self._thickness)
        boxed = [(pose, box) for pose in scene.poses if (box := _box_within(pose, width, height)) is not None]
        if "boxes" in self._draw:
            _draw_boxes(canvas, [(pose, box) for pose, box in boxed if not (scene.stale or pose.stale)], pen.line)
            _draw_corners(canvas, [(pose, box) for pose, box in boxed if scene.stale or pose.stale], pen.line)
        for pose in scene.poses:
            if len(pose.xy):
                self._draw_limbs(canvas, pose, pen, scene.stale or pose.stale)
        if self._draw & {"labels", "ids"} and boxed:
            self._draw_labels(canvas, boxed, pen, scene.stale)

    def _draw_limbs(self, canvas: Image, pose: Pose, pen: _Pen, stale: bool) -> None:
        there = pose.visible(0.0) & (np.abs(pose.xy) < _FAR).all(axis=1)
        xy = (np.where(there[:, None], pose.xy, 0) * (1 << _SHIFT)).round().astype(np.int32)
        colors = _limb_colors(pose.skeleton, _color(pose), stale)
        line, radius = (pen.line, pen.radius) if self._thickness else _suited(pen, pose)
        if "edges" in self._draw and len(colors.edges):
            _draw_edges(canvas, xy, there, colors, max(1, line // 2) if stale else line, outlined=not stale)
        if "keypoints" in self._draw:
            _draw_keypoints(canvas, xy, there, colors, radius, hollow=stale)

    def _draw_labels(self, canvas: Image, boxed: Sequence[tuple[Pose, Spot]], pen: _Pen, stale: bool) -> None:
        taken: list[Spot] = []
        size = (canvas.shape[1], canvas.shape[0])
        # Always in the same order, or labels that give way to each other would change places.
        for pose, box in sorted(boxed, key=lambda item: -1 if item[0].tracker_id is None else item[0].tracker_id):
            text, width = _fitted(self._text(pose), size[0] - 2 * pen.padding, pen)
            if text:
                spot = _label_spot(box, (width + 2 * pen.padding, pen.text_height + 2 * pen.padding), size, taken)
                taken.append(spot)
                color = _color(pose)
                _write(canvas, text, spot, pen, _faded(color) if stale or pose.stale else color)

    def _text(self, pose: Pose) -> str:
        words = [f"{_printable(pose.class_name)} {pose.confidence:.2f}"] if "labels" in self._draw else []
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


def _suited(pen: _Pen, pose: Pose) -> tuple[int, int]:
    """Line and radius for one pose: someone far away is not drawn with the strokes of someone near."""
    x_min, y_min, x_max, y_max = pose.xyxy.tolist()
    extent = hypot(x_max - x_min, y_max - y_min)
    largest = max(1, int(extent / 60)) if extent < 60 * pen.radius else pen.radius
    return min(pen.line, largest), min(pen.radius, largest + 1)


def _draw_boxes(canvas: Image, boxed: Sequence[tuple[Pose, Spot]], thickness: int) -> None:
    for pose, (x_min, y_min, x_max, y_max) in boxed:
        cv2.rectangle(canvas, (x_min, y_min), (x_max, y_max), _color(pose), thickness)


def _draw_corners(canvas: Image, boxed: Sequence[tuple[Pose, Spot]], thickness: int) -> None:
    """Two lines at each corner of each box, as long at all of them as suits the largest."""
    length = max([4, *(min(box[2] - box[0], box[3] - box[1]) // 5 for _, box in boxed)])
    for pose, (x_min, y_min, x_max, y_max) in boxed:
        color = _faded(_color(pose))
        for x, inward in ((x_min, length), (x_max, -length)):
            for y, downward in ((y_min, length), (y_max, -length)):
                cv2.line(canvas, (x, y), (x + inward, y), color, thickness)
                cv2.line(canvas, (x, y), (x, y + downward), color, thickness)


def _draw_edges(
    canvas: Image,
    xy: npt.NDArray[np.int32],
    there: npt.NDArray[np.bool_],
    colors: _LimbColors,
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
        cv2.polylines(canvas, list(sides), False, _DARK, max(1, thickness // 3), cv2.LINE_AA, _SHIFT)


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
    colors: _LimbColors,
    radius: int,
    *,
    hollow: bool,
) -> None:
    size, outline = radius << _SHIFT, max(1, radius // 4)
    for place, color, drawn in zip(xy.tolist(), colors.vertices, there.tolist(), strict=False):
        if drawn and hollow:
            cv2.circle(canvas, place, size, color, outline, cv2.LINE_AA, _SHIFT)
        elif drawn:
            cv2.circle(canvas, place, size + (outline << _SHIFT), _DARK, cv2.FILLED, cv2.LINE_AA, _SHIFT)
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


def _printable(text: str) -> str:
    return "".join(letter if letter.isprintable() else " " for letter in text)


def _text_width(text: str, pen: _Pen) -> int:
    return cv2.getTextSize(text, _FONT, pen.font_scale, 1)[0][0]


def _fitted(text: str, room: int, pen: _Pen) -> tuple[str, int]:
    """The text and its width, shortened to ``room`` pixels; empty where not even a letter has room."""
    width = _text_width(text, pen)
    kept = text
    while width > room and kept:
        kept = kept[: min(len(kept) - 1, len(kept) * room // width)] if room > 0 else ""
        width = _text_width(kept + "...", pen)
    return (text, width) if kept == text else (kept and kept + "...", width)


def _write(canvas: Image, text: str, spot: Spot, pen: _Pen, ground: Bgr) -> None:
    """Write a label: dark or light letters, whichever can be read on its ground."""
    cv2.rectangle(canvas, spot[:2], (spot[2] - 1, spot[3] - 1), ground, cv2.FILLED)
    blue, green, red = ground
    ink = _DARK if 0.114 * blue + 0.587 * green + 0.299 * red > 120 else _LIGHT
    origin = (spot[0] + pen.padding, spot[3] - pen.padding)
    cv2.putText(canvas, text, origin, _FONT, pen.font_scale, ink, 1, cv2.LINE_AA)


class StatusAnnotator:
    """Writes how the pipeline is doing, at the bottom left: its rate, the ages, the requests, and what is wrong."""

    def annotate(self, canvas: Image, scene: Scene) -> None:
        """Write on ``canvas``, BGR ``(height, width, 3)``, in place."""
        height, width = canvas.shape[:2]
        pen = _pen(width, height, None)
        room = width - 4 * pen.padding
        trouble = [(word, _ATTENTION) for word in _printable(in_file(redact(scene.stats.trouble))).split()]
        rows = [*_rows(trouble, " ", room, pen)[:_MAX_TROUBLE_ROWS], *_rows(_status(scene), "   ", room, pen)]
        step = pen.text_height + pen.padding
        rows = rows[-max(1, (height - 3 * pen.padding) // step) :]
        widest = max(sum(_text_width(text, pen) for text, _ in row) for row in rows)
        top = height - 2 * pen.padding - step * len(rows)
        _darken(canvas, (pen.padding, top, widest + 3 * pen.padding, height - pen.padding))
        for number, row in enumerate(rows, start=1):
            x = 2 * pen.padding
            for text, color in row:
                cv2.putText(canvas, text, (x, top + number * step), _FONT, pen.font_scale, color, 1, cv2.LINE_AA)
                x += _text_width(text, pen)


def dimmed(canvas: Image, words: str) -> Image:
    """A dimmed copy of a picture that is no longer live, with what is wrong written over its middle.

    Args:
        canvas: BGR, shape ``(height, width, 3)``.
        words: What is wrong; secrets in it are not shown.
    """
    dark: Image = canvas // 3
    height, width = canvas.shape[:2]
    pen = _pen(width, height, None)
    rows = _rows([(word, _ATTENTION) for word in _printable(redact(words)).split()], " ", width - 4 * pen.padding, pen)
    step = 2 * pen.text_height
    top = (height - step * len(rows)) // 2
    for number, row in enumerate(rows, start=1):
        x = (width - sum(_text_width(text, pen) for text, _ in row)) // 2
        for text, color in row:
            cv2.putText(dark, text, (x, top + number * step), _FONT, pen.font_scale, color, 1, cv2.LINE_AA)
            x += _text_width(text, pen)
    return dark


def _status(scene: Scene) -> list[tuple[str, Bgr]]:
    stats, age = scene.stats, scene.result_age
    words = [] if isnan(stats.render_fps) else [(f"{stats.render_fps:.1f} fps", _LIGHT)]
    if not isnan(scene.rendered_at):
        words.append((f"picture {scene.rendered_at - scene.frame.captured_at:.2f} s", _LIGHT))
    if isnan(age):
        words.append(("waiting for the first answer", _LIGHT))
    elif scene.stale:
        words.append((f"answer {age:.2f} s, too old", _ATTENTION))
    else:
        words.append((f"answer {age:.2f} s" if age >= 0 else f"answer {-age:.2f} s ahead", _LIGHT))
    words.append((f"{stats.in_flight} in flight", _LIGHT))
    words += [(f"{count} {fate}", _LIGHT) for count, fate in ((stats.lost, "lost"), (stats.stale, "stale")) if count]
    return words


def _rows(words: Sequence[tuple[str, Bgr]], gap: str, room: int, pen: _Pen) -> list[list[tuple[str, Bgr]]]:
    """Break words into rows of at most ``room`` pixels; in a row, all but the first word begin with ``gap``."""
    rows: list[list[tuple[str, Bgr]]] = []
    left = 0
    for word, color in words:
        width = _text_width(gap + word, pen)
        if rows and width <= left:
            rows[-1].append((gap + word, color))
            left -= width
        else:
            fitted, width = _fitted(word, room, pen)
            rows.append([(fitted, color)])
            left = room - width
    return rows


def _darken(canvas: Image, spot: Spot) -> None:
    x_min, y_min, x_max, y_max = spot
    ground = canvas[max(0, y_min) : y_max, x_min:x_max]
    np.right_shift(ground, 2, out=ground)


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
