"""Who is in the clip: three people, how they look and where they go."""

from __future__ import annotations

from dataclasses import dataclass, replace
from math import pi

import numpy as np

from walkers.body import Fabric, Look
from walkers.gait import STANDING, Gesture, Path, Posture

DURATION = 12.0
"""Seconds."""


@dataclass(frozen=True)
class Person:
    """Someone in the street."""

    number: int
    """The identity in the truth."""
    height: float
    """Metres."""
    look: Look
    path: Path
    gestures: tuple[Gesture, ...] = ()
    posture: Posture = STANDING


_WAVE_UP = (0.62, 0.45, 0.30)
_WAVE = (0.15, 0.95, 0.25)

ADA = Person(
    number=1,
    height=1.70,
    look=Look(
        skin=Fabric((0.54, 0.67, 0.86)),
        hair=Fabric((0.12, 0.20, 0.34), folds=0.8, gloss=0.25),
        top=Fabric((0.17, 0.17, 0.66), folds=1.0),
        bottom=Fabric((0.44, 0.31, 0.22), folds=0.9),
        shoes=Fabric((0.88, 0.88, 0.88), gloss=0.2),
        collar=Fabric((0.85, 0.85, 0.84), folds=0.3),
        hair_style="long",
        broad=0.95,
        heavy=0.98,
    ),
    path=Path(
        np.array([
            [0.0, -1.35, 5.3], [6.2, -1.30, 5.3], [7.2, -0.55, 5.9], [8.2, 0.65, 6.4], [9.2, 1.75, 6.7],
            [10.0, 2.15, 6.1], [11.0, 1.75, 5.3], [12.3, 1.05, 4.7],
        ]),
        rest=0.93 * pi, stride=1.18,
    ),
    gestures=(Gesture(4.1, 6.3, -1, _WAVE_UP, _WAVE, 0.4),),
)  # fmt: skip

BEN = Person(
    number=2,
    height=1.86,
    look=Look(
        skin=Fabric((0.22, 0.32, 0.47)),
        hair=Fabric((0.06, 0.06, 0.07), folds=0.6, gloss=0.2),
        top=Fabric((0.66, 0.55, 0.36), folds=1.0),
        bottom=Fabric((0.17, 0.16, 0.16), folds=1.0),
        shoes=Fabric((0.16, 0.26, 0.44), gloss=0.2),
        collar=Fabric((0.62, 0.51, 0.33), folds=0.3),
        sleeves=False,
        bag=Fabric((0.20, 0.36, 0.30), folds=0.7),
        broad=1.08,
        heavy=1.06,
    ),
    path=Path(
        np.array([
            [0.6, -4.3, 4.55], [1.6, -3.1, 4.6], [3.0, -1.3, 4.65], [4.4, 0.5, 4.8], [5.4, 1.6, 5.3], [6.2, 1.95, 6.2],
            [7.0, 1.50, 7.2], [7.9, 0.4, 7.5], [8.8, -0.55, 6.9], [9.7, -0.90, 5.9], [10.6, -1.0, 5.1],
            [11.2, -1.05, 4.95],
        ]),
        rest=0.97 * pi, stride=1.32, first_step=0.3,
    ),
    gestures=(
        Gesture(10.2, 13.0, 1, (0.75, 0.62, 0.15), (0.25, 0.95, 0.10), 0.12),
        Gesture(10.2, 13.0, -1, (0.75, 0.62, 0.15), (0.25, 0.95, 0.10), 0.12),
    ),
)  # fmt: skip

CLEO = Person(
    number=3,
    height=1.64,
    look=Look(
        skin=Fabric((0.40, 0.54, 0.74)),
        hair=Fabric((0.13, 0.13, 0.15), folds=0.6, gloss=0.25),
        top=Fabric((0.80, 0.83, 0.84), folds=0.8, stripes=(0.40, 0.22, 0.13)),
        bottom=Fabric((0.36, 0.46, 0.55), folds=0.9),
        shoes=Fabric((0.42, 0.50, 0.86), gloss=0.2),
        collar=Fabric((0.80, 0.83, 0.84), folds=0.3),
        hair_style="bun",
        shorts=True,
        broad=0.93,
        heavy=0.97,
    ),
    path=Path(
        np.array([
            [3.2, 4.9, 6.3], [4.2, 3.7, 6.3], [5.6, 1.85, 6.4], [7.0, 0.15, 5.6], [8.2, -1.2, 5.0], [9.4, -2.6, 4.8],
            [10.6, -4.1, 4.75], [11.4, -5.1, 4.75],
        ]),
        rest=1.5 * pi, stride=1.06, first_step=0.6,
    ),
    gestures=(Gesture(5.8, 7.6, 1, (0.25, -0.75, 0.50), (-0.25, 0.35, 0.9), 0.0),),
)  # fmt: skip

DAN = replace(
    CLEO,
    number=4,
    height=1.78,
    look=replace(
        CLEO.look,
        top=Fabric((0.30, 0.42, 0.30), folds=0.9),
        bottom=Fabric((0.30, 0.28, 0.30), folds=0.9),
        hair=Fabric((0.30, 0.42, 0.55), folds=0.6, gloss=0.2),
        hair_style="short",
        shorts=False,
    ),
)
"""A fourth, who is not in the clip of the walkers: others give him a way of his own."""

CAST = (ADA, BEN, CLEO)
