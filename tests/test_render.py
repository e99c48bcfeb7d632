from __future__ import annotations

from dataclasses import replace
from math import nan
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from kpstream.entities import Floats, Frame, Image, Pose, Scene, Stats
from kpstream.render import PARTS, Layers, PoseAnnotator, StatusAnnotator, dimmed
from kpstream.skeleton import COCO, COCO_NAMES, Skeleton

GREY = 120
ARM = Skeleton(
    ("shoulder", "elbow", "wrist"),
    ((0, 1), (1, 2)),
    vertex_colors=("#FF0000", "#00FF00", "#0000FF"),
    edge_colors=("#FFFF00", "#FF00FF"),
)


def picture(width: int = 640, height: int = 480) -> Image:
    return np.full((height, width, 3), GREY, np.uint8)


def arm(xy: list[tuple[float, float]], confidence: tuple[float, ...] = (0.9, 0.9, 0.9), **changes: Any) -> Pose:
    points = np.array(xy, np.float32)
    known = points[~np.isnan(points).any(axis=1)]
    box = np.concatenate([known.min(axis=0) - 60, known.max(axis=0) + 60]).astype(np.float32)
    pose = Pose(points, np.array(confidence, np.float32), box, 0.91, 0, "person", ARM, tracker_id=3)
    return replace(pose, **changes)


def bare_box(x_min: float, y_min: float, x_max: float, y_max: float, **changes: Any) -> Pose:
    none: Floats = np.empty((0, 2), np.float32)
    box = np.array([x_min, y_min, x_max, y_max], np.float32)
    return replace(Pose(none, np.empty(0, np.float32), box, 0.5, 0, "person", Skeleton(())), **changes)


def scene(*poses: Pose, **changes: object) -> Scene:
    return replace(Scene(Frame(0, 0.0, 0.0, picture()), poses), **changes)  # type: ignore[arg-type]


def drawn(*poses: Pose, draw: set[str] | None = None, size: tuple[int, int] = (640, 480), **changes: object) -> Image:
    canvas = picture(*size)
    PoseAnnotator(draw=PARTS if draw is None else frozenset(draw)).annotate(canvas, scene(*poses, **changes))
    return canvas


def changed(canvas: Image) -> npt.NDArray[np.bool_]:
    mask: npt.NDArray[np.bool_] = (canvas != GREY).any(axis=2)
    return mask


def extent(mask: npt.NDArray[np.bool_]) -> tuple[int, int, int, int]:
    rows, columns = np.nonzero(mask.any(axis=1))[0], np.nonzero(mask.any(axis=0))[0]
    return int(columns[0]), int(rows[0]), int(columns[-1]) + 1, int(rows[-1]) + 1


def at(canvas: Image, x: int, y: int) -> tuple[int, ...]:
    return tuple(canvas[y, x].tolist())


BENT = [(200.0, 200.0), (300.0, 300.0), (400.0, 200.0)]


def test_keypoints_have_the_colours_that_their_owner_chose() -> None:
    canvas = drawn(arm(BENT))
    assert [at(canvas, 200, 200), at(canvas, 300, 300), at(canvas, 400, 200)] == [(0, 0, 255), (0, 255, 0), (255, 0, 0)]


def test_edges_have_the_colours_that_their_owner_chose() -> None:
    canvas = drawn(arm(BENT))
    assert [at(canvas, 250, 250), at(canvas, 350, 250)] == [(0, 255, 255), (255, 0, 255)]


def test_colours_may_be_short_and_what_they_say_of_opacity_is_left_out() -> None:
    short = replace(ARM, vertex_colors=("#F00", "0F08", "#0000FF80"), edge_colors=())
    canvas = drawn(arm(BENT, skeleton=short), draw={"keypoints"})
    assert [at(canvas, int(x), int(y)) for x, y in BENT] == [(0, 0, 255), (0, 255, 0), (255, 0, 0)]


