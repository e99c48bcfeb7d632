"""Clips with reference poses, and how far drawn poses are from them. For `track_lab`, which says what it measures."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import Any

import av
import cv2
import numpy as np
import numpy.typing as npt
from scoring import SURE, Array, Person, errors, pair, people_in_view

from kpstream.entities import Image, Pose, box_of
from kpstream.skeleton import COCO

SIDE = 640
"""Pixels of the longest side of what an endpoint is sent."""
_AT_REST = 0.9  # the share of somebody's keypoints that rest
_NEAR = 0.2  # of a person's box diagonal: a pose that is nearer is right


class Film(Sequence[Image]):
    """Pictures that are made anew each time somebody goes through them, so that none has to be kept.

    Args:
        count: How many.
        make: Makes them, from the first on.
    """

    def __init__(self, count: int, make: Callable[[], Iterator[Image]]) -> None:
        self._count = count
        self._make = make

    def __len__(self) -> int:
        return self._count

    def __iter__(self) -> Iterator[Image]:
        return self._make()

    def __getitem__(self, index: Any) -> Any:
        """One picture; all before it are made as well."""
        return next(islice(self._make(), index, None))


@dataclass
class Clip:
    """A clip, and its reference poses in its pictures' pixels."""

    name: str
    images: Sequence[Image]
    rate: float
    people: list[list[dict[str, Any]]]
    scale: float = 1.0
    """How much smaller a picture is that an endpoint is sent, whose whole pixels answers are in."""

    def answer(self, index: int) -> tuple[Pose, ...]:
        """What an endpoint would say to one frame."""
        return tuple(answered(person, self.scale) for person in self.people[index] if person["confidence"] >= 0.15)


@dataclass
class Score:
    """What was drawn, against the reference."""

    error: list[float] = field(default_factory=list)
    hold: list[float] = field(default_factory=list)
    oks: list[float] = field(default_factory=list)
    extra: int = 0
    sure: int = 0
    dropped: int = 0
    solid: list[float] = field(default_factory=list)
    """Errors of the poses that are drawn as sure."""
    dashed: list[float] = field(default_factory=list)
    """Errors of those that the pictures no longer bear out."""
    changes: list[int] = field(default_factory=list)
    jitters: list[float] = field(default_factory=list)
    costs: list[float] = field(default_factory=list)

    @property
    def ratio(self) -> float:
        """The mean error over that of the newest answer held."""
        return float(np.nanmean(self.error) / np.nanmean(self.hold)) if self.hold else math.nan

    def row(self) -> list[str]:
        """The columns of the table."""
        people, solid = len(self.error), np.array(self.solid)
        near = int((solid <= _NEAR).sum()), sum(error <= _NEAR for error in self.dashed)
        shares = (
            np.isnan(self.error).mean(),
            self.dropped / max(1, self.sure),
            self.extra / max(1, people),
            (solid > _NEAR).mean() if self.solid else math.nan,
            near[0] / sum(near) if any(near) else math.nan,
        )
        jitters = [jitter for jitter in self.jitters if not math.isnan(jitter)]
        return [
            f"{100 * np.nanmean(self.error):.2f}", f"{self.ratio:.3f}", f"{np.mean(self.oks):.3f}",
            *(f"{share:.3f}" for share in shares), f"{np.mean(jitters) if jitters else math.nan:.2f}",
            f"{np.mean(self.changes):.1f}", f"{np.mean(self.costs):.2f}", f"{np.max(self.costs):.1f}",
        ]  # fmt: skip


def answered(person: dict[str, Any], scale: float = 1.0) -> Pose:
    """A person as an endpoint answers that is sent the picture at this scale: in whole pixels of what it is sent."""
    keypoints = np.array(person["keypoints"], float)
    left_out = keypoints[:, 2] < SURE
    xy, confidence = (np.round(keypoints[:, :2] * scale) / scale).astype(np.float32), keypoints[:, 2].astype(np.float32)
    xy[left_out], confidence[left_out] = np.nan, 0
    box = box_of([round(person[side] * scale) / scale for side in ("x", "y", "width", "height")])
    return Pose(xy, confidence, box, min(0.99, person["confidence"] + 0.25), 0, "person", COCO)


def open_clip(clip: Path, poses: Path, *, every: int = 1, upload: int = SIDE) -> Clip:
    """A clip in its own size, of which every Nth picture is looked at, and its reference."""
    reference = json.loads(poses.read_text())
    people = reference["frames"][::every]
    scale = min(1.0, upload / max(reference["width"], reference["height"]))
    return Clip(
        clip.stem, Film(len(people), lambda: _decoded(clip, every)), reference["frame_rate"] / every, people, scale
    )


def _decoded(clip: Path, every: int) -> Iterator[Image]:
    with av.open(str(clip)) as container:
        for frame in islice(container.decode(video=0), 0, None, every):
            yield frame.to_ndarray(format="bgr24")  # type: ignore[misc]


def load(clip: Path, poses: Path, side: int = SIDE) -> Clip:
    """Read a clip and its reference, scaled so that the longest side of its pictures is ``side``."""
    capture, images = cv2.VideoCapture(str(clip)), []
    while (read := capture.read())[0]:
        share = side / max(read[1].shape[:2])
        images.append(cv2.resize(read[1], None, fx=share, fy=share, interpolation=cv2.INTER_AREA))
    return scaled(clip.stem, images, json.loads(poses.read_text()), side)  # type: ignore[arg-type]


def scaled(name: str, images: Sequence[Image], reference: dict[str, Any], side: int = SIDE) -> Clip:
    """A clip from images whose longest side is ``side``, and a reference in source pixels."""
    share = side / max(reference["width"], reference["height"])
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


