"""The motion of the camera between two pictures, by what most of the background does."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from kpstream.tracking.flow import Grey, lucas_kanade
from kpstream.tracking.geometry import Points, middles
from kpstream.tracking.settings import TrackerSettings

_COLUMNS, _ROWS = 9, 6
_ROUNDS = 6
_NARROWS = 0.7  # by which the residual that still counts shrinks from round to round
_TURN_PRIOR, _SHIFT_PRIOR = 1e2, 1e-3  # no rotation and no zoom, unless most points say otherwise

_Complex = npt.NDArray[np.complex128]


class CameraMotion(NamedTuple):
    """A similarity: ``(x, y)`` goes to ``(x + a x - b y + left, y + b x + a y + down)``."""

    a: float = 0.0
    b: float = 0.0
    right: float = 0.0
    down: float = 0.0

    def inverse(self) -> CameraMotion:
        """The motion from the second picture back to the first."""
        scale, turn = 1 + self.a, self.b
        norm = scale**2 + turn**2
        c, d = scale / norm, -turn / norm
        return CameraMotion(c - 1, d, -(c * self.right - d * self.down), -(d * self.right + c * self.down))

    def then(self, other: CameraMotion) -> CameraMotion:
        """This motion, and another one after it."""
        a, b = (
            self.a + other.a + self.a * other.a - self.b * other.b,
            self.b + other.b + self.a * other.b + self.b * other.a,
        )
        right = self.right + other.right + other.a * self.right - other.b * self.down
        down = self.down + other.down + other.b * self.right + other.a * self.down
        return CameraMotion(a, b, right, down)

    def scaled(self, factor: float) -> CameraMotion:
        """The same motion in pixels that are this much smaller."""
        return self._replace(right=self.right * factor, down=self.down * factor)


def displacements(motions: Sequence[CameraMotion], points: Points) -> Points:
    """How far points of the background move.

    Args:
        motions: N of them.
        points: Those that go by each, shape ``(N, K, 2)``.
    """
    a, b, right, down = np.array(motions, np.float32).T[..., None]
    x, y = points[..., 0], points[..., 1]
    moved = np.empty_like(points)
    moved[..., 0] = a * x - b * y + right
    moved[..., 1] = b * x + a * y + down
    return moved


def camera_motion(before: Grey, after: Grey, settings: TrackerSettings) -> CameraMotion:
    """Estimate the camera's motion from a grid of points, robustly: people are the outliers.

    Args:
        before: A small picture.
        after: The next one, of the same size.
        settings: How far flow looks, and what is an outlier.
    """
    grid = _grid(before.shape)
    moved, sound = lucas_kanade(before, after, grid, settings, settings.camera_flow)
    places, ways = _complex(grid[sound]), _complex(moved[sound])
    if len(places) < settings.min_camera_points:
        return CameraMotion()
    back = places.conj()
    moments = np.array([np.ones_like(places), ways, back, back * ways, back * places]).T
    turn, shift = 0j, complex(*middles(moved[sound][None])[0].tolist())
    within = settings.camera_outlier
    for _ in range(_ROUNDS):
        off = turn * places + shift - ways
        weights = (1 + (off * off.conj()).real / within**2) ** -2
        turn, shift = _fitted(*(weights @ moments).tolist())
        within = max(0.5, within * _NARROWS)
    return CameraMotion(turn.real, turn.imag, shift.real, shift.imag)


@lru_cache(maxsize=8)
def _grid(shape: tuple[int, ...]) -> Points:
    """Points all over a picture of ``(height, width)``, shape ``(P, 2)``."""
    height, width = shape
    columns, rows = (np.arange(_COLUMNS) + 0.5) * width / _COLUMNS, (np.arange(_ROWS) + 0.5) * height / _ROWS
    return np.stack(np.meshgrid(columns, rows), axis=-1).reshape(-1, 2).astype(np.float32)


def _complex(points: Points) -> _Complex:
    """Points of shape ``(P, 2)`` as complex numbers: a similarity is linear in them."""
    return np.asarray(points[:, 0] + 1j * points[:, 1], np.complex128)


def _fitted(
    total: complex, mean: complex, sums: complex, product: complex, squares: complex
) -> tuple[complex, complex]:
    """``turn`` and ``shift`` for which ``turn * places + shift`` are next to ``ways``, by least weighted squares.

    Args:
        total: The sum of the weights, as all else is weighted.
        mean: The sum of ``ways``.
        sums: The sum of ``places``, conjugate.
        product: The sum of these times ``ways``.
        squares: The sum of these times ``places``.
    """
    total, squares = total + _SHIFT_PRIOR, squares + _TURN_PRIOR
    share = squares * total - sums * sums.conjugate()
    return (product * total - mean * sums) / share, (squares * mean - sums.conjugate() * product) / share
