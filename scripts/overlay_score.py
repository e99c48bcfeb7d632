#!/usr/bin/env python3
"""How far drawn poses are from the truth about the same frames.

    python scripts/overlay_score.py OUT.jsonl samples/walkers.poses.json [--skip SECONDS] [--json]

Reads the JSON lines of ``kpstream live`` or ``kpstream annotate`` and a truth file (see ``draw_walkers.py`` for its
form). Scored is every true person *in view*: at least six keypoints that are sure (confidence above 0.3), and half of
the body to be seen where the file says how much is. In each frame drawn poses and true people are paired so that the
sum of their distances is the smallest; a pose belongs to nobody from whom it is farther, in the mean over the
keypoints, than 0.3 of the box diagonal.
"""

from __future__ import annotations

import argparse
import json
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy.optimize import linear_sum_assignment

Array = npt.NDArray[np.float64]

_SURE, _MIN_SURE, _MIN_SEEN, _REACH = 0.3, 6, 0.5, 0.3
_SIGMAS = np.array([.026, .025, .025, .035, .035, .079, .079, .072, .072, .062, .062, .107, .107, .087, .087, .089,
                    .089])  # fmt: skip
"""How widely people differ about each keypoint. Source: COCO keypoint evaluation."""


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


@dataclass(frozen=True)
class _True:
    """One person of the truth."""

    xy: Array
    sure: npt.NDArray[np.bool_]
    box: Array
    """Middle and size: x, y, width, height."""
    identity: int | None
    in_view: bool

    @property
    def diagonal(self) -> float:
        return max(float(np.hypot(*self.box[2:])), 1e-9)

    def distances(self, drawn: Array) -> Array:
        """Pixels between the sure keypoints and drawn ones; NaN where not drawn."""
        compared = self.sure if self.in_view else np.ones(len(self.sure), bool)
        return np.asarray(np.hypot(*(drawn[compared] - self.xy[compared]).T))


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


def score(lines: Iterable[Mapping[str, Any]], truth: Mapping[str, Any], *, skip: float = 1.0) -> Score:
    """Compare what was drawn with what was there.

    Args:
        lines: Parsed JSON lines; one without a ``frame_index`` that the truth knows is passed over.
        truth: The parsed truth file.
        skip: Seconds of the clip to leave out at its start: live, the first answer takes a while.

    Returns:
        The score; its numbers are NaN where no line was scored.
    """
    frames = [[_true(person) for person in people] for people in truth["frames"]]
    sums = _Sums()
    for line in lines:
        index = line.get("frame_index")
        if index is None or not skip * truth["frame_rate"] <= index < len(frames):
            continue
        _add(sums, line["poses"], frames[index])
        newest = line.get("result_frame_index")
        if newest is not None and 0 <= newest < len(frames):
            was = [person.xy for person in frames[newest]]
            pairs = _paired(was, frames[index], reach=1.0)
            people = [(frames[index][there], was[drawn]) for there, drawn in pairs.items()]
            sums.held += [_error(person, drawn) for person, drawn in people if person.in_view]
    return _total(sums)


def score_files(jsonl: Path, poses: Path, *, skip: float = 1.0) -> Score:
    """The same from files.

    Raises:
        OSError: A file cannot be read.
        ValueError: It is not JSON.
    """
    with jsonl.open(encoding="utf-8") as lines:
        truth = json.loads(poses.read_text(encoding="utf-8"))
        return score((json.loads(line) for line in lines if line.strip()), truth, skip=skip)


def _true(person: Mapping[str, Any]) -> _True:
    keypoints = np.array(person["keypoints"], float)
    sure = keypoints[:, 2] > _SURE
    in_view = int(sure.sum()) >= _MIN_SURE and float(person.get("seen", 1.0)) >= _MIN_SEEN
    box = np.array([person[name] for name in ("x", "y", "width", "height")], float)
    return _True(keypoints[:, :2], sure, box, person.get("id"), in_view)


