"""Counts the people in each zone, beside the rules."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from math import inf

import cv2
import numpy as np

from kpstream.entities import Event, Scene
from kpstream.events import Zone
from kpstream.interfaces import SceneRules

_EVERY = 1.0
"""Seconds of pts between two counts."""


class ZoneCounts:
    """Wraps rules, and counts the people whose feet are in each zone; satisfies `kpstream.interfaces.SceneRules`.

    Args:
        rules: Given every scene.
        zones: The camera's zones, by name.
        on_count: Called with a zone's name and its count whenever the count has changed; must not wait.
        on_finish: Called when the rules are finished.
    """

    def __init__(
        self,
        rules: SceneRules,
        zones: Mapping[str, Zone],
        on_count: Callable[[str, int], None],
        on_finish: Callable[[], None] = lambda: None,
    ) -> None:
        self._rules = rules
        self._zones = {name: np.asarray(zone.polygon, np.float32) for name, zone in zones.items()}
        self._on_count = on_count
        self._on_finish = on_finish
        self._counted_pts = -inf
        self._counts: dict[str, int] = {}

    @property
    def is_undecided(self) -> bool:
        """Whether more answers are wanted soon."""
        return self._rules.is_undecided

    def observe(self, scene: Scene) -> tuple[Event, ...]:
        """Give a scene to the rules, and count the people in it at most once a second of pts."""
        pts = scene.frame.pts
        if not scene.stale and scene.result_frame_index is not None and not 0 <= pts - self._counted_pts < _EVERY:
            self._counted_pts = pts
            self._count(scene)
        return self._rules.observe(scene)

    def finish(self) -> None:
        """Finish the rules, and call `on_finish`."""
        self._rules.finish()
        self._on_finish()

    def _count(self, scene: Scene) -> None:
        feet = [((pose.xyxy[0] + pose.xyxy[2]) / 2, pose.xyxy[3]) for pose in scene.poses]
        for name, polygon in self._zones.items():
            corners = polygon * np.array(scene.frame.size, np.float32)
            count = sum(cv2.pointPolygonTest(corners, (float(x), float(y)), False) >= 0 for x, y in feet)
            if self._counts.get(name) != count:
                self._counts[name] = count
                self._on_count(name, count)
