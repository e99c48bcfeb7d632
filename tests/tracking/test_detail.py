"""Objects that are small in the picture: they are tracked in the full one."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from kpstream.entities import Frame, Image, Pose, Result
from kpstream.media.frame import BgrPicture
from kpstream.tracking import DEFAULT, Tracker
from kpstream.tracking.detail import Pyramid, levels_of, make_atlas
from kpstream.tracking.flow import Mesh
from kpstream.tracking.frames import FrameHistory
from tests.tracking.test_tracker import ARM, texture

SIZE = (1280, 720)
STREET = texture(3, SIZE, grain=12)
COAT = texture(4, (44, 44), grain=1.5)


def scene(x: float, y: float, camera: float = 0.0) -> Image:
    """A street with a piece of cloth of 44 pixels on it; the camera looks ``camera`` pixels further to the left."""
    image = np.asarray(np.roll(STREET, round(camera), axis=1).copy(), np.uint8)
    matrix = np.array([[1, 0, x - 10], [0, 1, y - 10]], np.float32)
    cv2.warpAffine(COAT, matrix, SIZE, dst=image, borderMode=cv2.BORDER_TRANSPARENT)
    return image


def small(x: float, y: float) -> Pose:
    xy = np.array([[x, y], [x + 12, y + 4], [x + 24, y + 20]], np.float32)
    box = np.array([x - 4, y - 4, x + 28, y + 24], np.float32)
    return Pose(xy, np.full(3, 0.9, np.float32), box, 0.8, 0, "person", ARM)


def worst(speed: float, *, shake: float = 0.0) -> float:
    """The largest error on one who is 24 pixels tall, live, in pixels."""
    random = np.random.default_rng(1)
    camera = np.cumsum(random.uniform(-shake, shake, 60)).round()
    places = [(400 + speed * index + camera[index], 300.0) for index in range(60)]
    tracker, off = Tracker(), [0.0]
    for index, (x, y) in enumerate(places):
        asked = index - 12
        if asked >= 0 and asked % 6 == 0:
            tracker.update(Result(asked, asked / 30, (small(*places[asked]),), 0, 0, 0))
        poses = tracker.predict(Frame(index, index / 30, 0, scene(x, y, camera[index])))
        off += [float(np.abs(pose.xy - small(x, y).xy).max()) for pose in poses if index >= 30]
    assert len(off) == 31
    return max(off)


def test_small_object_is_followed_to_the_pixel() -> None:
    assert worst(1.5) < 1


def test_small_object_is_not_lost_while_the_camera_shakes() -> None:
    assert worst(1.5, shake=15) < 3


@given(st.floats(1, 4000))
def test_object_is_of_middling_size_or_as_it_is(side: float) -> None:
    (level,) = levels_of(np.array([[[5, 7], [5 + side / 3, 7 + side]]], np.float32), DEFAULT)
    assert side * 0.5**level <= DEFAULT.detail_object * 1.001
    assert level == 0 or side * 0.5**level > DEFAULT.detail_object / 2.001


def test_what_is_finer_than_4k_needs_is_never_kept() -> None:
    view = Pyramid(BgrPicture(np.zeros((2160, 3840, 3), np.uint8)), DEFAULT).view(0)
    assert (view.scale, view.plane.shape) == ((0.5, 0.5), (1080, 1920))


@pytest.mark.parametrize("place", [(100, 100), (-30, 20), (1270, 715), (-500, -500)])
def test_atlas_gives_points_and_ways_back(place: tuple[float, float]) -> None:
    pyramid = Pyramid(BgrPicture(STREET), DEFAULT)
    one = np.array([[0, 0], [30, 40]], np.float32) + np.array(place, np.float32)
    both = np.stack([one, one * 1.5 + 7])
    views = [(pyramid.view(level), pyramid.view(level)) for level in (0, 1)]
    atlas = make_atlas(views, both, np.array([[3, 0], [-8, 5]], np.float32), DEFAULT)
    height, width = atlas.before.shape
    inside = atlas.points(both)
    assert ((inside > 0) & (inside < (width, height))).all()
    ways = np.full_like(both, 2.5)
    assert atlas.source_ways(atlas.ways(ways)) == pytest.approx(ways)


def test_near_and_far_objects_of_several_pictures_go_at_once_as_each_goes_alone() -> None:
    history, mesh = FrameHistory(), Mesh(3, ((0, 1), (1, 2)))
    for index in range(3):
        number = history.add(Frame(index, index / 30, 0, scene(400 + 3 * index, 300, camera=4 * index)))
        history.show(number, keeps_detail=True)
    far = [small(400 + 3 * index, 300).xy for index in range(2)]
    near = np.array([[200, 100], [500, 300], [800, 600]], np.float32)
    legs, points = [(0, 1), (0, 1), (1, 2)], np.stack([near, *far])
    ways = history.move(mesh, legs, points=points, steady=np.zeros_like(points))
    assert ways[0] == pytest.approx(np.full((3, 2), (4, 0)), abs=0.5)
    assert ways[1:] == pytest.approx(np.full((2, 3, 2), (3, 0)), abs=0.3)
    for leg, xy, way in zip(legs, points, ways, strict=True):
        assert history.move(mesh, [leg], points=xy[None], steady=np.zeros_like(xy[None]))[0] == pytest.approx(
            way, abs=0.1
        )


def test_thin_limb_of_a_near_object_goes_on_before_what_the_camera_moves() -> None:
    # Where the limb stays in the picture, as when the camera follows, it looks as a background at rest would.
    assert np.median([off_before_a_moving_background(seed) for seed in range(6)]) < 30


def off_before_a_moving_background(seed: int) -> float:
    """By how many pixels a limb of 14 by 500 is off at most after 40 pixels of its own and 112 of the camera's."""
    street, cloth = texture(seed, SIZE, grain=4), texture(seed + 50, SIZE, grain=5) // 3
    limb = np.array([[633, 90], [647, 90], [647, 610], [633, 610]])
    start, step = np.array([[[640, 100], [640, 350], [640, 600]]], np.float32), np.array([5, 3], np.float32)
    history, mesh = FrameHistory(), Mesh(3, ((0, 1), (1, 2)))
    points, way = start, np.zeros_like(start)
    for index in range(9):
        there, mask = index * step, np.zeros(SIZE[::-1], np.uint8)
        cv2.fillPoly(mask, [np.round((limb + there) * 16).astype(np.int32)], 255, cv2.LINE_AA, 4)
        share = cv2.GaussianBlur(mask, (0, 0), 3)[..., None] / 255
        sleeve = cv2.warpAffine(cloth, np.array([[1, 0, there[0]], [0, 1, there[1]]], np.float32), SIZE)
        image = share * sleeve + (1 - share) * np.roll(street, -14 * index, axis=1)
        number = history.add(Frame(index, index / 30, 0, np.asarray(image, np.uint8)))
        if index:
            way = history.move(mesh, [(number - 1, number)], points=points, steady=way)
            points = points + way
    return float(np.abs(points - start - 8 * step).max())


@pytest.mark.parametrize("ahead", [7, 20])
def test_how_far_frames_are_observed_ahead_changes_nothing(ahead: int) -> None:
    def place(index: int) -> tuple[float, float]:
        return 300 + 2 * index, 300 + 6 * np.sin(index / 2)

    def poses(ahead: int) -> list[np.ndarray]:
        tracker, found, observed = Tracker(), list[np.ndarray](), 0
        frames = [Frame(i, i / 30, 0, scene(*place(i), (11 * i) % 7)) for i in range(49)]
        for answered in range(0, 49, 6):
            while observed < min(49, answered + 1 + ahead):
                tracker.observe(frames[observed])
                observed += 1
            tracker.update(Result(answered, answered / 30, (small(*place(answered)),), 0, 0, 0))
            for frame in frames[max(0, answered - 5) : answered + 1]:
                found += [pose.xy for pose in tracker.predict(frame)]
        return found

    assert len(poses(0)) == 49
    assert all((one == other).all() for one, other in zip(poses(0), poses(ahead), strict=True))
