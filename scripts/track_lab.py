#!/usr/bin/env python3
"""How well the tracker does on clips with reference poses: no endpoint, no threads, no waiting.

    python scripts/track_lab.py CLIP.mp4 CLIP.poses.json ...      the cases below, on each clip
    python scripts/track_lab.py --every 3 --case 0.4,5 --case 0.7,5 CLIP.mp4 CLIP.poses.json    a slow camera, two cases
    python scripts/track_lab.py --as far CLIP.mp4 CLIP.poses.json ...     the same under harder conditions
    python scripts/track_lab.py --ablation CLIP.mp4 CLIP.poses.json ...   with parts of the tracker taken out
    python scripts/track_lab.py --cost CLIP.mp4 CLIP.poses.json ...       five people and more on 1080p, one core
    python scripts/track_lab.py --rest CLIP.mp4 CLIP.poses.json ...       how much a person at rest is seen to shake

Answers are the reference poses as an endpoint gives them: whole pixels of a picture ``--upload`` pixels long, keypoints
below 0.3 left out. Live, the answer to a frame becomes known LATENCY seconds later and frames are sampled RATE times a
second, as many requests at once as that takes; each row is the mean over all frames at which sampling can begin.
Aligned, pictures wait until the answers on both sides of them are there. Recorded, every Nth frame is answered and
nothing is late.

Conditions: ``far`` and ``tiny`` (the clip on a street of 1920x1080, people 130 and 65 pixels tall), ``crowd`` (nine
people and more on 1920x1080), ``shake``, ``pan`` (the camera moves), ``dark`` (a fifth of the light, and noise),
``smear`` (long exposure), ``bands`` (of a lamp on the mains), ``exposure`` (it jumps), ``spoilt`` (black pictures in
between), ``shade`` (of leaves that move).

Columns: ``ratio``: mean distance to the reference over that of the newest answer drawn as it came (live and aligned)
or of the straight way between the reference poses of the answered frames (recorded); ``oks``: object
keypoint similarity; ``missing``: people of the reference that nothing was drawn for; ``dropped``: their sure
keypoints that were not drawn; ``extra``: drawn poses where nobody is, for each person; ``sure, off``: of the poses that
are drawn as sure, those that are off by more than a fifth of the person's diagonal; ``within, sure``: of those that are
within a fifth, those that are drawn as sure; ``jitter``: how much a drawn keypoint shakes where the reference rests,
over that of the raw answers; ``ids``: changes of `tracker_id` on people who are there in nine of ten frames; ``ms``:
milliseconds of CPU a frame in the tracker, mean and most.
"""

from __future__ import annotations

import argparse
import math
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
from track_conditions import CONDITIONS, crowd
from track_score import SIDE, Clip, Film, Score, answered, assess, open_clip, size_of

from kpstream.entities import Frame, Image, Pose, Result
from kpstream.tracking import DEFAULT, Tracker, TrackerSettings
from kpstream.tracking.matching import match, nearest

LIVE = ((0.4, 5.0), (0.4, 10.0), (0.8, 5.0))
SPARSE = (6, 15)


