"""Changes of the light between two pictures: steps of the exposure, lamps that flicker, the bands that they draw.

All that follows points takes a thing to look alike in two pictures. So a picture is shown as it would look in the light
of the one before. A change of the light is told from motion by what it does to all of the picture: brightness changes
by a smooth factor, which explains most of what differs.
"""

from __future__ import annotations

from functools import lru_cache

import cv2
import numpy as np
import numpy.typing as npt

from kpstream.tracking.flow import Grey
from kpstream.tracking.geometry import Weights
from kpstream.tracking.settings import TrackerSettings

_WAVES = 10  # down, and to the right: a lamp draws four bands at most
_SCALES = 12.0, 6.0, 4.0, 3.0  # grey values; what differs by more hardly counts, from round to round
_HOPELESS = 0.85  # where so much is left already in the first round, it is motion
_BRIGHT = 240.0  # what is brighter may be cut off

Cells = npt.NDArray[np.float64]


def light_change(before: Cells, after: Cells, settings: TrackerSettings) -> Weights | None:
    """By which factor each part of a picture is lighter than before.

    Args:
        before: How light the parts were, shape ``(rows, columns)``: grey values.
        after: How light they are.
        settings: What a change is.

    Returns:
        Shape ``(rows, columns)``; None where the light is the same, or where it is not the light that has changed.
    """
    differs: Weights = (after - before).astype(np.float32).ravel()
    size = np.abs(differs)
    if (size > settings.light_step * 100).mean() < settings.light_share:
        return None
    counts = ((before < _BRIGHT) & (after < _BRIGHT)).astype(np.float32).ravel()
    outlier = min(4.0, max(1.0, float(np.median(size)) / 2))
    unlike = _differing(differs, counts, outlier)
    waves = _waves(*before.shape)
    slopes, weights = waves * before.astype(np.float32).reshape(-1, 1), counts
    if not (counts * before.ravel()).any():
        return None  # what is black, or cut off, is as it was by any factor
    for scale in _SCALES:
        weighed = (slopes * weights[:, None]).T
        moments = weighed @ slopes
        moments[np.diag_indices(len(moments))] += 1e-3 * np.trace(moments) / len(moments)
        found = np.linalg.solve(moments, weighed @ differs)
        left = differs - slopes @ found
        remains = _differing(left, counts, outlier)
        if remains > _HOPELESS * unlike:
            return None
        weights = counts / (1 + (left / scale) ** 2) ** 2
    gains = waves @ found
    if remains > settings.light_explains * unlike or np.abs(gains).max() < settings.light_step:
        return None
    return np.asarray(np.clip(1 + gains, 0.2, 5), np.float32).reshape(before.shape)


def _differing(differences: Weights, counts: Weights, outlier: float) -> float:
    """How much differs: by far more than ``outlier`` is no more than by more."""
    squares = differences * differences
    return float((counts * squares / (squares + np.float32(outlier**2))).sum())


def in_light(picture: Grey, gains: Weights) -> Grey:
    """A picture as it would look without such factors, which are spread over it, shape ``(rows, columns)``."""
    factors = cv2.resize(1 / gains, picture.shape[::-1], interpolation=cv2.INTER_LINEAR)
    return np.asarray(cv2.multiply(picture, factors, dtype=cv2.CV_8U), np.uint8)


@lru_cache(maxsize=2)
def _waves(rows: int, columns: int) -> Weights:
    """Even light and waves of it, downwards and to the right, one a column, shape ``(rows * columns, waves)``."""
    y, x = ((np.arange(count) + 0.5) * np.pi / count for count in (rows, columns))
    down = [np.repeat(np.cos(wave * y), columns) for wave in range(_WAVES)]
    right = [np.tile(np.cos(wave * x), rows) for wave in range(1, _WAVES)]
    return np.stack([*down, *right], axis=1).astype(np.float32)
