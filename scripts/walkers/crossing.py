"""People who meet: for answers that make one person of some who overlap, or lack those behind."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from math import pi

import numpy as np

from walkers.camera import Camera, camera_at
from walkers.cast import ADA, BEN, CLEO, DAN, Person

DURATION = 7.5
"""Seconds."""


def _along(person: Person, *keys: tuple[float, float, float]) -> Person:
    return replace(person, path=replace(person.path, keys=np.array(keys), rest=pi, first_step=0.0), gestures=())


CASTS: dict[str, Sequence[Person]] = {
    "crossing": (
        _along(ADA, (0.0, -2.6, 5.2), (3.2, 1.6, 5.2), (4.2, 1.9, 5.4), (7.4, -1.7, 5.5)),
        _along(BEN, (0.0, 2.4, 4.7), (3.2, -1.7, 4.7), (4.2, -2.0, 4.9), (7.4, 1.8, 4.9)),
    ),
    "three": (
        _along(ADA, (0.0, -2.3, 5.3), (3.4, 2.4, 5.3), (4.2, 2.6, 5.2), (7.4, -1.9, 5.0)),
        _along(BEN, (0.0, 2.3, 4.7), (3.4, -2.1, 4.7), (4.2, -2.3, 4.9), (7.4, 2.2, 5.4)),
        _along(CLEO, (0.0, 0.5, 7.4), (3.4, -0.2, 5.6), (4.2, -0.1, 5.5), (7.4, 0.7, 6.8)),
    ),
    "beside": (
        _along(ADA, (0.0, -2.6, 5.1), (3.4, 1.8, 5.1), (4.2, 1.9, 5.1), (7.4, -2.2, 5.1)),
        _along(BEN, (0.0, -1.7, 5.3), (3.4, 2.7, 5.3), (4.2, 2.8, 5.3), (7.4, -1.3, 5.3)),
        _along(CLEO, (0.0, 2.6, 4.6), (3.4, -2.2, 4.6), (4.2, -2.6, 5.8), (7.4, 2.6, 6.3)),
    ),
    "waiting": (
        _along(ADA, (0.0, -0.1, 5.0), (7.4, -0.1, 5.0)),
        _along(BEN, (0.0, 0.7, 5.2), (7.4, 0.7, 5.2)),
        _along(CLEO, (0.0, -2.6, 5.9), (3.4, 2.7, 6.0), (4.2, 2.8, 6.0), (7.4, -1.9, 5.8)),
    ),
    "four": (
        _along(ADA, (0.0, -2.3, 5.3), (3.4, 2.4, 5.3), (4.2, 2.6, 5.4), (7.4, -1.9, 5.4)),
        _along(BEN, (0.0, 2.3, 4.7), (3.4, -2.1, 4.7), (4.2, -2.3, 4.8), (7.4, 2.2, 4.8)),
        _along(CLEO, (0.0, -0.4, 7.4), (3.4, -0.2, 5.6), (4.2, -0.2, 5.5), (7.4, 0.2, 6.8)),
        _along(DAN, (0.0, 1.1, 6.3), (7.4, 1.1, 6.3)),
    ),
}
"""Who meets in each story: two cross, twice; three meet at once; one crosses two who walk side by side, before and then
behind them; one passes twice behind two who stand; two cross between one who comes nearer and one
who stands."""


def camera(_: float) -> Camera:
    """The camera on its tripod."""
    return camera_at(2.0)
