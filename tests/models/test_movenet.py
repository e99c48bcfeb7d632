"""The embedded network: what it computes, how its maps are read, what it says of a person whose joints are known."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from math import log
from pathlib import Path

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import kpstream
from kpstream.entities import Floats, Image
from kpstream.models import movenet
from kpstream.models.cell_heads import Indices
from kpstream.models.movenet import MoveNet, decode
from kpstream.skeleton import COCO
from tests.support.drawn_people import BACKGROUND, JOINTS, drawn_joint, drawn_person, two_who_overlap

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def model() -> MoveNet:
    return MoveNet()


def test_the_network_computes_what_it_always_did() -> None:
    """Golden statistics: an engine that pads or resizes otherwise answers without any error, and wrongly."""
    picture = cv2.resize(_street(), (384, 224), interpolation=cv2.INTER_AREA)
    golden = {
        "center": ((56, 96), 0.004415, 0.034119),
        "kpt_heatmap": ((17, 56, 96), 0.003642, 0.029429),
        "box_scale": ((5376, 2), 13.227431, 8.006531),
        "box_offset": ((5376, 2), 0.477412, 0.143992),
        "kpt_regress": ((5376, 34), -0.097279, 5.423700),
        "kpt_offset": ((5376, 34), 0.509506, 1.652829),
    }
    in_cells = ("box_scale", "box_offset", "kpt_regress", "kpt_offset")
    maps = MoveNet().maps(np.asarray(picture, np.uint8))
    everywhere = np.indices(maps.center.shape).reshape(2, -1)
    found = {"center": maps.center, "kpt_heatmap": maps.kpt_heatmap}
    found |= zip(in_cells, maps.of_cells(*everywhere, *in_cells), strict=True)
    assert {name: map_.shape for name, map_ in found.items()} == {name: shape for name, (shape, _, _) in golden.items()}
    for name, (_, mean, deviation) in golden.items():
        # A number between two steps of int8 goes to either, as the processor adds it up: that moves them by 1 %.
        assert found[name].mean() == pytest.approx(mean, abs=0.02 * deviation), name
        assert found[name].std() == pytest.approx(deviation, rel=0.04), name


def _street() -> Image:
    picture = cv2.imread(str(ROOT / "samples" / "street.jpg"))
    assert picture is not None
    return np.asarray(picture, np.uint8)


def test_poses_are_those_of_the_network_in_float32(model: MoveNet) -> None:
    """Its deep half is int8: keypoints may move by half a per cent of a person's diagonal in the mean."""
    expected = json.loads((ROOT / "tests" / "data" / "street_in_float32.json").read_text())
    found = [pose for pose in model.find(_street()) if pose.confidence >= 0.4]
    assert len(found) == len(expected) == 3
    for pose, person in zip(found, expected, strict=True):
        keypoints = np.array(person["keypoints"])
        diagonal = np.hypot(*np.subtract(person["xyxy"][2:], person["xyxy"][:2]))
        sure = keypoints[:, 2] >= 0.3
        assert np.linalg.norm(pose.xy - keypoints[:, :2], axis=1)[sure].mean() <= 0.005 * diagonal
        assert pose.confidence == pytest.approx(person["confidence"], abs=0.03)
        assert pose.xyxy == pytest.approx(person["xyxy"], abs=0.01 * diagonal)


def test_the_shipped_weights_are_what_the_script_builds() -> None:
    script = ROOT / "scripts" / "build_movenet.py"
    assert f'RESULT_SHA256 = "{movenet.SHA256}"' in script.read_text()


