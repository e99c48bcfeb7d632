from __future__ import annotations

import base64
import json
import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from bench_parts import journal, live_score, report, strip
from bench_parts.adaptive import judge
from bench_parts.case import Case, cases_in
from bench_parts.live import Row
from bench_parts.recorded import Possible
from bench_parts.results import Results
from endpoint import picture_of
from scoring import errors, lines_of, mean, people_in_view

RATE = 30.0
WIDTH, HEIGHT = 60.0, 80.0  # the diagonal is 100: a pixel is a percent


def person(x: float, *, sure: int = 17, **more: float) -> dict[str, Any]:
    keypoints = [[x + 3 * i, 200.0 + 4 * i, 1.0 if i < sure else 0.1] for i in range(17)]
    return {"x": x + 24, "y": 232.0, "width": WIDTH, "height": HEIGHT, "keypoints": keypoints, **more}


def walking(frames: int, step: float = 1.0) -> dict[str, Any]:
    """Somebody who moves by so many percent of their size a frame."""
    return {"frame_rate": RATE, "frames": [[person(100 + step * i)] for i in range(frames)]}


def pose(x: float) -> dict[str, Any]:
    keypoints = [{"class_id": i, "x": kx, "y": ky} for i, (kx, ky, _) in enumerate(person(x)["keypoints"])]
    return {"keypoints": keypoints}


def camera(frames: int, sent: int) -> list[tuple[int, float]]:
    return [(number % frames, number / RATE) for number in range(sent)]


def shown(x_of: Any, log: live_score.Log, age: float) -> list[dict[str, Any]]:
    """Every picture, so many seconds after it was sent, with somebody drawn where `x_of` says."""
    return [{"frame_index": f, "rendered_at": at + age, "poses": [pose(x_of(f))]} for f, at in log]


class TestStrip:
    def test_a_number_is_read_back_through_jpeg(self) -> None:
        import cv2

        for number in (0, 1, 359, 2730, 4095):
            image = np.random.default_rng(3).integers(0, 255, (120, 320, 3), dtype=np.uint8)
            strip.draw(image, number)
            again = cv2.imdecode(cv2.imencode(".jpg", image, [cv2.IMWRITE_JPEG_QUALITY, 80])[1], cv2.IMREAD_COLOR)
            assert again is not None
            assert strip.read(again) == number

    def test_a_picture_without_one_gives_none(self) -> None:
        assert strip.read(np.zeros((120, 320, 3), np.uint8)) is None
        assert strip.read(np.full((120, 320, 3), 128, np.uint8)) is None

    def test_a_flipped_square_is_noticed(self) -> None:
        image = np.zeros((120, 320, 3), np.uint8)
        strip.draw(image, 5)
        image[: strip.CELL, 3 * strip.CELL : 4 * strip.CELL] = 255
        assert strip.read(image) is None


class TestNumbered:
    def test_a_clip_that_repeats_goes_on_counting(self) -> None:
        assert live_score.numbered([0, 2, 3, 1, 2], camera(4, 8)) == [0, 2, 3, 5, 6]

    def test_a_picture_shown_twice_is_the_same_picture(self) -> None:
        assert live_score.numbered([1, 1, 2], camera(4, 8)) == [1, 1, 2]

    def test_what_cannot_be_read_is_nobodys(self) -> None:
        assert live_score.numbered([0, None, 2], camera(4, 4)) == [0, -1, 2]


class TestErrors:
    def test_they_are_percent_of_the_box_diagonal(self) -> None:
        drawn = live_score.drawn_poses({"poses": [pose(107.0)]})
        assert errors(drawn, people_in_view([person(100.0)])) == pytest.approx([7.0])

    def test_people_get_the_poses_that_fit_best_together(self) -> None:
        drawn = live_score.drawn_poses({"poses": [pose(160.0), pose(104.0)]})
        assert errors(drawn, people_in_view([person(100.0), person(150.0)])) == pytest.approx([4.0, 10.0])

    def test_who_has_none_within_a_diagonal_has_none(self) -> None:
        people = people_in_view([person(100.0)])
        assert math.isnan(errors([], people)[0])
        assert math.isnan(errors(live_score.drawn_poses({"poses": [pose(210.0)]}), people)[0])

    def test_people_hardly_in_view_do_not_count(self) -> None:
        assert people_in_view([person(100.0, sure=5), person(100.0, seen=0.3)]) == []


