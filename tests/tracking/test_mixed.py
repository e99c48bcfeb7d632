"""What the tracker makes of answers some of which come in time, some late, and some in between."""

from __future__ import annotations

import json
from itertools import groupby, pairwise
from pathlib import Path

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from track_lab import live
from track_score import SIDE, load

from kpstream.entities import Pose
from kpstream.skeleton import Skeleton
from kpstream.tracking import Tracker
from tests.tracking.test_tracker import BAR, bare, frame, picture, pose, result

WALKERS = Path(__file__).resolve().parents[2] / "samples" / "walkers.mp4"
POSES = WALKERS.with_suffix(".poses.json")
EVERY, BEHIND = 6, 12


def slowly(index: int) -> tuple[float, float]:
    return 60 + 1.5 * index, 110.0


def aligned(tracker: Tracker, late: dict[int, int], frames: int) -> list[tuple[Pose, ...]]:
    """Show each frame twelve frames after it was seen, with the answers that are in by then, the newest at last.

    Args:
        tracker: Is asked.
        late: By the number of a sampled frame, how many frames later its answer comes; others come at once.
        frames: How many.
    """
    shown: list[tuple[Pose, ...]] = []
    waiting: list[int] = []
    for now in range(frames + BEHIND):
        if now < frames:
            tracker.observe(frame(now, picture(slowly(now))))
        waiting += [asked for asked in range(0, frames, EVERY) if asked + late.get(asked, 0) == now]
        due = now - BEHIND
        if due < 0:
            continue
        ahead = min((asked for asked in waiting if asked >= due), default=due)
        for asked in sorted(asked for asked in waiting if asked <= ahead):
            tracker.update(result(asked, pose(*slowly(asked))))
            late = {other: by for other, by in late.items() if other > asked}
        waiting = [asked for asked in waiting if asked > ahead]
        shown.append(tracker.predict(frame(due, picture(slowly(due)))))
    return shown


@given(st.lists(st.integers(0, 22), min_size=7, max_size=7))
@settings(max_examples=6, deadline=None)
def test_answers_in_time_and_late_ones_give_one_even_motion(delays: list[int]) -> None:
    arrivals = [EVERY * i + delay for i, delay in enumerate(delays)]
    in_order = np.maximum.accumulate(arrivals)  # the line lets no answer pass a newer one
    late = {EVERY * i: int(at) - EVERY * i for i, at in enumerate(in_order)}
    shown = aligned(Tracker(), late, 42)
    begins = next(index for index, poses in enumerate(shown) if poses)
    assert begins <= max(late[0] - BEHIND, 0) + 1
    assert all(len(poses) == 1 for poses in shown[begins:])
    settled = begins + 4  # an answer that is the first and very late takes some frames to catch up
    drawn = [poses[0].xy for poses in shown[settled:]]
    truth = [pose(*slowly(index)).xy for index in range(settled, len(shown))]
    assert max(float(np.abs(one - other).max()) for one, other in zip(drawn, truth, strict=True)) < 2.5
    assert max(float(np.abs(after - before).max()) for before, after in pairwise(drawn)) < 3.5
    assert {p.tracker_id for poses in shown for p in poses} == {1}


def test_answer_that_comes_in_the_middle_of_the_way_does_not_make_it_jump() -> None:
    tracker, rest = Tracker(), picture((120, 110))
    tracker.update(result(0, pose(120, 110)))
    drawn = []
    for index in range(13):
        if index == 9:
            for ahead in range(9, 13):
                tracker.observe(frame(ahead, rest))
            tracker.update(result(12, pose(132, 110)))
        drawn.append(tracker.predict(frame(index, rest))[0])
    steps = [float(np.abs(after.xy - before.xy).max()) for before, after in pairwise(drawn)]
    assert [p.origin for p in (drawn[0], drawn[8], drawn[9], drawn[12])] == [
        "measured",
        "predicted",
        "interpolated",
        "measured",
    ]
    assert max(steps[:-1]) < 4.5, "half of the way at once would be nine pixels"
    np.testing.assert_array_equal(drawn[12].xy, pose(132, 110).xy)


def test_who_is_overlooked_once_does_not_blink_where_the_others_are_measured() -> None:
    tracker, image = Tracker(), picture((60, 60), (200, 160))
    origins = []
    for asked in range(0, 31, EVERY):
        for index in range(max(0, asked - EVERY + 1), asked + 1):
            tracker.observe(frame(index, image))
        found = [pose(60, 60)] + [pose(200, 160)] * (asked != 18)
        tracker.update(result(asked, *found))
        for index in range(max(0, asked - EVERY + 1), asked + 1):
            poses = tracker.predict(frame(index, image))
            origins.append({p.tracker_id: p.origin for p in poses})
    assert all(set(of) == {1, 2} for of in origins)
    assert origins[18] == {1: "measured", 2: "predicted"}
    assert origins[24] == {1: "measured", 2: "measured"}


def test_who_rests_is_kept_longer_than_who_moves_when_answers_find_neither() -> None:
    def scene(index: int) -> list[tuple[float, float]]:
        return [(60, 60), (40 + 2.0 * index, 160)]

    tracker, drawn = Tracker(), {1: 0, 2: 0}
    for index in range(80):
        asked = index - 12
        if asked >= 0 and asked % EVERY == 0:
            tracker.update(result(asked, *(pose(*place) for place in scene(asked) if asked < 30)))
        for found in tracker.predict(frame(index, picture(*scene(index)))):
            drawn[found.tracker_id or 0] = index
    assert 42 <= drawn[2] < drawn[1] < 79


