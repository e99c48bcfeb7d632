"""A hand-held pinhole camera that pans along the street and zooms in a little."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[np.float64]

SIZE = (1280, 720)
_HEIGHT = 1.8
_FOCAL = 1090.0
_SHAKE = np.array([[0.9, 0.31], [1.7, 0.47], [2.9, 0.21], [4.3, 0.13]])
"""Cycles per second and share of each wave of the hand's unrest."""


@dataclass(frozen=True)
class Camera:
    """Where the camera stands and looks at one moment."""

    position: Array
    """Metres, shape ``(3,)``."""
    rotation: Array
    """World to camera, shape ``(3, 3)``: its rows are the picture's right, down and depth axes."""
    focal: float
    """Pixels."""

    def project(self, points: Array) -> tuple[Array, Array]:
        """Pixels, shape ``(..., 2)``, and depths in metres, shape ``(...)``, of points of shape ``(..., 3)``."""
        seen = (points - self.position) @ self.rotation.T
        depth = seen[..., 2]
        centre = np.array(SIZE) / 2
        return self.focal * seen[..., :2] / depth[..., None] + centre, depth


def camera_at(seconds: float) -> Camera:
    """The camera of the sample clip at one moment: slow pan, slight zoom, and the unrest of a hand."""
    pan = np.sin(2 * np.pi * (seconds - 1.0) / 14.0)
    yaw = 0.055 * pan + 0.0016 * _unrest(seconds, 0.0)
    pitch = -0.070 - 0.0016 * _unrest(seconds, 2.0)
    roll = 0.0025 * _unrest(0.6 * seconds, 4.0)
    zoom = 1.0 + 0.05 * (1 - np.cos(2 * np.pi * seconds / 12.0))
    position = np.array([0.75 * pan, _HEIGHT + 0.004 * _unrest(seconds, 6.0), 0.0])
    return Camera(position, _rotation(yaw, pitch, roll), _FOCAL * float(zoom))


def _unrest(seconds: float, phase: float) -> float:
    rates, shares = _SHAKE.T
    return float(np.sum(shares * np.sin(2 * np.pi * rates * seconds + phase * (1 + rates))))


def _rotation(yaw: float, pitch: float, roll: float) -> Array:
    """World (y up) to camera (y down), looking along z, then turned right, up and clockwise."""
    cy, sy, cp, sp, cr, sr = (f(a) for a in (yaw, pitch, roll) for f in (np.cos, np.sin))
    about_y = np.array([[cy, 0, -sy], [0, 1, 0], [sy, 0, cy]])
    about_x = np.array([[1, 0, 0], [0, cp, -sp], [0, sp, cp]])
    about_z = np.array([[cr, sr, 0], [-sr, cr, 0], [0, 0, 1]])
    flip = np.diag([1.0, -1.0, 1.0])
    return np.asarray(about_z @ flip @ about_x @ about_y)
