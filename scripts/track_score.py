"""Clips with reference poses, and how far drawn poses are from them. For `track_lab`, which says what it measures."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt
from scoring import SURE, Array, Person, errors, pair, people_in_view

from kpstream.entities import Image, Pose, box_of
from kpstream.skeleton import COCO

SIDE = 640
_AT_REST = 0.9  # the share of somebody's keypoints that rest


@dataclass
class Clip:
    """A clip, shrunk to `SIDE`, and its reference poses in the shrunk pictures' pixels."""

    name: str
    images: Sequence[Image]
    rate: float
    people: list[list[dict[str, Any]]]

    def answer(self, index: int) -> tuple[Pose, ...]:
        """What an endpoint would say to one frame."""
        return tuple(answered(person) for person in self.people[index] if person["confidence"] >= 0.15)


@dataclass
class Score:
    """What was drawn, against the reference."""

    error: list[float] = field(default_factory=list)
    hold: list[float] = field(default_factory=list)
    oks: list[float] = field(default_factory=list)
    extra: int = 0
    sure: int = 0
    dropped: int = 0
    changes: int = 0
    jitter: float = math.nan
    costs: list[float] = field(default_factory=list)

    def row(self) -> list[str]:
        """The columns of the table."""
        error, hold = np.nanmean(self.error), np.nanmean(self.hold) if self.hold else math.nan
        people = len(self.error)
        shares = (np.isnan(self.error).mean(), self.dropped / max(1, self.sure), self.extra / max(1, people))
        return [
            f"{100 * error:.2f}", f"{error / hold:.3f}", f"{np.mean(self.oks):.3f}", *(f"{s:.3f}" for s in shares),
            f"{self.jitter:.2f}", str(self.changes), f"{np.mean(self.costs):.2f}", f"{np.max(self.costs):.1f}",
        ]  # fmt: skip


def answered(person: dict[str, Any]) -> Pose:
    keypoints = np.array(person["keypoints"], float)
    left_out = keypoints[:, 2] < SURE
    xy, confidence = np.round(keypoints[:, :2]).astype(np.float32), keypoints[:, 2].astype(np.float32)
    xy[left_out], confidence[left_out] = np.nan, 0
    box = box_of([round(person[side]) for side in ("x", "y", "width", "height")])
    return Pose(xy, confidence, box, min(0.99, person["confidence"] + 0.25), 0, "person", COCO)


def load(clip: Path, poses: Path) -> Clip:
    """Read a clip and its reference."""
    capture, images = cv2.VideoCapture(str(clip)), []
    while (read := capture.read())[0]:
        share = SIDE / max(read[1].shape[:2])
        images.append(cv2.resize(read[1], None, fx=share, fy=share, interpolation=cv2.INTER_AREA))
    return scaled(clip.stem, images, json.loads(poses.read_text()))  # type: ignore[arg-type]


def scaled(name: str, images: Sequence[Image], reference: dict[str, Any]) -> Clip:
    """A clip from shrunk images and a reference in source pixels."""
    share = SIDE / max(reference["width"], reference["height"])
    people = [
        [
            {
                "confidence": person["confidence"],
                "keypoints": [[x * share, y * share, c] for x, y, c in person["keypoints"]],
                **{side: person[side] * share for side in ("x", "y", "width", "height")},
            }
            for person in frame
        ]
        for frame in reference["frames"]
    ]
    return Clip(name, images, reference["frame_rate"], people)


def assess(clip: Clip, drawn: Sequence[tuple[Pose, ...]], late: int, step: int, skip: float = 1.0) -> Score:
    """Score what was drawn; a held answer is as old as ``late`` and ``step`` make it."""
    score = Score()
    for index, poses in enumerate(drawn):
        newest = (index - late) // step * step
        if newest < 0 or index < skip * clip.rate:
            continue
        everybody, people = [Person.of(entry) for entry in clip.people[index]], people_in_view(clip.people[index])
        middles = [(pose.xyxy[:2] + pose.xyxy[2:]) / 2 for pose in poses]
        score.extra += sum(not any(person.surrounds(*middle) for person in everybody) for middle in middles)
        shown = [pose.xy.astype(float) for pose in poses]
        pairs = pair(shown, people, reach=1.0)
        score.error += [off / 100 for off in errors(shown, people)]
        score.hold += [off / 100 for off in errors([Person.of(entry).xy for entry in clip.people[newest]], people)]
        score.oks += [person.similarity(shown[pairs[i]]) if i in pairs else 0.0 for i, person in enumerate(people)]
        score.sure += sum(int(people[row].sure.sum()) for row in pairs)
        score.dropped += sum(int(np.isnan(shown[at][people[row].sure, 0]).sum()) for row, at in pairs.items())
    score.jitter = _jitter(clip, drawn, step)
    score.changes = _changes(clip, drawn)
    return score


