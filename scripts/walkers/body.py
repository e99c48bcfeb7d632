"""What a body is made of: its joints dressed in tapered, rounded solids."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace

import numpy as np

from walkers.camera import Array
from walkers.gait import Body, unit

Colour = tuple[float, float, float]
"""BGR, 0 to 1."""


@dataclass(frozen=True)
class Fabric:
    """What a surface looks like."""

    colour: Colour
    folds: float = 0.0
    """How much its creases show."""
    gloss: float = 0.0
    stripes: Colour | None = None
    """The other colour, where it is striped."""


@dataclass(frozen=True)
class Look:
    """How a person looks."""

    skin: Fabric
    hair: Fabric
    top: Fabric
    bottom: Fabric
    shoes: Fabric
    collar: Fabric
    hair_style: str = "short"
    """``short``, ``long`` or ``bun``."""
    sleeves: bool = True
    shorts: bool = False
    hem: float = 0.03
    """How far the top reaches below the hips, in body heights."""
    bag: Fabric | None = None
    """A backpack, for who carries one."""
    broad: float = 1.0
    """Width of the shoulders, against the usual."""
    heavy: float = 1.0
    """Girth, against the usual."""


@dataclass(frozen=True)
class Shape:
    """How a solid is flattened."""

    squash: Array
    """Shape ``(3, 3)``, world: applied to the solid before its radii hold; 2 along an axis means half as thick."""
    thickest: float
    """The largest thickness that is left, against a round solid's."""


_ROUND = Shape(np.eye(3), 1.0)


@dataclass(frozen=True)
class Part:
    """A solid that tapers from one ball to another, in metres, perhaps flattened."""

    a: Array
    b: Array
    radius_a: float
    radius_b: float
    fabric: Fabric
    shape: Shape = _ROUND
    joins: int = 0
    """Parts with the same number flow into each other; 0 for none."""
    front: Array = field(default_factory=lambda: np.array([0.0, 0.0, -1.0]))
    """Where its cloth's seam does not lie."""
    cut: bool = False
    """Whether it ends flat and open at ``b``, as a sleeve does."""


def flat(axes: Array, *ratios: float) -> Shape:
    """A shape ``ratios`` times as thick along each of the three axes (rows)."""
    return Shape(axes.T @ np.diag([1 / ratio for ratio in ratios]) @ axes, max(ratios))


def keypoints(body: Body, height: float, look: Look) -> Array:
    """The true places of the 17 COCO keypoints, world metres, shape ``(17, 3)``."""
    left, up, forward = body.face * height
    head = body.at["head"]
    nose = head + 0.071 * forward - 0.005 * up
    eyes = [head + side * 0.0195 * left + 0.056 * forward + 0.012 * up for side in (1, -1)]
    ears = [head + side * 0.048 * left - 0.002 * forward + 0.002 * up for side in (1, -1)]
    wide = 0.012 * height * look.heavy * body.hips[0]
    raised, lowered = 0.011 * height * body.trunk[1], -0.007 * height * body.trunk[1]
    shoulders = [body.at[f"{side}_shoulder"] + raised for side in "lr"]
    limbs = [*shoulders, *(body.at[f"{side}_{joint}"] for joint in ("elbow", "wrist") for side in "lr")]
    hips = [body.at["l_hip"] + wide + lowered, body.at["r_hip"] - wide + lowered]
    legs = [body.at[f"{side}_{joint}"] for joint in ("knee", "ankle") for side in "lr"]
    return np.array([nose, *eyes, *ears, *limbs, *hips, *legs])


def parts(body: Body, look: Look, height: float) -> list[Part]:
    """The solids of a person at one moment."""
    found = [*_face(body, look, height), *_hair(body, look, height), *_trunk(body, look, height)]
    for side, name in ((1, "l"), (-1, "r")):
        found += [*_arm(body, look, height, side, name), *_leg(body, look, height, side, name)]
        found += _foot(body, look, height, name)
    return found


