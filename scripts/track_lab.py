#!/usr/bin/env python3
"""How well the tracker does on clips with reference poses: no endpoint, no threads, no waiting.

    python scripts/track_lab.py CLIP.mp4 CLIP.poses.json ...      the cases below, on each clip
    python scripts/track_lab.py --ablation CLIP.mp4 CLIP.poses.json ...   with parts of the tracker taken out
    python scripts/track_lab.py --cost CLIP.mp4 CLIP.poses.json ...       five people and more on 1080p, one core
    python scripts/track_lab.py --rest CLIP.mp4 CLIP.poses.json ...       how much a person at rest is seen to shake

Answers are the reference poses as an endpoint gives them: whole pixels of a picture 640 pixels long, keypoints below
0.3 left out. Live, the answer to a frame becomes known LATENCY seconds later and frames are sampled RATE times a
second, as many requests at once as that takes; recorded, every Nth frame is answered and nothing is late.

Columns: ``ratio``: mean distance to the reference over that of the newest answer drawn as it came (live) or of the
straight way between the reference poses of the answered frames (recorded); ``oks``: object
keypoint similarity; ``missing``: people of the reference that nothing was drawn for; ``dropped``: their sure
keypoints that were not drawn; ``extra``: drawn poses where nobody is; ``jitter``: how much a drawn keypoint shakes
where the reference rests, over that of the raw answers; ``ids``: changes of `tracker_id` on people who are there in
nine of ten frames; ``ms``: milliseconds of CPU a frame in the tracker, mean and most.
"""

from __future__ import annotations

import argparse
import json
import math
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from kpstream import motion
from kpstream.entities import Frame, Image, Pose, Result, box_of
from kpstream.skeleton import COCO
from kpstream.tracker import Tracker, occlusion, track, tracker
from kpstream.tracker.matching import match

Array = npt.NDArray[np.float64]
SIGMA = np.array([26, 25, 25, 35, 35, 79, 79, 72, 72, 62, 62, 107, 107, 87, 87, 89, 89]) / 1000
SIDE = 640
SURE = 0.3
LIVE = ((0.4, 5.0), (0.4, 10.0), (0.8, 5.0))
SPARSE = (6, 15)
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
        return tuple(_answered(person) for person in self.people[index] if person["confidence"] >= 0.15)


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


def _answered(person: dict[str, Any]) -> Pose:
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


def live(clip: Clip, latency: float, rate: float, tracker: Tracker, costs: list[float]) -> Iterator[tuple[Pose, ...]]:
    """The poses on each frame while answers come late."""
    step, late = _times(clip, latency, rate)
    for index, image in enumerate(clip.images):
        started_at = time.thread_time()
        asked = index - late
        if asked >= 0 and asked % step == 0:
            tracker.update(Result(asked, asked / clip.rate, clip.answer(asked), 0, 0, 0))
        poses = tracker.predict(Frame(index, index / clip.rate, index / clip.rate, image))
        costs.append(1000 * (time.thread_time() - started_at))
        yield poses


def _times(clip: Clip, latency: float, rate: float) -> tuple[int, int]:
    """Frames from one sample to the next, and from a sample to its answer."""
    return max(1, round(clip.rate / rate)), math.ceil(latency * clip.rate)


