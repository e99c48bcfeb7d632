"""Who stands before whom: edges of an object that another one hides.

Where somebody passes before somebody else, the pictures show the one in front, and points of the other would go along
with him. So each object is known by how light its edges are; where another object is and an edge looks like another
thing, it is hidden, and says nothing about where its own object goes.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from kpstream.tracking.flow import Mesh, Points, Weights
from kpstream.tracking.frames import Mask

_UNLIKE = 18.0  # grey values that the pieces of an edge differ by on average
_MOSTLY = 0.4  # the share of its edges that another hides, from which on an object goes as it went before
_LEARN = 0.3


def around(tracker_id: int, boxes: Mapping[int, Points]) -> list[Points]:
    """The boxes of others that touch an object's own."""
    left, top, right, bottom = boxes[tracker_id].tolist()
    return [
        box
        for other, box in boxes.items()
        if other != tracker_id and left < box[2] and box[0] < right and top < box[3] and box[1] < bottom
    ]


def contested(points: Points, mesh: Mesh, others: Sequence[Points]) -> Mask:
    """Which edges have their middle in a box of another object, shape ``(E,)``.

    Args:
        points: Shape ``(K, 2)``.
        mesh: What holds them together.
        others: The other objects' boxes, each of shape ``(4,)``.
    """
    if not others:
        return np.zeros(len(mesh.edges), bool)
    start, end = points[mesh.edges].transpose(1, 0, 2)
    middle, boxes = (start + end)[:, None] / 2, np.stack(others)
    inside: Mask = ((middle >= boxes[:, :2]) & (middle <= boxes[:, 2:])).all(2).any(1)
    return inside


def learned(look: Weights | None, seen: Weights, covered: Mask) -> Weights:
    """How an object's edges look, from how they did and how they do now; what is covered now says nothing.

    Args:
        look: What was known, shape ``(E, 3)``; None where it is the first time.
        seen: What is seen now, shape ``(E, 3)``.
        covered: Shape ``(E,)``.
    """
    if look is None or look.shape != seen.shape:
        return seen
    new = np.where(np.isnan(look), seen, look + _LEARN * (seen - look))
    kept: Weights = np.where(covered[:, None] & ~np.isnan(look) | np.isnan(seen), look, new)
    return kept


def hidden(mesh: Mesh, points: Points, *, seen: Weights, look: Weights | None, others: Sequence[Points]) -> Mask:
    """Which edges of an object are hidden on a picture, shape ``(E,)``: all where too many are to tell them apart.

    Args:
        mesh: What holds the points together.
        points: Where they are, shape ``(K, 2)``.
        seen: How the edges look there, shape ``(E, 3)``.
        look: How they look where nothing is before them, shape ``(E, 3)``.
        others: The other objects' boxes.
    """
    if not others or look is None or len(look) != len(mesh.edges):
        return np.zeros(len(mesh.edges), bool)
    doubtful = contested(points, mesh, others)
    if not doubtful.any():
        return doubtful
    unlike: Mask = doubtful & (np.abs(seen - look).sum(1) > 3 * _UNLIKE)
    present = ~np.isnan(points[mesh.edges, 0]).any(1)
    if (unlike & present).sum() > _MOSTLY * present.sum():
        unlike[:] = True
    return unlike
