from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from math import isnan, nan
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kpstream.entities import Frame, Origin, Pose, Result, Scene
from kpstream.errors import SinkError, SourceOpenError, SourceReadError
from kpstream.interfaces import Sink
from kpstream.sinks.jsonl import JsonLinesSink, read_poses
from kpstream.skeleton import COCO, Skeleton
from tests.support.sink_contract import FileSinkContract, bare_box, person, picture, scene


class TestContract(FileSinkContract):
    suffix = ".jsonl"

    @pytest.fixture
    def make_at(self) -> Callable[[Path], Sink]:
        return JsonLinesSink


def write(path: Path, *scenes: Scene) -> list[dict[str, Any]]:
    sink = JsonLinesSink(path)
    for one in scenes:
        sink.write(one, one.frame.image)
    sink.close()
    return [json.loads(line) for line in path.read_text("utf-8").splitlines()]


def test_the_object_is_the_documented_one(tmp_path: Path) -> None:
    xy = np.array([[655.1, 170.4], [nan, nan]], np.float32)
    pose = Pose(
        xy=xy,
        keypoint_confidence=np.array([0.98, 0], np.float32),
        xyxy=np.array([534.95, 136.95, 745.45, 667.05], np.float32),
        confidence=0.91,
        class_id=0,
        class_name="person",
        skeleton=COCO,
        tracker_id=3,
        origin="predicted",
    )
    frame = Frame(412, 13.7333333, 5120.11449, picture())
    whole = Scene(frame, (pose,), result_frame_index=406, result_age=0.2, rendered_at=5120.127, source="0")
    assert write(tmp_path / "a.jsonl", whole) == [
        {
            "source": "0",
            "frame_index": 412,
            "pts": 13.733333,
            "captured_at": 5120.114,
            "rendered_at": 5120.127,
            "frame_size": [64, 48],
            "result_frame_index": 406,
            "result_age": 0.2,
            "stale": False,
            "poses": [
                {
                    "tracker_id": 3,
                    "origin": "predicted",
                    "class": "person",
                    "class_id": 0,
                    "confidence": 0.91,
                    "stale": False,
                    "x": 640.2,
                    "y": 402.0,
                    "width": 210.5,
                    "height": 530.1,
                    "keypoints": [{"class": "nose", "class_id": 0, "x": 655.1, "y": 170.4, "confidence": 0.98}],
                }
            ],
        }
    ]


@pytest.mark.parametrize(
    ("at", "text"),
    [
        (1795846801.25, "2026-11-28T06:20:01.250Z"),
        (1795846801.9996, "2026-11-28T06:20:02.000Z"),
        (1795846801.0, "2026-11-28T06:20:01.000Z"),
    ],
)
def test_a_live_picture_has_its_date(at: float, text: str, tmp_path: Path) -> None:
    frame = Frame(0, 0.0, 0.0, picture(), captured_wall=at)
    (line,) = write(tmp_path / "a.jsonl", Scene(frame, ()))
    assert line["captured_wall"] == text


def test_a_recorded_picture_has_no_date(tmp_path: Path) -> None:
    (line,) = write(tmp_path / "a.jsonl", scene(0))
    assert "captured_wall" not in line


def test_what_is_not_known_is_null(tmp_path: Path) -> None:
    unknown = Scene(Frame(0, 0.0, 0.0, picture()), (person(None),))
    (line,) = write(tmp_path / "a.jsonl", unknown)
    assert (line["result_frame_index"], line["result_age"], line["rendered_at"]) == (None, None, None)
    assert line["poses"][0]["tracker_id"] is None
    assert "NaN" not in (tmp_path / "a.jsonl").read_text()


def test_every_line_is_in_the_file_as_soon_as_it_is_written(tmp_path: Path) -> None:
    sink = JsonLinesSink(tmp_path / "a.jsonl")
    for index in range(3):
        sink.write(scene(index, person()), picture())
        assert (tmp_path / "a.jsonl").read_bytes().count(b"\n") == index + 1
    sink.close()


def test_a_name_that_is_no_text_does_not_end_the_recording(tmp_path: Path) -> None:
    (line,) = write(tmp_path / "a.jsonl", Scene(Frame(0, 0.0, 0.0, picture()), (), source="caf\udce9 \n 例"))
    assert line["source"] == "caf? \n 例"


