"""What rules cost: twenty of them over ten people who walk, in processor time a frame."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import count
from pathlib import Path
from typing import Any

import numpy as np

from bench_parts.case import Case
from bench_parts.processes import say
from kpstream.entities import Pose, box_of
from kpstream.events import Observation, RuleEngine, RuleSet
from kpstream.site_file.rules import Rules
from kpstream.skeleton import COCO

PEOPLE, RULES = 10, 20
_RATE, _STEP, _LATE = 30, 6, 12
"""Frames a second; from one answer to the next; from a sample to its answer."""
_APART = 90.0
"""Pixels between the copies of somebody."""
_FILE = Path(__file__).parents[1] / "event_parts" / "people.toml"


@dataclass(frozen=True)
class RulesCost:
    """Processor time of rules, in milliseconds a frame."""

    every_frame: float
    """Where every frame is measured."""
    live: float
    """Of a live view with five answers a second."""


def measure(case: Case) -> RulesCost:
    """Measure on copies of the people of a clip."""
    say("cost of rules")
    frames, size = crowd(case.truth())
    return RulesCost(_cost(recorded(frames, size)), _cost(live(frames, size)))


def crowd(truth: dict[str, Any]) -> tuple[list[tuple[Pose, ...]], tuple[int, int]]:
    """Ten people in each frame: those of a clip, and copies beside them; and the picture's size."""
    frames = []
    for people in truth["frames"]:
        copies = ((copy, item) for copy in range(PEOPLE) for item in people)
        frames.append(tuple(_pose(item, copy) for copy, item in copies)[:PEOPLE])
    return [frame for frame in frames if len(frame) == PEOPLE], (truth["width"], truth["height"])


def _pose(item: dict[str, Any], copy: int) -> Pose:
    aside = _APART * copy
    points = np.array(item["keypoints"], np.float32)
    points[:, 0] += aside
    box = box_of([item["x"] + aside, *(item[side] for side in ("y", "width", "height"))])
    return Pose(points[:, :2], np.maximum(points[:, 2], 0.2), box, 0.9, 0, "person", COCO, 100 * item["id"] + copy)


def twenty() -> RuleSet:
    """The rules of every kind, and some of them twice."""
    rules = Rules.load(_FILE)
    again = tuple(replace(rule, name=f"{rule.name} too") for rule in rules.rules)
    return RuleSet((*rules.rules, *again)[:RULES], rules.zones, rules.lines)


def recorded(frames: list[tuple[Pose, ...]], size: tuple[int, int]) -> Iterator[list[Observation]]:
    """Every frame is measured."""
    for index, people in enumerate(frames):
        yield [Observation(index / _RATE, index, size, measured=people)]


def live(frames: list[tuple[Pose, ...]], size: tuple[int, int]) -> Iterator[list[Observation]]:
    """Every frame is drawn, and answers come late."""
    for index, people in enumerate(frames):
        asked, seen = index - _LATE, []
        if asked >= 0 and asked % _STEP == 0:
            seen.append(Observation(asked / _RATE, asked, size, measured=frames[asked], is_all=False))
        yield [*seen, Observation(index / _RATE, index, size, drawn=people, is_answered=False)]


def _cost(frames: Iterator[list[Observation]]) -> float:
    numbers = count(1)
    engine = RuleEngine(twenty(), camera="bench", new_id=lambda: str(next(numbers)), keypoint_confidence=0.15)
    costs = []
    for observations in frames:
        began_at = time.thread_time()
        for observation in observations:
            engine.observe(observation)
        _ = engine.is_undecided, engine.open_events  # what a view asks with every frame
        costs.append(time.thread_time() - began_at)
    return 1000 * float(np.mean(costs))
