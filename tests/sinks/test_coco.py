from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kpstream.entities import Frame, Pose, Scene
from kpstream.interfaces import Sink
from kpstream.sinks.coco import CocoSink
from kpstream.sinks.jsonl import JsonLinesSink, read_poses
from kpstream.skeleton import COCO, Skeleton
from tests.support.sink_contract import FileSinkContract, bare_box, person, picture, scene

HAND = Skeleton(("wrist", "thumb", "index"), ((0, 1), (0, 2)))


class TestContract(FileSinkContract):
    suffix = ".json"

    @pytest.fixture
    def make_at(self) -> Callable[[Path], Sink]:
        return CocoSink


def dataset(path: Path, *scenes: Scene, keypoint_confidence: float = 0.3) -> dict[str, Any]:
    sink = CocoSink(path, keypoint_confidence=keypoint_confidence)
    for one in scenes:
        sink.write(one, one.frame.image)
    sink.close()
    found = json.loads(path.read_text("utf-8"))
    assert isinstance(found, dict)
    check(found)
    return found


def check(found: dict[str, Any]) -> None:
    """What pycocotools and its relatives rely on."""
    images = {image["id"]: (image["width"], image["height"]) for image in found["images"]}
    categories = {category["id"]: category for category in found["categories"]}
    assert len(images) == len(found["images"])
    assert len(categories) == len(found["categories"])
    assert [annotation["id"] for annotation in found["annotations"]] == list(range(1, 1 + len(found["annotations"])))
    for category in categories.values():
        assert category["id"] >= 1
        assert len(set(category["keypoints"])) == len(category["keypoints"])
        assert all(1 <= end <= len(category["keypoints"]) for edge in category["skeleton"] for end in edge)
    for annotation in found["annotations"]:
        assert annotation["image_id"] in images
        names = categories[annotation["category_id"]]["keypoints"]
        assert len(annotation["keypoints"]) == 3 * len(names)
        assert len(annotation["keypoint_scores"]) == len(names)
        (width, height), (x, y, across, down) = images[annotation["image_id"]], annotation["bbox"]
        assert min(x, y) >= 0
        assert x + across <= width
        assert y + down <= height
        seen = annotation["keypoints"][2::3]
        for x, y, flag in zip(annotation["keypoints"][::3], annotation["keypoints"][1::3], seen, strict=True):
            assert (0 <= x < width and 0 <= y < height) if flag else (x, y) == (0, 0)
        assert set(seen) <= {0, 1, 2}
        assert annotation["num_keypoints"] == sum(flag > 0 for flag in seen)
        assert annotation["area"] == pytest.approx(annotation["bbox"][2] * annotation["bbox"][3], abs=0.1)
        assert annotation["iscrowd"] == 0


def test_a_pose_becomes_an_annotation(tmp_path: Path) -> None:
    found = dataset(tmp_path / "a.json", scene(6, person(3, skeleton=HAND, missing=(1,))))
    assert found["images"] == [{"id": 6, "file_name": "000006.jpg", "width": 64, "height": 48, "pts": 0.2}]
    assert found["annotations"] == [
        {
            "id": 1,
            "image_id": 6,
            "category_id": 1,
            "keypoints": [10.06, 16.1, 2, 0, 0, 0, 34.22, 40.26, 2],
            "num_keypoints": 2,
            "bbox": [8.0, 9.0, 36.0, 32.5],
            "area": 1170.0,
            "iscrowd": 0,
            "score": 0.913,
            "keypoint_scores": [0.9, 0, 0.9],
            "track_id": 3,
            "origin": "predicted",
        }
    ]
    assert found["categories"] == [
        {
            "id": 1,
            "name": "person",
            "supercategory": "person",
            "keypoints": ["wrist", "thumb", "index"],
            "skeleton": [[1, 2], [1, 3]],
        }
    ]


