"""The colours of what is drawn: of a pose, of its limbs by side or by choice, and of texts; blue, green, red."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from string import hexdigits

import numpy as np
import numpy.typing as npt

from kpstream.entities import Pose
from kpstream.skeleton import Skeleton

Bgr = tuple[int, int, int]
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
DARK: Bgr = (24, 20, 18)
LIGHT: Bgr = (245, 245, 245)
ATTENTION: Bgr = (64, 190, 255)


@dataclass(frozen=True, slots=True)
class LimbColors:
    """How the limbs of one skeleton are coloured."""

    edges: npt.NDArray[np.intp]
    """Shape ``(E, 2)``: indices of keypoints."""
    strokes: tuple[tuple[Bgr, npt.NDArray[np.bool_]], ...]
    """Each colour, and which of the E edges have it."""
    vertices: tuple[Bgr, ...]
    """The colour of each keypoint."""


@lru_cache(maxsize=256)
def limb_colors(skeleton: Skeleton, own: Bgr, stale: bool) -> LimbColors:
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
        vertices, colors = [faded(color) for color in vertices], [faded(color) for color in colors]
    strokes = tuple((color, np.array([other == color for other in colors])) for color in dict.fromkeys(colors))
    return LimbColors(np.array(edges, np.intp).reshape(-1, 2), strokes, tuple(vertices))


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


def faded(color: Bgr) -> Bgr:
    """The colour of what is stale."""
    blue, green, red = ((own * 2 + grey * 3) // 5 for own, grey in zip(color, _FADED, strict=True))
    return blue, green, red


def color_of(pose: Pose) -> Bgr:
    """The pose's own: of its object as long as that is followed, else of its class."""
    return _COLORS[(pose.class_id if pose.tracker_id is None else pose.tracker_id) % len(_COLORS)]
