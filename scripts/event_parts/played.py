"""Clips with reference poses, played to and fro, as a view sees them: by late answers, or by every frame."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from kpstream.entities import Pose, box_of
from kpstream.events import Observation
from kpstream.skeleton import COCO
from kpstream.tracking.matching import match, nearest

LATENCY, RATE = 0.4, 5.0
"""Seconds to an answer, and answers a second."""
INTERVAL = 1 / RATE
_UPLOADED = 640
"""Pixels of the longer side of what is sent: answers come in whole pixels of it."""
_SEEN, _ANSWERED = 0.3, 0.15
"""The share of a body, and the confidence of a reference, from which on somebody is answered."""
_FORGOTTEN_AFTER = 2.0
_BLUNDERS, _BLUNDER = 0.02, 0.1
"""The share of the keypoints that a noisy answer puts far off, and how far, in box diagonals."""


@dataclass(frozen=True)
class Faults:
    """What is wrong with answers."""

    noise: float = 0.0
    """Standard deviation of a keypoint, in box diagonals; a few are much farther off."""
    lost: float = 0.0
    """Share of the answers that never come."""

    def apply(self, poses: tuple[Pose, ...], dice: np.random.Generator) -> tuple[Pose, ...]:
        """The poses as such an answer has them."""
        return tuple(self._shaken(pose, dice) for pose in poses) if self.noise else poses

    def _shaken(self, pose: Pose, dice: np.random.Generator) -> Pose:
        diagonal = float(np.hypot(*(pose.xyxy[2:] - pose.xyxy[:2])))
        wide = np.where(dice.random(len(pose.xy)) < _BLUNDERS, _BLUNDER, self.noise) * diagonal
        off = dice.normal(0, 1, pose.xy.shape) * wide[:, None]
        box = dice.normal(0, self.noise * diagonal, 4)
        return replace(pose, xy=(pose.xy + off).astype(np.float32), xyxy=(pose.xyxy + box).astype(np.float32))


@dataclass(frozen=True)
class Clip:
    """Who is where in each frame of a clip; it is played to its end, back to its beginning, and so on."""

    name: str
    size: tuple[int, int]
    rate: float
    people: Sequence[tuple[Pose, ...]]
    answers: Sequence[tuple[Pose, ...]]
    """The same in whole pixels of what is sent."""
    keypoint_confidence: float
    """What is less sure is not known."""

    def place(self, index: int) -> int:
        """Which frame of the clip is shown as the so many-th."""
        there = len(self.people) - 1
        return there - abs(there - index % (2 * there))

    @property
    def period(self) -> float:
        """Seconds to the end and back."""
        return 2 * (len(self.people) - 1) / self.rate

    @property
    def seconds(self) -> float:
        """Seconds to the end."""
        return len(self.people) / self.rate


def load(path: Path) -> Clip:
    """Read a ``.poses.json``."""
    document = json.loads(path.read_text())
    size = (document["width"], document["height"])
    people = [tuple(_pose(item) for item in frame if _is_answered(item)) for frame in document["frames"]]
    share = min(1.0, _UPLOADED / max(size))
    answers = [tuple(_rounded(pose, share) for pose in poses) for poses in people]
    drawn = any("seen" in item for frame in document["frames"] for item in frame)
    return Clip(path.name.partition(".")[0], size, document["frame_rate"], people, answers, 0.15 if drawn else 0.3)


def _is_answered(item: dict[str, Any]) -> bool:
    return bool(item["confidence"] >= _ANSWERED and item.get("seen", 1.0) >= _SEEN)


def _pose(item: dict[str, Any]) -> Pose:
    points = np.array(item["keypoints"], np.float32)
    box = box_of([item[side] for side in ("x", "y", "width", "height")])
    return Pose(points[:, :2], points[:, 2], box, item["confidence"], 0, "person", COCO, item.get("id"))


def _rounded(pose: Pose, share: float) -> Pose:
    xy, box = (np.round(points * share) / share for points in (pose.xy, pose.xyxy))
    return replace(pose, xy=xy.astype(np.float32), xyxy=box.astype(np.float32))


class Numbering:
    """Gives people the numbers that a tracker gives, where the reference has none."""

    def __init__(self) -> None:
        self._known: dict[int, list[tuple[float, Pose]]] = {}
        self._next = 1

    def number(self, pts: float, poses: tuple[Pose, ...]) -> tuple[Pose, ...]:
        """The poses of a later moment, with numbers."""
        if all(pose.tracker_id is not None for pose in poses):
            return poses
        self._known = {n: seen for n, seen in self._known.items() if pts - seen[-1][0] <= _FORGOTTEN_AFTER}
        numbers = list(self._known)
        pairs = match(nearest([_expected(pts, seen) for seen in self._known.values()], poses))
        return tuple(
            self._numbered(pts, pose, numbers[pairs[place]] if place in pairs else None)
            for place, pose in enumerate(poses)
        )

    def _numbered(self, pts: float, pose: Pose, number: int | None) -> Pose:
        if number is None:
            number = self._next
            self._next += 1
        self._known[number] = [*self._known.get(number, []), (pts, pose)][-2:]
        return replace(pose, tracker_id=number)


def _expected(pts: float, seen: Sequence[tuple[float, Pose]]) -> list[Pose]:
    """Where somebody is who stands still, and who goes on as before."""
    (before, first), (last, pose) = seen[0], seen[-1]
    if before == last:
        return [pose]
    box = pose.xyxy + (pose.xyxy - first.xyxy) * (pts - last) / (last - before)
    xy = pose.xy + (pose.xy - first.xy) * (pts - last) / (last - before)
    return [pose, replace(pose, xy=xy.astype(np.float32), xyxy=box.astype(np.float32))]


def every_frame(clip: Clip, seconds: float, *, step: int = 1, first: int = 0) -> Iterator[tuple[float, Observation]]:
    """Exact poses of every frame, or of every so many-th, known at once."""
    numbering = Numbering()
    for index in range(first, round(seconds * clip.rate), step):
        pts = index / clip.rate
        people = numbering.number(pts, clip.people[clip.place(index)])
        yield pts, Observation(pts, index, clip.size, measured=people)


def late_answers(
    clip: Clip,
    seconds: float,
    *,
    first: int = 0,
    faults: Faults = Faults(),
    seed: int = 0,
) -> Iterator[tuple[float, Observation]]:
    """A live view: `RATE` answers a second, `LATENCY` late; what is drawn meanwhile is only predicted.

    Args:
        clip: The clip.
        seconds: How long it is played.
        first: The first frame that is asked about.
        faults: Of the answers.
        seed: Of the faults.

    Yields:
        When it is known, in seconds of video, and what.
    """
    numbering, dice = Numbering(), np.random.default_rng(seed)
    step, late = max(1, round(clip.rate / RATE)), math.ceil(LATENCY * clip.rate - 1e-6)
    shown: tuple[Pose, ...] = ()
    for index in range(round(seconds * clip.rate)):
        now, asked = index / clip.rate, index - late
        if asked >= first and (asked - first) % step == 0 and dice.random() >= faults.lost:
            pts = asked / clip.rate
            shown = numbering.number(pts, faults.apply(clip.answers[clip.place(asked)], dice))
            yield now, Observation(pts, asked, clip.size, measured=shown, is_all=False)
        yield now, Observation(now, index, clip.size, drawn=shown, is_answered=False)
