"""The second clip: what people do before a camera on a tripod, for rules to tell.

Somebody falls and stays down, another ties a shoe, waits at a door and comes too near to somebody, one sits down and
then reaches into a machine, one crosses a line and comes back.
"""

from __future__ import annotations

from dataclasses import replace
from math import pi

import cv2
import numpy as np

from walkers import street
from walkers.body import Fabric
from walkers.camera import Camera, camera_at
from walkers.cast import ADA, BEN, CLEO, DAN, Person
from walkers.gait import Gesture, Path, Posture

DURATION = 30.0
"""Seconds."""
_FACING = 0.98 * pi
"""The heading of who looks at the camera."""
_DOWN = (0.05, -0.45, 0.85)
"""Where arms point, against a trunk that leans forwards, to reach the feet."""

FALLS = replace(
    BEN,
    number=1,
    look=replace(BEN.look, bag=None, top=Fabric((0.20, 0.45, 0.75), folds=1.0)),
    path=Path(np.array([[0.4, -4.2, 5.6], [4.4, -1.0, 5.8], [5.4, -0.9, 5.8]]), rest=_FACING, stride=1.3),
    gestures=(Gesture(8.2, 40.0, -1, (0.8, 0.3, 0.3), (0.4, 0.6, 0.4)),),
    posture=Posture(
        np.array([
            [0.0, 0, 0, 0, 0], [8.0, 0, 0, 0, 0], [8.3, 0.04, 0.02, 0.15, -0.15], [8.7, 0.08, 0.03, 0.25, -0.9],
            [9.0, 0.04, 0.0, 0.15, -1.5], [9.2, 0.02, 0.0, 0.1, -1.54], [30.0, 0.02, 0.0, 0.1, -1.54],
        ])
    ),
)  # fmt: skip

WAITS = replace(
    ADA,
    number=2,
    path=Path(
        np.array([
            [0.0, 0.45, 6.6], [10.0, 0.45, 6.6], [11.4, -0.9, 7.2], [12.8, -2.1, 7.6], [23.0, -2.1, 7.6],
            [25.0, -4.0, 7.5], [26.6, -6.2, 7.5],
        ]),
        rest=_FACING, stride=1.18,
    ),
    gestures=(Gesture(3.4, 6.8, 1, _DOWN, _DOWN), Gesture(3.4, 6.8, -1, _DOWN, _DOWN)),
    posture=Posture(
        np.array([
            [0.0, 0, 0, 0, 0], [3.0, 0, 0, 0, 0], [3.9, 0.26, 0.05, 0.95, 0], [6.2, 0.26, 0.05, 0.95, 0],
            [7.2, 0, 0, 0, 0], [30.0, 0, 0, 0, 0],
        ])
    ),
)  # fmt: skip

REACHES = replace(
    CLEO,
    number=3,
    look=replace(CLEO.look, sleeves=False, top=Fabric((0.55, 0.25, 0.20), folds=0.8)),
    path=Path(np.array([[0.0, 1.75, 5.4], [12.5, 1.75, 5.4], [13.5, 1.55, 5.2]]), rest=1.02 * pi, stride=1.06),
    gestures=(Gesture(15.0, 19.0, 1, (0.6, -0.8, 0.1), (0.9, -0.6, 0.1)),),
    posture=Posture(
        np.array([
            [0.0, 0, 0, 0, 0], [1.6, 0, 0, 0, 0], [2.6, 0.24, 0.20, 0.22, 0], [3.1, 0.25, 0.21, 0.05, 0],
            [10.0, 0.25, 0.21, 0.05, 0], [11.0, 0.1, 0.08, 0.30, 0], [11.8, 0, 0, 0, 0], [30.0, 0, 0, 0, 0],
        ])
    ),
)  # fmt: skip

CROSSES = replace(
    DAN,
    look=replace(DAN.look, top=Fabric((0.35, 0.60, 0.35), folds=0.9)),
    path=Path(
        np.array([
            [11.6, -5.8, 7.7], [14.6, -2.7, 7.65], [15.6, -2.55, 7.65], [17.6, -2.55, 7.65], [18.6, -1.9, 7.2],
            [21.0, 0.6, 7.2], [22.2, 1.2, 7.2], [23.6, 1.2, 7.2], [25.2, 0.0, 7.3], [27.0, -2.4, 7.4],
            [29.6, -5.6, 7.6],
        ]),
        rest=_FACING, stride=1.3,
    ),
    gestures=(),
)  # fmt: skip

CAST: tuple[Person, ...] = (FALLS, WAITS, REACHES, CROSSES)


def camera(_: float) -> Camera:
    """The camera on its tripod."""
    return camera_at(1.0)


def props() -> list[tuple[float, street.Quad]]:
    """A machine with an opening, a bench, and a door."""
    machine = np.full((130, 70, 3), (96, 104, 98), np.uint8)
    cv2.rectangle(machine, (8, 30), (62, 78), (38, 40, 42), -1)
    cv2.rectangle(machine, (8, 30), (62, 78), (40, 180, 220), 2)
    cv2.circle(machine, (14, 14), 5, (60, 60, 210), -1)
    bench = np.full((16, 110, 3), (60, 92, 128), np.uint8)
    bench[8:] = (44, 66, 92)
    door = np.full((210, 100, 3), (70, 84, 60), np.uint8)
    cv2.rectangle(door, (10, 12), (90, 100), (150, 150, 140), 3)
    cv2.circle(door, (86, 120), 4, (80, 190, 210), -1)
    return [
        (5.7, _standing(machine, x=2.05, z=5.7, width=0.7, height=1.3)),
        (6.0, _standing(bench, x=1.2, z=6.0, width=1.1, height=0.42)),
        (8.5, _standing(door, x=-2.6, z=8.5, width=1.0, height=2.1)),
    ]


def _standing(texture: street.Image, *, x: float, z: float, width: float, height: float) -> street.Quad:
    corners = np.array([[x, height, z], [x + width, height, z], [x + width, 0.0, z], [x, 0.0, z]])
    large = cv2.resize(texture, None, fx=3, fy=3, interpolation=cv2.INTER_CUBIC).astype(np.uint8)
    return street.Quad(large, None, corners)
