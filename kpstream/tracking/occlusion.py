"""Who stands before whom: edges of an object that another one hides.

Where somebody passes before somebody else, the pictures show the one in front, and points of the other would go along
with them. So the tracker knows how light each edge of an object is; where another object is and an edge looks
different, it is hidden, and says nothing about where its own object goes.
"""

from __future__ import annotations

import numpy as np

from kpstream.tracking.flow import Mesh
from kpstream.tracking.geometry import Mask, Points, Weights
from kpstream.tracking.settings import TrackerSettings


def overlapping(boxes: Points) -> Mask:
    """Which of T boxes, shape ``(T, 4)``, touch each other, shape ``(T, T)``; none touches itself."""
    left, top, right, bottom = boxes.T
    reaches = np.less.outer(left, right) & np.less.outer(top, bottom)
    touches: Mask = reaches & reaches.T
    np.fill_diagonal(touches, False)
    return touches


def contested(points: Points, mesh: Mesh, boxes: Points, others: Mask) -> Mask:
    """Which edges of N objects have their middle in a box of another object, shape ``(N, E)``.

    Args:
        points: Shape ``(N, K, 2)``.
        mesh: What holds them together.
        boxes: The boxes of T objects, shape ``(T, 4)``.
        others: Which of them count for each object, shape ``(N, T)``.
    """
    start, end = points[:, mesh.edges].transpose(2, 3, 0, 1)[..., None]
    (x, y), (left, top, right, bottom) = (start + end) / 2, boxes.T
    inside = (x >= left) & (x <= right) & (y >= top) & (y <= bottom) & others[:, None]
    return np.asarray(inside.any(2))


def learn_edges(known: Weights | None, seen: Weights, covered: Mask, settings: TrackerSettings) -> Weights:
    """How an object's edges look, from how they did and how they do now; what is covered now says nothing.

    Args:
        known: What was known, shape ``(E, 3)``; None the first time.
        seen: What is seen now, shape ``(E, 3)``.
        covered: Shape ``(E,)``.
        settings: How fast it learns.
    """
    if known is None or known.shape != seen.shape:
        return seen
    new = np.where(np.isnan(known), seen, known + settings.edge_learning_rate * (seen - known))
    kept: Weights = np.where(covered[:, None] & ~np.isnan(known) | np.isnan(seen), known, new)
    return kept


def hidden(
    mesh: Mesh, points: Points, *, seen: Weights, known: Weights, doubtful: Mask, settings: TrackerSettings
) -> Mask:
    """Which edges of N objects are hidden on a picture, shape ``(N, E)``: all where too many are to tell them apart.

    Args:
        mesh: What holds the points together.
        points: Where they are, shape ``(N, K, 2)``.
        seen: How the edges look there, shape ``(N, E, 3)``.
        known: How they look where nothing is before them, shape ``(N, E, 3)``; NaN where nobody knows.
        doubtful: Edges that may be, shape ``(N, E)``; see `contested`.
        settings: When an edge is taken to be hidden.
    """
    difference = np.abs(seen - known) @ np.full(3, 1 / 3, np.float32)
    present = ~np.isnan(points[:, mesh.edges, 0]).any(2)
    differs: Mask = doubtful & (difference > settings.edge_differs)
    count, may_be = present.sum(1), doubtful.any(1)
    is_lost = ((difference > settings.lost_differs) & present).sum(1) > settings.mostly_lost * count
    is_hidden = (differs & present).sum(1) > settings.mostly_hidden * count
    differs[may_be & (is_lost | is_hidden)] = True
    return differs
