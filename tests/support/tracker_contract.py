"""What every tracker promises, however it follows. Each implementation's tests are a subclass."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from kpstream.entities import Frame, Pose, Result
from kpstream.interfaces import Tracker
from kpstream.testing import SyntheticSource, truth

SOURCE = SyntheticSource(60, size=(160, 96))
RATE = 30.0
EVERY = 6
"""Each so many frames there is an answer."""
Make = Callable[[], Tracker]


def frame(index: int) -> Frame:
    return Frame(index, index / RATE, index / RATE, SOURCE.picture(index))


def result(index: int, *poses: Pose) -> Result:
    return Result(index, index / RATE, poses)


def answer(index: int) -> Result:
    """What is true of a frame."""
    return result(index, truth(index))


def assert_sound(poses: tuple[Pose, ...]) -> None:
    for pose in poses:
        assert pose.xy.shape == (len(pose.skeleton.names), 2)
        assert np.isfinite(pose.xyxy).all()
        assert 0 <= pose.confidence <= 1
        assert (pose.keypoint_confidence[np.isnan(pose.xy).any(axis=1)] == 0).all()
        assert pose.tracker_id is not None
    assert len({pose.tracker_id for pose in poses}) == len(poses)


class TrackerContract:
    """A subclass overrides `make` with a fixture that makes a tracker which has seen nothing yet."""

    @pytest.fixture
    def make(self) -> Make:
        raise NotImplementedError

    def test_before_the_first_answer_it_knows_nobody(self, make: Make) -> None:
        tracker = make()
        assert tracker.predict(frame(0)) == ()
        assert not tracker.has_unconfirmed

    def test_a_measurement_comes_back_with_an_identity_for_each_pose(self, make: Make) -> None:
        tracker = make()
        there, far_off = truth(0), truth(40)
        poses = tracker.update(result(0, there, far_off))
        assert_sound(poses)
        for measured, given in zip(poses, (there, far_off), strict=True):
            assert measured.xy == pytest.approx(given.xy)

    def test_measurements_come_in_order_or_are_refused(self, make: Make) -> None:
        tracker = make()
        tracker.update(answer(6))
        for late in (6, 5):
            with pytest.raises(ValueError, match="after"):
                tracker.update(answer(late))

    def test_an_answered_frame_shows_what_was_answered(self, make: Make) -> None:
        tracker = make()
        tracker.update(answer(0))
        (pose,) = tracker.predict(frame(0))
        assert pose.origin == "measured"
        assert pose.xy == pytest.approx(truth(0).xy, abs=1e-3)

    def test_answers_that_come_late_keep_an_identity_and_touch_no_picture(self, make: Make) -> None:
        tracker, identities = make(), set[int | None]()
        for index in range(60):
            if index >= 2 * EVERY and index % EVERY == 0:
                tracker.update(answer(index - 2 * EVERY))
            shown = frame(index)
            poses = tracker.predict(shown)
            assert np.array_equal(shown.image, SOURCE.picture(index))
            assert_sound(poses)
            identities |= {pose.tracker_id for pose in poses}
            assert len(poses) == (index >= 2 * EVERY)
        assert len(identities) == 1

    def test_between_answers_on_both_sides_it_lies_between_them(self, make: Make) -> None:
        tracker = make()
        for index in range(EVERY + 1):
            tracker.observe(frame(index))
        tracker.update(answer(0))
        tracker.update(answer(EVERY))
        for index in range(EVERY + 1):
            (pose,) = tracker.predict(frame(index))
            assert pose.origin == ("measured" if index % EVERY == 0 else "interpolated")
            assert pose.xy == pytest.approx(truth(index).xy, abs=1.0)

    def test_who_is_drawn_although_the_last_answer_overlooked_them_is_unconfirmed(self, make: Make) -> None:
        tracker, unconfirmed, identities = make(), list[int](), set[int | None]()
        for index in range(60):
            if index % EVERY == 0:
                tracker.update(result(index) if index == 30 else answer(index))
            (pose,) = tracker.predict(frame(index))
            identities.add(pose.tracker_id)
            if tracker.has_unconfirmed:
                unconfirmed.append(index)
        assert unconfirmed == [*range(30, 30 + EVERY)]
        assert len(identities) == 1