def is_sure(person: dict[str, Any]) -> npt.NDArray[np.bool_]:
    return np.array([c > SURE for _, _, c in person["keypoints"]])


def size_of(person: dict[str, Any]) -> float:
    return math.hypot(person["width"], person["height"])


def _sure_people(clip: Clip) -> list[list[Array]]:
    return [[person.xy for person in people_in_view(people)] for people in clip.people]


def _paths(frames: Sequence[list[Array]]) -> Iterator[list[tuple[int, Array]]]:
    """Poses linked from frame to frame by nearness."""
    open_paths: list[list[tuple[int, Array]]] = []
    for index, poses in enumerate(frames):
        left = list(poses)
        goes_on = []
        for path in open_paths:
            near = [(float(np.nanmedian(np.abs(path[-1][1] - xy))), i) for i, xy in enumerate(left)]
            if near and min(near)[0] < 12:
                path.append((index, left.pop(min(near)[1])))
                goes_on.append(path)
            else:
                yield path
        open_paths = goes_on + [[(index, xy)] for xy in left]
    yield from open_paths


def _jitter(clip: Clip, drawn: Sequence[tuple[Pose, ...]], step: int) -> float:
    """How drawn keypoints swerve from answer to answer over how the answers do, where a person rests."""
    shakes: list[tuple[float, float]] = []
    for path in _paths(_sure_people(clip)):
        for at in range(2 * step, len(path), step):
            window = np.stack([xy for _, xy in path[at - 2 * step : at + 1]])
            quiet = window.std(0).max(1) < 0.01 * np.hypot(*(window[0].max(0) - window[0].min(0)))
            if quiet.mean() < _AT_REST:
                continue
            steps = (at - 2 * step, at - step, at)
            ours = [xy for i in steps if (xy := _nearest(drawn[path[i][0]], path[i][1])) is not None]
            if len(ours) < 3:
                continue
            swerves = [np.hypot(*(a - 2 * b + c).T)[quiet] for a, b, c in (ours, [np.round(path[i][1]) for i in steps])]
            shakes += [(a, b) for a, b in zip(*swerves, strict=True) if np.isfinite(a)]
    if not shakes:
        return math.nan
    mine, raw = np.array(shakes).mean(0)
    return float(mine / max(raw, 1e-9))


def _apart(poses: Sequence[Pose], truth: Array) -> list[tuple[float, int]]:
    """How far each pose is from a person, in pixels, and its number; nearest first."""
    known = [(i, np.abs(pose.xy - truth)) for i, pose in enumerate(poses) if np.isfinite(pose.xy).any()]
    return sorted((float(np.nanmean(off)), i) for i, off in known)


def _nearest(poses: Sequence[Pose], truth: Array) -> Array | None:
    apart = _apart(poses, truth)
    return poses[apart[0][1]].xy.astype(float) if apart and apart[0][0] < 12 else None


def _changes(clip: Clip, drawn: Sequence[tuple[Pose, ...]]) -> int:
    """How often a person who is there in nine of ten frames got another id."""
    frames = _sure_people(clip)
    changes = 0
    for path in _paths(frames):
        if len(path) < 0.9 * len(frames):
            continue
        last = None
        for index, truth in path:
            apart = _apart(drawn[index], truth)
            if not apart or apart[0][0] > 40:
                continue
            tracker_id = drawn[index][apart[0][1]].tracker_id
            changes += last is not None and tracker_id != last
            last = tracker_id
    return changes
