"""What the answers said of one object, and how it looks: what makes a pose of points."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import NamedTuple

import numpy as np

from kpstream.entities import Pose
from kpstream.tracking.geometry import Points, Weights, box_around, widen, zeroed
from kpstream.tracking.presence import Presence
from kpstream.tracking.settings import TrackerSettings
from kpstream.tracking.trajectory import PointState


class EdgeSample(NamedTuple):
    """How the edges of one object look on a picture."""

    number: int
    """The picture's."""
    points: Points
    """Where its points are on it."""
    edges: Weights
    """Grey values, shape ``(E, 3)``."""


def misfits(seen: Weights, answered: Weights, lengths: Weights, settings: TrackerSettings) -> Weights:
    """How much the edges of N objects differ from how an answer found them, from 0 to 1, shape ``(N,)``.

    Args:
        seen: Grey values now, shape ``(N, E, 3)``.
        answered: Grey values then.
        lengths: Of the edges, shape ``(N, E)``, which count by them; NaN where an end is not known.
        settings: What an outlier is.
    """
    squares = (seen - answered) ** 2
    differs = (squares / (squares + settings.grey_outlier**2)).mean(2)
    weights = np.where(np.isnan(differs + lengths), np.float32(0), lengths + np.float32(1e-6))
    misfits: Weights = (zeroed(differs) * weights).sum(1) / np.maximum(weights.sum(1), np.float32(1e-6))
    return misfits


@dataclass(slots=True, eq=False)
class Appearance:
    """One object as the answers and the pictures show it."""

    pose: Pose
    """The newest answer that was used."""
    edges: Weights | None = None
    """How its edges look where nothing is before them, shape ``(E, 3)``: grey values."""
    answered_edges: Weights | None = None
    """How its edges looked on the picture of the last answer, shape ``(E, 3)``; None until somebody looked."""
    sampled: EdgeSample | None = None
    """How its edges looked where they were last sampled."""
    misfit: float = 0.0
    """The most by which they have differed since, from 0 to 1."""
    margins: Points = field(default_factory=lambda: np.zeros(4, np.float32))
    """What the box adds around the points, shape ``(4,)``."""
    given_at: Weights = field(default_factory=lambda: np.zeros(0, np.float32))
    """Pts at which an answer last gave each keypoint, shape ``(K,)``."""
    confidence: Weights = field(default_factory=lambda: np.zeros(0, np.float32))
    """The confidence that it then gave, shape ``(K,)``."""

    def sampled_at(self, number: int, points: Points) -> Weights | None:
        """How its edges look with these very points on a picture; None where that was not what was last sampled."""
        last = self.sampled
        return last.edges if last is not None and last.number == number and last.points is points else None

    def known_edges(self, count: int) -> Weights:
        """How so many edges look where nothing is before them, shape ``(E, 3)``; NaN where they are not known."""
        if self.edges is None or len(self.edges) != count:
            return np.full((count, 3), np.nan, np.float32)
        return self.edges

    def remember(self, pts: float, pose: Pose, state: PointState) -> None:
        """Take in an answer, and where the points are then believed to be."""
        self.pose = pose
        rows = len(pose.xy)
        self.given_at = widen(self.given_at, rows, -1e9)[:rows]
        self.confidence = widen(self.confidence, rows, 0.0)[:rows]
        given = ~np.isnan(pose.xy[:, 0])
        self.given_at[given], self.confidence[given] = pts, pose.keypoint_confidence[given]
        self.margins = pose.xyxy - box_around(state.xy)
        self.answered_edges, self.misfit = None, 0.0

    def pose_of(self, state: PointState, pts: float, presence: Presence, fresh_for: float) -> Pose:
        """The pose that a state stands for: what is old fades.

        Args:
            state: Where the points are.
            pts: The moment.
            presence: Up to when the object is known to be there.
            fresh_for: Seconds from then on for which what an answer said counts in full.
        """
        pose = self.pose
        rows = len(pose.xy)
        rested, max_age = presence.known_at - presence.found_at, presence.settings.max_age
        age = pts - self.given_at[:rows] - rested - fresh_for
        confidence = self.confidence[:rows] * np.minimum(np.maximum(1 - age / max_age, 0), 1)
        xy = state.xy[:rows].copy()
        xy[confidence <= 0] = np.nan
        confidence[np.isnan(xy[:, 0])] = 0
        fade = min(1.0, max(0.0, 1 - (pts - presence.known_at - fresh_for) / max_age))
        return replace(
            pose,
            xy=xy,
            keypoint_confidence=confidence.astype(np.float32),
            xyxy=(box_around(state.xy) + self.margins).astype(np.float32),
            confidence=pose.confidence * fade,
            origin="predicted",
        )