def test_a_keypoint_below_the_threshold_is_labelled_but_not_visible(tmp_path: Path) -> None:
    unsure = replace(person(skeleton=HAND, missing=()), keypoint_confidence=np.array([0.29, 0.3, 0.31], np.float32))
    (annotation,) = dataset(tmp_path / "a.json", scene(0, unsure))["annotations"]
    assert annotation["keypoints"][2::3] == [1, 2, 2]
    assert annotation["num_keypoints"] == 3


@pytest.mark.parametrize(
    ("box", "expected"),
    [
        ((-8, 9, 20, 30), [0, 9, 20, 21]),
        ((8, -9, 20, 30), [8, 0, 12, 30]),
        ((50, 9, 80, 30), [50, 9, 14, 21]),
        ((8, 40, 20, 60), [8, 40, 12, 8]),
        ((-5, -5, 80, 60), [0, 0, 64, 48]),
        ((0, 0, 64, 48), [0, 0, 64, 48]),
        ((10, 10, 10, 10), [10, 10, 0, 0]),
        ((-9, 9, 0, 30), None),
        ((64, 9, 80, 30), None),
        ((8, -9, 20, -1), None),
        ((8, 48, 20, 60), None),
        ((63.9996, 0, 80, 48), None),
        ((70, 10, 70, 10), None),
    ],
)
def test_boxes_end_at_the_edges_of_the_picture(
    box: tuple[float, ...], expected: list[float] | None, tmp_path: Path
) -> None:
    pose = replace(person(), xyxy=np.array(box, np.float32))
    found = dataset(tmp_path / "a.json", scene(0, pose, person()))["annotations"]
    assert [one["bbox"] for one in found][:-1] == [expected] * (expected is not None)


@pytest.mark.parametrize(
    ("at", "flag"),
    [((0, 0), 2), ((63.9, 47.9), 2), ((-0.1, 5), 0), ((5, -0.1), 0), ((64, 5), 0), ((5, 48), 0), ((63.9999, 5), 0)],
)
def test_a_keypoint_outside_the_picture_is_not_labelled(at: tuple[float, float], flag: int, tmp_path: Path) -> None:
    xy = np.array([at, (10, 10), (20, 20)], np.float32)
    pose = replace(person(skeleton=HAND, missing=()), xy=xy)
    (annotation,) = dataset(tmp_path / "a.json", scene(0, pose))["annotations"]
    assert annotation["keypoints"][2::3] == [flag, 2, 2]
    assert annotation["keypoint_scores"][0] == (0.9 if flag else 0)


_anywhere = st.floats(-200, 300, width=32)


@settings(deadline=None)
@given(
    st.lists(st.tuples(_anywhere, _anywhere), min_size=3, max_size=3),
    st.tuples(_anywhere, _anywhere),
    st.tuples(st.floats(0, 300, width=32), st.floats(0, 300, width=32)),
    st.tuples(st.integers(2, 200), st.integers(2, 200)),
)
def test_whatever_reaches_outside_the_file_stays_inside(
    tmp_path_factory: pytest.TempPathFactory,
    points: list[tuple[float, float]],
    corner: tuple[float, float],
    sides: tuple[float, float],
    size: tuple[int, int],
) -> None:
    box = np.array([*corner, corner[0] + sides[0], corner[1] + sides[1]], np.float32)
    pose = replace(person(skeleton=HAND, missing=()), xy=np.array(points, np.float32), xyxy=box)
    dataset(tmp_path_factory.mktemp("coco") / "a.json", scene(0, pose, size=size))


def test_frames_without_poses_are_images_too(tmp_path: Path) -> None:
    found = dataset(tmp_path / "a.json", scene(0), scene(2), scene(5))
    assert [image["id"] for image in found["images"]] == [0, 2, 5]
    assert (found["annotations"], found["categories"]) == ([], [])


