"""The labelled sample: what its people do is told, once each, and nothing else is."""

from __future__ import annotations

import json
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from kpstream.entities import Event, Pose
from kpstream.events import Observation, RuleEngine
from kpstream.site_file.rules import Rules
from kpstream.skeleton import COCO

SAMPLES = Path(__file__).parents[2] / "samples"
SIZE, RATE = (1280, 720), 30
SEEN, KNOWN = 0.3, 0.15
"""The share of a body that is to be seen, and the confidence that tells what lies behind others."""


@cache
def frames() -> list[tuple[Pose, ...]]:
    """The exact people of each frame."""
    document = json.loads((SAMPLES / "events.poses.json").read_text())
    return [tuple(pose(item) for item in people if item["seen"] >= SEEN) for people in document["frames"]]


def pose(item: dict[str, Any]) -> Pose:
    points = np.array(item["keypoints"], np.float32)
    middle, half = np.array([item["x"], item["y"]]), np.array([item["width"], item["height"]]) / 2
    return Pose(
        xy=points[:, :2],
        keypoint_confidence=points[:, 2],
        xyxy=np.concatenate([middle - half, middle + half]).astype(np.float32),
        confidence=1.0,
        class_id=0,
        class_name="person",
        skeleton=COCO,
        tracker_id=item["id"],
    )


def truth() -> list[dict[str, Any]]:
    return [json.loads(line) for line in (SAMPLES / "events.truth.jsonl").read_text().splitlines()]


def every_frame() -> Iterator[Observation]:
    for index, people in enumerate(frames()):
        yield Observation(index / RATE, index, SIZE, measured=people)


def five_late_answers_a_second() -> Iterator[Observation]:
    """A live view: what is drawn may open nothing, and answers come 0.4 s late."""
    for index, people in enumerate(frames()):
        answered = index - 12
        if answered >= 0 and answered % 6 == 0:
            yield Observation(answered / RATE, answered, SIZE, measured=frames()[answered], is_all=False)
        yield Observation(index / RATE, index, SIZE, drawn=people, is_answered=False)


@pytest.mark.parametrize(("moments", "late"), [(every_frame, 0.0), (five_late_answers_a_second, 0.2)])
def test_every_event_of_the_story_is_told_once_and_nothing_else(moments: Any, late: float) -> None:
    engine = RuleEngine(
        Rules.load(SAMPLES / "events.toml"), camera="events", new_id=lambda: "1", keypoint_confidence=KNOWN
    )
    told: list[Event] = [event for moment in moments() for event in engine.observe(moment)] + engine.finish()
    found = [event for event in told if event.state == "ended"]

    by_start = sorted(found, key=lambda event: (event.rule, event.began_pts))
    expected = sorted(truth(), key=lambda line: (line["rule"], line["began_pts"]))
    assert [(event.rule, list(event.tracker_ids)) for event in by_start] == [
        (line["rule"], line["tracker_ids"]) for line in expected
    ]
    for event, line in zip(by_start, expected, strict=True):
        assert event.began_pts == pytest.approx(line["began_pts"], abs=late + 0.04)
        assert event.opened_pts == pytest.approx(line["opened_pts"], abs=2 * late + 0.04)


def test_the_fall_is_told_where_the_film_lets_somebody_fall() -> None:
    """The studio lets him topple from 8.3 s on, and lie from 9.0 s on."""
    (fall,) = (line for line in truth() if line["rule"] == "somebody fell")

    assert fall["tracker_ids"] == [1]
    assert 8.3 < fall["began_pts"] < 9.0
