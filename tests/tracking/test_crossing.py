"""Two people who cross while answers make one of both, against the exact truth.

The clip: ``python scripts/draw_walkers.py crossing --duration 2.4 --crf 34 --folder tests/data``.
"""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest
import track_merged
from track_score import Clip

from kpstream.entities import Image, Pose
from kpstream.tracking import DEFAULT, Tracker
from tests.tracking.test_tracker import SIZE, frame, picture, pose, result, texture

DATA = Path(__file__).parents[1] / "data"


@pytest.fixture(scope="module")
def clip() -> Clip:
    return track_merged.load_truth(DATA / "crossing.mp4", DATA / "crossing.poses.json")


def test_answers_make_one_of_both_for_a_third_of_a_second(clip: Clip) -> None:
    said = [len(track_merged.merged(people, frame)) for frame, people in enumerate(clip.people)]

    assert [frame for frame, count in enumerate(said) if count < 2] == list(range(38, 48))
    assert all(len(people) == 2 for people in clip.people[30:60])


@pytest.mark.parametrize("first", [0, 2, 4])
def test_both_are_kept_and_neither_jumps(clip: Clip, first: int) -> None:
    tracked, held = track_merged.Crossing(), track_merged.Crossing()

    track_merged.assess(clip, list(track_merged.follow(clip, DEFAULT, first, tracked)), tracked)
    track_merged.assess(clip, list(track_merged.hold(clip, first)), held)

    assert len(tracked.kept) >= 20
    assert all(tracked.kept)
    assert tracked.switches == tracked.exchanges == 0
    assert max(tracked.jumps) < 0.1  # of the box diagonal
    assert max(held.jumps) > 0.3  # so the measure can tell


def test_who_is_hidden_by_somebody_goes_on_as_the_answers_saw_them_go() -> None:
    worst = [_off_while_hidden_by(texture(seed, (100, 60))) for seed in range(7)]

    # By its own last steps it goes two hundred pixels along with the passer, as it still does with some who look alike.
    assert np.median(worst) < 40


def _off_while_hidden_by(cloth: Image) -> float:
    """By how many pixels somebody is drawn off at most, before whom somebody in such a cloth passes."""
    tracker, off = Tracker(), []

    def hidden(index: int) -> tuple[float, float]:
        return 150 - 1.5 * index, 110.0

    def passer(index: int) -> tuple[float, float]:
        return -80 + 4.0 * index, 112.0

    for index in range(0, 80, 4):  # 7.5 pictures a second, every other one answered, 0.8 s late
        asked = index - 24
        if asked >= 0 and asked % 8 == 0:
            answered = [pose(*passer(asked))] if passer(asked)[0] > -40 else []
            seen = [pose(*hidden(asked))] if abs(passer(asked)[0] - hidden(asked)[0]) >= 60 else []
            tracker.update(result(asked, *seen, *answered))
        image, (x, y) = picture(hidden(index)), passer(index)
        place = np.array([[1, 0, x - 20], [0, 1, y - 30]], np.float32)
        cv2.warpAffine(cloth, place, SIZE, dst=image, borderMode=cv2.BORDER_TRANSPARENT)
        poses = tracker.predict(frame(index, image))
        off += [np.abs(drawn.xy - pose(*hidden(index)).xy).max() for drawn in poses if drawn.tracker_id == 1]

    assert len(off) >= 10
    return float(max(off))


def test_who_is_tracked_again_from_an_answer_goes_on_as_the_answers_saw_them_go() -> None:
    tracker, off, dark = Tracker(), [], np.full((SIZE[1], SIZE[0], 3), 20, np.uint8)

    def walker(index: int) -> Pose:
        return pose(10 + 4.0 * index, 110 + 8 * (index // 6 % 2))

    for index in range(0, 60, 6):  # five pictures a second, which show nothing, and each is answered, 0.4 s late
        if index >= 12:
            tracker.update(result(index - 12, walker(index - 12)))
        off += [np.abs(drawn.xy - walker(index).xy)[:, 0].max() for drawn in tracker.predict(frame(index, dark))]

    assert len(off) == 8
    assert max(off[2:]) < 6  # who stays at each answer's place is 45 pixels behind