def test_a_picture_is_called_by_those_that_could_be_decoded(tmp_path: Path) -> None:
    given = [replace(scene(i), frame=replace(scene(i).frame, decoded_index=n)) for n, i in enumerate((0, 1, 4, 5))]
    images = dataset(tmp_path / "a.json", *given)["images"]
    assert [(one["id"], one["file_name"]) for one in images] == [
        (0, "000000.jpg"),
        (1, "000001.jpg"),
        (4, "000002.jpg"),
        (5, "000003.jpg"),
    ]


def test_classes_become_categories(tmp_path: Path) -> None:
    found = dataset(tmp_path / "a.json", scene(0, person(), bare_box()), scene(1, bare_box(), person()))
    assert {(one["id"], one["name"], len(one["keypoints"])) for one in found["categories"]} == {
        (1, "person", 17),
        (5, "ball", 0),
    }
    assert [one["category_id"] for one in found["annotations"]] == [1, 5, 5, 1]
    assert found["categories"][0]["skeleton"][0] == [COCO.edges[0][0] + 1, COCO.edges[0][1] + 1]


def test_two_classes_of_one_number_stay_two(tmp_path: Path) -> None:
    found = dataset(tmp_path / "a.json", scene(0, person(), person(class_name="dog"), person(class_name="cat")))
    assert len({one["category_id"] for one in found["annotations"]}) == 3


def test_a_skeleton_that_grows_makes_all_annotations_alike(tmp_path: Path) -> None:
    """As of a model of which nothing is known but its answers: names come with the first keypoint that has them."""
    short, long = Skeleton(("wrist",)), Skeleton(("wrist", "", "index"))
    frames = [scene(0, person(skeleton=short, missing=())), scene(1, person(skeleton=long, missing=(1,)))]
    found = dataset(tmp_path / "a.json", *frames, scene(2, person(skeleton=short, missing=())))
    assert found["categories"][0]["keypoints"] == ["wrist", "keypoint_1", "index"]
    assert [one["num_keypoints"] for one in found["annotations"]] == [1, 2, 1]


def test_a_pose_shorter_than_its_skeleton_is_filled_up(tmp_path: Path) -> None:
    xy = np.array([[1, 2]], np.float32)
    pose = Pose(xy, np.ones(1, np.float32), np.array([0, 0, 2, 2], np.float32), 1.0, 0, "hand", HAND)
    (annotation,) = dataset(tmp_path / "a.json", scene(0, pose))["annotations"]
    assert annotation["keypoints"] == [1, 2, 2, 0, 0, 0, 0, 0, 0]


def test_until_it_is_closed_the_old_file_stays(tmp_path: Path) -> None:
    path = tmp_path / "a.json"
    path.write_text("old")
    sink = CocoSink(path)
    sink.write(scene(0, person()), picture())
    assert [path.read_text() for path in tmp_path.iterdir()] == ["old"]
    sink.close()
    assert json.loads(path.read_text())["images"]


def test_minus_is_stdout(capfd: pytest.CaptureFixture[str]) -> None:
    sink = CocoSink("-")
    sink.write(scene(0, person()), picture())
    sink.close()
    check(json.loads(capfd.readouterr().out))


def test_what_json_lines_kept_exports_to_the_same(tmp_path: Path) -> None:
    scenes = [scene(index, person(index), bare_box()) for index in range(3)]
    lines = JsonLinesSink(tmp_path / "a.jsonl")
    for one in scenes:
        lines.write(one, one.frame.image)
    lines.close()
    recorded = read_poses(tmp_path / "a.jsonl")
    again = [Scene(Frame(i, one.pts, 0.0, picture()), one.poses, source="cam") for i, one in recorded.items()]
    first, second = (dataset(tmp_path / f"{n}.json", *which) for n, which in enumerate((scenes, again)))
    for one, other in zip(first["annotations"], second["annotations"], strict=True):
        assert one["keypoints"] == other["keypoints"]
        assert one["bbox"] == pytest.approx(other["bbox"], abs=0.002)
    assert first["categories"] == second["categories"]