def live(
    clip: Clip, latency: float, rate: float, tracker: Tracker, costs: list[float], *, first: int = 0
) -> Iterator[tuple[Pose, ...]]:
    """The poses on each frame while answers come late; ``first`` is the number of the first frame that is sampled."""
    step, late = _times(clip, latency, rate)
    for index, image in enumerate(clip.images):
        started_at = time.thread_time()
        asked = index - late
        if asked >= first and (asked - first) % step == 0:
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
    for index in range(len(clip.people)):
        start = index // every * every
        end = min(start + every, (len(clip.people) - 1) // every * every)
        here, there = (_whole(clip, at) for at in (start, end))
        pairs = match(nearest([[pose] for pose in here], there))
        share = (index - start) / max(1, end - start)
        ways = [replace(here[a], xy=(1 - share) * here[a].xy + share * there[b].xy) for b, a in pairs.items()]
        nearer, taken = (here, pairs.values()) if share < 0.5 else (there, pairs.keys())
        drawn.append((*ways, *(pose for i, pose in enumerate(nearer) if i not in taken)))
    return drawn


def _whole(clip: Clip, index: int) -> list[Pose]:
    """The reference itself: every keypoint, not rounded."""
    people = clip.people[index]
    places = [np.array(person["keypoints"], np.float32)[:, :2] for person in people]
    return [replace(answered(person), xy=xy) for person, xy in zip(people, places, strict=True)]


def recorded(clip: Clip, every: int, tracker: Tracker, costs: list[float]) -> Iterator[tuple[Pose, ...]]:
    """The poses on each frame where the answers on both sides are there."""
    waiting: list[Frame] = []
    for index, image in enumerate(clip.images):
        waiting.append(Frame(index, index / clip.rate, index / clip.rate, image))
        if index % every:
            continue
        started_at = time.thread_time()
        for frame in waiting:
            tracker.observe(frame)
        tracker.update(Result(index, index / clip.rate, clip.answer(index), 0, 0, 0))
        poses = [tracker.predict(frame) for frame in waiting]
        costs += [1000 * (time.thread_time() - started_at) / len(waiting)] * len(waiting)
        yield from poses
        waiting = []
    yield from map(tracker.predict, waiting)


def run_live(
    clip: Clip, latency: float, rate: float, *, settings: TrackerSettings = DEFAULT, asked: float | None = None
) -> Score:
    """One live case: a run for each frame at which sampling can begin, which decides how people come out of a crossing.

    Args:
        clip: The clip.
        latency: Seconds to an answer.
        rate: Samples per second of the poses that are held in comparison.
        settings: The tracker's.
        asked: Samples per second of the tracker; None: as many.
    """
    step, late = _times(clip, latency, rate)
    score = Score()
    for first in range(step):
        drawn = list(live(clip, latency, asked or rate, Tracker(settings), score.costs, first=first))
        assess(clip, drawn, late, step, first=first, score=score)
    return score


def run_aligned(clip: Clip, latency: float, rate: float) -> Score:
    """One case in which pictures wait for their answers, against the newest answer on those that do not."""
    step, late = _times(clip, latency, rate)
    score = Score()
    return assess(clip, list(recorded(clip, step, Tracker(), score.costs)), late, step, score=score)


def run_recorded(clip: Clip, every: int) -> Score:
    """One recorded case."""
    score = Score()
    assess(clip, list(recorded(clip, every, Tracker(), score.costs)), 0, every, score=score)
    score.hold = assess(clip, straight(clip, every), 0, every).error
    return score


ABLATIONS: dict[str, TrackerSettings] = {
    "all": DEFAULT,
    "flow": replace(DEFAULT, flow_returns_within=-1.0, moves_beyond=math.inf, edge_differs=math.inf),
    "limbs": replace(DEFAULT, rounds=0),
    "fusion": replace(DEFAULT, answer_noise=0.0),
    "smoothing": replace(DEFAULT, glide=0.0),
    "concurrency": DEFAULT,
    "second look at what lies far off": replace(DEFAULT, retrack_beyond=math.inf),
    "thought of who is hidden": replace(DEFAULT, edge_differs=math.inf),
    "limit on catching up": replace(DEFAULT, max_fast_forward=10_000),
}
"""What is left out, by the name of the part. Without concurrency the next sample waits for the answer to the last."""


def run_without(part: str, clip: Clip, latency: float, rate: float) -> Score:
    """One live case with a part of the tracker, or of how it is fed, left out."""
    asked = min(rate, 1 / latency) if part == "concurrency" else None
    return run_live(clip, latency, rate, settings=ABLATIONS[part], asked=asked)


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
    opened = open_clip(clip, poses)
    return {part: run_without(part, opened, latency, rate).ratio for part in ABLATIONS}


def show_cost(clip: Clip, latency: float, rate: float) -> None:
    """Print what a frame costs, and by how much catching up delays one more than the frames around it."""
    costs: list[float] = []
    together = crowd(clip, people=5)
    for _ in live(together, latency, rate, Tracker(), costs):
        pass
    settled = np.array(costs[round(clip.rate) :])
    usual = np.median(settled)
    print(
        f"| {together.name} | {latency:g} s, {rate:g}/s | {settled.mean():.1f} | {usual:.1f} |"
        f" {np.percentile(settled, 99) - usual:.1f} | {settled.max() - usual:.1f} |",
        flush=True,
    )


def show_rest(clip: Clip, latency: float, rate: float, seconds: float = 4.0) -> None:
    """Print how much keypoints shake that rest: one frame of the clip with the noise of a camera and of a model."""
    rng, middle, count = np.random.default_rng(1), len(clip.people) // 2, round(seconds * clip.rate)
    image, person = clip.images[middle], max(clip.people[middle], key=size_of)
    noise = 0.004 * size_of(person)

    def grainy() -> Iterator[Image]:
        grain = np.random.default_rng(2)
        for _ in range(count):
            yield np.clip(image + grain.normal(0, 2, image.shape), 0, 255).astype(np.uint8)

    people = []
    for _ in range(count):
        shaken = [[x + rng.normal(0, noise), y + rng.normal(0, noise), c] for x, y, c in person["keypoints"]]
        people.append([person | {"keypoints": shaken}])
    still = Clip(clip.name, Film(count, grainy), clip.rate, people, clip.scale)
    drawn = list(live(still, latency, rate, Tracker(), []))[-round(2 * clip.rate) :]
    step = _times(clip, latency, rate)[0]
    raw = np.stack([still.answer(i)[0].xy for i in range(0, count, step)])
    ours = float(np.nanmean(np.stack([poses[0].xy for poses in drawn]).std(0)))
    answers = float(np.nanmean(raw.std(0)))
    print(f"| {clip.name} | {ours:.3f} | {answers:.3f} | {ours / answers:.2f} |", flush=True)


def show(clip: str, case: str, score: Score) -> None:
    """Print a row of the table."""
    print("| " + " | ".join([clip, case, *score.row()]) + " |", flush=True)


def show_cases(clip: Clip, cases: Sequence[tuple[float, float]]) -> None:
    """Print the rows of live cases, or of all cases where none is named."""
    for latency, rate in cases or LIVE:
        show(clip.name, f"live {latency:g} s, {rate:g}/s", run_live(clip, latency, rate))
    if cases:
        return
    latency, rate = LIVE[0]
    show(clip.name, f"aligned, {rate:g}/s", run_aligned(clip, latency, rate))
    for every in SPARSE:
        show(clip.name, f"every {every}", run_recorded(clip, every))


def show_ablation(clip: Clip) -> None:
    """Print the rows with parts left out."""
    for part in ABLATIONS:
        show(clip.name, part if part == "all" else f"no {part}", run_without(part, clip, *LIVE[0]))


def _case(text: str) -> tuple[float, float]:
    latency, rate = map(float, text.split(","))
    return latency, rate


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("files", nargs="+", type=Path, help="clips, each followed by its poses")
    parser.add_argument(
        "--every", type=int, default=1, metavar="N", help="only every Nth picture, as a slow camera gives"
    )
    parser.add_argument("--upload", type=int, default=SIDE, metavar="PX", help=f"longest side sent (default: {SIDE})")
    parser.add_argument("--as", dest="condition", choices=CONDITIONS, help="the condition that clips are put under")
    parser.add_argument(
        "--case", dest="cases", action="append", type=_case, default=[], metavar="LATENCY,RATE",
        help="a live case, in the place of all that there are",
    )  # fmt: skip
    what = parser.add_mutually_exclusive_group()
    for name in ("ablation", "cost", "rest"):
        what.add_argument(f"--{name}", dest="what", action="store_const", const=name, default="cases")
    options = parser.parse_args()
    cv2.setNumThreads(1)
    scores = (
        "| clip | case | error % | ratio | oks | missing | dropped | extra | sure, off | within, sure | jitter | ids |"
        " ms | most ms |"
    )
    tables: dict[str, tuple[str, Callable[[Clip], None]]] = {
        "cases": (scores, lambda clip: show_cases(clip, options.cases)),
        "ablation": (scores, show_ablation),
        "cost": (
            "| clip | case | ms a frame | median | 99 % above the median | most above the median |",
            lambda clip: show_cost(clip, *LIVE[0]),
        ),
        "rest": (
            "| clip | drawn, std in px | answers, std in px | ratio |",
            lambda clip: show_rest(clip, *LIVE[0]),
        ),
    }
    heads, print_rows = tables[options.what]
    print(heads)
    print("|---" * (heads.count("|") - 1) + "|")
    for clip, poses in zip(options.files[::2], options.files[1::2], strict=True):
        opened = open_clip(clip, poses, every=options.every, upload=options.upload)
        print_rows(CONDITIONS[options.condition](opened, options.upload) if options.condition else opened)


if __name__ == "__main__":
    main()
