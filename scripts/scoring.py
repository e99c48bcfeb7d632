"""How far drawn poses are from the truth about the same frames: what all the measuring scripts count with.

The truth is a file as ``draw_walkers.py`` describes it, drawn poses are the JSON lines of ``kpstream``. Scored is every
true person *in view*: at least six keypoints that are sure (confidence above 0.3), and half of the body to be seen
where the file says how much is. In each frame drawn poses and true people are paired so that the sum of their distances
is the smallest; a pose belongs to nobody from whom it is farther, in the mean over the keypoints, than 0.3 of the box
diagonal.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy.optimize import linear_sum_assignment

Array = npt.NDArray[np.float64]
Line = Mapping[str, Any]

SURE, _MIN_SURE, _MIN_SEEN, _REACH = 0.3, 6, 0.5, 0.3
_SIGMAS = np.array([.026, .025, .025, .035, .035, .079, .079, .072, .072, .062, .062, .107, .107, .087, .087, .089,
                    .089])  # fmt: skip
"""How widely people differ about each keypoint. Source: COCO keypoint evaluation."""


@dataclass(frozen=True)
class Person:
    """One person of the truth."""

    xy: Array
    """Keypoints in pixels, shape ``(17, 2)``."""
    sure: npt.NDArray[np.bool_]
    box: Array
    """Middle and size: x, y, width, height."""
    identity: int | None
    in_view: bool

    @classmethod
    def of(cls, entry: Mapping[str, Any]) -> Person:
        """Read an entry of the truth file."""
        keypoints = np.array(entry["keypoints"], float)
        sure = keypoints[:, 2] > SURE
        in_view = int(sure.sum()) >= _MIN_SURE and float(entry.get("seen", 1.0)) >= _MIN_SEEN
        box = np.array([entry[name] for name in ("x", "y", "width", "height")], float)
        return cls(keypoints[:, :2], sure, box, entry.get("id"), in_view)

    @property
    def diagonal(self) -> float:
        """Of the box, in pixels."""
        return max(float(np.hypot(*self.box[2:])), 1e-9)

    def distances(self, drawn: Array) -> Array:
        """Pixels between the sure keypoints and drawn ones; NaN where not drawn."""
        compared = self.sure if self.in_view else np.ones(len(self.sure), bool)
        return np.asarray(np.hypot(*(drawn[compared] - self.xy[compared]).T))

    def error(self, drawn: Array) -> float:
        """Mean distance from a drawn pose, in percent of the box diagonal."""
        return 100 * float(np.nanmean(self.distances(drawn))) / self.diagonal

    def similarity(self, drawn: Array) -> float:
        """Object keypoint similarity of a drawn pose, 0 to 1, over the box's area."""
        area = max(float(self.box[2] * self.box[3]), 1e-9)
        wide = 2 * (2 * _SIGMAS[self.sure]) ** 2 * area
        return float(np.nan_to_num(np.exp(-(self.distances(drawn) ** 2) / wide), nan=0.0).mean())

    def surrounds(self, x: float, y: float) -> bool:
        """Whether a pose with this middle lies in the box, grown by a quarter on each side."""
        left, top, width, height = self.box
        return bool(abs(x - left) < 0.75 * width and abs(y - top) < 0.75 * height)


@dataclass(frozen=True)
class Score:
    """How good drawn poses are; NaN where there was nothing to measure."""

    error: float
    """Mean distance of drawn keypoints from the true ones, in percent of the person's box diagonal."""
    held: float
    """The same for the true poses of each line's ``result_frame_index``: of perfect answers that nobody moves on."""
    oks: float
    """Mean object keypoint similarity, 0 to 1, over the box's area; somebody without a pose counts 0."""
    missing: float
    """Share of the people in view that have no pose, 0 to 1."""
    dropped: float
    """Share of the sure keypoints of people with a pose that were not drawn, 0 to 1."""
    extra: float
    """Drawn poses where nobody is, for each person in view."""
    switches: int
    """How often a person's ``tracker_id`` changed; 0 where the truth has no identities."""
    any_found: float
    """Share of the frames with people in view where at least one of them has a pose."""
    all_found: float
    """Share of the same frames where each of them has one."""
    frames: int
    """Lines that were scored."""
    people: int
    """People in view, over all scored lines."""

    def __str__(self) -> str:
        return (
            f"error {self.error:.2f} %  held {self.held:.2f} %  oks {self.oks:.3f}  missing {self.missing:.3f}  "
            f"dropped {self.dropped:.3f}  extra {self.extra:.3f}  switches {self.switches}  "
            f"any found {self.any_found:.3f}  all found {self.all_found:.3f}  "
            f"frames {self.frames}  people {self.people}"
        )