def test_minus_is_stdout(capfd: pytest.CaptureFixture[str]) -> None:
    sink = JsonLinesSink("-")
    sink.write(scene(4), picture())
    sink.close()
    assert json.loads(capfd.readouterr().out)["frame_index"] == 4
    print("still open")
    assert "still open" in capfd.readouterr().out


def test_a_stdout_that_the_shell_closed_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdout", None)
    with pytest.raises(SinkError, match="standard output: the shell has closed it"):
        JsonLinesSink("-").write(scene(4), picture())


_TO_STDOUT = """
import sys
import numpy as np
from kpstream.entities import Frame, Scene
from kpstream.errors import SinkError
from kpstream.sinks.jsonl import JsonLinesSink
sink = JsonLinesSink("-")
image = np.zeros((4, 4, 3), np.uint8)
try:
    for index in range(100_000):
        sink.write(Scene(Frame(index, index / 30, 0.0, image), ()), image)
except SinkError as error:
    sink.close()
    print(error, file=sys.stderr)
    print("the summary, which nobody reads")
    sys.exit(error.exit_code)
"""


def test_a_reader_who_leaves_ends_it_with_one_line() -> None:
    with subprocess.Popen(
        [sys.executable, "-c", _TO_STDOUT], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        assert json.loads(process.stdout.readline())["frame_index"] == 0
        process.stdout.close()
        assert (
            process.stderr.read()
            == "standard output: whoever was reading has gone: nothing more can be written there\n"
        )
        assert process.wait(30) == SinkError.exit_code


# Reading back


def test_what_was_written_is_read_again(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    write(path, scene(3, person(3), replace(bare_box(), stale=True)), scene(4), scene(9, person(None, missing=())))
    recorded = read_poses(path)
    assert list(recorded) == [3, 4, 9]
    first, ball = recorded[3].poses
    expected = person(3)
    assert np.allclose(first.xy, expected.xy, atol=0.0006, equal_nan=True)
    assert np.allclose(first.xyxy, expected.xyxy, atol=0.0006)
    assert np.allclose(first.keypoint_confidence, expected.keypoint_confidence, atol=0.0006)
    assert (first.tracker_id, first.origin, first.class_name) == (3, "predicted", "person")
    assert first.skeleton == COCO
    assert (first.stale, ball.stale) == (False, True)
    assert (ball.class_name, ball.class_id, len(ball.xy)) == ("ball", 4, 0)
    assert (recorded[4].poses, recorded[9].poses[0].tracker_id) == ((), None)
    assert (recorded[9].result_frame_index, recorded[9].result_age, recorded[9].pts) == (0, 0.3, 0.3)


def test_a_frame_without_a_line_is_missing(tmp_path: Path) -> None:
    write(tmp_path / "a.jsonl", scene(3), scene(5))
    recorded = read_poses(tmp_path / "a.jsonl")
    assert 4 not in recorded
    assert recorded.get(99) is None
    assert recorded.get(-1) is None
    assert len(recorded) == 2


def test_unknown_keypoints_get_a_skeleton_of_their_names(tmp_path: Path) -> None:
    hand = Skeleton(("wrist", "thumb", "index"))
    path = tmp_path / "a.jsonl"
    write(path, scene(0, person(skeleton=hand, missing=(2,))), scene(1, person(skeleton=hand, missing=(0,))))
    recorded = read_poses(path)
    for index in (0, 1):
        (pose,) = recorded[index].poses
        assert (pose.skeleton.names, len(pose.xy)) == (hand.names, 3)
    assert np.isnan(recorded[0].poses[0].xy[2]).all()
    assert recorded[1].poses[0].keypoint_confidence.tolist() == pytest.approx([0, 0.9, 0.9])


def test_a_given_skeleton_is_used(tmp_path: Path) -> None:
    hand = Skeleton(("wrist", "thumb", "index"), ((0, 1), (0, 2)))
    path = tmp_path / "a.jsonl"
    write(path, scene(0, person(skeleton=Skeleton(hand.names), missing=(1, 2))))
    (pose,) = read_poses(path, {"person": hand})[0].poses
    assert pose.skeleton is hand
    assert len(pose.xy) == 3


def test_a_given_skeleton_that_does_not_fit_is_refused(tmp_path: Path) -> None:
    write(tmp_path / "a.jsonl", scene(0, person()))
    with pytest.raises(SourceReadError, match=r"line 1: .*'nose'"):
        read_poses(tmp_path / "a.jsonl", {"person": Skeleton(("wrist", "thumb"))})


def test_a_last_line_that_was_cut_short_is_left_out_and_logged(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    path = tmp_path / "a.jsonl"
    write(path, scene(0, person()), scene(1, person()))
    path.write_bytes(path.read_bytes()[:-40])
    assert list(read_poses(path)) == [0]
    assert "cut short" in caplog.text


def test_a_last_line_that_only_lacks_its_end_counts(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    write(path, scene(0), scene(1))
    path.write_bytes(path.read_bytes()[:-1])
    assert list(read_poses(path)) == [0, 1]


LINE: dict[str, Any] = {
    "frame_index": 1,
    "poses": [{"class": "person", "x": 1, "y": 2, "width": 3, "height": 4, "keypoints": []}],
}


def changed(**changes: Any) -> str:
    return json.dumps({**LINE, "poses": [{**LINE["poses"][0], **changes}]})


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ("{", "is not JSON"),
        ("[1]", "is not a JSON object"),
        ("\x80", "is not JSON"),
        ('{"frame_index": NaN}', "is not JSON"),
        ("[" * 100_000, "is not JSON"),
        ('{"poses": []}', "'frame_index'"),
        ('{"frame_index": true}', "'frame_index'"),
        ('{"frame_index": -1}', "'frame_index'"),
        ('{"frame_index": 0}', "more than one run"),
        ('{"frame_index": 1, "poses": {}}', "'poses'"),
        ('{"frame_index": 1, "poses": [3]}', "'poses'"),
        ('{"frame_index": 1, "pts": "0"}', "'pts'"),
        (changed(width="wide"), "'width'"),
        (changed(x=1e999), "is not JSON"),
        (changed(x=10**400), "'x'"),
        (changed(**{"class": None}), "'class'"),
        (changed(origin="guessed"), "'origin'"),
        (changed(tracker_id="3"), "'tracker_id'"),
        (changed(keypoints=[{"class": "nose", "class_id": 0, "x": 1}]), "'y'"),
        (changed(keypoints=[{"class": "nose", "class_id": 10**9, "x": 1, "y": 1}]), "'class_id'"),
    ],
)
def test_a_broken_line_is_named(line: str, reason: str, tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    path.write_bytes(b'{"frame_index": 0}\n\n' + line.encode("latin-1") + b"\n")
    with pytest.raises(SourceReadError, match="line 3: .*" + reason) as caught:
        read_poses(path)
    assert "\n" not in str(caught.value)


def test_a_keypoint_that_changes_its_name_is_named(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    keypoints = [{"class": name, "class_id": 0, "x": 1, "y": 1} for name in ("nose", "tail")]
    path.write_text("".join(changed(keypoints=[k]).replace('x": 1,', 'x": 1,', 1) + "\n" for k in keypoints[:1]))
    later = json.loads(changed(keypoints=keypoints[1:])) | {"frame_index": 2}
    path.write_text(path.read_text() + json.dumps(later) + "\n")
    with pytest.raises(SourceReadError, match=r"line 2: keypoint 0 .* is 'tail' here and 'nose' elsewhere"):
        read_poses(path)


def test_a_file_of_another_kind_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "video.mp4"
    path.write_bytes(bytes(range(256)) * 1000)
    with pytest.raises(SourceReadError, match="line 1"):
        read_poses(path)


def test_a_missing_file_is_told(tmp_path: Path) -> None:
    with pytest.raises(SourceOpenError, match=r"none\.jsonl: cannot be read"):
        read_poses(tmp_path / "none.jsonl")


def test_a_file_that_changes_meanwhile_is_told(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    write(path, scene(0, person()), scene(1, person()))
    recorded = read_poses(path)
    path.write_text("{}")
    with pytest.raises(SourceReadError, match="changed while"):
        recorded[1]


@settings(deadline=None)
@given(st.lists(st.binary(max_size=60), max_size=5))
def test_whatever_the_bytes_are_it_is_read_or_refused(
    tmp_path_factory: pytest.TempPathFactory, lines: list[bytes]
) -> None:
    path = tmp_path_factory.mktemp("bytes") / "a.jsonl"
    path.write_bytes(b"\n".join(lines))
    with suppress(SourceReadError):
        assert len(read_poses(path)) <= len(lines)


_coordinates = st.floats(-1e5, 1e5, width=32)
_json = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=5,
)


@settings(deadline=None)
@given(st.dictionaries(st.sampled_from([*LINE["poses"][0], "class_id", "tracker_id", "origin"]), _json))
def test_whatever_a_pose_says_it_is_read_or_refused(
    tmp_path_factory: pytest.TempPathFactory, changes: dict[str, Any]
) -> None:
    path = tmp_path_factory.mktemp("poses") / "a.jsonl"
    path.write_text(changed(**changes) + "\n")
    with suppress(SourceReadError):
        (pose,) = read_poses(path)[1].poses
        assert len(pose.xy) == len(pose.skeleton.names) == len(pose.keypoint_confidence)


@st.composite
def poses(draw: st.DrawFn) -> Pose:
    known = draw(st.sampled_from([COCO, Skeleton(("a", "b", "c")), Skeleton(())]))
    count = len(known.names)
    there = draw(st.lists(st.booleans(), min_size=count, max_size=count))
    xy = [(draw(_coordinates), draw(_coordinates)) if one else (nan, nan) for one in there]
    origin: Origin = draw(st.sampled_from(["measured", "predicted", "interpolated"]))
    return Pose(
        xy=np.array(xy, np.float32).reshape(count, 2),
        keypoint_confidence=np.array([draw(st.floats(0, 1)) if one else 0 for one in there], np.float32),
        xyxy=np.array(sorted(draw(_coordinates) for _ in range(4)), np.float32),
        confidence=draw(st.floats(0, 1)),
        class_id=draw(st.integers(0, 90)),
        class_name=f"class of {count}",
        skeleton=known,
        tracker_id=draw(st.none() | st.integers(0, 10**6)),
        origin=origin,
    )


@settings(deadline=None)
@given(st.lists(st.lists(poses(), max_size=3), max_size=4))
def test_writing_and_reading_gives_the_same(tmp_path_factory: pytest.TempPathFactory, frames: list[list[Pose]]) -> None:
    path = tmp_path_factory.mktemp("round") / "a.jsonl"
    path.touch()
    for line in write(path, *(scene(index, *found) for index, found in enumerate(frames))):
        assert set(line) >= {"frame_index", "poses", "stale"}
    recorded = read_poses(path, {"class of 17": COCO, "class of 3": Skeleton(("a", "b", "c"))})
    assert len(recorded) == len(frames)
    for index, found in enumerate(frames):
        for expected, got in zip(found, recorded[index].poses, strict=True):
            assert np.allclose(got.xy, expected.xy, atol=0.002, rtol=1e-6, equal_nan=True)
            assert np.allclose(got.xyxy, expected.xyxy, atol=0.02, rtol=1e-6)
            assert got.confidence == pytest.approx(expected.confidence, abs=0.0006)
            assert (got.tracker_id, got.origin) == (expected.tracker_id, expected.origin)
            assert not any(isnan(value) for value in got.keypoint_confidence)


def test_the_answers_of_a_live_view_stand_beside_what_is_drawn_and_are_read_again(tmp_path: Path) -> None:
    path, pose, frames = tmp_path / "out.jsonl", person(7), [Frame(n, n / 30, 0.0, picture()) for n in (9, 10)]
    with_answer = Scene(frames[0], (), answers=(Result(3, 0.1, (pose,)),))

    first, second = write(path, with_answer, Scene(frames[1], (), answers=()))

    (written,) = first["answers"]
    assert (written["frame_index"], written["pts"], written["poses"][0]["tracker_id"]) == (3, 0.1, pose.tracker_id)
    assert "answers" not in second
    recorded = read_poses(path)[9]
    (read,) = recorded.answers or ()
    assert (read.frame_index, read.pts, read.poses[0].tracker_id) == (3, 0.1, pose.tracker_id)
    assert np.allclose(read.poses[0].xy, pose.xy, atol=0.001, equal_nan=True)
    assert recorded.frame_size == frames[0].size
