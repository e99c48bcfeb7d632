"""The camera's motion, told from that of the people before it."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kpstream.tracking import DEFAULT
from kpstream.tracking.camera import CameraMotion, camera_motion, displacements
from kpstream.tracking.geometry import Points
from tests.tracking.test_flow import texture, turned

CORNERS = np.array([[0, 0], [320, 0], [320, 180], [0, 180]], np.float32)


def moved(motion: CameraMotion, points: Points = CORNERS) -> Points:
    """How far points of the background move."""
    (ways,) = displacements([motion], points[None])
    return np.asarray(ways)


@given(st.floats(-8, 8), st.floats(-8, 8), st.floats(-2, 2))
@settings(max_examples=20)
def test_camera_that_moves_and_turns_is_found_though_somebody_walks_through(x: float, y: float, degrees: float) -> None:
    before = texture(320, 180, 1, grain=2)
    after, matrix = turned(before, degrees, (x, y))
    cv2.rectangle(before, (60, 40), (130, 170), 20, -1)
    cv2.rectangle(after, (80, 40), (150, 170), 20, -1)
    found = moved(camera_motion(before, after, DEFAULT))
    truth = CORNERS @ matrix[:, :2].T + matrix[:, 2] - CORNERS
    assert np.abs(found - truth).max() < 1


def test_nothing_to_be_seen_is_a_camera_that_stands() -> None:
    blank = np.full((180, 320), 90, np.uint8)
    assert np.abs(moved(camera_motion(blank, blank, DEFAULT))).max() < 0.1


MOTIONS = st.builds(CameraMotion, st.floats(-0.1, 0.1), st.floats(-0.1, 0.1), st.floats(-20, 20), st.floats(-20, 20))


@given(MOTIONS, MOTIONS)
def test_one_motion_after_the_other_is_both(first: CameraMotion, second: CameraMotion) -> None:
    there = CORNERS + moved(first)
    there = there + moved(second, there)
    assert CORNERS + moved(first.then(second)) == pytest.approx(there, abs=0.01)


@given(st.floats(-0.1, 0.1), st.floats(-0.1, 0.1), st.floats(-20, 20), st.floats(-20, 20))
def test_back_undoes_forth(a: float, b: float, right: float, down: float) -> None:
    motion = CameraMotion(a, b, right, down)
    there = CORNERS + moved(motion)
    assert there + moved(motion.inverse(), there) == pytest.approx(CORNERS, abs=0.01)
