"""Points that move between pictures whose motion is known."""

from __future__ import annotations

from dataclasses import replace

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from kpstream.media.frame import BgrPicture
from kpstream.tracking import DEFAULT
from kpstream.tracking.flow import Grey, Mesh, lucas_kanade
from kpstream.tracking.frames import correlation, shrink, thumbnail
from kpstream.tracking.geometry import Points, between, box_around, shift, widen

NAN = float("nan")
CHAIN = ((0, 1), (1, 2))


def texture(width: int, height: int, seed: int, grain: float = 2.0) -> Grey:
    noise = np.random.default_rng(seed).normal(0, 1, (height, width)).astype(np.float32)
    soft = cv2.GaussianBlur(noise, (0, 0), grain)
    return np.asarray(np.clip(128 + 45 * soft / soft.std(), 0, 255), np.uint8)


def turned(picture: Grey, degrees: float, way: tuple[float, float]) -> tuple[Grey, Points]:
    matrix = cv2.getRotationMatrix2D((picture.shape[1] / 2, picture.shape[0] / 2), degrees, 1.0)
    matrix[:, 2] += np.array(way)
    size = (picture.shape[1], picture.shape[0])
    moved = cv2.warpAffine(picture, matrix, size, borderMode=cv2.BORDER_REFLECT)
    return np.asarray(moved, np.uint8), matrix.astype(np.float32)


def points(*rows: tuple[float, float]) -> Points:
    return np.array(rows, np.float32)


@pytest.mark.parametrize("size", [(1920, 1080), (720, 1270), (321, 100), (1768, 994), (640, 480)])
def test_small_picture_keeps_the_shape_and_is_at_most_a_side_long(size: tuple[int, int]) -> None:
    small = shrink(BgrPicture(np.full((size[1], size[0], 3), 90, np.uint8)))
    assert max(small.shape) == DEFAULT.small_side
    assert small.shape[1] / small.shape[0] == pytest.approx(size[0] / size[1], rel=0.02)
    assert abs(int(small.min()) - 90) <= 1


def test_small_picture_is_never_enlarged() -> None:
    assert shrink(BgrPicture(np.zeros((20, 30, 3), np.uint8))).shape == (20, 30)


def test_small_picture_stands_where_the_large_one_does() -> None:
    large = np.zeros((720, 1280, 3), np.uint8)
    cv2.circle(large, (800, 200), 40, (255, 255, 255), -1)
    y, x = (axis.mean() for axis in np.nonzero(shrink(BgrPicture(large)) > 127))
    assert (x + 0.5) * 4 - 0.5 == pytest.approx(800, abs=2)
    assert (y + 0.5) * 4 - 0.5 == pytest.approx(200, abs=2)


def test_another_scene_is_not_alike_and_the_same_one_is() -> None:
    scene = texture(320, 180, 1, grain=12)
    brighter = np.asarray(np.clip(scene.astype(int) + 40, 0, 255), np.uint8)
    assert correlation(thumbnail(scene), thumbnail(brighter)) > 0.9
    assert correlation(thumbnail(scene), thumbnail(turned(scene, 1, (6, 2))[0])) > 0.8
    assert correlation(thumbnail(scene), thumbnail(texture(320, 180, 2, grain=12))) < 0.5
    assert correlation(*(thumbnail(np.full((180, 320), level, np.uint8)) for level in (3, 5))) == 1


coordinates = st.floats(-500, 500, width=32)
clouds = arrays(np.float32, (5, 2), elements=coordinates)
masks = arrays(np.bool_, (5,))


@given(clouds, clouds, masks, masks, st.floats(0, 1))
def test_between_is_straight_and_knows_what_either_side_knows(
    before: Points, after: Points, lost_before: np.ndarray, lost_after: np.ndarray, share: float
) -> None:
    before[lost_before], after[lost_after] = np.nan, np.nan
    middle = between(before, after, share)
    both = ~(lost_before | lost_after)
    np.testing.assert_allclose(middle[both], (1 - share) * before[both] + share * after[both], atol=1e-2)
    assert (np.isnan(middle[:, 0]) == (lost_before & lost_after)).all()
    np.testing.assert_allclose(between(before, after, 0)[~lost_before], before[~lost_before])