def straight(clip: Clip, every: int) -> list[tuple[Pose, ...]]:
    """The straight way between the reference poses of every Nth frame."""
    drawn: list[tuple[Pose, ...]] = []
    for index in range(len(clip.images)):
        start = index // every * every
        end = min(start + every, (len(clip.images) - 1) // every * every)
        here, there = (_whole(clip, at) for at in (start, end))
        pairs = match([[pose] for pose in here], there)
        share = (index - start) / max(1, end - start)
        ways = [here[a].but(xy=(1 - share) * here[a].xy + share * there[b].xy) for b, a in pairs.items()]
        nearer, taken = (here, pairs.values()) if share < 0.5 else (there, pairs.keys())
        drawn.append((*ways, *(pose for i, pose in enumerate(nearer) if i not in taken)))
    return drawn


def _whole(clip: Clip, index: int) -> list[Pose]:
    """The reference itself: every keypoint, not rounded."""
    people = clip.people[index]
    places = [np.array(person["keypoints"], np.float32)[:, :2] for person in people]
    return [_answered(person).but(xy=xy) for person, xy in zip(people, places, strict=True)]


def recorded(clip: Clip, every: int, tracker: Tracker, costs: list[float]) -> Iterator[tuple[Pose, ...]]:
    """The poses on each frame where the answers on both sides are there."""
    frames = [Frame(i, i / clip.rate, i / clip.rate, image) for i, image in enumerate(clip.images)]
    for start in range(0, len(frames), every):
        started_at = time.thread_time()
        waiting = frames[max(0, start - every + 1) : start + 1]
        for frame in waiting:
            tracker.look(frame)
        tracker.update(Result(start, start / clip.rate, clip.answer(start), 0, 0, 0))
        poses = [tracker.predict(frame) for frame in waiting]
        costs += [1000 * (time.thread_time() - started_at) / len(waiting)] * len(waiting)
        yield from poses
    yield from (tracker.predict(frame) for frame in frames[(len(frames) - 1) // every * every + 1 :])


def assess(clip: Clip, drawn: Sequence[tuple[Pose, ...]], late: int, step: int, skip: float = 1.0) -> Score:
    """Score what was drawn; a held answer is as old as ``late`` and ``step`` make it."""
    score = Score()
    for index, poses in enumerate(drawn):
        newest = (index - late) // step * step
        if newest < 0 or index < skip * clip.rate:
            continue
        reference = [person for person in clip.people[index] if _sure(person).sum() >= 6]
        held = [np.array(p["keypoints"])[:, :2] for p in clip.people[newest]]
        score.extra += sum(_is_stranger(pose, clip.people[index]) for pose in poses)
        left = {i: pose.xy.astype(float) for i, pose in enumerate(poses)}
        rest = dict(enumerate(held))
        for person in reference:
            number, error, similarity = _take(left, person)
            score.error.append(error)
            score.oks.append(similarity)
            score.hold.append(_take(rest, person)[1])
            if number is None:
                continue
            sure = _sure(person)
            score.sure += int(sure.sum())
            score.dropped += int(np.isnan(poses[number].xy[sure, 0]).sum())
    score.jitter = _jitter(clip, drawn, step)
    score.changes = _changes(clip, drawn)
    return score


def _sure(person: dict[str, Any]) -> npt.NDArray[np.bool_]:
    return np.array([c > SURE for _, _, c in person["keypoints"]])


def _size(person: dict[str, Any]) -> float:
    return math.hypot(person["width"], person["height"])


def _take(drawn: dict[int, Array], person: dict[str, Any]) -> tuple[int | None, float, float]:
    """The drawn pose that fits a person best, taken out of those that are left; its error and similarity."""
    sure, keypoints = _sure(person), np.array(person["keypoints"])[:, :2]
    best, error = None, 1.0
    for number, xy in drawn.items():
        apart = np.hypot(*(xy[sure] - keypoints[sure]).T)
        if np.isfinite(apart).sum() >= 0.5 * sure.sum() and np.nanmean(apart) / _size(person) < error:
            best, error = number, float(np.nanmean(apart)) / _size(person)
    if best is None:
        return None, math.nan, 0.0
    squared = ((drawn.pop(best)[sure] - keypoints[sure]) ** 2).sum(1)
    similarity = np.exp(-squared / (2 * (2 * SIGMA[sure]) ** 2 * person["width"] * person["height"]))
    return best, error, float(np.nan_to_num(similarity).mean())


def _is_stranger(pose: Pose, people: list[dict[str, Any]]) -> bool:
    x, y = (pose.xyxy[:2] + pose.xyxy[2:]) / 2
    return not any(abs(x - p["x"]) < 0.75 * p["width"] and abs(y - p["y"]) < 0.75 * p["height"] for p in people)


def _sure_people(clip: Clip) -> list[list[Array]]:
    return [[np.array(p["keypoints"])[:, :2] for p in people if _sure(p).sum() >= 6] for people in clip.people]


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


def run_live(clip: Clip, latency: float, rate: float, *, asked: float | None = None) -> Score:
    """One live case.

    Args:
        clip: The clip.
        latency: Seconds to an answer.
        rate: Samples per second of the poses that are held in comparison.
        asked: Samples per second of the tracker; None: as many.
    """
    costs: list[float] = []
    drawn = list(live(clip, latency, asked or rate, Tracker(), costs))
    step, late = _times(clip, latency, rate)
    score = assess(clip, drawn, late, step)
    score.costs = costs
    return score


def run_recorded(clip: Clip, every: int) -> Score:
    """One recorded case."""
    costs: list[float] = []
    score = assess(clip, list(recorded(clip, every, Tracker(), costs)), 0, every)
    score.hold = assess(clip, straight(clip, every), 0, every).error
    score.costs = costs
    return score


@contextmanager
def without(**changes: Any) -> Iterator[None]:
    """Parts of `kpstream.motion` and of the tracker taken out for a while."""
    modules = (motion, occlusion, track, tracker)
    places = [(module, name) for name in changes for module in modules if hasattr(module, name)]
    before = [getattr(module, name) for module, name in places]
    for module, name in places:
        setattr(module, name, changes[name])
    try:
        yield
    finally:
        for (module, name), value in zip(places, before, strict=True):
            setattr(module, name, value)


def _stay(*pictures_and_points: Any) -> Any:
    points = pictures_and_points[-1]
    return np.zeros_like(points), np.ones(len(points), bool)


ABLATIONS: dict[str, dict[str, Any]] = {
    "all": {},
    "flow": {"follow": _stay, "_AT_REST": math.inf, "_UNLIKE": math.inf},
    "limbs": {"_ROUNDS": 0},
    "fusion": {"_NOISE": 0.0},
    "smoothing": {"_GLIDE": 0.0},
    "concurrency": {},
    "second look at what lies far off": {"_REDO": math.inf},
    "thought of who is hidden": {"_UNLIKE": math.inf},
    "limit on catching up": {"_CATCH_UP": 10_000},
}
"""What is left out, by the name of the part. Without concurrency the next sample waits for the answer to the last."""


def run_without(part: str, clip: Clip, latency: float, rate: float) -> Score:
    """One live case with a part of the tracker, or of how it is fed, left out."""
    with without(**ABLATIONS[part]):
        return run_live(clip, latency, rate, asked=min(rate, 1 / latency) if part == "concurrency" else None)


def ablation(clip: Path, poses: Path, *, latency: float, rate: float) -> dict[str, float]:
    """What each part of the tracker brings on a clip.

    Args:
        clip: The video.
        poses: Its reference poses.
        latency: Seconds to an answer.
        rate: Samples per second of video.

    Returns:
        By the name of the part that is left out, the mean error over that of the newest answer held; ``all`` for the
        tracker as it is.
    """
    cv2.setNumThreads(1)
    loaded = load(clip, poses)
    scores = {part: run_without(part, loaded, latency, rate) for part in ABLATIONS}
    return {part: float(np.nanmean(score.error) / np.nanmean(score.hold)) for part, score in scores.items()}


def crowd(clip: Clip, people: int = 5) -> Clip:
    """Copies of a clip side by side on pictures of 1920 by 1080, with so many people on average at least."""
    present = np.mean([sum(_sure(p).sum() >= 6 for p in frame) for frame in clip.people])
    copies = math.ceil(people / present)
    columns = math.ceil(math.sqrt(copies))
    rows = math.ceil(copies / columns)
    width, height = 1920 // columns, 1080 // rows
    size = (clip.images[0].shape[1], clip.images[0].shape[0])
    share = (width / size[0], height / size[1])
    small = [np.asarray(cv2.resize(image, (width, height)), np.uint8) for image in clip.images]
    images = [np.tile(image, (rows, columns, 1)) for image in small]
    corners = [(x * width, y * height) for y in range(rows) for x in range(columns)][:copies]
    frames = [[_at(person, corner, share) for corner in corners for person in frame] for frame in clip.people]
    return Clip(
        f"{clip.name}, {present * copies:.1f} people on {columns * width}x{rows * height}", images, clip.rate, frames
    )


def _at(person: dict[str, Any], corner: tuple[float, float], share: tuple[float, float]) -> dict[str, Any]:
    (left, top), (across, down) = corner, share
    return {
        "confidence": person["confidence"],
        "keypoints": [[left + x * across, top + y * down, c] for x, y, c in person["keypoints"]],
        "x": left + person["x"] * across,
        "y": top + person["y"] * down,
        "width": person["width"] * across,
        "height": person["height"] * down,
    }


def show_cost(clip: Clip, latency: float, rate: float) -> None:
    """Print what a frame costs, and by how much catching up delays one more than the frames around it."""
    costs: list[float] = []
    list(live(crowd(clip), latency, rate, Tracker(), costs))
    settled = np.array(costs[round(clip.rate) :])
    usual = np.median(settled)
    print(
        f"| {crowd(clip).name} | {latency:g} s, {rate:g}/s | {settled.mean():.1f} | {usual:.1f} |"
        f" {np.percentile(settled, 99) - usual:.1f} | {settled.max() - usual:.1f} |",
        flush=True,
    )


def show_rest(clip: Clip, latency: float, rate: float, seconds: float = 4.0) -> None:
    """Print how much keypoints shake that rest: one frame of the clip with the noise of a camera and of a model."""
    rng, middle = np.random.default_rng(1), len(clip.images) // 2
    person = max(clip.people[middle], key=_size)
    noise = 0.004 * _size(person)
    images = [
        np.clip(clip.images[middle] + rng.normal(0, 2, clip.images[middle].shape), 0, 255).astype(np.uint8)
        for _ in range(round(seconds * clip.rate))
    ]
    people = []
    for _ in images:
        shaken = [[x + rng.normal(0, noise), y + rng.normal(0, noise), c] for x, y, c in person["keypoints"]]
        people.append([person | {"keypoints": shaken}])
    still = Clip(clip.name, images, clip.rate, people)
    drawn = list(live(still, latency, rate, Tracker(), []))[-round(2 * clip.rate) :]
    step = _times(clip, latency, rate)[0]
    raw = np.stack([still.answer(i)[0].xy for i in range(0, len(images), step)])
    ours = float(np.nanmean(np.stack([poses[0].xy for poses in drawn]).std(0)))
    answers = float(np.nanmean(raw.std(0)))
    print(f"| {clip.name} | {ours:.3f} | {answers:.3f} | {ours / answers:.2f} |", flush=True)


def show(clip: str, case: str, score: Score) -> None:
    """Print a row of the table."""
    print("| " + " | ".join([clip, case, *score.row()]) + " |", flush=True)


def show_cases(clip: Clip) -> None:
    """Print the rows of all cases."""
    for latency, rate in LIVE:
        show(clip.name, f"live {latency:g} s, {rate:g}/s", run_live(clip, latency, rate))
    for every in SPARSE:
        show(clip.name, f"every {every}", run_recorded(clip, every))


def show_ablation(clip: Clip) -> None:
    """Print the rows with parts left out."""
    for part in ABLATIONS:
        show(clip.name, part if part == "all" else f"no {part}", run_without(part, clip, *LIVE[0]))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("files", nargs="+", type=Path, help="clips, each followed by its poses")
    what = parser.add_mutually_exclusive_group()
    for name in ("ablation", "cost", "rest"):
        what.add_argument(f"--{name}", dest="what", action="store_const", const=name, default="cases")
    options = parser.parse_args()
    cv2.setNumThreads(1)
    scores = "| clip | case | error % | ratio | oks | missing | dropped | extra | jitter | ids | ms | most ms |"
    heads, print_rows = {
        "cases": (scores, show_cases),
        "ablation": (scores, show_ablation),
        "cost": (
            "| clip | case | ms a frame | median | 99 % above the median | most above the median |",
            lambda clip: show_cost(clip, *LIVE[0]),
        ),
        "rest": (
            "| clip | drawn, std in px | answers, std in px | ratio |",
            lambda clip: show_rest(clip, *LIVE[0]),
        ),
    }[options.what]
    print(heads)
    print("|---" * (heads.count("|") - 1) + "|")
    for pair in zip(options.files[::2], options.files[1::2], strict=True):
        print_rows(load(*pair))


if __name__ == "__main__":
    main()
