"""Who stands before whom: edges of an object that another one hides.

Where somebody passes before somebody else, the pictures show the one in front, and points of the other would go along
with them. So the tracker knows how light each edge of an object is; where another object is and an edge looks
different, it is hidden, and says nothing about where its own object goes.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from kpstream.tracking.flow import Mesh
from kpstream.tracking.geometry import Mask, Points, Weights
from kpstream.tracking.settings import TrackerSettings


def overlapping(tracker_id: int, boxes: Mapping[int, Points]) -> list[Points]:
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
    middle, boxes = (start + end)[:, None] / 2, np.array(others)
    inside: Mask = ((middle >= boxes[:, :2]) & (middle <= boxes[:, 2:])).all(2).any(1)
    return inside


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
    mesh: Mesh,
    points: Points,
    *,
    seen: Weights,
    known: Weights | None,
    doubtful: Mask,
    settings: TrackerSettings,
) -> Mask:
    """Which edges of an object are hidden on a picture, shape ``(E,)``: all where too many are to tell them apart.

    Args:
        mesh: What holds the points together.
        points: Where they are, shape ``(K, 2)``.
        seen: How the edges look there, shape ``(E, 3)``.
        known: How they look where nothing is before them, shape ``(E, 3)``.
        doubtful: Edges that may be, shape ``(E,)``; see `contested`.
        settings: When an edge is taken to be hidden.
    """
    if known is None or len(known) != len(mesh.edges) or not doubtful.any():
        return np.zeros(len(mesh.edges), bool)
    difference, present = np.abs(seen - known).mean(1), ~np.isnan(points[mesh.edges, 0]).any(1)
    differs: Mask = doubtful & (difference > settings.edge_differs)
    is_lost = (difference[present] > settings.lost_differs).sum() > settings.mostly_lost * present.sum()
    if is_lost or (differs & present).sum() > settings.mostly_hidden * present.sum():
        differs[:] = True
    return differs