def _face(body: Body, look: Look, h: float) -> Iterator[Part]:
    left, up, forward = body.face * h
    head = body.at["head"]
    skin = replace(look.skin, gloss=0.12)
    blue, green, red = skin.colour
    lips, white, dark = (
        Fabric((0.72 * blue, 0.62 * green, 0.92 * red)),
        Fabric((0.86, 0.88, 0.90), gloss=0.5),
        Fabric((0.08, 0.09, 0.12), gloss=0.6),
    )
    yield Part(body.at["neck"] - 0.03 * up, head - 0.03 * up, 0.034 * h, 0.030 * h, skin, joins=1)
    skull, jaw = flat(body.face, 0.86, 1.0, 1.04), flat(body.face, 0.90, 1.0, 1.0)
    brain, chin = head + 0.022 * up - 0.004 * forward, head - 0.040 * up + 0.022 * forward
    yield Part(brain, head + 0.012 * up, 0.053 * h, 0.052 * h, skin, skull, 1)
    yield Part(head - 0.012 * up + 0.012 * forward, chin, 0.044 * h, 0.027 * h, skin, jaw, 1)
    bridge, tip = head + 0.014 * up + 0.057 * forward, head - 0.006 * up + 0.064 * forward
    yield Part(bridge, tip, 0.006 * h, 0.0095 * h, skin, joins=1)
    mouth = head + 0.0505 * forward - 0.030 * up
    yield Part(mouth + 0.011 * left, mouth - 0.011 * left, 0.0042 * h, 0.0042 * h, lips)
    for side in (1, -1):
        eye = head + side * 0.0195 * left + 0.0505 * forward + 0.012 * up
        pupil = eye + 0.0032 * forward
        yield Part(eye, eye, 0.0082 * h, 0.0082 * h, white, flat(body.face, 1.15, 0.7, 0.6))
        yield Part(pupil, pupil, 0.0046 * h, 0.0046 * h, dark, flat(body.face, 1.0, 1.0, 0.6))
        brow = head + side * 0.020 * left + 0.0515 * forward + 0.0245 * up
        inner, outer = brow - side * 0.009 * left, brow + side * 0.010 * left - 0.004 * forward
        yield Part(inner, outer, 0.0034 * h, 0.0024 * h, look.hair)
        ear = head + side * 0.0455 * left - 0.004 * forward + 0.002 * up
        yield Part(ear + 0.006 * up, ear - 0.008 * up, 0.012 * h, 0.009 * h, skin, flat(body.face, 0.55, 1.0, 0.85))


def _hair(body: Body, look: Look, h: float) -> Iterator[Part]:
    left, up, forward = body.face * h
    head, hair = body.at["head"], look.hair
    crown = head + 0.034 * up - 0.012 * forward
    back = head + 0.018 * up - 0.020 * forward
    yield Part(crown, back, 0.0535 * h, 0.050 * h, hair, flat(body.face, 0.90, 1.0, 1.04), 2)
    fringe = head + 0.060 * up + 0.024 * forward
    yield Part(fringe + 0.018 * left, fringe - 0.022 * left, 0.018 * h, 0.017 * h, hair, joins=2)
    nape = head - 0.022 * up - 0.034 * forward
    yield Part(crown - 0.02 * forward, nape, 0.040 * h, 0.030 * h, hair, joins=2)
    if look.hair_style == "long":
        fall = body.at["neck"] - (0.055 * body.trunk[1] + 0.040 * body.trunk[2]) * h
        yield Part(crown - 0.018 * forward, fall, 0.042 * h, 0.030 * h, hair, flat(body.face, 1.35, 1.0, 0.75), 2)
        for side in (1, -1):
            temple = head + side * 0.046 * left + 0.022 * up - 0.006 * forward
            yield Part(temple, temple - 0.075 * up - 0.008 * forward, 0.015 * h, 0.010 * h, hair, joins=2)
    if look.hair_style == "bun":
        bun = head + 0.062 * up - 0.052 * forward
        yield Part(bun, bun, 0.030 * h, 0.030 * h, hair)


def _trunk(body: Body, look: Look, h: float) -> Iterator[Part]:
    at, wide, fat, top = body.at, look.broad, look.heavy * h, look.top
    left, up, forward = body.trunk * h
    front = body.trunk[2]
    chest, seat = flat(body.trunk, 1.0, 1.0, 0.70), flat(body.hips, 1.0, 1.0, 0.74)
    ribs, waist, hem = at["neck"] - 0.10 * up, at["pelvis"] + 0.08 * up, at["pelvis"] - look.hem * up
    yield Part(ribs, waist, 0.088 * h * wide, 0.079 * fat, top, chest, 3, front)
    yield Part(waist, hem, 0.080 * fat, 0.126 * fat, top, flat(body.hips, 1.0, 1.0, 0.74), 3, front, cut=True)
    for side, name in ((1, "l"), (-1, "r")):
        shoulder = at[f"{name}_shoulder"] + 0.002 * up - side * 0.012 * left
        yield Part(at["neck"] - 0.006 * up + side * 0.016 * left, shoulder, 0.030 * h, 0.033 * h, top, _ROUND, 3, front)
        yield Part(shoulder, ribs + side * 0.030 * left, 0.032 * h, 0.064 * h, top, chest, 3, front)
    neck = at["neck"] + 0.012 * forward
    yield Part(neck - 0.022 * up, neck - 0.010 * up, 0.036 * h, 0.034 * h, look.collar)
    low = at["pelvis"] - 0.030 * up
    yield Part(at["pelvis"] + 0.03 * up, low, 0.084 * fat, 0.086 * fat, look.bottom, seat, 4, front)
    if look.bag is not None:
        pack = at["neck"] - 0.075 * up - 0.098 * forward
        bag = flat(body.trunk, 1.15, 1.0, 0.75)
        yield Part(pack, pack - 0.13 * up, 0.058 * h, 0.066 * h, look.bag, bag, front=-front)
        for side in (1, -1):
            strap = at["neck"] + side * 0.060 * left + 0.004 * up
            yield Part(strap + 0.022 * forward, strap + 0.056 * forward - 0.13 * up, 0.011 * h, 0.010 * h, look.bag)