@pytest.mark.parametrize("content", [None, b"", b"not the weights"], ids=["missing", "empty", "other"])
def test_damaged_weights_are_an_error_that_says_what_to_do(content: bytes | None, tmp_path: Path) -> None:
    package = Path(kpstream.__file__).parent
    shutil.copytree(package, tmp_path / "kpstream", ignore=shutil.ignore_patterns("*.onnx", "__pycache__"))
    if content is not None:
        (tmp_path / "kpstream/models/data/movenet_multipose.onnx").write_bytes(content)
    program = """
import sys
sys.path.insert(0, sys.argv[1])
import numpy
from kpstream.errors import KpstreamError
from kpstream.models.movenet import MoveNet
try:
    MoveNet().find(numpy.zeros((32, 32, 3), numpy.uint8))
except KpstreamError as error:
    print(error)
"""
    ran = subprocess.run([sys.executable, "-c", program, str(tmp_path)], capture_output=True, text=True, check=True)
    assert ran.stdout == "the embedded model is damaged: reinstall kpstream\n"


def test_a_drawn_person_is_found_with_its_joints_where_they_were_drawn(model: MoveNet) -> None:
    (pose,) = [pose for pose in model.find(drawn_person()) if pose.confidence >= 0.4]
    assert (pose.class_name, pose.class_id, pose.skeleton) == ("person", 0, COCO)
    assert pose.xy.shape == (17, 2)
    assert pose.xy.dtype == pose.xyxy.dtype == pose.keypoint_confidence.dtype == np.float32
    for name in COCO.names:
        if name.rpartition("_")[2] in JOINTS:
            at = COCO.names.index(name)
            assert pose.keypoint_confidence[at] >= 0.3, name
            assert pose.xy[at] == pytest.approx(drawn_joint(name), abs=12), name
    assert pose.xyxy == pytest.approx([120, 70, 280, 484], abs=20)


@pytest.mark.parametrize("scale", [0.3, 0.7, 2.0, 6.0])
@pytest.mark.parametrize("margin", [(0, 0), (160, 0), (0, 300)])
def test_poses_are_in_pixels_of_the_picture_whatever_its_size(
    model: MoveNet, scale: float, margin: tuple[int, int]
) -> None:
    top, left = margin
    wider = cv2.copyMakeBorder(drawn_person(), top, 0, left, 0, cv2.BORDER_CONSTANT, value=BACKGROUND)
    method = cv2.INTER_AREA if scale < 1 else cv2.INTER_CUBIC
    picture = np.asarray(cv2.resize(wider, None, fx=scale, fy=scale, interpolation=method), np.uint8)
    pose = model.find(picture)[0]
    for joint in ("nose", "left_shoulder", "right_shoulder", "left_hip", "right_hip"):
        x, y = drawn_joint(joint)
        assert pose.xy[COCO.names.index(joint)] / scale == pytest.approx((x + left, y + top), abs=25), joint


