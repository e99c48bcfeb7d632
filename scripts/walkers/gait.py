"""How a body moves: from a path over the street to the joints of a person at one moment."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from scipy.interpolate import PchipInterpolator
from scipy.ndimage import gaussian_filter1d

from walkers.camera import Array

_STEP = 1 / 120
_STANCE = 0.6
_CYCLE = np.array([0.0, 0.10, 0.38, 0.5, 0.6, 0.7, 0.8, 0.92, 1.0])
_FORWARD = PchipInterpolator(_CYCLE, [1.0, 0.67, -0.27, -0.66, -0.96, -0.75, 0.05, 0.93, 1.0])
"""Where the ankle is, from 1 (heel strike) to -1 (toe off), over one stride."""
_LIFT = PchipInterpolator(_CYCLE, [0.012, 0.0, 0.0, 0.022, 0.060, 0.085, 0.060, 0.022, 0.012])
"""How far the ankle is above its place on the ground, in body heights."""
_PITCH = PchipInterpolator(_CYCLE, [-0.32, 0.0, 0.0, 0.35, 0.80, 0.85, 0.25, -0.25, -0.32])
"""How far the toes point down, in radians."""


@dataclass(frozen=True)
class Path:
    """Where a person is on the ground over time."""

    keys: Array
    """Rows of seconds, x and z in metres; it is still before the first row and after the last."""
    rest: float
    """The heading while standing, in radians."""
    stride: float
    """Metres of one full stride (two steps) at an easy walk."""
    first_step: float = 0.0
    """Where in the stride the person is at the start, 0 to 1."""

    @cached_property
    def _samples(self) -> Array:
        """Rows of x, z, speed, heading (unwrapped) and stride count, every `_STEP` from 5 s before to 35 s after 0."""
        times = np.arange(-5.0, 35.0, _STEP)
        inside = np.clip(times, self.keys[0, 0], self.keys[-1, 0])
        place = gaussian_filter1d(PchipInterpolator(self.keys[:, 0], self.keys[:, 1:])(inside), 0.28 / _STEP, axis=0)
        velocity = np.gradient(place, _STEP, axis=0)
        speed = np.hypot(*velocity.T)
        facing = velocity + 0.12 * np.array([np.sin(self.rest), np.cos(self.rest)])
        heading = gaussian_filter1d(np.unwrap(np.arctan2(*facing.T)), 0.22 / _STEP)
        strides = np.cumsum(speed / self._length(speed)) * _STEP + self.first_step
        return np.column_stack([place, speed, heading, strides])

    def _length(self, speed: Array) -> Array:
        return np.asarray(self.stride * np.sqrt(np.clip(speed, 0.15, None) / 1.25))

    def at(self, seconds: float) -> tuple[Array, float, float, float, float]:
        """Ground point (3,), speed, heading, stride count, and the length of a stride now."""
        row = (seconds + 5.0) / _STEP
        low = int(row)
        x, z, speed, heading, strides = (row - low) * self._samples[low + 1] + (1 - row + low) * self._samples[low]
        return np.array([x, 0.0, z]), float(speed), float(heading), float(strides), float(self._length(speed))


@dataclass(frozen=True)
class Gesture:
    """Something that one arm does for a while."""

    start: float
    end: float
    side: int
    """1 is the person's left arm, -1 the right one."""
    upper: tuple[float, float, float]
    """Where the upper arm points: outwards, up, forwards."""
    lower: tuple[float, float, float]
    """Where the forearm points."""
    swing: float = 0.0
    """How far the forearm waves outwards and back, twice a second."""

    def applied(self, seconds: float, upper: Array, lower: Array) -> tuple[Array, Array]:
        """What the arm points to at this moment, where it would point to ``upper`` and ``lower`` otherwise."""
        inside = float(np.clip(min(seconds - self.start, self.end - seconds) / 0.45, 0.0, 1.0))
        weight = inside * inside * (3 - 2 * inside)
        waved = np.array(self.lower) + np.array([self.swing * np.sin(4 * np.pi * seconds), 0.0, 0.0])
        raised = unit(np.array(self.upper))
        return (1 - weight) * upper + weight * raised, (1 - weight) * lower + weight * unit(waved)