def assess(
    clip: Clip, drawn: Sequence[tuple[Pose, ...]], late: int, step: int, *, first: int = 0, score: Score | None = None
) -> Score:
    """Score what was drawn, but for the first second.

    Args:
        clip: The clip.
        drawn: The poses on each of its frames.
        late: Frames from a sample to its answer, for the newest answer that is held in comparison.
        step: Frames from one sample to the next.
        first: The first frame that is sampled.
        score: Where this is added to; None makes a new one.
    """
    score = Score() if score is None else score
    for index, poses in enumerate(drawn):
        newest = first + (index - late - first) // step * step
        if newest < first or index < clip.rate:
            continue
        everybody, people = [Person.of(entry) for entry in clip.people[index]], people_in_view(clip.people[index])
        middles = [(pose.xyxy[:2] + pose.xyxy[2:]) / 2 for pose in poses]
        score.extra += sum(not any(person.surrounds(*middle) for person in everybody) for middle in middles)
        shown = [pose.xy.astype(float) for pose in poses]
        pairs = pair(shown, people, reach=1.0)
        score.error += [off / 100 for off in errors(shown, people)]
        for row, at in pairs.items():
            (score.dashed if poses[at].stale else score.solid).append(people[row].error(shown[at]) / 100)
        score.hold += [off / 100 for off in errors([Person.of(entry).xy for entry in clip.people[newest]], people)]
        score.oks += [person.similarity(shown[pairs[i]]) if i in pairs else 0.0 for i, person in enumerate(people)]
        score.sure += sum(int(people[row].sure.sum()) for row in pairs)
        score.dropped += sum(int(np.isnan(shown[at][people[row].sure, 0]).sum()) for row, at in pairs.items())
    score.jitters.append(_jitter(clip, drawn, late, step))
    score.changes.append(_changes(clip, drawn))
    return score


def is_sure(person: dict[str, Any]) -> npt.NDArray[np.bool_]:
    return np.array([c > SURE for _, _, c in person["keypoints"]])


def size_of(person: dict[str, Any]) -> float:
    return math.hypot(person["width"], person["height"])


def _sure_people(clip: Clip) -> list[list[Array]]:
    return [[person.xy for person in people_in_view(people)] for people in clip.people]


def _paths(clip: Clip) -> Iterator[list[tuple[int, Array]]]:
    """The reference linked from frame to frame by nearness."""
    open_paths: list[list[tuple[int, Array]]] = []
    for index, poses in enumerate(_sure_people(clip)):
        left = list(poses)
        goes_on = []
        for path in open_paths:
            near = [(float(np.nanmedian(np.abs(path[-1][1] - xy))), i) for i, xy in enumerate(left)]
            if near and min(near)[0] < 12 / clip.scale:
                path.append((index, left.pop(min(near)[1])))
                goes_on.append(path)
            else:
                yield path
        open_paths = goes_on + [[(index, xy)] for xy in left]
    yield from open_paths


def _jitter(clip: Clip, drawn: Sequence[tuple[Pose, ...]], late: int, step: int) -> float:
    """How drawn keypoints swerve from answer to answer over how the answers do, where a person rests.

    Who has just stopped does not count: what is drawn comes from answers to pictures in which they still moved.
    """
    shakes: list[tuple[float, float]] = []
    for path in _paths(clip):
        for at in range(late + 2 * step, len(path), step):
            window = np.stack([xy for _, xy in path[at - late - 2 * step : at + 1]])
            quiet = window.std(0).max(1) < 0.01 * np.hypot(*(window[0].max(0) - window[0].min(0)))
            if quiet.mean() < _AT_REST:
                continue
            steps = (at - 2 * step, at - step, at)
            ours = [xy for i in steps if (xy := _nearest(drawn[path[i][0]], path[i][1], 12 / clip.scale)) is not None]
            if len(ours) < 3:
                continue
            answers = [np.round(path[i][1] * clip.scale) / clip.scale for i in steps]
            swerves = [np.hypot(*(a - 2 * b + c).T)[quiet] for a, b, c in (ours, answers)]
            shakes += [(a, b) for a, b in zip(*swerves, strict=True) if np.isfinite(a)]
    if not shakes:
        return math.nan
    mine, raw = np.array(shakes).mean(0)
    return float(mine / max(raw, 1e-9))


def _apart(poses: Sequence[Pose], truth: Array) -> list[tuple[float, int]]:
    """How far each pose is from a person, in pixels, and its number; nearest first."""
    known = [(i, np.abs(pose.xy - truth)) for i, pose in enumerate(poses) if np.isfinite(pose.xy).any()]
    return sorted((float(np.nanmean(off)), i) for i, off in known)


def _nearest(poses: Sequence[Pose], truth: Array, reach: float) -> Array | None:
    apart = _apart(poses, truth)
    return poses[apart[0][1]].xy.astype(float) if apart and apart[0][0] < reach else None


def _changes(clip: Clip, drawn: Sequence[tuple[Pose, ...]]) -> int:
    """How often a person who is there in nine of ten frames got another id."""
    changes = 0
    for path in _paths(clip):
        if len(path) < 0.9 * len(clip.people):
            continue
        last = None
        for index, truth in path:
            apart = _apart(drawn[index], truth)
            if not apart or apart[0][0] > 40 / clip.scale:
                continue
            tracker_id = drawn[index][apart[0][1]].tracker_id
            changes += last is not None and tracker_id != last
            last = tracker_id
    return changes