def _arm(body: Body, look: Look, h: float, side: int, name: str) -> Iterator[Part]:
    shoulder, elbow, wrist, hand = (body.at[f"{name}_{joint}"] for joint in ("shoulder", "elbow", "wrist", "hand"))
    lower, skin = unit(wrist - elbow), look.skin
    sleeve, bare = (5, 7) if side > 0 else (6, 8)
    if look.sleeves:
        yield Part(shoulder, elbow, 0.037 * h, 0.0305 * h, look.top, joins=sleeve)
        yield Part(elbow, wrist - 0.012 * h * lower, 0.0305 * h, 0.0240 * h, look.top, joins=sleeve, cut=True)
        yield Part(wrist - 0.02 * h * lower, wrist, 0.018 * h, 0.017 * h, skin, joins=bare)
    else:
        yield Part(
            shoulder, shoulder + 0.58 * (elbow - shoulder), 0.037 * h, 0.0385 * h, look.top, joins=sleeve, cut=True
        )
        yield Part(shoulder, elbow, 0.032 * h, 0.026 * h, skin, joins=bare)
        yield Part(elbow, wrist, 0.0265 * h, 0.0180 * h, skin, joins=bare)
    across = unit(np.cross(lower, body.trunk[0]))
    palm = flat(np.array([unit(np.cross(across, lower)), lower, across]), 0.6, 1.0, 1.25)
    knuckles = wrist + 0.6 * (hand - wrist)
    yield Part(wrist, knuckles, 0.0175 * h, 0.020 * h, skin, palm, bare)
    yield Part(knuckles, hand, 0.019 * h, 0.012 * h, skin, palm, bare)
    thumb = wrist + 0.020 * h * lower
    yield Part(thumb, thumb + (0.028 * lower + 0.022 * across) * h, 0.010 * h, 0.007 * h, skin, joins=bare)


def _leg(body: Body, look: Look, h: float, side: int, name: str) -> Iterator[Part]:
    hip, knee, ankle = (body.at[f"{name}_{joint}"] for joint in ("hip", "knee", "ankle"))
    front, cloth, bare = body.hips[2], look.bottom, 9 if side > 0 else 10
    if look.shorts:
        calf, skin = knee + 0.33 * (ankle - knee), look.skin
        yield Part(
            hip + 0.05 * (knee - hip),
            hip + 0.78 * (knee - hip),
            0.056 * h * look.heavy,
            0.060 * h,
            cloth,
            joins=4,
            front=front,
            cut=True,
        )
        yield Part(hip, knee, 0.054 * h, 0.036 * h, skin, joins=bare)
        yield Part(knee, calf, 0.035 * h, 0.036 * h, skin, joins=bare)
        yield Part(calf, ankle, 0.036 * h, 0.021 * h, skin, joins=bare)
        return
    low = hip + 0.05 * (knee - hip)
    yield Part(low, knee, 0.057 * h * look.heavy, 0.044 * h, cloth, joins=4, front=front)
    yield Part(
        knee, ankle + 0.004 * h * unit(ankle - knee), 0.043 * h, 0.036 * h, cloth, joins=bare, front=front, cut=True
    )


def _foot(body: Body, look: Look, h: float, name: str) -> Iterator[Part]:
    knee, ankle, toe = (body.at[f"{name}_{joint}"] for joint in ("knee", "ankle", "toe"))
    along, shank = unit(toe - ankle), unit(ankle - knee)
    heel = ankle + (0.016 * shank - 0.020 * along) * h
    sole = Fabric((0.75, 0.77, 0.78))
    below = 0.019 * h * unit(shank - float(shank @ along) * along)
    yield Part(ankle - 0.004 * h * along, ankle + 0.012 * h * shank, 0.026 * h, 0.029 * h, look.shoes, joins=11)
    yield Part(heel, toe - 0.018 * h * along, 0.026 * h, 0.021 * h, look.shoes, joins=11)
    yield Part(heel + below, toe - 0.016 * h * along + 0.5 * below, 0.0145 * h, 0.0155 * h, sole)