def test_point_that_one_side_lacks_moves_with_the_others() -> None:
    before, after = points((0, 0), (10, 0), (20, 0)), points((4, 2), (14, 2), (NAN, NAN))
    np.testing.assert_allclose(between(before, after, 0.5), points((2, 1), (12, 1), (22, 1)))


def test_shift_without_common_points_is_zero() -> None:
    assert shift(points((NAN, NAN), (1, 1)), points((1, 1), (NAN, NAN))).tolist() == [0, 0]


def test_widen_adds_rows_only_where_they_lack() -> None:
    assert widen(points((1, 2)), 3).shape == (3, 2)
    assert widen(points((1, 2), (3, 4)), 1).shape == (2, 2)


def test_box_around_leaves_out_what_is_not_known() -> None:
    assert box_around(points((1, 5), (NAN, NAN), (4, 2))).tolist() == [1, 2, 4, 5]
    assert np.isnan(box_around(points((NAN, NAN)))).all()


@given(st.floats(-6, 6), st.floats(-6, 6), st.floats(-3, 3))
def test_follow_finds_a_known_motion(x: float, y: float, degrees: float) -> None:
    picture = texture(200, 160, 3)
    moved, matrix = turned(picture, degrees, (x, y))
    start = points((60, 50), (120, 60), (100, 110))
    way, sound = lucas_kanade(picture, moved, start)
    assert sound.all()
    np.testing.assert_allclose(start + way, start @ matrix[:, :2].T + matrix[:, 2], atol=0.5)


def test_follow_says_what_it_cannot_find() -> None:
    picture = texture(200, 160, 3)
    _, sound = lucas_kanade(picture, texture(200, 160, 4), points((60, 50), (120, 60), (100, 110)))
    assert not sound.all()
    assert lucas_kanade(picture, picture, np.zeros((0, 2), np.float32))[0].shape == (0, 2)


@given(st.floats(-5, 5), st.floats(-5, 5), st.floats(-4, 4))
def test_mesh_finds_a_known_motion(x: float, y: float, degrees: float) -> None:
    picture = texture(200, 160, 5)
    moved, matrix = turned(picture, degrees, (x, y))
    start = points((60, 50), (110, 60), (100, 110))[None]
    way = Mesh(3, CHAIN).move(picture, moved, start, np.zeros_like(start))
    np.testing.assert_allclose((start + way)[0], start[0] @ matrix[:, :2].T + matrix[:, 2], atol=0.6)


def arm(background: Grey, cloth: Grey, way: float) -> Grey:
    """A thin, blurred arm before a background that is richer than it: its end is mostly background."""
    mask = np.zeros(background.shape, np.uint8)
    shape = np.array([[96 + way, 30], [104 + way, 30], [104 + way, 100], [96 + way, 100]])
    cv2.fillPoly(mask, [np.round(shape * 16).astype(np.int32)], 255, cv2.LINE_AA, 4)
    sleeve = cv2.warpAffine(cloth, np.array([[1, 0, way], [0, 1, 0]], np.float32), background.shape[::-1])
    share = mask.astype(float) / 255
    return np.asarray(share * sleeve + (1 - share) * background, np.uint8)