def test_colours_that_cannot_be_read_are_chosen_for_the_owner() -> None:
    odd = replace(ARM, vertex_colors=("red?", "#12", "#00FF00"), edge_colors=("#FFFF00",))
    canvas = drawn(arm(BENT, skeleton=odd))
    assert at(canvas, 400, 200) == (0, 255, 0)
    assert at(canvas, 250, 250) == (0, 255, 255)
    assert changed(canvas)[[200, 300, 250], [200, 300, 350]].all()


@pytest.mark.parametrize(
    ("xy", "confidence"), [((nan, nan), 0.0), ((300.0, 300.0), 0.0), ((nan, nan), 0.9), ((300.0, nan), 0.9)]
)
def test_a_missing_keypoint_and_its_edges_are_not_drawn(xy: tuple[float, float], confidence: float) -> None:
    pose = arm([BENT[0], xy, BENT[2]], (0.9, confidence, 0.9))
    canvas = drawn(replace(pose, xyxy=arm(BENT).xyxy), draw={"keypoints", "edges"})
    mask = changed(canvas)
    assert mask[200, 200]
    assert mask[200, 400]
    mask[190:211, 190:211] = mask[190:211, 390:411] = False
    assert not mask.any()


def test_nothing_is_changed_beside_what_is_drawn() -> None:
    mask = changed(drawn(arm(BENT)))
    x_min, y_min, x_max, y_max = extent(mask)
    assert x_min >= 137
    assert y_min >= 100
    assert x_max <= 464
    assert y_max <= 364
    assert not mask[150:180, 150:180].any()


def test_without_poses_the_picture_is_as_it_was() -> None:
    assert not changed(drawn()).any()


@pytest.mark.parametrize("part", sorted(PARTS))
def test_only_what_is_asked_for_is_drawn(part: str) -> None:
    canvas = drawn(arm(BENT), draw={part})
    seen = {
        "boxes": bool(changed(canvas)[250, 140]),
        "keypoints": at(canvas, 300, 300) == (0, 255, 0),
        "edges": at(canvas, 250, 250) == (0, 255, 255),
    }
    assert seen == {name: name == part for name in seen}
    assert changed(canvas).any()


def test_nothing_asked_for_is_nothing_drawn() -> None:
    assert not changed(drawn(arm(BENT), draw=set())).any()


def test_a_label_with_an_id_is_longer_than_one_without() -> None:
    both, plain, number = (
        extent(changed(drawn(arm(BENT), draw=parts))) for parts in ({"labels", "ids"}, {"labels"}, {"ids"})
    )
    assert both[2] > plain[2] > number[2]
    assert not changed(drawn(arm(BENT, tracker_id=None), draw={"ids"})).any()


def test_left_and_right_are_told_apart() -> None:
    xy = np.stack([np.linspace(50, 590, 17), np.full(17, 240)], axis=1).astype(np.float32)
    box = np.array([10, 100, 630, 400], np.float32)
    canvas = drawn(Pose(xy, np.ones(17, np.float32), box, 0.9, 0, "person", COCO), draw={"keypoints"})
    nose, *sides = [at(canvas, round(float(x)), 240) for x in xy[:, 0]]
    left, right = set(sides[0::2]), set(sides[1::2])
    assert len(left) == len(right) == len({nose, *left, *right}) - 2 == 1


def test_limbs_have_the_colour_of_their_side_and_what_joins_the_sides_that_of_the_pose() -> None:
    xy = np.full((17, 2), nan, np.float32)
    for name, place in {
        "left_shoulder": (400, 100), "left_elbow": (400, 200), "right_shoulder": (200, 100), "right_elbow": (200, 200),
    }.items():  # fmt: skip
        xy[COCO_NAMES.index(name)] = place
    box = np.array([100, 50, 500, 300], np.float32)
    canvas = drawn(Pose(xy, np.ones(17, np.float32), box, 0.9, 0, "person", COCO), draw={"boxes", "edges", "keypoints"})
    left, right, joint, own = (at(canvas, *place) for place in ((400, 150), (200, 150), (300, 100), (300, 50)))
    assert left == at(canvas, 400, 200)
    assert right == at(canvas, 200, 200)
    assert joint == own
    assert len({left, right, own}) == 3


