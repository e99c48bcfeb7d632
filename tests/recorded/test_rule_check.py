"""Rules tried on files of poses, by the command that people use."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from kpstream.cli import run
from kpstream.entities import Frame, Pose, Result, Scene
from kpstream.sinks.jsonl import JsonLinesSink
from tests.events.people import SIZE, lying, numbered, standing
from tests.support.rules import LEFT_HALF

RULES = (
    LEFT_HALF
    + """\
[[rule]]
name = "somebody fell"
kind = "fall"
"""
)
PICTURE = np.zeros((SIZE[1], SIZE[0], 3), np.uint8)


def story(t: float) -> Pose:
    """Somebody comes into the left half after a second, falls after two, and stays down."""
    return lying(300) if t > 2 else standing(900 if t < 1 else 300)


def recorded(path: Path, rate: int = 30) -> Path:
    return _written(
        path,
        (
            Scene(
                Frame(n, n / rate, 0.0, PICTURE), (numbered(story(n / rate), 1, "interpolated"),), result_frame_index=n
            )
            for n in range(5 * rate)
        ),
    )


def live(path: Path, *, with_answers: bool = True, late: float = 0.4) -> Path:
    """Thirty pictures a second, five answers a second, each of which arrives late."""
    scenes = []
    for n in range(150):
        at = n / 30 - late
        index = round(at * 30)
        is_answered = with_answers and index >= 0 and index % 6 == 0
        answers = (Result(index, index / 30, (numbered(story(index / 30), 1),)),) if is_answered else ()
        guess = numbered(story(max(0.0, at)), 1, "predicted")
        scenes.append(Scene(Frame(n, n / 30, 0.0, PICTURE), (guess,), result_frame_index=0, answers=answers))
    return _written(path, scenes)


def _written(path: Path, scenes: Iterable[Scene]) -> Path:
    sink = JsonLinesSink(path)
    for scene in scenes:
        sink.write(scene, PICTURE)
    sink.close()
    return path


def check(tmp_path: Path, poses: Path, rules: str = RULES) -> list[dict[str, Any]]:
    (tmp_path / "rules.toml").write_text(rules)
    out = tmp_path / "events.jsonl"
    assert run(["events", "check", str(tmp_path / "rules.toml"), str(poses), "--jsonl", str(out)]) == 0
    return [json.loads(line) for line in out.read_text().splitlines()]


def test_recorded_poses_give_the_events_that_their_story_tells(tmp_path: Path) -> None:
    events = check(tmp_path, recorded(tmp_path / "poses.jsonl"))

    zone, fall = (event for event in events if event["state"] == "opened")
    assert (zone["rule"], zone["began_pts"], zone["opened_pts"]) == ("in the left half", 1.0, 1.5)
    assert (fall["rule"], fall["camera"]) == ("somebody fell", "poses")
    assert fall["began_pts"] == pytest.approx(2.03, abs=0.01)
    assert fall["opened_pts"] == pytest.approx(3.03, abs=0.01)
    assert [event["cut"] for event in events if event["state"] == "ended"] == [True, True]
    assert zone["opened_at"] is None


def test_a_live_view_of_the_same_gives_the_same_within_one_sample(tmp_path: Path) -> None:
    of_recording = check(tmp_path, recorded(tmp_path / "recorded.jsonl"))
    of_live_view = check(tmp_path, live(tmp_path / "live.jsonl"))

    for one, other in zip(of_recording, of_live_view, strict=False):
        assert (one["rule"], one["state"]) == (other["rule"], other["state"])
        assert other["began_pts"] == pytest.approx(one["began_pts"], abs=0.2)
        assert other["opened_pts"] == pytest.approx(one["opened_pts"], abs=0.2)


def test_a_live_view_without_answers_can_open_nothing_and_says_so(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert not check(tmp_path, live(tmp_path / "live.jsonl", with_answers=False))
    assert "has no answers, so nothing can open" in capsys.readouterr().err


def test_without_a_file_the_events_are_a_table(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "rules.toml").write_text(RULES)

    assert run(["events", "check", str(tmp_path / "rules.toml"), str(recorded(tmp_path / "poses.jsonl"))]) == 0

    header, zone, fall = capsys.readouterr().out.splitlines()
    assert header.split() == ["began", "opened", "ended", "rule", "kind", "who", "value"]
    assert zone.split() == [
        "0:00:01.0",
        "0:00:01.5",
        "0:00:05.0",
        "(cut)",
        "in",
        "the",
        "left",
        "half",
        "in_zone",
        "#1",
    ]
    assert "somebody fell" in fall


def test_cameras_are_for_a_site_and_ignored_elsewhere(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    of_a_site = RULES.replace('name = "left"', 'name = "left"\ncameras = ["hall"]') + 'cameras = ["yard"]\n'

    events = check(tmp_path, recorded(tmp_path / "poses.jsonl"), of_a_site)

    assert len([event for event in events if event["state"] == "opened"]) == 2
    said = " ".join(capsys.readouterr().err.split())
    assert said.count("only a site has cameras; its key cameras is ignored (zone left, rule somebody fell)") == 1


def test_the_page_shows_every_rule_and_the_pose_of_every_event(tmp_path: Path) -> None:
    (tmp_path / "rules.toml").write_text(RULES)
    page = tmp_path / "report.html"

    poses = recorded(tmp_path / "<poses\udcff>.jsonl")
    assert run(["events", "check", str(tmp_path / "rules.toml"), str(poses), "--html", str(page)]) == 0

    html = page.read_text()
    assert html.count("<section>") == 2
    assert html.count("<figure><svg") == 2
    assert "in the left half" in html
    assert "&lt;poses?&gt;" in html
    assert "http" not in html


@pytest.mark.parametrize(
    ("rules", "poses", "code", "said"),
    [
        ("[[rule]]\nname = 'a'\nkind = 'in_zone'\nzone = 'x'", None, 2, "rule a: there is no zone x; there is none"),
        ("[rules]", None, 2, "there is no [rules] in a file of rules"),
        ("", None, 2, "there is no rule in it: write a [[rule]]"),
        ("[[rule", None, 2, "this is not TOML"),
        (RULES, "nothing like JSON\n{}\n", 3, "line 1: is not JSON"),
        (RULES, '{"frame_index": 1, "pts": 0.1, "poses": []}\n', 3, "it has no frame_size, which zones and lines need"),
        (RULES, '{"frame_index": 1, "frame_size": [640, 480], "poses": []}\n', 3, "frame 1 has no pts"),
        (
            "[[rule]]\nname = 'a'\nkind = 'angle'\nkeypoints = ['a', 'b', 'c']\nmin = 1",
            "recorded",
            2,
            "rule a: the model has no keypoint a; it has nose, left_eye",
        ),
        ("[[rule]]\nname = 'a'\nkind = 'custom'\ncall = 'nowhere:it'", None, 2, "nowhere cannot be imported"),
    ],
)
def test_what_is_wrong_is_one_line_and_the_right_exit_code(
    rules: str, poses: str | None, code: int, said: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "rules.toml").write_text(rules)
    path = tmp_path / "poses.jsonl"
    if poses == "recorded" or poses is None:
        recorded(path)
    else:
        path.write_text(poses)

    assert run(["events", "check", str(tmp_path / "rules.toml"), str(path)]) == code
    assert said in " ".join(capsys.readouterr().err.split())


def test_a_function_beside_the_rules_is_found(tmp_path: Path) -> None:
    (tmp_path / "my_rules.py").write_text("def low(pose):\n    return bool(pose.xyxy[1] > 500)\n")

    events = check(
        tmp_path, recorded(tmp_path / "poses.jsonl"), "[[rule]]\nname = 'low'\nkind = 'custom'\ncall = 'my_rules:low'"
    )

    assert [(event["rule"], event["state"]) for event in events] == [("low", "opened"), ("low", "ended")]


def test_a_pose_that_is_only_guessed_is_no_evidence_of_recorded_video_either(tmp_path: Path) -> None:
    guess = replace(numbered(standing(300), 1), origin="predicted")
    scenes = [Scene(Frame(n, n / 10, 0.0, PICTURE), (guess,), result_frame_index=0) for n in range(50)]

    assert not check(tmp_path, _written(tmp_path / "poses.jsonl", scenes))


def test_a_pose_that_the_pictures_do_not_bear_out_opens_nothing(tmp_path: Path) -> None:
    doubtful = replace(numbered(standing(300), 1, "interpolated"), stale=True)
    scenes = [Scene(Frame(n, n / 10, 0.0, PICTURE), (doubtful,), result_frame_index=n) for n in range(50)]

    assert not check(tmp_path, _written(tmp_path / "poses.jsonl", scenes))