def test_mesh_takes_an_end_along_that_its_background_holds_back() -> None:
    background = texture(200, 160, 6, grain=1.2)
    cloth = np.asarray(texture(200, 160, 7) // 3, np.uint8)
    mesh = Mesh(3, CHAIN, replace(DEFAULT, blur=1))  # nothing is noisy here, and the arm is thin
    joints = points((100, 34), (100, 66), (100, 99))
    xy = joints[None]
    velocity = np.zeros_like(xy)
    alone = joints.copy()
    for step in range(8):
        before, after = arm(background, cloth, 2.0 * step), arm(background, cloth, 2.0 * step + 2)
        velocity = mesh.move(before, after, xy, velocity)
        xy = xy + velocity
        way, sound = lucas_kanade(before, after, alone)
        alone[sound] += way[sound]
    truth = joints + points((16, 0))
    off = np.abs(xy[0] - truth).max()
    assert off < 3
    assert np.abs(alone - truth).max() > 2 * off


@pytest.mark.parametrize("camera", [0, 3])
def test_mesh_is_not_held_back_by_a_background_that_shows_through_a_blur(camera: int) -> None:
    background, cloth = texture(260, 160, 6, grain=1.2), np.asarray(texture(260, 160, 7) // 3, np.uint8)
    joints, behind = points((100, 34), (100, 66), (100, 99)), np.array([[[camera, 0]]], np.float32)

    def exposed(step: int) -> Grey:
        street = np.roll(background, camera * step, axis=1)
        return np.asarray(np.mean([arm(street, cloth, 2 * step + blur) for blur in (-1, 0, 1)], axis=0), np.uint8)

    def off(counts: float) -> float:
        mesh = Mesh(3, CHAIN, replace(DEFAULT, background_counts=counts))
        xy, velocity = joints[None], np.zeros((1, 3, 2), np.float32)
        for step in range(8):
            velocity = mesh.move(exposed(step), exposed(step + 1), xy, velocity, background=behind)
            xy = xy + velocity
        return float(np.abs(xy[0] - joints - points((16, 0))).max())

    assert off(DEFAULT.background_counts) < 2
    assert off(1) > 5  # as if it were the arm's own


def test_mesh_leaves_unknown_points_alone_and_moves_the_others() -> None:
    picture = texture(200, 160, 8)
    moved, _ = turned(picture, 0, (3, 1))
    start = np.stack([points((60, 50), (NAN, NAN), (100, 110)), points((40, 90), (90, 90), (NAN, NAN))])
    way = Mesh(3, CHAIN).move(picture, moved, start, np.zeros_like(start))
    assert way[0, 1].tolist() == [0, 0]
    known = ~np.isnan(start[..., 0])
    np.testing.assert_allclose(way[known], np.tile([3, 1], (4, 1)), atol=0.3)


def test_mesh_begins_where_a_guess_says_and_not_where_flow_would() -> None:
    picture = texture(320, 180, 12, grain=1.0)
    moved, _ = turned(picture, 0, (60, 1))
    start = points((60, 50), (80, 60), (70, 80))[None]
    nowhere, guess = np.zeros_like(start), points((59.5, 0.5), (59.5, 0.5), (59.5, 0.5))[None]
    lost = Mesh(3, CHAIN).move(picture, moved, start, nowhere)
    assert np.abs(lost - [60, 1]).max() > 5
    way = Mesh(3, CHAIN).move(picture, moved, start, nowhere, guesses=[guess])
    np.testing.assert_allclose(way, np.broadcast_to(np.array([60, 1]), way.shape), atol=0.3)


def test_mesh_without_edges_still_follows() -> None:
    picture = texture(200, 160, 9)
    moved, _ = turned(picture, 0, (2, -2))
    start = points((60, 50), (110, 60))[None]
    way = Mesh(2, ()).move(picture, moved, start, np.zeros_like(start))
    np.testing.assert_allclose(way[0], [[2, -2], [2, -2]], atol=0.3)


def test_mesh_takes_a_crowd_and_nobody() -> None:
    picture = texture(320, 180, 10)
    moved, _ = turned(picture, 0, (2, 1))
    corner = np.random.default_rng(1).uniform((20, 20), (260, 120), (60, 1, 2)).astype(np.float32)
    crowd = corner + points((0, 0), (20, 10), (10, 30))[None]
    way = Mesh(3, CHAIN).move(picture, moved, crowd, np.zeros_like(crowd))
    np.testing.assert_allclose(way, np.broadcast_to(np.array([2, 1]), way.shape), atol=0.5)
    nobody = np.zeros((0, 3, 2), np.float32)
    assert Mesh(3, CHAIN).move(picture, moved, nobody, nobody).shape == (0, 3, 2)


def test_face_with_many_points_is_followed_too() -> None:
    picture = texture(200, 160, 11)
    moved, _ = turned(picture, 0, (3, -1))
    start = np.random.default_rng(2).uniform((40, 40), (160, 120), (1, 133, 2)).astype(np.float32)
    way = Mesh(133, [(i, i + 1) for i in range(132)]).move(picture, moved, start, np.zeros_like(start))
    np.testing.assert_allclose(way, np.broadcast_to(np.array([3, -1]), way.shape), atol=0.5)