def test_the_names_say_which_of_a_pair_is_left() -> None:
    one = Skeleton(("left_hand", "right_hand"), symmetries=((0, 1),))
    other = Skeleton(("right_hand", "left_hand"), symmetries=((0, 1),))
    canvases = [
        drawn(arm([(200, y), (400, y)], (1, 1), skeleton=skeleton), draw={"keypoints"})
        for skeleton, y in ((one, 240), (other, 240))
    ]
    assert at(canvases[0], 200, 240) == at(canvases[1], 400, 240) != at(canvases[0], 400, 240)


def test_colours_follow_the_track_and_without_one_the_class() -> None:
    def color(**changes: object) -> tuple[int, ...]:
        return at(drawn(bare_box(100, 100, 300, 300, **changes), draw={"boxes"}), 200, 100)

    assert color(tracker_id=4, class_id=0) == color(tracker_id=4, class_id=1) != color(tracker_id=5, class_id=0)
    assert color(class_id=0) != color(class_id=1)


def test_a_pose_without_keypoints_is_a_box() -> None:
    mask = changed(drawn(bare_box(100, 100, 300, 300), draw=set(PARTS) - {"labels"}))
    assert mask[100, 100:301].all()
    assert mask[100:301, 300].all()
    assert not mask[110:290, 110:290].any()


def test_stale_poses_are_seen_to_be_stale() -> None:
    fresh, stale = drawn(arm(BENT)), drawn(arm(BENT), stale=True)
    assert changed(fresh)[250, 140]
    assert not changed(stale)[250, 140], "a stale box has corners only"
    assert changed(stale)[145, 140]
    blue, green, red = at(stale, 250, 250)
    assert 0 < green - blue < 255
    assert 0 < red - blue < 255


def test_one_stale_pose_does_not_make_the_others_look_so() -> None:
    one, other = bare_box(50, 100, 150, 300), bare_box(400, 100, 500, 300)
    fresh, mixed, stale = drawn(one, other), drawn(one, replace(other, stale=True)), drawn(one, other, stale=True)
    assert (mixed[:, :300] == fresh[:, :300]).all()
    assert (mixed[:, 300:] == stale[:, 300:]).all()
    assert (fresh != stale).any()


def test_stale_keypoints_are_hollow_and_pale() -> None:
    fresh, stale = (drawn(arm(BENT), draw={"keypoints"}, stale=stale) for stale in (False, True))
    assert at(fresh, 300, 300) == (0, 255, 0)
    assert np.abs(stale[300, 300].astype(int) - GREY).max() < 10
    assert changed(stale).any()
    assert int(np.ptp(stale.astype(int), axis=2).max()) < 150


CORNERS = [(0, 0, 40, 40), (600, 0, 640, 40), (0, 440, 40, 480), (600, 440, 640, 480), (-50, -50, 700, 500)]


@pytest.mark.parametrize("box", CORNERS)
def test_labels_stay_in_the_picture(box: tuple[int, int, int, int]) -> None:
    def size(x_min: float, y_min: float, x_max: float, y_max: float) -> tuple[int, int]:
        left, top, right, bottom = extent(changed(drawn(bare_box(x_min, y_min, x_max, y_max), draw={"labels"})))
        return right - left, bottom - top

    assert size(*box) == size(200, 200, 400, 400)


def test_labels_of_a_crowd_do_not_cover_each_other() -> None:
    crowd = [bare_box(200 + 7 * i, 200 + 3 * i, 330 + 7 * i, 420 + 3 * i, tracker_id=i) for i in range(5)]
    alone = sum(int(changed(drawn(pose, draw={"labels", "ids"})).sum()) for pose in crowd)
    assert int(changed(drawn(*crowd, draw={"labels", "ids"})).sum()) == alone


def test_a_label_wider_than_the_picture_is_cut_to_fit() -> None:
    canvas = drawn(bare_box(10, 40, 90, 90, class_name="a very long name of a class " * 9), size=(100, 100))
    assert changed(canvas).any()