class TestNewestAnswer:
    def test_it_is_a_sampled_frame_that_is_old_enough(self) -> None:
        assert live_score.newest_answer(60, RATE, latency=0.4) == 48
        assert live_score.newest_answer(59, RATE, latency=0.4) == 42

    def test_there_is_none_at_first(self) -> None:
        assert live_score.newest_answer(11, RATE, latency=0.4) < 0


class TestLive:
    latency = 0.4

    def score(self, lines: list[dict[str, Any]], log: live_score.Log, truth: dict[str, Any]) -> live_score.Live:
        numbers = live_score.numbered([line["frame_index"] for line in lines], log)
        return live_score.live(lines, numbers, log, truth, self.latency)

    def test_one_who_shows_everything_at_once_and_right(self) -> None:
        log = camera(90, 90)
        score = self.score(shown(lambda frame: 100 + frame, log, age=0.01), log, walking(90))
        assert score.shown == pytest.approx(30, abs=0.4)
        assert score.age == pytest.approx((0.01, 0.01))
        assert score.ratio == pytest.approx(0, abs=1e-6)
        assert score.lag_ratio == pytest.approx(0, abs=1e-6)
        assert score.missing == 0

    def test_the_ideal_client_that_holds_has_ratio_one(self) -> None:
        log = camera(90, 90)
        held = shown(lambda frame: 100 + live_score.newest_answer(frame, RATE, self.latency), log, age=0.01)
        score = self.score(held, log, walking(90))
        assert score.ratio == pytest.approx(1)
        assert score.lag_ratio == pytest.approx(1)

    def test_a_late_picture_is_right_about_itself_and_wrong_about_the_scene(self) -> None:
        log = camera(90, 90)
        score = self.score(shown(lambda frame: 100 + frame, log, age=0.5), log, walking(90))
        assert score.age[0] == pytest.approx(0.5)
        assert score.ratio == pytest.approx(0, abs=1e-6)
        assert score.lag == pytest.approx(
            14, abs=0.6
        )  # half a second is 15 frames of a percent each; one passes anyway

    def test_pictures_left_out_lower_the_rate(self) -> None:
        log = camera(90, 90)
        score = self.score(shown(lambda frame: 100 + frame, log, age=0.01)[::5], log, walking(90))
        assert score.shown == pytest.approx(6, abs=0.4)

    def test_one_that_ends_early_is_charged_with_the_rest_of_the_time(self) -> None:
        log = camera(90, 90)
        score = self.score(shown(lambda frame: 100 + frame, log, age=0.01)[:30], log, walking(90))
        assert score.shown == pytest.approx(10, abs=0.4)

    def test_so_is_one_whose_camera_ended_with_it(self) -> None:
        log = camera(90, 30)
        lines = shown(lambda frame: 100 + frame, log, age=0.01)
        assert live_score.live(lines, range(30), log, walking(90), self.latency, seconds=10).shown == pytest.approx(2.9)

    def test_people_without_a_pose_are_missing_and_not_wrong(self) -> None:
        log = camera(90, 90)
        lines = [{**line, "poses": []} for line in shown(lambda frame: 100 + frame, log, age=0.01)]
        score = self.score(lines, log, walking(90))
        assert score.missing == 1
        assert math.isnan(score.ratio)

    def test_errors_end_where_the_clip_begins_again(self) -> None:
        log = camera(60, 120)
        lines = shown(lambda frame: 100 + frame, log, age=0.01)
        for line in lines[60:]:
            line["poses"] = []
        assert self.score(lines, log, walking(60)).missing == 0

    def test_nothing_shown_is_nothing_scored(self) -> None:
        score = self.score([], camera(90, 90), walking(90))
        assert score.shown == 0
        assert math.isnan(score.age[0])


