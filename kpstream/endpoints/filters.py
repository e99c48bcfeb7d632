"""Which answers are wanted: sent to the service, and kept to on this side, since it ignores some of them."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from kpstream.entities import Pose


@dataclass(frozen=True, slots=True)
class Filters:
    """Thresholds and limits of the poses that are used."""

    confidence: float = 0.4
    """0 to 1; a pose below it is not used."""
    overlap: float = 0.3
    """0 to 1; of two boxes that overlap more (intersection over union), the endpoint keeps the surer one."""
    classes: tuple[str, ...] = ()
    """Object classes to keep; empty keeps all."""
    keypoint_confidence: float = 0.3
    """0 to 1; a keypoint below it counts as missing."""
    max_detections: int = 300

    def apply(self, poses: Iterable[Pose]) -> tuple[Pose, ...]:
        """The poses that pass, surest first, their unsure keypoints made missing."""
        kept = [
            self._without_unsure_keypoints(pose)
            for pose in poses
            if pose.confidence >= self.confidence and (not self.classes or pose.class_name in self.classes)
        ]
        kept.sort(key=lambda pose: -pose.confidence)
        return tuple(kept[: self.max_detections])

    def _without_unsure_keypoints(self, pose: Pose) -> Pose:
        sure = pose.keypoint_confidence >= self.keypoint_confidence
        if sure.all():
            return pose
        return pose.but(
            xy=np.where(sure[:, None], pose.xy, np.nan).astype(np.float32),
            keypoint_confidence=np.where(sure, pose.keypoint_confidence, 0).astype(np.float32),
        )
