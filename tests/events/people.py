"""People in simple stances, drawn as keypoints, for the tests of the rules."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from kpstream.entities import Origin, Pose
from kpstream.events import Observation
from kpstream.skeleton import COCO, COCO_NAMES

SIZE = (1280, 720)
HEIGHT = 200.0

_STANDING: dict[str, tuple[float, float]] = {
    "nose": (0.0, 0.92), "left_eye": (0.02, 0.94), "right_eye": (-0.02, 0.94), "left_ear": (0.04, 0.93),
    "right_ear": (-0.04, 0.93), "left_shoulder": (0.12, 0.8), "right_shoulder": (-0.12, 0.8),
    "left_elbow": (0.16, 0.62), "right_elbow": (-0.16, 0.62), "left_wrist": (0.17, 0.47), "right_wrist": (-0.17, 0.47),
    "left_hip": (0.08, 0.5), "right_hip": (-0.08, 0.5), "left_knee": (0.08, 0.27), "right_knee": (-0.08, 0.27),
    "left_ankle": (0.08, 0.03), "right_ankle": (-0.08, 0.03),
}  # fmt: skip
"""Body heights: across from the middle, and up from the feet."""


def standing(x: float = 640.0, feet: float = 600.0, **moved: tuple[float, float]) -> Pose:
    """Somebody who stands; keypoints may be moved, in body heights across and up."""
    points = np.array([{**_STANDING, **moved}[name] for name in COCO_NAMES])
    return _pose(np.column_stack([x + points[:, 0] * HEIGHT, feet - points[:, 1] * HEIGHT]))


def lying(x: float = 640.0, feet: float = 600.0) -> Pose:
    """Somebody who lies on the ground, the feet at x."""
    points = np.array([_STANDING[name] for name in COCO_NAMES])
    return _pose(np.column_stack([x + points[:, 1] * HEIGHT, feet - 0.1 * HEIGHT + points[:, 0] * HEIGHT * 0.5]))


def bending(x: float = 640.0, feet: float = 600.0) -> Pose:
    """Somebody who bends over straight legs, as far as it goes."""
    return standing(
        x, feet, nose=(0.4, 0.4), left_shoulder=(0.3, 0.48), right_shoulder=(0.28, 0.46), left_eye=(0.42, 0.4),
        right_eye=(0.42, 0.38), left_ear=(0.4, 0.42), right_ear=(0.4, 0.41), left_elbow=(0.3, 0.3),
        right_elbow=(0.28, 0.3), left_wrist=(0.25, 0.12), right_wrist=(0.2, 0.12),
    )  # fmt: skip


def crouching(x: float = 640.0, feet: float = 600.0) -> Pose:
    """Somebody who crouches over a shoe."""
    return standing(
        x, feet, left_hip=(-0.1, 0.2), right_hip=(-0.12, 0.2), left_knee=(0.14, 0.27), right_knee=(0.1, 0.25),
        left_shoulder=(0.15, 0.36), right_shoulder=(0.12, 0.35), nose=(0.22, 0.4), left_eye=(0.24, 0.42),
        right_eye=(0.24, 0.4), left_ear=(0.2, 0.42), right_ear=(0.2, 0.42), left_elbow=(0.2, 0.22),
        right_elbow=(0.18, 0.22), left_wrist=(0.12, 0.06), right_wrist=(0.1, 0.06),
    )  # fmt: skip


def without(pose: Pose, *names: str) -> Pose:
    """The pose with some keypoints left out."""
    xy, confidence = pose.xy.copy(), pose.keypoint_confidence.copy()
    rows = [COCO_NAMES.index(name) for name in names]
    xy[rows], confidence[rows] = np.nan, 0.0
    return replace(pose, xy=xy, keypoint_confidence=confidence)


def numbered(pose: Pose, tracker_id: int, origin: Origin = "measured") -> Pose:
    """The pose as that of a tracked object."""
    return replace(pose, tracker_id=tracker_id, origin=origin)


def _pose(xy: np.ndarray) -> Pose:
    low, high = xy.min(axis=0), xy.max(axis=0)
    return Pose(
        xy=xy.astype(np.float32),
        keypoint_confidence=np.full(len(xy), 0.9, np.float32),
        xyxy=np.array([*low, *high], np.float32),
        confidence=0.9,
        class_id=0,
        class_name="person",
        skeleton=COCO,
        tracker_id=1,
    )


def seen(pts: float, *poses: Pose, rate: float = 30.0) -> Observation:
    """A moment at which these were measured and nobody else was there."""
    return Observation(pts, round(pts * rate), SIZE, measured=poses)


def drawn(pts: float, *poses: Pose, rate: float = 30.0) -> Observation:
    """A picture of a live view, on which these are predicted."""
    return Observation(pts, round(pts * rate), SIZE, drawn=poses, is_answered=False)


def answer(pts: float, *poses: Pose, rate: float = 30.0) -> Observation:
    """An answer of a live view: these were measured at a moment that is over."""
    return Observation(pts, round(pts * rate), SIZE, measured=poses, is_all=False)