def test_a_crowd_is_found_surest_first() -> None:
    person = cv2.resize(drawn_person(), None, fx=0.5, fy=0.5, interpolation=cv2.INTER_AREA)
    poses = MoveNet(640).find(np.tile(person, (2, 5, 1)))
    confidences = [pose.confidence for pose in poses]
    assert confidences == sorted(confidences, reverse=True)
    cells = {(int(pose.xy[0, 0] // 200), int(pose.xy[0, 1] // 280)) for pose in poses if pose.confidence >= 0.4}
    assert cells == {(column, row) for column in range(5) for row in range(2)}


def test_confidence_is_the_networks_score_on_the_usual_scale() -> None:
    picture = np.asarray(cv2.resize(drawn_person(), (256, 384), interpolation=cv2.INTER_AREA), np.uint8)
    model = MoveNet(384)
    raw = max(person.score for person in decode(model.maps(picture)))
    as_0_2_becomes_0_4 = log(0.4) / log(0.2)
    assert model.find(picture)[0].confidence == pytest.approx(raw**as_0_2_becomes_0_4)


@pytest.mark.parametrize(("overlap", "people"), [(0.9, 2), (0.3, 2), (0.05, 1)])
def test_of_two_who_overlap_the_limit_decides(model: MoveNet, overlap: float, people: int) -> None:
    poses = model.find(two_who_overlap(), overlap=overlap)
    assert len([pose for pose in poses if pose.confidence >= 0.4]) == people
    assert poses[0].confidence == model.find(two_who_overlap(), overlap=1)[0].confidence


def test_nobody_is_found_where_nobody_is(model: MoveNet) -> None:
    grain = np.random.default_rng(1).integers(0, 256, (240, 320, 3), np.uint8)
    for picture in (grain, np.zeros_like(grain), np.full_like(grain, 255)):
        assert [pose for pose in model.find(picture) if pose.confidence >= 0.4] == []


@settings(max_examples=20, deadline=None)
@given(st.integers(1, 400), st.integers(1, 400), st.integers(0, 2**32 - 1))
def test_any_size_of_picture_is_taken(height: int, width: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    rough = rng.integers(0, 256, (height // 40 + 1, width // 40 + 1, 3), np.uint8)
    picture = np.asarray(cv2.resize(rough, (width, height), interpolation=cv2.INTER_LINEAR), np.uint8)
    for pose in MoveNet(64).find(picture):
        assert 0.1 <= pose.confidence <= 1
        assert (pose.xyxy >= 0).all()
        assert (pose.xyxy <= [width, height, width, height]).all()
        assert (pose.xyxy[:2] < pose.xyxy[2:]).all()
        assert ((pose.keypoint_confidence >= 0) & (pose.keypoint_confidence <= 1)).all()
        assert (np.isnan(pose.xy).any(axis=1) == (pose.keypoint_confidence == 0)).all()


@pytest.mark.parametrize("shape", [(1, 1), (1, 40_000), (40_000, 1), (4320, 7680)])
def test_extreme_sizes_are_taken(model: MoveNet, shape: tuple[int, int]) -> None:
    assert model.find(np.zeros((*shape, 3), np.uint8)) == ()


@pytest.mark.parametrize(
    "picture",
    [
        np.zeros((40, 40), np.uint8),
        np.zeros((40, 40, 4), np.uint8),
        np.zeros((40, 0, 3), np.uint8),
        np.zeros((40, 40, 3), np.float32),
    ],
    ids=["grey", "four channels", "empty", "floats"],
)
def test_what_is_no_bgr_picture_is_refused(model: MoveNet, picture: Image) -> None:
    with pytest.raises(ValueError, match="not a BGR picture"):
        model.find(picture)


def test_a_side_below_the_smallest_input_is_refused() -> None:
    with pytest.raises(ValueError, match="at least 64"):
        MoveNet(63)


@pytest.mark.parametrize("sides", [(32, 64), (64, 32), (64, 72), (100, 64), (0, 64)])
def test_sides_that_the_network_does_not_take_are_refused(model: MoveNet, sides: tuple[int, int]) -> None:
    with pytest.raises(ValueError, match="at least 64"):
        model.maps(np.zeros((*sides, 3), np.uint8))


@pytest.mark.parametrize("shape", [(560, 400), (560, 40), (56, 400), (1, 900)])
def test_the_answer_does_not_depend_on_what_was_asked_before(shape: tuple[int, int]) -> None:
    picture = np.asarray(cv2.resize(drawn_person(), shape[::-1]), np.uint8)
    fresh, used = MoveNet(96), MoveNet(96)
    for before in ((300, 300), (20, 300), (300, 20)):
        used.find(np.zeros((*before, 3), np.uint8))
    expected, found = fresh.find(picture), used.find(picture)
    assert [pose.confidence for pose in expected] == [pose.confidence for pose in found]


def test_a_view_is_read_and_never_written(model: MoveNet) -> None:
    picture = drawn_person()
    mirrored = picture[:, ::-1]
    mirrored.flags.writeable = False
    assert model.find(mirrored)[0].xy == pytest.approx(model.find(mirrored.copy())[0].xy)


def test_threads_may_share_one_model(model: MoveNet) -> None:
    person = drawn_person()
    pictures = [person, person[:, ::-1], person[60:], np.zeros((90, 160, 3), np.uint8)] * 3
    alone = [model.find(picture) for picture in pictures]
    with ThreadPoolExecutor(4) as pool:
        together = list(pool.map(model.find, pictures))
    for one, other in zip(alone, together, strict=True):
        assert [pose.confidence for pose in one] == [pose.confidence for pose in other]
        assert all((a.xy == b.xy).all() for a, b in zip(one, other, strict=True))


def test_the_repr_tells_whether_it_is_loaded() -> None:
    model = MoveNet(96)
    assert repr(model) == "<MoveNet 96 px, not loaded yet>"
    model.find(np.zeros((10, 10, 3), np.uint8))
    assert repr(model) == "<MoveNet 96 px, loaded>"


GRID = (24, 32)


def _zeros(channels: int) -> Floats:
    return np.zeros((channels, *GRID), np.float32)


@dataclass(frozen=True)
class DrawnMaps:
    """Maps whose heads are all there for every cell, to draw in."""

    center: Floats = field(default_factory=lambda: _zeros(1)[0])
    kpt_heatmap: Floats = field(default_factory=lambda: _zeros(17))
    box_scale: Floats = field(default_factory=lambda: _zeros(2))
    box_offset: Floats = field(default_factory=lambda: _zeros(2))
    kpt_regress: Floats = field(default_factory=lambda: _zeros(34))
    kpt_offset: Floats = field(default_factory=lambda: _zeros(34))

    def of_cells(self, rows: Indices, columns: Indices, *heads: str) -> list[Floats]:
        return [getattr(self, head)[:, rows, columns].T for head in heads]


def put_person(maps: DrawnMaps, cell: tuple[int, int], size: tuple[float, float], score: float) -> None:
    """A person with its middle in ``cell`` (row, column), its box ``size`` (height, width) around it."""
    maps.center[*cell] = score
    maps.box_scale[:, *cell] = size


def put_keypoint(maps: DrawnMaps, person: tuple[int, int], index: int, cell: tuple[int, int], score: float) -> None:
    """A keypoint in ``cell`` (row, column), and the person with its middle in ``person`` expects it there."""
    maps.kpt_heatmap[index, *cell] = score
    maps.kpt_regress[2 * index : 2 * index + 2, *person] = np.subtract(cell, person)


def test_empty_maps_have_nobody() -> None:
    assert decode(DrawnMaps()) == []


@given(st.data())
def test_a_person_is_read_where_the_maps_put_it(data: st.DataObject) -> None:
    row, column = data.draw(st.integers(4, GRID[0] - 5)), data.draw(st.integers(4, GRID[1] - 5))
    near = st.tuples(st.integers(row - 3, row + 3), st.integers(column - 3, column + 3))
    cells = data.draw(st.lists(near, min_size=17, max_size=17))
    scores = data.draw(st.lists(st.floats(0.25, 1.0, width=32), min_size=17, max_size=17))
    exact = data.draw(st.lists(st.floats(0, 1, width=32), min_size=34, max_size=34))
    maps = DrawnMaps()
    put_person(maps, (row, column), (8, 8), 0.5)
    for index, (cell, score) in enumerate(zip(cells, scores, strict=True)):
        put_keypoint(maps, (row, column), index, cell, score)
        maps.kpt_offset[2 * index : 2 * index + 2, *cell] = exact[2 * index : 2 * index + 2]
    (person,) = decode(maps)
    expected = np.array([(x, y) for y, x in cells]) + np.array(exact).reshape(17, 2)[:, ::-1]
    assert person.xy == pytest.approx(expected, abs=1e-4)
    assert person.keypoint_confidence == pytest.approx(np.array(scores), abs=1e-6)
    assert person.score == pytest.approx(0.5 * np.mean(scores), abs=1e-5)
    assert person.xyxy == pytest.approx([column - 4, row - 4, column + 4, row + 4])


@given(
    st.tuples(st.integers(0, GRID[0] - 1), st.integers(0, GRID[1] - 1)),
    st.tuples(st.floats(-10, 100, width=32), st.floats(-10, 100, width=32)),
    st.lists(st.floats(-200, 200, width=32), min_size=34, max_size=34),
)
def test_whatever_the_maps_say_a_person_stays_in_them(
    cell: tuple[int, int], size: tuple[float, float], regress: list[float]
) -> None:
    maps = DrawnMaps()
    maps.kpt_heatmap[:] = 0.5
    put_person(maps, cell, size, 1.0)
    maps.kpt_regress[:, *cell] = regress
    for person in decode(maps):
        x_min, y_min, x_max, y_max = person.xyxy
        assert 0 <= x_min < x_max <= GRID[1]
        assert 0 <= y_min < y_max <= GRID[0]
        there = person.keypoint_confidence > 0
        assert ((person.xy[there] >= 0) & (person.xy[there] < [GRID[1], GRID[0]])).all()
        assert np.isnan(person.xy[~there]).all()


def _with_all_keypoints(maps: DrawnMaps, person: tuple[int, int]) -> Floats:
    for index in range(17):
        put_keypoint(maps, person, index, person, 0.8)
    return np.array(person[::-1], np.float32)


def test_a_keypoint_outside_of_the_box_is_somebody_elses() -> None:
    maps = DrawnMaps()
    put_person(maps, (12, 8), (6, 6), 0.9)
    own = _with_all_keypoints(maps, (12, 8))
    maps.kpt_heatmap[3, 12, 12] = 1.0
    (person,) = decode(maps)
    assert person.xy[3] == pytest.approx(own)


def test_a_keypoint_that_is_nowhere_near_its_place_is_missing() -> None:
    maps = DrawnMaps()
    put_person(maps, (12, 12), (8, 8), 0.9)
    _with_all_keypoints(maps, (12, 12))
    maps.kpt_regress[10:12, 12, 12] = 200
    (person,) = decode(maps)
    assert list(np.flatnonzero(np.isnan(person.xy).any(axis=1))) == [5]
    assert person.keypoint_confidence[5] == 0


def test_of_two_equal_keypoints_the_expected_one_is_taken() -> None:
    maps = DrawnMaps()
    put_person(maps, (12, 12), (20, 20), 0.9)
    _with_all_keypoints(maps, (12, 12))
    maps.kpt_heatmap[9, 12, 12] = 0.0
    maps.kpt_heatmap[9, [10, 18], [10, 18]] = 0.7
    maps.kpt_regress[18:20, 12, 12] = (5, 5)
    (person,) = decode(maps)
    assert person.xy[9] == pytest.approx((18, 18))
    assert person.keypoint_confidence[9] < 0.7


def test_two_people_keep_their_own_keypoints() -> None:
    maps = DrawnMaps()
    for cell in ((12, 6), (12, 24)):
        put_person(maps, cell, (8, 8), 0.9)
        _with_all_keypoints(maps, cell)
    people = decode(maps)
    assert sorted(float(person.xy[0, 0]) for person in people) == [6, 24]


def test_only_the_highest_of_near_peaks_is_a_person() -> None:
    maps = DrawnMaps()
    for column, score in ((10, 0.9), (11, 0.8), (12, 0.7)):
        put_person(maps, (12, column), (8, 8), score)
        _with_all_keypoints(maps, (12, column))
    (person,) = decode(maps)
    assert person.xyxy == pytest.approx([6, 8, 14, 16])


def test_a_person_whose_keypoints_are_all_unsure_is_nobody() -> None:
    maps = DrawnMaps()
    put_person(maps, (12, 12), (8, 8), 1.0)
    maps.kpt_heatmap[:] = 0.1
    assert decode(maps) == []
