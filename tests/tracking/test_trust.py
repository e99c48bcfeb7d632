"""Whether a pose that is drawn is to be trusted, by what the pictures show under it."""

from __future__ import annotations

import numpy as np
import pytest

from kpstream.tracking import DEFAULT, Tracker
from kpstream.tracking.track import Keyframe, Track
from tests.tracking.test_tracker import frame, picture, play, pose, result, texture


def test_pose_on_what_it_was_answered_on_is_trusted_while_it_moves() -> None:
    shown = play(Tracker(), 90, lambda i: (40 + 1.5 * i, 100), answer=lambda i: [pose(40 + 1.5 * i, 100)])
    assert all(not drawn.stale and drawn.confidence > 0.7 for poses in shown for drawn in poses)


def test_pose_whose_object_is_no_longer_under_it_is_stale_until_an_answer_finds_it() -> None:
    tracker, there, gone = Tracker(), picture((60, 100)), picture((200, 160))
    gone[70:130, 40:140] = 255
    tracker.update(result(0, pose(60, 100)))
    tracker.predict(frame(0, there))
    trusted, *_ = tracker.predict(frame(1, there))
    doubted, *_ = tracker.predict(frame(2, gone))
    assert not trusted.stale
    assert doubted.stale
    assert doubted.confidence < trusted.confidence
    tracker.update(result(2, pose(200, 160)))
    assert not any(drawn.stale for drawn in tracker.predict(frame(3, gone)) if drawn.xy[0, 0] > 150)


def test_light_that_changes_slowly_is_no_reason_for_doubt() -> None:
    tracker = Tracker()
    for index in range(90):
        if index >= 12 and index % 6 == 0:
            tracker.update(result(index - 12, pose(60, 100)))
        image = picture((60, 100), background=texture(1, grain=6))
        poses = tracker.predict(frame(index, (image * (1 - index / 300)).astype(image.dtype)))
        assert not any(drawn.stale for drawn in poses)


@pytest.mark.parametrize(("way", "seconds", "is_stale"), [(40, 0.2, False), (0, 0.2, True), (0, 1 / 30, False)])
def test_way_that_answers_did_not_foretell_is_doubted_where_pictures_are_few_and_look_otherwise(
    way: float, seconds: float, is_stale: bool
) -> None:
    track = Track.begin(1, pose(60, 100), 0.0, DEFAULT)
    for number, pts in enumerate((0.0, 0.2)):
        keyframe = Keyframe(pts, number, pose(60 + 40 * number, 100))
        track.answer(keyframe)
        track.correct(keyframe, number, 1.0)
    track.appearance.misfit = 0.7
    next(track.motion.trajectories()).extend(pose(100 + way, 100).xy, track.size, DEFAULT)
    assert (track.risk(0.4, seconds) > 1) == is_stale


def test_who_went_on_while_pictures_were_missing_and_was_not_found_is_doubted_in_later_pictures_too() -> None:
    tracker = Tracker()
    for index in (*range(36), *range(54, 57)):
        place = (20 + 3.5 * index, 110.0)
        if index in range(12, 36, 6):
            tracker.update(result(index - 12, pose(20 + 3.5 * (index - 12), 110)))
        poses = tracker.predict(frame(index, picture(place)))
        if index >= 54:
            (drawn,) = poses
            assert drawn.stale or np.abs(drawn.xy - pose(*place).xy).max() < 10


@pytest.mark.parametrize(("misfit", "is_stale"), [(0.4, False), (0.8, True)])
def test_limb_that_swings_is_trusted_unless_what_is_under_it_looks_otherwise(misfit: float, is_stale: bool) -> None:
    track = Track.begin(1, pose(60, 100), 0.0, DEFAULT)
    for number, pts in enumerate((0.0, 0.2)):
        keyframe = Keyframe(pts, number, pose(60, 100))
        track.answer(keyframe)
        track.correct(keyframe, number, 1.0)
    track.appearance.misfit = misfit
    swung = pose(60, 100).xy + np.array([[0, 0], [0, 0], [-30, 42]], np.float32)
    next(track.motion.trajectories()).extend(swung, track.size, DEFAULT)
    assert (track.risk(0.4, 0.2) > 1) == is_stale


def test_way_of_somebody_new_is_doubted_where_pictures_are_few_and_look_otherwise() -> None:
    track = Track.begin(1, pose(60, 100), 0.0, DEFAULT)
    track.answer(Keyframe(0.0, 0, pose(60, 100)))
    for misfit, is_stale in ((0.3, False), (0.7, True)):
        track.appearance.misfit = misfit
        assert (track.risk(0.2, 0.2) > 1) == is_stale