@dataclass
class _Sums:
    """What has been counted so far."""

    errors: list[float] = field(default_factory=list)
    held: list[float] = field(default_factory=list)
    similarities: list[float] = field(default_factory=list)
    found: list[list[bool]] = field(default_factory=list)
    compared: int = 0
    dropped: int = 0
    extra: int = 0
    switches: int = 0
    last_id: dict[int, int] = field(default_factory=dict)

    def add(self, poses: Sequence[Mapping[str, Any]], people: Sequence[Person]) -> None:
        """Count one frame."""
        drawn = [drawn_pose(pose) for pose in poses]
        pairs = pair(drawn, people)
        for number, person in enumerate(people):
            if not person.in_view:
                continue
            if number not in pairs:
                self.similarities.append(0.0)
                continue
            xy = drawn[pairs[number]]
            self.compared += int(person.sure.sum())
            self.dropped += int(np.isnan(xy[person.sure, 0]).sum())
            self.errors.append(person.error(xy))
            self.similarities.append(person.similarity(xy))
            tracked = poses[pairs[number]].get("tracker_id")
            if person.identity is not None and tracked is not None:
                self.switches += self.last_id.get(person.identity, tracked) != tracked
                self.last_id[person.identity] = tracked
        self.found.append([number in pairs for number, person in enumerate(people) if person.in_view])
        alone = [poses[number] for number in set(range(len(poses))) - set(pairs.values())]
        self.extra += sum(not any(person.surrounds(pose["x"], pose["y"]) for person in people) for pose in alone)

    def total(self) -> Score:
        with_people = [found for found in self.found if found]
        people = len(self.similarities)
        return Score(
            error=mean(self.errors),
            held=mean(self.held),
            oks=mean(self.similarities),
            missing=1 - len(self.errors) / people if people else math.nan,
            dropped=self.dropped / self.compared if self.compared else math.nan,
            extra=self.extra / people if people else math.nan,
            switches=self.switches,
            any_found=mean([any(found) for found in with_people]),
            all_found=mean([all(found) for found in with_people]),
            frames=len(self.found),
            people=people,
        )


def score(lines: Iterable[Line], truth: Mapping[str, Any], *, skip: float = 1.0) -> Score:
    """Compare what was drawn with what was there.

    Args:
        lines: Parsed JSON lines; one without a ``frame_index`` that the truth knows is passed over.
        truth: The parsed truth file.
        skip: Seconds of the clip to leave out at its start: live, the first answer takes a while.

    Returns:
        The score; its numbers are NaN where no line was scored.
    """
    frames = [[Person.of(entry) for entry in people] for people in truth["frames"]]
    sums = _Sums()
    for line in lines:
        index = line.get("frame_index")
        if index is None or not skip * truth["frame_rate"] <= index < len(frames):
            continue
        sums.add(line["poses"], frames[index])
        newest = line.get("result_frame_index")
        if newest is not None and 0 <= newest < len(frames):
            held = errors([person.xy for person in frames[newest]], frames[index])
            sums.held += [e for e, person in zip(held, frames[index], strict=True) if person.in_view]
    return sums.total()


def lines_of(path: Path) -> list[dict[str, Any]]:
    """The lines of JSON in a file; a last one that was cut off is left out."""
    lines = []
    for text in filter(None, path.read_text(encoding="utf-8").splitlines()):
        try:
            lines.append(json.loads(text))
        except ValueError:
            break
    return lines


def people_in_view(frame: Iterable[Mapping[str, Any]]) -> list[Person]:
    """The people of one frame of the truth who are scored."""
    return [person for person in map(Person.of, frame) if person.in_view]


def drawn_pose(pose: Mapping[str, Any]) -> Array:
    """The keypoints of a drawn pose, shape ``(17, 2)``; NaN where it has none."""
    xy = np.full((len(_SIGMAS), 2), np.nan)
    for keypoint in pose["keypoints"]:
        if 0 <= keypoint["class_id"] < len(xy):
            xy[keypoint["class_id"]] = keypoint["x"], keypoint["y"]
    return xy


def pair(drawn: Sequence[Array], people: Sequence[Person], reach: float = _REACH) -> dict[int, int]:
    """Which drawn pose belongs to which person: numbers of people to numbers of poses.

    Args:
        drawn: Keypoints, NaN where not drawn; who has less than half of those that are compared is nobody's.
        people: The truth.
        reach: How far off a pose may be, in box diagonals.
    """
    if not drawn or not people:
        return {}
    far = 1e3
    costs = np.full((len(people), len(drawn)), far)
    for row, person in enumerate(people):
        for column, xy in enumerate(drawn):
            distances = person.distances(xy)
            if np.isfinite(distances).sum() >= 0.5 * len(distances):
                share = float(np.nanmean(distances)) / person.diagonal
                costs[row, column] = share if share < reach else far
    rows, columns = linear_sum_assignment(costs)
    return {int(row): int(column) for row, column in zip(rows, columns, strict=True) if costs[row, column] < far}


def errors(drawn: Sequence[Array], people: Sequence[Person]) -> list[float]:
    """How far off each person's pose is, in percent of the box diagonal; NaN where it has none within a diagonal."""
    pairs = pair(drawn, people, reach=1.0)
    return [person.error(drawn[pairs[row]]) if row in pairs else math.nan for row, person in enumerate(people)]


def mean(values: Iterable[float]) -> float:
    """The mean of what is a number; NaN where nothing is."""
    known = [value for value in values if not math.isnan(value)]
    return float(np.mean(known)) if known else math.nan