class TestJournal:
    def test_what_was_in_flight_at_a_kill_may_be_asked_again(self) -> None:
        asked = [[0, 1.0, 1.4], [1, 1.2, 1.6], [1, 3.0, 3.4]]
        assert journal.accounts(asked, [1.5])[:3] == (1, 0, 1)

    def test_what_had_been_answered_may_not(self) -> None:
        asked = [[0, 1.0, 1.4], [0, 3.0, 3.4]]
        again, needless, in_flight, stalest = journal.accounts(asked, [2.0])
        assert (again, needless, in_flight) == (1, 1, 0)
        assert stalest == pytest.approx(0.6)

    def test_a_request_that_arrives_just_after_the_kill_was_in_flight_at_it(self) -> None:
        asked = [[0, 2.05, 2.45], [0, 4.0, 4.4]]
        assert journal.accounts(asked, [2.0, 9.0])[:3] == (1, 0, 1)

    def test_two_kills_in_the_same_request(self) -> None:
        asked = [[0, 1.0, None], [0, 3.0, None], [0, 5.0, 5.4]]
        assert journal.accounts(asked, [1.1, 3.1])[:3] == (2, 0, 2)

    def test_frames_that_differ_or_lack_are_counted(self) -> None:
        assert journal.differing([1, 2, 3], [1, 5]) == 2
        assert journal.differing([1, 2, 3], [1, 2, 3]) == 0


def test_adaptive_sampling_is_read_off_requests_and_pictures() -> None:
    lines: list[dict[str, Any]] = [
        {"frame_index": n, "pts": n / RATE, "captured_at": 50 + n / RATE, "rendered_at": 50.01 + n / RATE,
         "result_frame_index": 330 if n >= 345 else 0, "poses": [{}]}
        for n in range(390)
    ]  # fmt: skip
    asked = [[0, 50.5, 50.9], [0, 55.0, 55.4], *[[300, 60.0 + i / 5, 61.0] for i in range(15)]]
    found = judge(lines, asked, enters=330, still=10.0, latency=0.4, fault="")
    assert (found.still, found.steady) == (1, 45)
    assert found.moving == pytest.approx(5, abs=0.1)
    assert found.wait == pytest.approx(0.51)


def test_a_program_that_showed_nothing_is_a_fault() -> None:
    assert judge([], [], enters=330, still=10.0, latency=0.4, fault="").fault == "nothing was shown"


@pytest.mark.parametrize("body", [b"data:image/jpeg;base64,", b"", b'"'])
def test_base64_bodies_are_read_in_each_form(body: bytes) -> None:
    text = body + base64.b64encode(b"picture") + (b'"' if body == b'"' else b"")
    assert picture_of(text, "application/x-www-form-urlencoded") == b"picture"
    assert picture_of(b"no picture!", "application/json") is None


def test_percentiles_and_means_leave_out_what_is_no_number() -> None:
    assert live_score.percentile([1.0, 2.0, 3.0], 50) == 2
    assert math.isnan(live_score.percentile([], 50))
    assert mean([1.0, math.nan, 3.0]) == 2
    assert math.isnan(mean([]))


def test_a_line_that_was_cut_off_is_left_out(tmp_path: Path) -> None:
    (tmp_path / "out.jsonl").write_text('{"a": 1}\n{"a": 2}\n{"a"')
    assert lines_of(tmp_path / "out.jsonl") == [{"a": 1}, {"a": 2}]


def test_a_folder_gives_the_clips_that_have_a_truth(tmp_path: Path) -> None:
    for name in ("b.mp4", "a.mp4", "a.poses.json", "c.poses.json"):
        (tmp_path / name).write_text(json.dumps({"frame_rate": 30, "frames": [[]] * 60}))
    assert cases_in(tmp_path) == [Case(tmp_path / "a.mp4", tmp_path / "a.poses.json")]
    assert cases_in(tmp_path)[0].seconds() == 2


def test_the_table_has_a_row_a_program_and_its_faults_below() -> None:
    score = live_score.Live(29.8, (0.012, 0.03), 5.0, 20.0, 6.0, 20.0, math.nan, 900)
    rows = [
        Row("walk", name, latency, score, None, 5.0, 36.4, fault, [])
        for name, fault in (("kpstream", ""), ("other", "ended at frame 19: 500"))
        for latency in (0.15, 0.4, 0.8)
    ]
    text = report.markdown(Results(live=rows, possible=[Possible(0.4, 24, 30.0, 40.0)], faults=["cost: OSError: disk"]))
    assert "| kpstream | 29.8 / 29.8 / 29.8 | 12 / 12 / 12 | 30 / 30 / 30 | 0.30 / 0.30 / 0.30 |" in text
    assert "| - / - / - % |" in text
    assert "other at 400 ms ended at frame 19: 500" in text
    assert "| 400 ms, 24 in flight | 30.0 | 40.0 | 0.75 |" in text
    assert "Not measured: cost: OSError: disk" in text
    assert "adaptive" not in text.lower()
