#!/usr/bin/env python3
"""How the tracker takes answers that make one person of some who meet: no endpoint, no threads, no waiting.

    python scripts/draw_walkers.py crossing|three|beside|waiting|four --folder FOLDER
    python scripts/track_merged.py FOLDER/three.mp4 FOLDER/three.poses.json [--every N] [--latency S] [--answers WAY]

The clip's truth says who is who, also behind others. While somebody behind is mostly hidden an answer has one pose for
both (``both``), or for all who overlap (``all``), with the limbs of either, or nothing of them (``front``): a third of
a second and more at each meeting. Answers come five a second, in whole pixels of pictures of 640 pixels, or ``--side``,
which the tracker is given as well: what it finds in larger ones is not measured unless that is asked for. Rows: the
tracker; the same where such an answer counts as whoever is nearest; the newest answer held. Columns, over those whose
boxes overlap somebody else's:

  kept       share of the moments at which somebody is drawn, also the one behind
  off        mean distance from the truth, in percent of the person's box diagonal; at its most
  jump       the most by which somebody moves from one frame to the next beyond what they truly do, likewise
  switches   how often the pose that is drawn nearest to somebody has another number than before, each sampling phase
             counted; and how often an answer to somebody alone is given another one than before
"""

from __future__ import annotations

import argparse
import json
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from scipy.optimize import linear_sum_assignment
from scoring import Array
from track_score import SIDE, Clip, answered, load

from kpstream.entities import Frame, Pose, Result
from kpstream.tracking import DEFAULT, Tracker, TrackerSettings

LATENCY, RATE = 0.4, 5.0
MERGED = {"both": 1, "all": 9, "front": 0}
"""How many others an answer makes one with somebody."""
_ALIKE, _HIDDEN, _NEAR, _ANSWERED = 0.2, 0.95, 0.15, 0.5
"""Boxes that overlap so much are answered as one, if so little of one is seen; so much counts as overlapping; and who
is alone is answered if so much is seen."""
_LIMBS = ((5, 7, 9), (6, 8, 10), (11, 13, 15), (12, 14, 16))
_TAKEN = 0.35
"""How likely a limb of the one behind is taken for that of the one in front."""
_MIXED_FOR = 4
"""Frames for which a mixture stays the same."""
_FAR = 0.5
"""Box diagonals from which on a pose is nobody's."""

Entry = dict[str, Any]


@dataclass
class Crossing:
    """How people were drawn while they overlapped."""

    kept: list[bool] = field(default_factory=list)
    off: list[float] = field(default_factory=list)
    """Box diagonals."""
    jumps: list[float] = field(default_factory=lambda: [0.0])
    switches: int = 0
    exchanges: int = 0
    """How often an answer was given another number than the one before to the same person."""

    def row(self) -> list[str]:
        """The columns of the table."""
        off = np.array(self.off)
        return [
            f"{100 * np.mean(self.kept):.1f} %", f"{100 * off.mean():.1f}, {100 * off.max():.1f}",
            f"{100 * max(self.jumps):.1f}", f"{self.switches}, {self.exchanges}",
        ]  # fmt: skip


def overlap(one: Entry, other: Entry) -> float:
    """Intersection over union of two people's boxes."""
    width, height = (
        min(a[at] + a[size] / 2 for a in (one, other)) - max(a[at] - a[size] / 2 for a in (one, other))
        for at, size in (("x", "width"), ("y", "height"))
    )
    shared = max(0.0, width) * max(0.0, height)
    return float(shared / (one["width"] * one["height"] + other["width"] * other["height"] - shared))


def merged(people: Sequence[Entry], frame: int, most: int = 1) -> list[Entry]:
    """What a model says to a frame that makes one person of somebody and of so many others who overlap them."""
    left, answer = sorted(people, key=lambda one: -one["seen"]), []
    while left:
        one = left.pop(0)
        others = [b for b in left if overlap(one, b) > _ALIKE and b["seen"] < _HIDDEN][:most]
        if others:
            left = [b for b in left if b not in others]
            answer.append(_mixture(one, others, frame))
        elif one["seen"] > _ANSWERED:
            answer.append(one)
    return answer


