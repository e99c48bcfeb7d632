"""Answers that are wrong about who is who."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import pytest

from kpstream.entities import Pose, Result
from kpstream.skeleton import Skeleton
from kpstream.tracking import Tracker
from tests.tracking.test_tracker import frame, picture

BODY = Skeleton(("head", "hip", "left", "right", "knee", "foot"), ((0, 1), (0, 2), (0, 3), (1, 4), (4, 5)))
SHAPE = np.array([[20, 0], [22, 20], [0, 10], [45, 8], [25, 32], [24, 48]], np.float32)
ONE, OTHER = np.array([100, 90], np.float32), np.array([135, 104], np.float32)


def body(xy: np.ndarray) -> Pose:
    box = np.concatenate([xy.min(0) - 3, xy.max(0) + 3]).astype(np.float32)
    return Pose(xy.astype(np.float32), np.full(6, 0.9, np.float32), box, 0.8, 0, "person", BODY)


def test_answer_made_of_two_people_moves_neither_and_loses_none() -> None:
    tracker, image = Tracker(), picture((110, 90), (160, 130))
    mixed = np.where(np.array([[1], [1], [0], [1], [0], [0]], bool), SHAPE + ONE, SHAPE + OTHER)
    off = []
    for index in range(80):
        asked = index - 12
        if asked >= 0 and asked % 6 == 0:
            poses = [body(mixed)] if asked in (36, 42) else [body(SHAPE + ONE), body(SHAPE + OTHER)]
            answered = tracker.update(Result(asked, asked / 30, tuple(poses), 0, 0, 0))
            assert all((a.xy == b.xy).all() for a, b in zip(answered, poses, strict=True))
        drawn = {pose.tracker_id: pose.xy for pose in tracker.predict(frame(index, image))}
        if index >= 12:
            assert drawn.keys() == {1, 2}
            off += [float(np.nanmax(np.abs(drawn[1 + i] - SHAPE - at))) for i, at in enumerate((ONE, OTHER))]
    assert max(off) < 3


@pytest.mark.parametrize("first", [0, 2, 4])
def test_who_passes_behind_two_who_stand_keeps_the_number_and_so_do_they(first: int) -> None:
    tracker, image, numbers, off = Tracker(), picture(), list[tuple[int | None, ...]](), list[float]()
    places = [np.array([100, 90], np.float32), np.array([148, 92], np.float32)]

    def passer(index: int) -> np.ndarray:
        return np.array([2.2 * index + 2, 84], np.float32)

    for index in range(112):  # flat pictures: nothing is to be seen but what the answers say
        asked = index - 12
        if asked >= first and (asked - first) % 6 == 0:
            is_hidden = any(abs(passer(asked)[0] - place[0]) < 16 for place in places)
            found = [*places, *([] if is_hidden else [passer(asked)])]
            poses = tuple(body(SHAPE + at) for at in found)
            numbers.append(tuple(p.tracker_id for p in tracker.update(Result(asked, asked / 30, poses, 0, 0, 0))))
        drawn = {pose.tracker_id: pose.xy for pose in tracker.predict(frame(index, image))}
        if 30 <= index < 100:
            assert drawn.keys() == {1, 2, 3}
            off += [float(np.nanmax(np.abs(drawn[1 + i] - SHAPE - at))) for i, at in enumerate(places)]
    assert set(numbers) == {(1, 2), (1, 2, 3)}
    assert max(off) < 3


def numbers_of_two_who_meet(
    places: Sequence[tuple[float, float]], merged: Mapping[int, float], swing: float = 0.0
) -> list[tuple[int | None, ...]]:
    """The numbers in each answer about two people; every picture is answered.

    Args:
        places: Where the one and the other are on each picture, from the left.
        merged: Where the only pose is on a picture on which they are answered as one.
        swing: By how much the answers miss, to and fro.
    """
    tracker, image, numbers = Tracker(), picture(), list[tuple[int | None, ...]]()
    for index, (one, other) in enumerate(places):
        off = swing * (-1) ** index
        lefts = [merged[index]] if index in merged else [one + off, other - off]
        poses = tuple(body(SHAPE + np.array([left, 90], np.float32)) for left in lefts)
        numbers.append(tuple(pose.tracker_id for pose in tracker.update(Result(index, index / 30, poses, 0, 0, 0))))
        tracker.predict(frame(index, image))
    return numbers


@pytest.mark.parametrize("swing", [0.0, 3.0, -3.0])
def test_who_pass_each_other_keep_their_numbers_where_every_picture_is_answered(swing: float) -> None:
    places = [(60 + 4.0 * index, 180 - 3.0 * index) for index in range(36)]
    merged = {index: places[index][0] for index in range(14, 21)}  # the one who is in front

    numbers = numbers_of_two_who_meet(places, merged, swing)

    assert set(numbers[:14] + numbers[21:]) == {(1, 2)}


@pytest.mark.parametrize("first", [0, 1])
def test_who_met_are_told_apart_by_how_they_went_before(first: int) -> None:
    places = [(80 + 1.5 * index, 140 - 1.5 * index) for index in range(50)]
    merged = {
        index: places[15][first] + (places[29][1 - first] - places[15][first]) * (index - 15) / 14
        for index in range(15, 30)
    }

    numbers = numbers_of_two_who_meet(places, merged)

    assert set(numbers[:15] + numbers[30:]) == {(1, 2)}
