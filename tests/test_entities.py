from __future__ import annotations

from dataclasses import fields, replace
from math import nan
from typing import Any

import numpy as np

from kpstream.entities import Counts, Frame, Image, Pose, Scene, Stats
from kpstream.skeleton import COCO, Skeleton


def pose(xy: list[list[float]], confidence: list[float], **changes: Any) -> Pose:
    made = Pose(
        np.array(xy, np.float32).reshape(-1, 2),
        np.array(confidence, np.float32),
        np.array([1, 2, 11, 22], np.float32),
        0.9,
        0,
        "person",
        Skeleton(("a", "b", "c")),
    )
    return replace(made, **changes)


def scene(*poses: Pose) -> Scene:
    return Scene(Frame(3, 0.1, 5.0, np.zeros((30, 40, 3), np.uint8)), poses)


def test_a_keypoint_is_visible_from_its_threshold_on_and_never_where_it_is_missing() -> None:
    found = pose([[1, 1], [2, 2], [nan, nan]], [0.3, 0.29, 0.9])
    assert found.visible(0.3).tolist() == [True, False, False]
    assert pose([[1, 1], [2, 2]], [0.0, 0.1]).visible(0).tolist() == [False, True]


def test_supervision_gets_boxes_with_ids_and_names() -> None:
    detections = scene(pose([[1, 1]], [0.5], tracker_id=7)).detections()
    assert detections.xyxy.tolist() == [[1, 2, 11, 22]]
    assert detections.tracker_id is not None
    assert detections.tracker_id.tolist() == [7]
    assert list(detections.data["class_name"]) == ["person"]


def test_supervision_gets_missing_keypoints_as_it_expects_them() -> None:
    points = scene(pose([[1, 1], [nan, nan]], [0.5, 0]), pose([], []), pose([[5, 6]], [0.7])).key_points()
    assert points.xy.tolist() == [[[1, 1], [0, 0]], [[0, 0], [0, 0]], [[5, 6], [0, 0]]]
    assert points.keypoint_confidence is not None
    assert points.keypoint_confidence[1].tolist() == [0, 0]


def test_nobody_in_view_is_empty_for_supervision_too() -> None:
    assert len(scene().detections()) == 0
    assert len(scene().key_points()) == 0


def test_drawing_leaves_the_frame_alone() -> None:
    class White:
        def annotate(self, canvas: Image, scene: Scene) -> None:
            canvas[:] = 255

    shown = Scene(scene().frame, (), annotator=White())
    assert shown.draw().min() == 255
    assert shown.frame.image.max() == 0
    assert scene().draw().max() == 0


def test_a_frame_knows_its_size_as_width_and_height() -> None:
    assert scene().frame.size == (40, 30)


def test_coco_edges_are_indices_into_its_names() -> None:
    assert all(0 <= end < len(COCO.names) for edge in (*COCO.edges, *COCO.symmetries) for end in edge)
    assert COCO.index("left_wrist") == 9
    assert COCO.index("tail") is None


def test_figures_go_on_from_earlier_ones_in_every_count_and_in_nothing_else() -> None:
    ones, twos = (Counts(*[number] * len(fields(Counts))) for number in (1, 2))
    later = Stats(render_fps=30.0, source_trouble="silent") + ones
    earlier = Stats(render_fps=5.0, requests_left=3) + twos
    together = later + earlier
    assert {getattr(together, count.name) for count in fields(Counts)} == {3}
    assert (together.render_fps, together.source_trouble, together.requests_left) == (30.0, "silent", None)