def test_letters_can_be_told_from_their_ground() -> None:
    for number in range(12):
        canvas = drawn(bare_box(200, 200, 400, 400, tracker_id=number), draw={"labels"})
        left, top, right, bottom = extent(changed(canvas))
        grey = canvas[top:bottom, left:right].astype(int) @ np.array([114, 587, 299]) // 1000
        assert grey.max() - grey.min() > 90


def test_sizes_follow_the_picture() -> None:
    def heights(width: int, height: int) -> tuple[int, int]:
        pose = bare_box(width * 0.4, height * 0.4, width * 0.6, height * 0.9)
        left, top, _, bottom = extent(changed(drawn(pose, draw={"labels"}, size=(width, height))))
        line = changed(drawn(pose, draw={"boxes"}, size=(width, height)))[height // 2, : width // 2].sum()
        assert left > 0
        return bottom - top, int(line)

    small, large = heights(854, 480), heights(3840, 2160)
    assert small[0] >= 14
    assert large[0] > 2 * small[0]
    assert large[1] > small[1] >= 2


@pytest.mark.parametrize("thickness", [1, 5, 12])
def test_thickness_is_as_asked(thickness: int) -> None:
    canvas = picture()
    annotator = PoseAnnotator(draw=frozenset({"boxes"}), thickness=thickness)
    annotator.annotate(canvas, scene(bare_box(100, 100, 300, 300)))
    assert thickness <= int(changed(canvas)[200, :200].sum()) <= thickness + 2


def test_someone_far_away_gets_finer_strokes() -> None:
    def keypoint(reach: float) -> int:
        pose = arm([(300, 300), (nan, nan), (nan, nan)])
        box = np.array([300 - reach, 300 - reach, 300 + reach, 300 + reach], np.float32)
        return int(changed(drawn(replace(pose, xyxy=box), draw={"keypoints"})).sum())

    assert keypoint(15) < keypoint(150)


coordinates = st.one_of(
    st.floats(-50, 300, width=32),
    st.floats(width=32),
    st.sampled_from([nan, np.inf, -np.inf, 2.0**31, -(2.0**63), 1e30]),
)
skeletons = st.builds(
    Skeleton,
    st.lists(st.text(max_size=5), max_size=6).map(tuple),
    st.lists(st.tuples(st.integers(-3, 8), st.integers(-3, 8)), max_size=8).map(tuple),
    st.lists(st.text(max_size=8), max_size=8).map(tuple),
    st.lists(st.one_of(st.text(max_size=8), st.just("#00FF00")), max_size=8).map(tuple),
    st.lists(st.tuples(st.integers(-3, 8), st.integers(-3, 8)), max_size=4).map(tuple),
)


@st.composite
def poses(draw: st.DrawFn) -> Pose:
    count = draw(st.integers(0, 6))
    return Pose(
        xy=draw(hnp.arrays(np.float32, (count, 2), elements=coordinates)),
        keypoint_confidence=draw(hnp.arrays(np.float32, count, elements=st.floats(0, 1, width=32))),
        xyxy=draw(hnp.arrays(np.float32, 4, elements=coordinates)),
        confidence=draw(st.floats(0, 1)),
        class_id=draw(st.integers(-3, 300)),
        class_name=draw(st.text(max_size=12)),
        skeleton=draw(skeletons),
        tracker_id=draw(st.one_of(st.none(), st.integers(-1, 10**9))),
    )


@settings(max_examples=150, deadline=None)
@given(
    st.lists(poses(), max_size=4),
    st.integers(1, 300),
    st.integers(1, 200),
    st.booleans(),
    st.one_of(st.none(), st.integers(1, 20)),
)
def test_whatever_the_poses_are_drawing_goes_on(
    found: list[Pose], width: int, height: int, stale: bool, thickness: int | None
) -> None:
    canvas = picture(width, height)
    PoseAnnotator(thickness=thickness).annotate(canvas, scene(*found, stale=stale))
    assert canvas.shape == (height, width, 3)


def status(size: tuple[int, int] = (640, 480), stats: Stats | None = None, **changes: object) -> Image:
    canvas = picture(*size)
    told = scene(stats=Stats(render_fps=29.97, in_flight=2) if stats is None else stats, **changes)
    StatusAnnotator().annotate(canvas, told)
    return canvas


def orange(canvas: Image) -> int:
    blue, _, red = (canvas[..., channel].astype(int) for channel in range(3))
    return int((red - blue > 100).sum())


def test_the_status_is_discreet() -> None:
    left, top, right, bottom = extent(changed(status(result_age=0.42)))
    assert left < 20
    assert bottom > 460
    assert bottom - top < 40
    assert right < 500


def test_the_status_changes_with_what_it_tells() -> None:
    told = [
        status(),
        status(result_age=0.42),
        status(result_age=0.43),
        status(result_age=-0.42),
        status(result_age=0.42, stats=Stats(render_fps=29.97, in_flight=2, lost=1)),
        status(result_age=0.42, stats=Stats(render_fps=29.97, in_flight=2, stale=1)),
        status(result_age=0.42, stats=Stats(render_fps=29.97, in_flight=3)),
        status(result_age=0.42, stats=Stats(in_flight=2)),
        status(result_age=0.42, rendered_at=0.02),
    ]
    assert len({canvas.tobytes() for canvas in told}) == len(told)


def test_trouble_and_stale_answers_catch_the_eye() -> None:
    assert orange(status(result_age=0.42)) == 0
    assert orange(status(result_age=9.0, stale=True)) > 50
    assert orange(status(stats=Stats(endpoint_trouble="the endpoint does not answer"))) > 50


def test_long_trouble_is_broken_into_rows_that_fit() -> None:
    long = status(size=(200, 300), stats=Stats(endpoint_trouble="the endpoint does not answer " * 40))
    short = status(size=(200, 300), stats=Stats(endpoint_trouble="no answer"))
    assert extent(changed(long))[1] < extent(changed(short))[1]
    assert extent(changed(long))[2] <= 198


def test_trouble_never_shows_a_password() -> None:
    stats = Stats(endpoint_trouble="rtsp://user:hunter22@camera/1 is lost")
    assert (status(stats=stats) == status(stats=Stats(endpoint_trouble="rtsp://***@camera/1 is lost"))).all()


@settings(max_examples=60, deadline=None)
@given(st.text(max_size=60), st.integers(1, 300), st.integers(1, 200), st.floats(), st.booleans())
def test_the_status_fits_any_picture(trouble: str, width: int, height: int, age: float, stale: bool) -> None:
    canvas = status(
        (width, height), Stats(render_fps=30.0, endpoint_trouble=trouble, lost=3), result_age=age, stale=stale
    )
    assert canvas.shape == (height, width, 3)


def test_layers_are_drawn_one_over_the_other() -> None:
    told = scene(arm(BENT), result_age=0.1)
    layered, poses_only, status_only = picture(), picture(), picture()
    Layers(PoseAnnotator(), StatusAnnotator()).annotate(layered, told)
    PoseAnnotator().annotate(poses_only, told)
    StatusAnnotator().annotate(status_only, told)
    assert (changed(layered) == (changed(poses_only) | changed(status_only))).all()


def test_a_silent_camera_s_picture_is_dimmed_and_says_why_without_its_password() -> None:
    canvas: Image = np.full((360, 640, 3), 200, np.uint8)
    veil = dimmed(canvas, "rtsp://user:hunter22@camera/1 is silent for 4 s")
    assert canvas.min() == 200
    assert np.median(veil) == 66
    assert (veil[..., 2].astype(int) - veil[..., 0] > 100).sum() > 50, "the words catch the eye"
    assert (veil == dimmed(canvas, "rtsp://***@camera/1 is silent for 4 s")).all()


@pytest.mark.parametrize("size", [(2, 2), (90, 160), (2160, 3840)])
def test_the_veil_fits_any_picture(size: tuple[int, int]) -> None:
    canvas: Image = np.zeros((*size, 3), np.uint8)
    assert dimmed(canvas, "the camera is silent " * 30).shape == canvas.shape
