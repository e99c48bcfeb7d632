from __future__ import annotations

import json
import math
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scoring import Score, lines_of, score

ROOT = Path(__file__).parents[2]

WIDTH, HEIGHT = 60.0, 80.0  # the diagonal is 100: a pixel is a percent


def person(x: float = 100.0, *, number: int | None = 1, sure: int = 17, **more: Any) -> dict[str, Any]:
    keypoints = [[x + 3 * i, 200.0 + 4 * i, 1.0 if i < sure else 0.1] for i in range(17)]
    box = {"x": x + 24, "y": 232.0, "width": WIDTH, "height": HEIGHT}
    return {**({} if number is None else {"id": number}), **box, "confidence": 1.0, "keypoints": keypoints, **more}


def truth(*frames: list[dict[str, Any]]) -> dict[str, Any]:
    return {"width": 640, "height": 480, "frame_rate": 30.0, "frames": list(frames)}


def pose(like: dict[str, Any], dx: float = 0.0, *, kept: int = 17, tracker_id: int = 7) -> dict[str, Any]:
    keypoints = [
        {"class_id": i, "x": x + dx, "y": y, "confidence": 0.9} for i, (x, y, _) in enumerate(like["keypoints"][:kept])
    ]
    box = {name: like[name] for name in ("y", "width", "height")}
    return {"tracker_id": tracker_id, "x": like["x"] + dx, **box, "keypoints": keypoints}


def line(index: int, *poses: dict[str, Any], newest: int | None = None) -> dict[str, Any]:
    return {"frame_index": index, "result_frame_index": newest, "poses": list(poses)}


def of(lines: list[dict[str, Any]], known: dict[str, Any]) -> Score:
    return score(lines, known, skip=0.0)


def test_the_truth_itself_is_perfect() -> None:
    people = [person(), person(300.0, number=2)]
    got = of([line(0, pose(people[1], tracker_id=1), pose(people[0]))], truth(people))
    assert (got.error, got.oks, got.missing, got.dropped, got.extra) == (0.0, 1.0, 0.0, 0.0, 0.0)
    assert (got.any_found, got.all_found, got.frames, got.people, got.switches) == (1.0, 1.0, 1, 2, 0)


@given(st.floats(-20, 20))
def test_the_error_is_the_distance_in_percent_of_the_box_diagonal(dx: float) -> None:
    someone = person()
    got = of([line(0, pose(someone, dx))], truth([someone]))
    assert got.error == pytest.approx(abs(dx))
    assert got.missing == 0.0


def test_oks_is_that_of_coco() -> None:
    someone = person()
    only_noses = {
        **someone,
        "keypoints": [[x, y, 1.0 if i < 6 else 0.0] for i, (x, y, _) in enumerate(someone["keypoints"])],
    }
    got = of([line(0, pose(someone, 5.0))], truth([only_noses]))
    sigmas = [0.026, 0.025, 0.025, 0.035, 0.035, 0.079]
    by_hand = [math.exp(-(5.0**2) / (2 * (2 * sigma) ** 2 * WIDTH * HEIGHT)) for sigma in sigmas]
    assert got.oks == pytest.approx(sum(by_hand) / 6)


def test_somebody_without_a_pose_is_missing_and_similar_to_nothing() -> None:
    near, far = person(), person(300.0, number=2)
    got = of([line(0, pose(near)), line(1)], truth([near, far], [near, far]))
    assert (got.missing, got.oks, got.any_found, got.all_found) == (0.75, 0.25, 0.5, 0.0)
    assert got.error == 0.0


def test_a_pose_far_away_stands_for_nobody() -> None:
    someone = person()
    got = of([line(0, pose(someone, 250.0))], truth([someone]))
    assert (got.missing, got.extra) == (1.0, 1.0)
    assert math.isnan(got.error)


def test_a_second_pose_on_the_same_person_is_no_stranger() -> None:
    someone = person()
    assert of([line(0, pose(someone), pose(someone, 10.0))], truth([someone])).extra == 0.0


