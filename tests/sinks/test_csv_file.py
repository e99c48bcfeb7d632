from __future__ import annotations

import csv
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from kpstream.entities import Frame, Scene
from kpstream.interfaces import Sink
from kpstream.sinks.csv_file import COLUMNS, CsvSink
from kpstream.skeleton import Skeleton
from tests.support.sink_contract import FileSinkContract, bare_box, person, picture, scene

HAND = Skeleton(("wrist", "thumb, left", "index"))


class TestContract(FileSinkContract):
    suffix = ".csv"

    @pytest.fixture
    def make_at(self) -> Callable[[Path], Sink]:
        return CsvSink


def table(path: Path, *scenes: Scene) -> list[dict[str, str]]:
    sink = CsvSink(path)
    for one in scenes:
        sink.write(one, one.frame.image)
    sink.close()
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file, strict=True))


def test_a_keypoint_is_a_row_that_says_whose_it_is(tmp_path: Path) -> None:
    rows = table(tmp_path / "a.csv", scene(6, person(3, skeleton=HAND, missing=(1,))))
    assert rows[0] == {
        "source": "cam",
        "frame_index": "6",
        "pts": "0.2",
        "result_age": "0.2",
        "stale": "0",
        "pose": "0",
        "tracker_id": "3",
        "origin": "predicted",
        "class": "person",
        "class_id": "0",
        "confidence": "0.913",
        "x": "26.0",
        "y": "25.25",
        "width": "36.0",
        "height": "32.5",
        "keypoint": "wrist",
        "keypoint_id": "0",
        "keypoint_x": "10.06",
        "keypoint_y": "16.1",
        "keypoint_confidence": "0.9",
    }
    assert tuple(rows[0]) == COLUMNS


def test_a_missing_keypoint_has_no_row(tmp_path: Path) -> None:
    rows = table(tmp_path / "a.csv", scene(0, person(skeleton=HAND, missing=(0,))))
    assert [(row["keypoint"], row["keypoint_id"]) for row in rows] == [("thumb, left", "1"), ("index", "2")]


def test_a_pose_without_keypoints_keeps_its_box(tmp_path: Path) -> None:
    (row,) = table(tmp_path / "a.csv", scene(0, bare_box()))
    assert (row["class"], row["width"], row["height"]) == ("ball", "10.0", "20.0")
    assert (row["tracker_id"], row["keypoint"], row["keypoint_x"]) == ("", "", "")


def test_poses_without_an_id_can_be_told_apart(tmp_path: Path) -> None:
    rows = table(tmp_path / "a.csv", scene(0, person(None), person(None)), scene(1), scene(2, person(None)))
    assert {(row["frame_index"], row["pose"]) for row in rows} == {("0", "0"), ("0", "1"), ("1", ""), ("2", "0")}


def test_what_is_not_known_is_empty(tmp_path: Path) -> None:
    unknown = Scene(Frame(0, 0.0, 0.0, picture()), (person(),))
    assert table(tmp_path / "a.csv", unknown)[0]["result_age"] == ""


def test_a_stale_pose_is_stale_in_its_own_rows(tmp_path: Path) -> None:
    rows = table(tmp_path / "a.csv", scene(0, bare_box(), replace(bare_box(), stale=True)))
    assert [row["stale"] for row in rows] == ["0", "1"]


@pytest.mark.parametrize("seen", [(), (0,), (1,), (0, 1, 2)])
def test_a_frame_without_a_pose_has_a_row_of_its_own(seen: tuple[int, ...], tmp_path: Path) -> None:
    rows = table(tmp_path / "a.csv", *(scene(index, *[bare_box()] * (index in seen)) for index in range(3)))
    assert [(row["source"], row["frame_index"], row["pts"], row["stale"]) for row in rows] == [
        ("cam", "0", "0.0", "0"),
        ("cam", "1", "0.033333", "0"),
        ("cam", "2", "0.066667", "0"),
    ]
    for index, row in enumerate(rows):
        assert (row["class"] == "ball") == (index in seen)
        assert all(index in seen or not row[name] for name in COLUMNS[5:])


def test_rows_are_in_the_file_as_soon_as_they_are_written(tmp_path: Path) -> None:
    sink = CsvSink(tmp_path / "a.csv")
    sink.write(scene(0, bare_box()), picture())
    assert (tmp_path / "a.csv").read_text().count("\n") == 2
    sink.close()


def test_minus_is_stdout(capfd: pytest.CaptureFixture[str]) -> None:
    sink = CsvSink("-")
    sink.write(scene(0, bare_box()), picture())
    sink.close()
    assert capfd.readouterr().out.startswith("source,frame_index")
