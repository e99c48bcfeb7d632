"""Judges each kind of condition for all objects at one moment: truth and value. Pure.

Truth is an array of floats, shape ``(N,)``: 1 true, 0 false, NaN unknown. To stay open a bound is wider than to open:
by a tenth, an angle by `ANGLE_SLACK` degrees, a zone by `ZONE_SLACK` of the picture's height. What is not known, NaN,
compares as false; the engine keeps NumPy from warning of it.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from math import dist, isfinite
from typing import Protocol

import numpy as np
import numpy.typing as npt

from kpstream.errors import UsageError
from kpstream.events.bodies import UPRIGHT
from kpstream.events.moment import Array, Moment, lean
from kpstream.events.rules import (
    HIPS,
    SHOULDERS,
    WRISTS,
    Anchor,
    Angle,
    Custom,
    Distance,
    Fall,
    HandsUp,
    InZone,
    KeypointInZone,
    Lying,
    Speed,
    Still,
    Tilt,
    Zone,
)

ANGLE_SLACK = 5.0
ZONE_SLACK = 0.02
BOUND_SLACK = 0.1
Rows = npt.NDArray[np.bool_]
Place = Sequence[float]
"""x and y in pixels."""
Judged = tuple[Array, Array]
"""Truth (1, 0, NaN for unknown) and value of each object, shapes ``(N,)``; a value is NaN where the kind has none."""


class ObjectCondition(Protocol):
    """Judges each object by itself."""

    def judge(self, moment: Moment, is_open: Rows) -> Judged:
        """Truth and value of each object.

        Args:
            moment: All of it was measured.
            is_open: Whether an event of the rule is open for each object, so that wider bounds hold; shape ``(N,)``.
        """

    def forget(self, body_id: int) -> None:
        """Forget an object."""


class _Stateless:
    def forget(self, body_id: int) -> None:
        """Nothing is remembered."""


def truth_of(holds: Rows, *known: Array) -> Array:
    """1 and 0 where all of the numbers are known, NaN elsewhere."""
    truth: Array = holds.astype(float)
    for numbers in known:
        truth[np.isnan(numbers)] = np.nan
    return truth


def _nothing(moment: Moment) -> Array:
    return np.full(len(moment.ids), np.nan)


def in_bounds(values: Array, low: float, high: float, slack: Array) -> Array:
    """Truth of ``low <= value <= high`` for each object, each bound wider by the object's slack, in values' unit."""
    holds = (values >= low - slack) & (values <= high + slack)
    return truth_of(holds, values)


def tenth(bound: float) -> float:
    """How much wider a bound is for an object with an open event."""
    return BOUND_SLACK * abs(bound) if isfinite(bound) else 0.0


def relative_bounds(values: Array, low: float, high: float, is_open: Rows) -> Array:
    """Truth of ``low <= value <= high`` for each object; bounds are a tenth wider for those with an open event."""
    holds = (values >= low - tenth(low) * is_open) & (values <= high + tenth(high) * is_open)
    return truth_of(holds, values)


class ZoneArea:
    """A zone, and how deep the objects of a moment are in it.

    Args:
        zone: In fractions of the picture.
    """

    def __init__(self, zone: Zone) -> None:
        self._zone = zone

    def anchors(self, moment: Moment, anchor: Anchor, is_open: Rows) -> Array:
        """How deep each anchor lies in the zone, in pixels; deeper by the slack for objects with an open event."""
        return moment.depth(self._zone, anchor) + ZONE_SLACK * moment.frame_size[1] * is_open

    def keypoints(self, moment: Moment, names: tuple[str, ...], is_open: Rows) -> Array:
        """How deep keypoints of each object are within, in pixels, shape ``(K, N)``; NaN where it is not known."""
        return moment.keypoint_depths(self._zone, names) + ZONE_SLACK * moment.frame_size[1] * is_open


class InZoneCondition(_Stateless):
    """Judges where anchors are."""

    def __init__(self, condition: InZone, zone: Zone) -> None:
        self._anchor = condition.anchor
        self._area = ZoneArea(zone)

    def judge(self, moment: Moment, is_open: Rows) -> Judged:
        """True where the anchor is in the zone."""
        depth = self._area.anchors(moment, self._anchor, is_open)
        return truth_of(depth >= 0, depth), _nothing(moment)


class KeypointInZoneCondition(_Stateless):
    """Judges where keypoints are."""

    def __init__(self, condition: KeypointInZone, zone: Zone) -> None:
        self._names = condition.keypoints
        self._area = ZoneArea(zone)

    def judge(self, moment: Moment, is_open: Rows) -> Judged:
        """True where any of them is in the zone, false where all are known and none is, else unknown."""
        depths = self._area.keypoints(moment, self._names, is_open)
        some = (depths >= 0).any(axis=0)
        return np.where(some, 1.0, np.where(np.isnan(depths).any(axis=0), np.nan, 0.0)), _nothing(moment)


class LyingCondition(_Stateless):
    """Judges torsos; a person who bends over upright legs does not lie."""

    def __init__(self, condition: Lying) -> None:
        self._angle = condition.angle

    def judge(self, moment: Moment, is_open: Rows) -> Judged:
        """True where the torso leans by the angle and the legs do not stand under it."""
        torso = moment.torso
        lies = (torso >= self._angle - ANGLE_SLACK * is_open) & _is_low(moment)
        return truth_of(lies, torso), torso


_LOW_HIPS, _LOW_SHOULDERS = 0.35, 0.3
"""Body heights above the feet: standing hips are at 0.5 and shoulders at 0.8, crouching ones at 0.2 and 0.45."""


def _is_low(moment: Moment) -> Rows:
    """Whether hips and shoulders are near the ground; where no leg is seen, whether the box is wider than tall."""
    hips, shoulders = moment.above_feet(HIPS), moment.above_feet(SHOULDERS)
    boxes = moment.boxes
    wide = boxes[:, 2] - boxes[:, 0] > boxes[:, 3] - boxes[:, 1]
    low: Rows = np.where(np.isnan(hips), wide, (hips <= _LOW_HIPS) & (shoulders <= _LOW_SHOULDERS))
    return low


@dataclass(slots=True)
class _Stance:
    upright_at: float = -np.inf
    fell: bool = False
    is_down: bool = False


class FallCondition:
    """Judges how fast a person goes down: a person who was upright shortly before has fallen."""

    def __init__(self, condition: Fall) -> None:
        self._condition = condition
        self._stances: dict[int, _Stance] = {}

    def judge(self, moment: Moment, is_open: Rows) -> Judged:
        """True where a person is down, and was upright at most `Fall.within` seconds before going down."""
        torso = moment.torso
        hips, shoulders = moment.above_feet(HIPS), moment.above_feet(SHOULDERS)
        leans = torso >= self._condition.angle - ANGLE_SLACK * is_open
        down = leans & (hips <= _LOW_HIPS) & (shoulders <= _LOW_SHOULDERS)
        truth = truth_of(down, torso, hips, shoulders)
        truth[~np.isnan(torso) & ~leans] = 0.0  # an upright torso is not down, whatever its legs do
        for row, body_id in enumerate(moment.ids):
            stance = self._stances.setdefault(body_id, _Stance())
            truth[row] = self._step(stance, moment.pts, truth[row], bool(torso[row] <= UPRIGHT))
        return truth, torso

    def _step(self, stance: _Stance, pts: float, down: float, upright: bool) -> float:
        if np.isnan(down):
            return down
        if upright:
            stance.upright_at = pts
        if not down:
            stance.is_down = stance.fell = False
            return 0.0
        if not stance.is_down:
            stance.is_down = True
            stance.fell = pts - stance.upright_at <= self._condition.within + 1e-6
        return float(stance.fell)

    def forget(self, body_id: int) -> None:
        """Forget an object."""
        self._stances.pop(body_id, None)


class HandsUpCondition(_Stateless):
    """Judges wrists against the nose."""

    def __init__(self, condition: HandsUp) -> None:
        self._both = condition.hands == "both"

    def judge(self, moment: Moment, is_open: Rows) -> Judged:
        """True where both wrists, or any, are above the nose."""
        nose = moment.keypoint("nose")[:, 1] + np.where(is_open, BOUND_SLACK * moment.heights, 0.0)
        above = []
        for name in WRISTS:
            wrist = moment.keypoint(name)[:, 1]
            above.append(truth_of(wrist < nose, wrist, nose))
        left, right = above
        # unknown counts only where it could change the result
        truth = np.fmin(left, right) if self._both else np.fmax(left, right)
        decided = 0.0 if self._both else 1.0
        return np.where(np.isnan(left + right) & (truth != decided), np.nan, truth), _nothing(moment)


class AngleCondition(_Stateless):
    """Judges the angle of a joint."""

    def __init__(self, condition: Angle) -> None:
        self._condition = condition

    def judge(self, moment: Moment, is_open: Rows) -> Judged:
        """True where the angle is in the bounds."""
        degrees = moment.angle(self._condition.keypoints)
        return in_bounds(
            degrees, self._condition.min, self._condition.max, np.where(is_open, ANGLE_SLACK, 0.0)
        ), degrees


class TiltCondition(_Stateless):
    """Judges how far a line leans."""

    def __init__(self, condition: Tilt) -> None:
        self._condition = condition

    def judge(self, moment: Moment, is_open: Rows) -> Judged:
        """True where the lean is in the bounds."""
        lower, upper = (moment.keypoint(name) for name in self._condition.keypoints)
        degrees = lean(lower, upper)
        return in_bounds(
            degrees, self._condition.min, self._condition.max, np.where(is_open, ANGLE_SLACK, 0.0)
        ), degrees


class KeypointDistanceCondition(_Stateless):
    """Judges how far two keypoints of one object are apart."""

    def __init__(self, condition: Distance) -> None:
        assert condition.keypoints is not None
        self._names = condition.keypoints
        self._condition = condition

    def judge(self, moment: Moment, is_open: Rows) -> Judged:
        """True where the distance, in body heights, is in the bounds."""
        one, other = (moment.keypoint(name) for name in self._names)
        heights = np.hypot(*(one - other).T) / moment.heights
        return relative_bounds(heights, self._condition.min, self._condition.max, is_open), heights


class StillCondition:
    """Judges whether objects stay where they are, by the median of their last places, which ignores shaking."""

    _REMEMBERED = 5

    def __init__(self, condition: Still) -> None:
        self._move = condition.move
        self._places: dict[int, tuple[deque[Place], Place]] = {}

    def judge(self, moment: Moment, is_open: Rows) -> Judged:
        """True where an object is no farther from its place than `Still.move`, in body heights."""
        moved, truth = np.zeros(len(moment.ids)), np.ones(len(moment.ids))
        heights = moment.heights.tolist()
        for row, (body_id, center) in enumerate(zip(moment.ids, moment.centers, strict=True)):
            trail, place = self._places.get(body_id) or (deque(maxlen=self._REMEMBERED), center)
            trail.append(center)
            center = tuple(sorted(along)[len(trail) // 2] for along in zip(*trail, strict=True))  # noqa: PLW2901
            moved[row] = dist(center, place) / heights[row]
            if moved[row] > self._move * (1 + BOUND_SLACK * is_open[row]):
                truth[row], place = 0.0, center
            self._places[body_id] = (trail, place)
        return truth, moved

    def forget(self, body_id: int) -> None:
        """Forget an object."""
        self._places.pop(body_id, None)


class SpeedCondition:
    """Judges how fast objects move, over the last half second."""

    _WINDOW, _SHORTEST = 0.5, 0.1

    def __init__(self, condition: Speed) -> None:
        self._min = condition.min
        self._trails: dict[int, deque[tuple[float, Place]]] = {}

    def judge(self, moment: Moment, is_open: Rows) -> Judged:
        """True where an object is as fast, in body heights a second; unknown while it was seen too briefly."""
        speed = np.full(len(moment.ids), np.nan)
        heights = moment.heights.tolist()
        for row, (body_id, center) in enumerate(zip(moment.ids, moment.centers, strict=True)):
            trail = self._trails.setdefault(body_id, deque())
            trail.append((moment.pts, center))
            while len(trail) > 2 and moment.pts - trail[1][0] >= self._WINDOW:
                trail.popleft()
            began, place = trail[0]
            if self._SHORTEST <= moment.pts - began <= 4 * self._WINDOW:
                speed[row] = dist(center, place) / heights[row] / (moment.pts - began)
        return relative_bounds(speed, self._min, np.inf, is_open), speed

    def forget(self, body_id: int) -> None:
        """Forget an object."""
        self._trails.pop(body_id, None)


class CustomCondition(_Stateless):
    """Judges by a function that the user gave."""

    def __init__(self, condition: Custom) -> None:
        self._function = condition.function

    def judge(self, moment: Moment, is_open: Rows) -> Judged:  # noqa: ARG002 - the function has one bound of its own
        """The truth that the function gives for each pose.

        Raises:
            UsageError: It raises something, or gives what is neither true nor false.
        """
        try:
            truths = [self._function(pose) for pose in moment.poses]
            judged = [np.nan if truth is None else float(bool(truth)) for truth in truths]
        except Exception as error:
            named = f"{self._function.__module__}:{getattr(self._function, '__qualname__', '')}"
            fault = f"{named}, the function of a rule, fails: {type(error).__name__}: {error}"
            raise UsageError(" ".join(fault.split())) from error
        return np.array(judged), _nothing(moment)