@dataclass(frozen=True)
class Posture:
    """How a body departs from standing and walking over time."""

    keys: Array
    """Rows of seconds, `drop`, `back`, `lean` and `topple`, in time's order: how far the pelvis sinks and goes
    backwards, in body heights; how far the trunk leans forwards and the whole body falls to its left, in radians."""

    def at(self, seconds: float) -> tuple[float, float, float, float]:
        """Drop, back, lean and topple at one moment."""
        times = self.keys[:, 0]
        if len(times) < 2:
            return 0.0, 0.0, 0.0, 0.0
        drop, back, lean, topple = PchipInterpolator(times, self.keys[:, 1:])(np.clip(seconds, times[0], times[-1]))
        return float(drop), float(back), float(lean), float(topple)


STANDING = Posture(np.zeros((0, 5)))
_LYING_THICK = 0.075
"""How high the middle of somebody who lies on the side is above the ground, in body heights."""


@dataclass(frozen=True)
class Step:
    """Where a leg is in its stride."""

    turn: float
    """0 at heel strike, 1 at the next."""
    reach: float
    """How far the foot gets before and behind the body, in metres."""
    walking: float
    """0 while standing, 1 while walking."""
    height: float
    """The person's, in metres."""


@dataclass(frozen=True)
class Body:
    """The joints of a person at one moment, in metres."""

    at: dict[str, Array]
    """World points, shape ``(3,)``: pelvis, neck, head, and ``l_`` and ``r_`` shoulder, elbow, wrist, hand, hip, knee,
    ankle and toe."""
    trunk: Array
    """Shape ``(3, 3)``: the chest's left, up and forward axes as rows."""
    hips: Array
    """The same of the pelvis."""
    face: Array
    """The same of the head."""


def turned(heading: float, lean: float = 0.0, tilt: float = 0.0) -> Array:
    """The left, up and forward axes, as rows, of something with this heading, leaning forward and to its left."""
    forward = np.array([np.sin(heading), 0.0, np.cos(heading)])
    left = np.array([-np.cos(heading), 0.0, np.sin(heading)])
    up = np.array([0.0, 1.0, 0.0])
    up, forward = np.cos(lean) * up + np.sin(lean) * forward, np.cos(lean) * forward - np.sin(lean) * up
    left, up = np.cos(tilt) * left - np.sin(tilt) * up, np.cos(tilt) * up + np.sin(tilt) * left
    return np.array([left, up, forward])


def unit(vector: Array) -> Array:
    """The same direction with length 1."""
    return vector / max(float(np.linalg.norm(vector)), 1e-9)


def body_at(
    path: Path,
    gestures: tuple[Gesture, ...],
    height: float,
    seconds: float,
    broad: float = 1.0,
    *,
    posture: Posture = STANDING,
) -> Body:
    """The body of a person at one moment.

    Args:
        path: Where the person walks.
        gestures: What the arms do besides swinging.
        height: Metres, from the soles to the crown.
        seconds: The moment.
        broad: Width of the shoulders, against the usual.
        posture: How it departs from standing and walking.
    """
    drop, back, bow, topple = posture.at(seconds)
    ground, speed, heading, strides, stride = path.at(seconds)
    walking = min(1.0, speed / 0.7)
    wave = 2 * np.pi * strides
    idle = (1 - walking) * np.array([np.sin(0.9 * seconds + 5 * broad), np.sin(1.7 * seconds + height)])
    hips = turned(heading - 0.10 * walking * np.cos(wave), 0.02, 0.04 * walking * np.sin(wave))
    trunk = turned(
        heading + 0.12 * walking * np.cos(wave) + 0.03 * idle[1],
        0.035 * min(1.5, speed) + 0.006 * idle[1] + bow,
        -0.02 * walking * np.sin(wave) + 0.008 * idle[0],
    )
    look_around = 0.10 * np.sin(0.8 * seconds + 9 * broad) + 0.06 * idle[0]
    face = turned(heading + look_around, 0.04 + 0.03 * np.sin(0.7 * seconds))
    left, up, forward = turned(heading)
    rise = 0.525 + walking * (-0.011 * np.cos(2 * wave) - 0.013) + 0.002 * idle[1]
    sway = 0.012 * height * walking * np.sin(wave) + 0.006 * idle[0]
    pelvis = ground + (rise - drop) * height * up + sway * left - back * height * forward
    at = _middle(pelvis, trunk, face, height)
    for side, name in ((1, "l"), (-1, "r")):
        at[f"{name}_shoulder"] = at["neck"] - 0.028 * height * trunk[1] + side * 0.103 * broad * height * trunk[0]
        at[f"{name}_hip"] = at["pelvis"] + side * 0.050 * height * hips[0]
        turn = strides + (0.0 if side > 0 else 0.5)
        step = Step(turn % 1.0, 0.5 * _STANCE * stride * walking, walking, height)
        feet = ground + side * (0.042 + 0.012 * (1 - walking)) * height * left
        _leg(at, name, step, feet, turned(heading + side * 0.14))
        upper, lower = _swung(step)
        for gesture in gestures:
            if gesture.side == side:
                upper, lower = gesture.applied(seconds, upper, lower)
        _arm(at, name, height, upper @ (trunk * [[side], [1], [1]]), lower @ (trunk * [[side], [1], [1]]))
    return (
        toppled(Body(at, trunk, hips, face), ground, forward, topple, height) if topple else Body(at, trunk, hips, face)
    )