def test_poses_go_to_the_people_that_they_are_nearest_to_all_together() -> None:
    left, right = person(), person(112.0, number=2)
    got = of([line(0, pose(left, 10.0), pose(left, -6.0))], truth([left, right]))
    assert got.missing == 0.0
    assert got.error == pytest.approx((6.0 + 2.0) / 2)


def test_keypoints_left_out_are_dropped_and_not_errors() -> None:
    someone = person()
    got = of([line(0, pose(someone, kept=11))], truth([someone]))
    assert got.dropped == pytest.approx(6 / 17)
    assert got.error == 0.0
    assert got.oks == pytest.approx(11 / 17)


def test_half_a_pose_is_none() -> None:
    someone = person()
    assert of([line(0, pose(someone, kept=8))], truth([someone])).missing == 1.0


@pytest.mark.parametrize("hidden", [{"sure": 5}, {"seen": 0.4}], ids=["few keypoints", "mostly covered"])
def test_who_is_not_in_view_counts_neither_way(hidden: dict[str, Any]) -> None:
    behind, before = person(number=2, **hidden), person(300.0)
    known = truth([behind, before])
    assert of([line(0, pose(before))], known).all_found == 1.0
    with_both = of([line(0, pose(before), pose(behind))], known)
    assert (with_both.people, with_both.missing, with_both.extra) == (1, 0.0, 0.0)


@pytest.mark.parametrize("sure", [0, 5])
def test_the_pose_of_somebody_hidden_is_not_lent_to_who_stands_before(sure: int) -> None:
    behind, before = person(number=2, sure=sure), person(115.0)
    assert of([line(0, pose(behind))], truth([behind, before])).missing == 1.0


def test_a_changed_tracker_id_is_a_switch() -> None:
    someone = person()
    lines = [line(i, pose(someone, tracker_id=number)) for i, number in enumerate((4, 4, 9, 9, 4))]
    assert of(lines, truth(*[[someone]] * 5)).switches == 2
    nameless = person(number=None)
    assert of(lines, truth(*[[nameless]] * 5)).switches == 0


def test_held_is_what_an_answer_is_worth_that_nobody_moves_on() -> None:
    frames = [[person(100.0 + 2 * i)] for i in range(6)]
    got = of([line(5, pose(frames[5][0]), newest=2)], truth(*frames))
    assert got.held == pytest.approx(6.0)
    assert got.error == 0.0


def test_the_start_and_unknown_frames_are_left_out() -> None:
    someone = person()
    known = truth(*[[someone]] * 40)
    lines = [line(29), line(30, pose(someone)), line(40), {"poses": []}]
    got = score(lines, known)
    assert (got.frames, got.missing) == (1, 0.0)
    assert score(lines, known, skip=0.0).frames == 2


def test_nothing_to_score_is_not_a_number() -> None:
    got = of([], truth([person()]))
    assert got.frames == 0
    assert all(math.isnan(value) for value in (got.error, got.oks, got.missing, got.all_found))


def test_the_program_says_it_in_a_line_and_in_json(tmp_path: Path) -> None:
    someone = person()
    out, known = tmp_path / "out.jsonl", tmp_path / "clip.poses.json"
    out.write_text(json.dumps(line(0, pose(someone, 3.0))) + "\n\n")
    known.write_text(json.dumps(truth([someone])))
    command = [sys.executable, str(ROOT / "scripts" / "overlay_score.py"), str(out), str(known), "--skip", "0"]
    text = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    assert text.startswith("error 3.00 %")
    parsed = json.loads(subprocess.run([*command, "--json"], capture_output=True, text=True, check=True).stdout)
    assert parsed["error"] == pytest.approx(of(lines_of(out), truth([someone])).error)
    assert parsed["held"] is None


def test_the_program_says_when_nothing_fits(tmp_path: Path) -> None:
    out, known = tmp_path / "out.jsonl", tmp_path / "clip.poses.json"
    out.write_text("")
    known.write_text(json.dumps(truth([person()])))
    command = [sys.executable, str(ROOT / "scripts" / "overlay_score.py"), str(out), str(known)]
    ran = subprocess.run(command, capture_output=True, text=True, check=False)
    assert ran.returncode != 0
    assert "frame_index" in ran.stderr
