"""What the tracker makes of answers that come late, in time, or on both sides of a frame."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from itertools import pairwise

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kpstream.entities import Frame, Image, Pose, Result
from kpstream.skeleton import Skeleton
from kpstream.tracking import Tracker

RATE = 30.0
SIZE = (320, 240)
ARM = Skeleton(("shoulder", "elbow", "wrist"), ((0, 1), (1, 2)))
BAR = np.array([[0, 0], [30, 0], [60, 0]], np.float32)
Path = Callable[[int], tuple[float, float]]


def texture(seed: int, size: tuple[int, int] = SIZE, grain: float = 2.0) -> Image:
    noise = np.random.default_rng(seed).normal(0, 1, (size[1], size[0], 3)).astype(np.float32)
    soft = cv2.GaussianBlur(noise, (0, 0), grain)
    return np.asarray(np.clip(128 + 45 * soft / soft.std(), 0, 255), np.uint8)


BACKGROUND, CLOTH = texture(1, grain=6), texture(2, (100, 60))


def picture(*corners: tuple[float, float], background: Image = BACKGROUND) -> Image:
    """The scene with a piece of cloth at each place, 20 pixels around its three keypoints."""
    image = background.copy()
    for x, y in corners:
        matrix = np.array([[1, 0, x - 20], [0, 1, y - 30]], np.float32)
        cv2.warpAffine(CLOTH, matrix, SIZE, dst=image, borderMode=cv2.BORDER_TRANSPARENT)
    return image


def frame(index: int, image: Image = BACKGROUND) -> Frame:
    return Frame(index, index / RATE, index / RATE, image)


def pose(x: float, y: float, xy: np.ndarray = BAR, *, kind: int = 0, skeleton: Skeleton = ARM) -> Pose:
    """Three keypoints in a box, or whatever is given in the place of the keypoints."""
    moved = (xy + np.array([x, y])).astype(np.float32)
    box = np.array([x - 20, y - 30, x + 80, y + 30], np.float32)
    confidence = np.where(np.isnan(moved[:, 0]), 0, 0.9).astype(np.float32)
    return Pose(moved, confidence, box, 0.8, kind, f"class {kind}", skeleton)


def bare(x: float, y: float, kind: int = 0) -> Pose:
    return pose(x, y, np.zeros((0, 2), np.float32), kind=kind, skeleton=Skeleton(()))


def result(index: int, *poses: Pose) -> Result:
    return Result(index, index / RATE, poses, 0, 0, 0)


def play(
    tracker: Tracker,
    frames: int,
    path: Path,
    *,
    late: int = 12,
    every: int = 6,
    answer: Callable[[int], Sequence[Pose]],
) -> list[tuple[Pose, ...]]:
    """Live: the answer to every sixth frame comes twelve frames late, unless said otherwise."""
    shown = []
    for index in range(frames):
        asked = index - late
        if asked >= 0 and asked % every == 0:
            tracker.update(result(asked, *answer(asked)))
        shown.append(tracker.predict(frame(index, picture(path(index)))))
    return shown


# a frame that was answered


@given(st.lists(st.tuples(st.floats(30, 240), st.floats(40, 200)), min_size=0, max_size=4, unique=True))
@settings(max_examples=20)
def test_answered_frame_gives_back_exactly_what_was_answered(places: list[tuple[float, float]]) -> None:
    tracker = Tracker()
    for index in range(3):
        answered = [pose(x + 2 * index, y) for x, y in places]
        tracker.update(result(index, *answered))
        poses = tracker.predict(frame(index))
        assert {id(p.xy) for p in poses} == {id(p.xy) for p in answered}
        assert {id(p.xyxy) for p in poses} == {id(p.xyxy) for p in answered}
        assert all(p.origin == "measured" for p in poses)
        assert len({p.tracker_id for p in poses}) == len(places)


def test_nothing_is_known_before_the_first_answer() -> None:
    assert Tracker().predict(frame(0)) == ()


def test_answers_must_come_in_order() -> None:
    tracker = Tracker()
    tracker.update(result(6))
    with pytest.raises(ValueError, match="comes after"):
        tracker.update(result(6))


# who is who


def test_ids_stay_with_people_who_pass_each_other() -> None:
    tracker = Tracker()
    ids = []
    for index in range(20):
        left, right = pose(40 + 8 * index, 90), pose(200 - 8 * index, 125)
        tracker.update(result(index, *((left, right) if index % 2 else (right, left))))
        poses = tracker.predict(frame(index))
        ids.append([next(p.tracker_id for p in poses if p.xy is side.xy) for side in (left, right)])
    assert ids == [ids[0]] * len(ids)


def test_classes_are_never_mixed() -> None:
    tracker = Tracker()
    tracker.update(result(0, pose(100, 100, kind=0)))
    (before,) = tracker.predict(frame(0))
    tracker.update(result(1, pose(100, 100, kind=1)))
    (after,) = tracker.predict(frame(1))
    assert before.tracker_id != after.tracker_id


def test_id_survives_answers_that_overlook_somebody() -> None:
    tracker = Tracker()
    for index in range(0, 60, 3):
        tracker.update(result(index, *([] if index in (30, 33, 36) else [pose(100, 100)])))
        for ahead in range(index - 2, index + 1):
            if ahead >= 0:
                poses = tracker.predict(frame(ahead))
    assert [p.tracker_id for p in poses] == [1]


def test_person_who_comes_back_much_later_is_a_new_one() -> None:
    tracker = Tracker()
    tracker.update(result(0, pose(100, 100)))
    for index in range(90):
        if index % 6 == 0 and index:
            tracker.update(result(index))
        tracker.predict(frame(index))
    tracker.update(result(90, pose(100, 100)))
    assert [p.tracker_id for p in tracker.predict(frame(90))] == [2]


# between two answers


def test_between_two_answers_lies_the_straight_way() -> None:
    tracker = Tracker()
    tracker.update(result(0, pose(100, 100)))
    tracker.predict(frame(0))
    tracker.update(result(4, pose(120, 108)))
    for index in range(1, 4):
        (found,) = tracker.predict(frame(index))
        np.testing.assert_allclose(found.xy, pose(100 + 5 * index, 100 + 2 * index).xy, atol=1e-3)
        np.testing.assert_allclose(found.xyxy, pose(100 + 5 * index, 100 + 2 * index).xyxy, atol=1e-3)
        assert (found.origin, found.tracker_id) == ("interpolated", 1)
    assert tracker.predict(frame(4))[0].origin == "measured"


def test_keypoint_that_one_answer_left_out_is_there_while_it_is_near() -> None:
    one_less = BAR.copy()
    one_less[2] = np.nan
    tracker = Tracker()
    tracker.update(result(0, pose(100, 100)))
    tracker.predict(frame(0))
    tracker.update(result(4, pose(108, 100, one_less)))
    strengths = []
    for index in range(1, 4):
        (found,) = tracker.predict(frame(index))
        np.testing.assert_allclose(found.xy[2], (160 + 2 * index, 100), atol=1e-3)
        strengths.append(float(found.keypoint_confidence[2]))
    assert 0.9 > strengths[0] > strengths[1] > strengths[2] > 0


def test_who_comes_or_goes_between_two_answers_does_so_half_way() -> None:
    tracker = Tracker()
    tracker.update(result(0, pose(40, 60)))
    tracker.predict(frame(0))
    tracker.update(result(9, pose(200, 180)))
    there = [{round(float(p.xyxy[0])) for p in tracker.predict(frame(index))} for index in range(1, 9)]
    assert all(180 in x_mins for x_mins in there[4:])
    assert not any(180 in x_mins for x_mins in there[:4])


def swing(index: int) -> tuple[float, float]:
    return 130 + 40 * float(np.sin(index / 15 * np.pi)), 110.0


def test_seen_ahead_a_swing_between_two_answers_is_followed() -> None:
    errors = {}
    for ahead in (True, False):
        tracker = Tracker()
        tracker.update(result(0, pose(*swing(0))))
        tracker.predict(frame(0, picture(swing(0))))
        frames = [frame(index, picture(swing(index))) for index in range(1, 23)]
        for shown in frames if ahead else []:
            tracker.observe(shown)
        tracker.update(result(22, pose(*swing(22))))
        found = [tracker.predict(shown)[0] for shown in frames[:-1]]
        errors[ahead] = max(float(np.abs(p.xy - pose(*swing(i)).xy).max()) for i, p in enumerate(found, 1))
        assert all(p.origin == "interpolated" for p in found)
    assert errors[True] < 2
    assert errors[False] > 25


def test_nothing_is_drawn_across_a_cut_between_two_answers() -> None:
    tracker, other = Tracker(), texture(9, grain=10)
    frames = [frame(index, picture((100, 100)) if index < 5 else other) for index in range(11)]
    for shown in frames:
        tracker.observe(shown)
    tracker.update(result(0, pose(100, 100)))
    tracker.predict(frames[0])
    tracker.update(result(10, pose(180, 150)))
    for shown in frames[1:10]:
        for found in tracker.predict(shown):
            assert any(np.allclose(found.xy, pose(*place).xy) for place in ((100, 100), (180, 150)))
    assert [p.tracker_id for p in tracker.predict(frames[10])] == [2]


# live: every answer is old


def walk(index: int) -> tuple[float, float]:
    return 30 + 3.0 * index, 110 + 10 * float(np.sin(index / 8))


def test_late_answer_is_brought_to_the_picture_on_display() -> None:
    shown = play(Tracker(), 60, walk, answer=lambda index: [pose(*walk(index))])
    for index in range(20, 60):
        (found,) = shown[index]
        assert (found.origin, found.tracker_id) == ("predicted", 1)
        assert np.abs(found.xy - pose(*walk(index)).xy).max() < 3  # merely held it would be 36 to 51 pixels behind
        assert np.abs(found.xyxy - pose(*walk(index)).xyxy).max() < 4


def test_bare_box_moves_with_what_is_in_it() -> None:
    shown = play(Tracker(), 50, walk, answer=lambda index: [bare(*walk(index))])
    for index in range(20, 50):
        (found,) = shown[index]
        assert found.xy.shape == (0, 2)
        assert np.abs(found.xyxy - bare(*walk(index)).xyxy).max() < 5


def test_camera_that_pans_takes_everything_along() -> None:
    wide = texture(4, (640, 240), grain=3)
    tracker, errors = Tracker(), []
    for index in range(40):
        if index >= 12 and index % 6 == 0:
            tracker.update(result(index - 12, pose(200 - 2.5 * (index - 12), 100)))
        (left, right) = (round(2.5 * index), round(2.5 * index) + 320)
        poses = tracker.predict(frame(index, np.ascontiguousarray(wide[:, left:right])))
        errors += [float(np.abs(p.xy - pose(200 - 2.5 * index, 100).xy).max()) for p in poses if index > 15]
    assert len(errors) >= 20
    assert max(errors) < 3


def test_whole_pixel_answers_do_not_shake_what_rests() -> None:
    rng = np.random.default_rng(5)
    noisy = {i: np.round(BAR + rng.normal(0, 0.8, BAR.shape)).astype(np.float32) for i in range(0, 150, 6)}
    tracker, rest = Tracker(), (120.0, 110.0)
    shown = play(tracker, 150, lambda _: rest, answer=lambda index: [pose(*rest, noisy[index])])
    drawn = np.stack([poses[0].xy for poses in shown[60:]])
    raw = np.stack([noisy[i] for i in range(48, 138, 6)])
    assert np.abs(np.diff(drawn[::6], axis=0)).mean() < np.abs(np.diff(raw, axis=0)).mean() / 3
    assert np.abs(np.diff(drawn, axis=0)).max() < 0.5


def test_wrong_trail_is_corrected_by_the_next_answer() -> None:
    tracker, rest = Tracker(), (120.0, 110.0)
    shown = play(tracker, 40, lambda _: rest, answer=lambda index: [pose(*rest, BAR + 6.0 * (index >= 12))])
    np.testing.assert_allclose(shown[36][0].xy, pose(*rest, BAR + 6).xy, atol=1)


def test_keypoint_that_newer_answers_leave_out_is_followed_for_a_while_and_then_gone() -> None:
    one_less = BAR.copy()
    one_less[2] = np.nan
    shown = play(Tracker(), 100, walk_slowly, answer=lambda i: [pose(*walk_slowly(i), BAR if i < 18 else one_less)])
    assert np.abs(shown[32][0].xy - pose(*walk_slowly(32)).xy).max() < 3
    assert shown[32][0].keypoint_confidence[2] > 0.3
    assert np.isnan(shown[99][0].xy[2]).all()
    assert shown[99][0].keypoint_confidence[2] == 0
    assert shown[99][0].keypoint_confidence[0] == pytest.approx(0.9)


def walk_slowly(index: int) -> tuple[float, float]:
    return 100 + 0.5 * index, 110.0


def test_poses_fade_and_end_when_answers_stop() -> None:
    def answers(index: int) -> list[Pose]:
        return [pose(*walk_slowly(index))]

    tracker = Tracker()
    play(tracker, 31, walk_slowly, answer=answers)
    strengths = []
    for index in range(31, 110):
        poses = tracker.predict(frame(index, picture(walk_slowly(index))))
        strengths.append(float(poses[0].keypoint_confidence[0]) if poses else 0.0)
    assert strengths[0] == pytest.approx(0.9)
    assert all(later <= earlier + 1e-6 for earlier, later in pairwise(strengths))
    assert 0 < strengths[30] < 0.9
    assert strengths[-1] == 0


def test_person_whom_answers_no_longer_find_is_gone_soon() -> None:
    shown = play(Tracker(), 90, walk_slowly, answer=lambda i: [pose(*walk_slowly(i))] if i < 30 else [])
    assert shown[41]
    assert not any(shown[60:])


def test_one_answer_that_overlooks_somebody_does_not_hide_them() -> None:
    shown = play(Tracker(), 80, walk_slowly, answer=lambda i: [] if i == 36 else [pose(*walk_slowly(i))])
    assert all(len(poses) == 1 and poses[0].tracker_id == 1 for poses in shown[12:])


def test_who_rests_stays_while_nobody_asks() -> None:
    poses = play(Tracker(), 150, lambda i: (60, 100), answer=lambda i: [pose(60, 100)] if i <= 30 else [], every=30)
    still = Tracker()
    still.update(result(0, pose(60, 100)))
    shown = [still.predict(frame(index, picture((60, 100)))) for index in range(150)]
    assert all(len(poses) == 1 and poses[0].confidence > 0.7 for poses in shown)
    assert poses[-1] == ()


def test_tracker_tells_when_it_draws_somebody_whom_the_last_answer_overlooked() -> None:
    tracker = Tracker()
    unconfirmed = []
    for index in range(60):
        if index % 6 == 0:
            tracker.update(result(index, *([] if index == 30 else [pose(60, 100)])))
        poses = tracker.predict(frame(index, picture((60, 100))))
        unconfirmed.append(bool(poses) and tracker.has_unconfirmed)
    assert [i for i, is_so in enumerate(unconfirmed) if is_so] == [*range(30, 36)]


def test_cut_ends_the_poses_and_the_ids() -> None:
    tracker, other = Tracker(), texture(9, grain=10)
    answers = {i: pose(100, 100) for i in range(0, 30, 6)} | {i: pose(110, 105) for i in range(30, 90, 6)}
    counts, ids = [], set()
    for index in range(72):
        if index >= 12 and index % 6 == 0:
            tracker.update(result(index - 12, answers[index - 12]))
        poses = tracker.predict(frame(index, picture((100, 100)) if index < 30 else other))
        counts.append(len(poses))
        ids |= {p.tracker_id for p in poses if index >= 50}
    assert all(counts[13:30])
    assert not any(counts[30:42]), "what was seen before the cut is drawn after it"
    assert counts[45:] == [1] * len(counts[45:])
    assert ids == {2}


@pytest.mark.parametrize("spoilt", [1, 3])
@pytest.mark.parametrize("shows", [lambda index: texture(9 + index, grain=12), lambda index: 0 * BACKGROUND])
def test_who_was_there_before_pictures_that_are_spoilt_is_there_after_them(
    shows: Callable[[int], Image], spoilt: int
) -> None:
    tracker, ids, are_spoilt = Tracker(), set(), range(40, 40 + spoilt)
    for index in range(60):
        if index >= 12 and index % 6 == 0:
            tracker.update(result(index - 12, *(pose(*walk(at)) for at in {index - 12}.difference(are_spoilt))))
        poses = tracker.predict(frame(index, shows(index) if index in are_spoilt else picture(walk(index))))
        if index in are_spoilt:
            assert poses == ()
        elif index >= 30:
            (drawn,) = poses
            ids.add(drawn.tracker_id)
            assert np.abs(drawn.xy - pose(*walk(index)).xy).max() < 6
    assert len(ids) == 1


def test_pictures_that_are_spoilt_may_come_in_another_size() -> None:
    tracker = Tracker()
    for index in range(48):
        if index >= 12 and index % 6 == 0:
            tracker.update(result(index - 12, larger(pose(*walk(index - 12)))))
        is_spoilt = index in {40, 41}
        shown = texture(9 + index, grain=12) if is_spoilt else cv2.resize(picture(walk(index)), None, fx=2, fy=2)
        poses = tracker.predict(frame(index, np.asarray(shown, np.uint8)))
        if index >= 42:
            (drawn,) = poses
            assert np.abs(drawn.xy - larger(pose(*walk(index))).xy).max() < 6


def larger(pose: Pose) -> Pose:
    """The same in a picture that is twice as large."""
    return replace(pose, xy=(2 * pose.xy).astype(np.float32), xyxy=(2 * pose.xyxy).astype(np.float32))


def test_picture_that_changes_its_size_ends_the_poses() -> None:
    tracker = Tracker()
    tracker.update(result(0, pose(100, 100)))
    assert tracker.predict(frame(0))
    assert tracker.predict(frame(1, texture(3, (400, 240)))) == ()


def test_more_keypoints_from_one_answer_to_the_next_are_no_new_person() -> None:
    longer = Skeleton((*ARM.names, "hand"), (*ARM.edges, (2, 3)))
    hand = np.array([*BAR, (75, 0)], np.float32)
    tracker, rest = Tracker(), (100.0, 110.0)
    shown = play(
        tracker,
        60,
        lambda _: rest,
        answer=lambda i: [pose(*rest) if i < 18 else pose(*rest, hand, skeleton=longer)],
    )
    assert shown[20][0].xy.shape == (3, 2)
    assert shown[40][0].xy.shape == (4, 2)
    assert {p.tracker_id for poses in shown for p in poses} == {1}
    assert all(poses for poses in shown[12:])


def test_mixed_classes_move_side_by_side() -> None:
    tracker = Tracker()
    for index in range(40):
        low, high = (40 + 2.0 * index, 170.0), (200 - 2.0 * index, 60.0)
        if index >= 12 and index % 6 == 0:
            at = index - 12
            tracker.update(result(at, pose(40 + 2.0 * at, 170), bare(200 - 2.0 * at, 60, kind=1)))
        poses = tracker.predict(frame(index, picture(low, high)))
    by_class = {p.class_id: p for p in poses}
    assert np.abs(by_class[0].xy - pose(*low).xy).max() < 3
    assert np.abs(by_class[1].xyxy - bare(*high).xyxy).max() < 5


def test_pictures_are_never_written_to() -> None:
    image = picture((100, 100))
    image.setflags(write=False)
    tracker = Tracker()
    tracker.update(result(0, pose(100, 100)))
    for index in range(4):
        tracker.predict(frame(index, image))


def test_who_is_passed_by_somebody_else_does_not_go_along() -> None:
    other_cloth = np.asarray(255 - CLOTH // 2, np.uint8)
    rest = (120.0, 110.0)

    def scene(index: int) -> Image:
        image = picture(rest)
        x, y = passer(index)
        matrix = np.array([[1, 0, x - 20], [0, 1, y - 30]], np.float32)
        cv2.warpAffine(other_cloth, matrix, SIZE, dst=image, borderMode=cv2.BORDER_TRANSPARENT)
        return image

    def passer(index: int) -> tuple[float, float]:
        return -30 + 5.0 * index, 112.0

    tracker, errors = Tracker(), {1: [0.0], 2: [0.0]}
    for index in range(48):
        asked = index - 12
        if asked >= 0 and asked % 6 == 0:
            hides = abs(passer(asked)[0] - rest[0]) < 60
            tracker.update(result(asked, *([] if hides else [pose(*rest)]), pose(*passer(asked))))
        for found in tracker.predict(frame(index, scene(index))):
            place = rest if found.tracker_id == 1 else passer(index)
            errors[found.tracker_id or 0].append(float(np.abs(found.xy - pose(*place).xy).max()))
    assert max(errors[1]) < 12
    assert max(errors[2][-30:]) < 12
    assert len(errors[1]) > 30
