"""Whether a pose that is drawn is to be trusted, by what the pictures show under it."""

from __future__ import annotations

from kpstream.tracking import Tracker
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
