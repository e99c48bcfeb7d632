"""The third clip: two people who cross, twice, for answers that take both for one while they overlap."""

from __future__ import annotations

from dataclasses import replace
from math import pi

import numpy as np

from walkers.camera import Camera, camera_at
from walkers.cast import ADA, BEN, Person

DURATION = 7.5
"""Seconds."""


def _along(person: Person, *keys: tuple[float, float, float]) -> Person:
    return replace(person, path=replace(person.path, keys=np.array(keys), rest=pi, first_step=0.0), gestures=())


CAST: tuple[Person, ...] = (
    _along(ADA, (0.0, -2.6, 5.2), (3.2, 1.6, 5.2), (4.2, 1.9, 5.4), (7.4, -1.7, 5.5)),
    _along(BEN, (0.0, 2.4, 4.7), (3.2, -1.7, 4.7), (4.2, -2.0, 4.9), (7.4, 1.8, 4.9)),
)


def camera(_: float) -> Camera:
    """The camera on its tripod."""
    return camera_at(2.0)