def _add(sums: _Sums, poses: Sequence[Mapping[str, Any]], people: Sequence[_True]) -> None:
    """Count one frame."""
    drawn = [_drawn(pose) for pose in poses]
    pairs = _paired(drawn, people)
    for number, person in enumerate(people):
        if not person.in_view:
            continue
        if number not in pairs:
            sums.similarities.append(0.0)
            continue
        xy = drawn[pairs[number]]
        gone = int(np.isnan(xy[person.sure, 0]).sum())
        sums.compared, sums.dropped = sums.compared + int(person.sure.sum()), sums.dropped + gone
        sums.errors.append(_error(person, xy))
        sums.similarities.append(_similarity(person, xy))
        tracked = poses[pairs[number]].get("tracker_id")
        if person.identity is not None and tracked is not None:
            sums.switches += sums.last_id.get(person.identity, tracked) != tracked
            sums.last_id[person.identity] = tracked
    sums.found.append([number in pairs for number, person in enumerate(people) if person.in_view])
    alone = set(range(len(poses))) - set(pairs.values())
    sums.extra += sum(not any(_within(poses[number], person) for person in people) for number in alone)


def _drawn(pose: Mapping[str, Any]) -> Array:
    """The keypoints of a drawn pose, shape ``(17, 2)``; NaN where it has none."""
    xy = np.full((len(_SIGMAS), 2), np.nan)
    for keypoint in pose["keypoints"]:
        if 0 <= keypoint["class_id"] < len(xy):
            xy[keypoint["class_id"]] = keypoint["x"], keypoint["y"]
    return xy


def _paired(drawn: Sequence[Array], people: Sequence[_True], reach: float = _REACH) -> dict[int, int]:
    """Which drawn pose belongs to which person: numbers of people to numbers of poses."""
    if not drawn or not people:
        return {}
    far = 1e3
    costs = np.full((len(people), len(drawn)), far)
    for row, person in enumerate(people):
        for column, xy in enumerate(drawn):
            distances = person.distances(xy)
            if np.isfinite(distances).sum() >= 0.5 * len(distances):
                mean = float(np.nanmean(distances)) / person.diagonal
                costs[row, column] = mean if mean < reach else far
    rows, columns = linear_sum_assignment(costs)
    return {int(row): int(column) for row, column in zip(rows, columns, strict=True) if costs[row, column] < far}


def _error(person: _True, xy: Array) -> float:
    """Percent of the box diagonal."""
    return 100 * float(np.nanmean(person.distances(xy))) / person.diagonal


def _similarity(person: _True, xy: Array) -> float:
    distances = person.distances(xy)
    area = max(float(person.box[2] * person.box[3]), 1e-9)
    wide = 2 * (2 * _SIGMAS[person.sure]) ** 2 * area
    return float(np.nan_to_num(np.exp(-(distances**2) / wide), nan=0.0).mean())


def _within(pose: Mapping[str, Any], person: _True) -> bool:
    """Whether the pose's middle lies in the person's box, grown by a quarter on each side."""
    x, y, width, height = person.box
    return bool(abs(pose["x"] - x) < 0.75 * width and abs(pose["y"] - y) < 0.75 * height)


def _total(sums: _Sums) -> Score:
    with_people = [found for found in sums.found if found]
    people = len(sums.similarities)
    return Score(
        error=_mean(sums.errors),
        held=_mean(sums.held),
        oks=_mean(sums.similarities),
        missing=1 - len(sums.errors) / people if people else math.nan,
        dropped=sums.dropped / sums.compared if sums.compared else math.nan,
        extra=sums.extra / people if people else math.nan,
        switches=sums.switches,
        any_found=_mean([any(found) for found in with_people]),
        all_found=_mean([all(found) for found in with_people]),
        frames=len(sums.found),
        people=people,
    )


def _mean(values: Sequence[float]) -> float:
    return float(np.mean(values)) if values else math.nan


def main() -> None:
    """Score what the command line names."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("jsonl", type=Path, help="what kpstream wrote with --jsonl")
    parser.add_argument("poses", type=Path, help="the truth about the same clip")
    parser.add_argument("--skip", type=float, default=1.0, help="seconds left out at the clip's start (default: 1)")
    parser.add_argument("--json", action="store_true", help="one JSON object instead of one line of text")
    options = parser.parse_args()
    result = score_files(options.jsonl, options.poses, skip=options.skip)
    if not result.frames:
        raise SystemExit("overlay_score: no line of the file has a frame_index that the truth knows")
    known = {name: None if math.isnan(value) else value for name, value in asdict(result).items()}
    print(json.dumps(known) if options.json else result)


if __name__ == "__main__":
    main()