def test_where_every_frame_is_answered_nobody_else_is_drawn() -> None:
    tracker, image = Tracker(), picture((60, 60), (200, 160))
    for index in range(30):
        found = [pose(60, 60)] + [pose(200, 160)] * (index < 12 or index >= 18)
        tracker.update(result(index, *found))
        poses = tracker.predict(frame(index, image))
        assert [p.origin for p in poses] == ["measured"] * len(found)
        assert [p.tracker_id for p in poses] == [1, 2][: len(found)]


def test_who_comes_over_the_edge_is_there_when_the_pictures_say_so() -> None:
    def path(index: int) -> tuple[float, float]:
        return -60 + 6.0 * index, 110.0

    tracker = Tracker()
    answers = {0: [], 15: [pose(*path(15))]}
    for index in range(16):
        tracker.observe(frame(index, picture(path(index))))
    for asked, found in answers.items():
        tracker.update(result(asked, *found))
    shown = [tracker.predict(frame(index, picture(path(index)))) for index in range(16)]
    first = next(index for index, poses in enumerate(shown) if poses)
    in_the_middle = next(index for index in range(16) if path(index)[0] + 30 >= 0)
    assert abs(first - in_the_middle) <= 2
    assert all(len(poses) == 1 for poses in shown[first:])
    assert all(p.origin == "interpolated" for poses in shown[first:15] for p in poses)
    for index in range(10, 15):
        np.testing.assert_allclose(shown[index][0].xy, pose(*path(index)).xy, atol=3)


def test_box_without_keypoints_comes_over_the_edge_too() -> None:
    tracker = Tracker()
    for index in range(16):
        tracker.observe(frame(index, picture((-60 + 6.0 * index, 110))))
    tracker.update(result(0))
    tracker.update(result(15, bare(30, 110)))
    shown = [tracker.predict(frame(index, picture((-60 + 6.0 * index, 110)))) for index in range(16)]
    assert 3 <= next(index for index, poses in enumerate(shown) if poses) <= 7
    assert np.abs(shown[12][0].xyxy - bare(12, 110).xyxy).max() < 5


def test_pictures_that_were_never_looked_at_do_no_harm() -> None:
    tracker, image = Tracker(), picture((120, 110))
    tracker.update(result(0, pose(120, 110)))
    tracker.predict(frame(0, image))
    tracker.update(result(12, pose(120, 110)))  # frames 1 to 12 are dropped
    assert [p.tracker_id for p in tracker.predict(frame(15, image))] == [1]
    tracker.update(result(14, pose(120, 110), pose(200, 60)))
    assert len(tracker.predict(frame(16, image))) >= 1


def test_rest_is_drawn_three_times_calmer_than_it_is_answered() -> None:
    rng = np.random.default_rng(5)
    rest, scene = (120.0, 110.0), picture((120, 110))
    answers = {i: np.round(BAR + rng.normal(0, 0.8, BAR.shape)).astype(np.float32) for i in range(0, 150, EVERY)}
    tracker, drawn = Tracker(), []
    for index in range(150):
        asked = index - 12
        if asked >= 0 and asked % EVERY == 0:
            tracker.update(result(asked, pose(*rest, answers[asked])))
        noisy = np.clip(scene + rng.normal(0, 3, scene.shape), 0, 255).astype(np.uint8)
        drawn.append(tracker.predict(frame(index, noisy)))
    ours = np.stack([poses[0].xy for poses in drawn[90:]]).std(0)
    raw = np.stack([answers[i] for i in range(78, 138, EVERY)]).std(0)
    assert ours.mean() < raw.mean() / 3


def test_who_is_known_by_a_box_first_keeps_the_id_when_keypoints_come() -> None:
    rows = np.array([[10 * i, 8 * (i % 2)] for i in range(8)], np.float32)
    eight = Skeleton(tuple("abcdefgh"), tuple((i, i + 1) for i in range(7)))
    two = np.where(np.arange(8)[:, None] < 2, rows, np.nan).astype(np.float32)

    def found(index: int) -> Pose:
        return pose(60 + 1.5 * index, 110, two if index < 20 else rows, skeleton=eight)

    tracker, shown = Tracker(), []
    for index in range(70):
        asked = index - 12
        if asked >= 0 and asked % EVERY == 0:
            tracker.update(result(asked, found(asked)))
        shown.append(tracker.predict(frame(index, picture((60 + 1.5 * index, 110)))))
    assert all(len(poses) == 1 and poses[0].tracker_id == 1 for poses in shown[12:])
    assert np.isfinite(shown[69][0].xy).all()
    for index in range(40, 70):
        assert np.abs(shown[index][0].xy - (rows + np.array([60 + 1.5 * index, 110]))).max() < 3


# people who cross, with exact truth


def test_people_who_cross_keep_their_ids_while_answers_come_late() -> None:
    clip, truth = load(WALKERS, POSES), json.loads(POSES.read_text())
    share = SIDE / truth["width"]
    ids: dict[int, list[int]] = {}
    for people, poses in zip(truth["frames"], live(clip, 0.4, 5.0, Tracker(), []), strict=True):
        for person in people:
            xy = share * np.array(person["keypoints"])[:, :2]
            apart = [(float(np.abs(found.xy - xy)[np.isfinite(found.xy)].mean()), found.tracker_id) for found in poses]
            if person["seen"] > 0.9 and apart and min(apart)[0] < 0.1 * share * person["height"]:
                ids.setdefault(person["id"], []).append(min(apart)[1] or 0)
    runs = {who: [(number, len(list(run))) for number, run in groupby(found)] for who, found in ids.items()}
    lasting = {who: {number for number, frames in run if frames > 5} for who, run in runs.items()}
    assert len(lasting) == 3
    assert all(len(numbers) == 1 for numbers in lasting.values()), runs
    assert len(set.union(*lasting.values())) == 3, "two people have one id"