def toppled(body: Body, ground: Array, axis: Array, angle: float, height: float) -> Body:
    """A body that has fallen to its left about its feet, by an angle in radians."""
    x, y, z = axis
    cross = np.array([[0, -z, y], [z, 0, -x], [-y, x, 0]])
    turn = np.eye(3) + np.sin(angle) * cross + (1 - np.cos(angle)) * cross @ cross
    lift = np.array([0.0, _LYING_THICK * height * np.sin(angle), 0.0])
    at = {name: ground + turn @ (point - ground) + lift for name, point in body.at.items()}
    return Body(at, body.trunk @ turn.T, body.hips @ turn.T, body.face @ turn.T)


def _middle(pelvis: Array, trunk: Array, face: Array, height: float) -> dict[str, Array]:
    neck = pelvis + 0.305 * height * trunk[1]
    head = neck + 0.088 * height * unit(trunk[1] + face[1]) + 0.012 * height * face[2]
    return {"pelvis": pelvis, "neck": neck, "head": head}


def _leg(at: dict[str, Array], name: str, step: Step, feet: Array, axes: Array) -> None:
    """Put the ankle where the stride has it, and the knee where both bones meet."""
    height, thigh, shank = step.height, 0.245 * step.height, 0.240 * step.height
    up, forward = axes[1], axes[2]
    ankle = feet + float(_FORWARD(step.turn)) * step.reach * forward
    ankle = ankle + (0.042 + step.walking * float(_LIFT(step.turn))) * height * up
    hip = at[f"{name}_hip"]
    length = min(float(np.linalg.norm(ankle - hip)), 0.998 * (thigh + shank))
    down = unit(ankle - hip)
    ankle = hip + length * down
    along = (thigh**2 - shank**2 + length**2) / (2 * length)
    bent = unit(forward - float(forward @ down) * down)
    at[f"{name}_ankle"] = ankle
    at[f"{name}_knee"] = hip + along * down + np.sqrt(max(thigh**2 - along**2, 0.0)) * bent
    pitch = step.walking * float(_PITCH(step.turn))
    at[f"{name}_toe"] = ankle + 0.105 * height * (np.cos(pitch) * forward - np.sin(pitch) * up) - 0.026 * height * up


def _swung(step: Step) -> tuple[Array, Array]:
    """Where an upper arm and a forearm point that swing against their leg: outwards, up, forwards."""
    swing = -0.42 * step.walking * np.cos(2 * np.pi * (step.turn - 0.04)) + 0.02
    bend = 0.22 + 0.30 * step.walking * max(0.0, float(np.sin(swing) / 0.42)) + 0.10 * step.walking
    upper = np.array([0.13, -np.cos(swing), np.sin(swing)])
    return upper, np.array([0.04, -np.cos(swing + bend), np.sin(swing + bend)])


def _arm(at: dict[str, Array], name: str, height: float, upper: Array, lower: Array) -> None:
    """Hang the arm's bones into their directions, given in the world."""
    upper, lower = unit(upper), unit(lower)
    at[f"{name}_elbow"] = at[f"{name}_shoulder"] + 0.172 * height * upper
    at[f"{name}_wrist"] = at[f"{name}_elbow"] + 0.150 * height * lower
    at[f"{name}_hand"] = at[f"{name}_wrist"] + 0.075 * height * lower