def _mixture(front: Entry, behind: Sequence[Entry], frame: int) -> Entry:
    dice = np.random.default_rng((front["id"], *(back["id"] for back in behind), frame // _MIXED_FOR))
    points = np.array(front["keypoints"])
    for limb in _LIMBS:
        if dice.random() < _TAKEN:
            points[list(limb)] = np.array(behind[int(dice.integers(len(behind)))]["keypoints"])[list(limb)]
    points[:, 2] = np.where(points[:, 2] > 0, 0.9, 0)
    low, high = points[:, :2].min(axis=0), points[:, :2].max(axis=0)
    (x, y), (width, height) = (low + high) / 2, 1.1 * (high - low)
    box = {"x": x, "y": y, "width": width, "height": height}
    return {**front, **box, "id": None, "keypoints": points.tolist()}


@dataclass(frozen=True)
class Answers:
    """How answers come."""

    latency: float = LATENCY
    """Seconds."""
    most: int = MERGED["both"]
    """How many others they make one with somebody."""

    def late(self, clip: Clip, first: int) -> Iterator[tuple[int, list[Entry] | None]]:
        """For each frame the frame whose answer is due with it, and that answer; None where none is due.

        Args:
            clip: The clip.
            first: The first frame that is asked about.
        """
        step, late = max(1, round(clip.rate / RATE)), math.ceil(self.latency * clip.rate - 1e-6)
        for index in range(len(clip.images)):
            asked = index - late
            is_answered = asked >= first and (asked - first) % step == 0
            yield asked, merged(clip.people[asked], asked, self.most) if is_answered else None


AS_PAIRS = Answers()


def follow(
    clip: Clip, settings: TrackerSettings, first: int, found: Crossing, answers: Answers = AS_PAIRS
) -> Iterator[tuple[Pose, ...]]:
    """The poses that the tracker draws on each frame."""
    tracker, numbers = Tracker(settings), dict[int, int | None]()
    for index, (asked, answer) in enumerate(answers.late(clip, first)):
        if answer is not None:
            for entry, pose in zip(answer, tracker.update(_result(clip, asked, answer)), strict=True):
                if entry["id"] is not None:
                    found.exchanges += numbers.get(entry["id"], pose.tracker_id) != pose.tracker_id
                    numbers[entry["id"]] = pose.tracker_id
        yield tracker.predict(Frame(index, index / clip.rate, index / clip.rate, clip.images[index]))


def hold(clip: Clip, first: int, answers: Answers = AS_PAIRS) -> Iterator[tuple[Pose, ...]]:
    """The newest answer as it came, with numbers by nearness."""
    tracker, newest = Tracker(), tuple[Pose, ...]()
    for asked, answer in answers.late(clip, first):
        newest = newest if answer is None else tracker.update(_result(clip, asked, answer))
        yield newest


def _result(clip: Clip, asked: int, answer: Sequence[Entry]) -> Result:
    return Result(asked, asked / clip.rate, tuple(answered(entry) for entry in answer), 0, 0, 0)


def assess(clip: Clip, drawn: Sequence[tuple[Pose, ...]], found: Crossing) -> None:
    """Compare what was drawn with the truth, after the first second."""
    numbers: dict[int, int | None] = {}
    before: dict[int, tuple[int, Array]] = {}
    for index in range(round(clip.rate), len(drawn)):
        people, poses = clip.people[index], drawn[index]
        owners = _owners(people, poses)
        for entry in people:
            pose, who = owners.get(entry["id"]), entry["id"]
            if not any(overlap(entry, other) > _NEAR for other in people if other is not entry):
                continue
            found.kept.append(pose is not None)
            if pose is None:
                continue
            error, size = pose.xy - _points(entry)[:, :2], math.hypot(entry["width"], entry["height"])
            found.off.append(float(np.nanmean(np.hypot(*error.T))) / size)
            if who in before and before[who][0] == index - 1:
                found.jumps.append(float(np.hypot(*np.nanmean(error - before[who][1], axis=0))) / size)
            before[who] = (index, error)
            found.switches += numbers.get(who, pose.tracker_id) != pose.tracker_id
            numbers[who] = pose.tracker_id


def _owners(people: Sequence[Entry], poses: Sequence[Pose]) -> dict[int, Pose]:
    """Whose each pose is, by identity."""
    if not people or not poses:
        return {}
    apart = np.array([[_apart(entry, pose) for pose in poses] for entry in people])
    rows, columns = linear_sum_assignment(np.minimum(apart, _FAR))
    return {
        people[row]["id"]: poses[column]
        for row, column in zip(rows.tolist(), columns.tolist(), strict=True)
        if apart[row, column] < _FAR
    }


def _apart(entry: Entry, pose: Pose) -> float:
    away = np.hypot(*(pose.xy - _points(entry)[:, :2]).T)
    known = ~np.isnan(away)
    return float(away[known].mean()) / math.hypot(entry["width"], entry["height"]) if known.sum() >= 4 else math.inf


def _points(entry: Entry) -> Array:
    return np.array(entry["keypoints"], float)


def measure(clip: Clip, settings: TrackerSettings | None, answers: Answers = AS_PAIRS) -> Crossing:
    """All phases of the sampling together; without settings the newest answer is held."""
    found = Crossing()
    for first in range(max(1, round(clip.rate / RATE))):
        drawn = hold(clip, first, answers) if settings is None else follow(clip, settings, first, found, answers)
        assess(clip, list(drawn), found)
    return found


def load_truth(clip: Path, poses: Path, every: int = 1, side: int = SIDE) -> Clip:
    """A clip with the truth about everybody, also those behind others; every Nth picture, its longest side ``side``."""
    loaded, truth = load(clip, poses, side), json.loads(poses.read_text())["frames"]
    people = [
        [{**entry, "id": true["id"], "seen": true["seen"]} for entry, true in zip(frame, known, strict=True)]
        for frame, known in zip(loaded.people, truth, strict=True)
    ]
    return Clip(loaded.name, loaded.images[::every], loaded.rate / every, people[::every])


WAYS: dict[str, TrackerSettings | None] = {
    "tracked": DEFAULT,
    "a merged answer counts as the nearest": replace(DEFAULT, min_astray=1000),
    "the newest answer held": None,
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("clip", type=Path)
    parser.add_argument("poses", type=Path)
    parser.add_argument("--every", type=int, default=1, help="only every Nth picture, as a slow camera gives them")
    parser.add_argument("--latency", type=float, default=LATENCY, help="seconds to an answer")
    parser.add_argument("--answers", choices=MERGED, default="both", help="what they make of people who overlap")
    parser.add_argument("--side", type=int, default=SIDE, metavar="PX", help=f"of the pictures (default: {SIDE})")
    options = parser.parse_args()
    answers = Answers(options.latency, MERGED[options.answers])
    cv2.setNumThreads(1)
    clip = load_truth(options.clip, options.poses, options.every, options.side)
    print("| | kept | off %, mean, most | jump % | switches |\n|---|---|---|---|---|")
    for name, settings in WAYS.items():
        print("| " + " | ".join([name, *measure(clip, settings, answers).row()]) + " |", flush=True)


if __name__ == "__main__":
    main()
