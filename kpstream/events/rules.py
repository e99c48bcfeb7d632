"""Zones, lines, conditions and rules as plain values.

Coordinates of zones and lines are fractions of the picture's width and height, origin top left. Durations are
seconds of the source's pts, angles are degrees, distances are body heights.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime, time
from math import inf, isfinite
from typing import Literal

from kpstream.entities import Pose, Severity
from kpstream.skeleton import Skeleton

Point = tuple[float, float]
Anchor = Literal["bottom_center", "center"]

SHOULDERS = ("left_shoulder", "right_shoulder")
HIPS = ("left_hip", "right_hip")
KNEES = ("left_knee", "right_knee")
ANKLES = ("left_ankle", "right_ankle")
WRISTS = ("left_wrist", "right_wrist")


@dataclass(frozen=True, slots=True)
class Zone:
    """A part of the picture."""

    name: str
    polygon: tuple[Point, ...]
    """Three corners or more."""
    cameras: tuple[str, ...] = ()
    """The cameras of a site that have the zone; empty for all."""


@dataclass(frozen=True, slots=True)
class Line:
    """An arrow in the picture; an object that crosses it from its left to its right goes in."""

    name: str
    start: Point
    end: Point
    cameras: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class InZone:
    """An object's anchor is in a zone."""

    zone: str
    anchor: Anchor = "bottom_center"


@dataclass(frozen=True, slots=True)
class KeypointInZone:
    """Any of some keypoints is in a zone."""

    zone: str
    keypoints: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class LineCrossing:
    """An anchor went over a line and stays on the other side."""

    line: str
    direction: Literal["both", "in", "out"] = "both"
    anchor: Anchor = "bottom_center"
    margin: float = 0.1
    """How far beyond the line the anchor must be, on both sides, in body heights."""


@dataclass(frozen=True, slots=True)
class Count:
    """The number of objects, in a zone or in the picture, is in the bounds."""

    min: float = -inf
    max: float = inf
    zone: str | None = None


@dataclass(frozen=True, slots=True)
class Absence:
    """No object is in a zone or in the picture."""

    zone: str | None = None


@dataclass(frozen=True, slots=True)
class Lying:
    """The torso lies."""

    angle: float = 60.0
    """Degrees from upright."""


@dataclass(frozen=True, slots=True)
class Fall:
    """A person who was upright goes down with the whole body, and stays down."""

    within: float = 1.5
    """Seconds from the last upright moment to the first one beyond `angle`."""
    angle: float = 60.0


@dataclass(frozen=True, slots=True)
class HandsUp:
    """Wrists are above the nose."""

    hands: Literal["both", "any"] = "both"


@dataclass(frozen=True, slots=True)
class Angle:
    """The angle at the second of three keypoints is in the bounds."""

    keypoints: tuple[str, str, str]
    min: float = -inf
    max: float = inf


@dataclass(frozen=True, slots=True)
class Tilt:
    """The line from the first to the second keypoint leans from upright by so much."""

    keypoints: tuple[str, str]
    min: float = -inf
    max: float = inf


@dataclass(frozen=True, slots=True)
class Distance:
    """Two keypoints of one object, or two objects by their anchors, are so far apart."""

    keypoints: tuple[str, str] | None = None
    """None where the distance is between objects."""
    min: float = -inf
    max: float = inf
    anchor: Anchor = "bottom_center"


@dataclass(frozen=True, slots=True)
class Repetitions:
    """An angle went below `low` and back above `high`."""

    keypoints: tuple[str, str, str]
    low: float
    high: float


@dataclass(frozen=True, slots=True)
class Still:
    """The object as a whole does not move."""

    move: float = 0.05
    """Body heights that are no movement."""


@dataclass(frozen=True, slots=True)
class Speed:
    """The object moves faster than this."""

    min: float
    """Body heights a second."""


@dataclass(frozen=True, slots=True)
class Custom:
    """A function judges each pose: True, False, or None for unknown."""

    function: Callable[[Pose], bool | None]


Condition = (
    InZone
    | KeypointInZone
    | LineCrossing
    | Count
    | Absence
    | Lying
    | Fall
    | HandsUp
    | Angle
    | Tilt
    | Distance
    | Repetitions
    | Still
    | Speed
    | Custom
)

KINDS: dict[type, str] = {
    InZone: "in_zone",
    KeypointInZone: "keypoint_in_zone",
    LineCrossing: "line_crossing",
    Count: "count",
    Absence: "absence",
    Lying: "lying",
    Fall: "fall",
    HandsUp: "hands_up",
    Angle: "angle",
    Tilt: "tilt",
    Distance: "distance",
    Repetitions: "repetitions",
    Still: "still",
    Speed: "speed",
    Custom: "custom",
}


_INSTANT = (LineCrossing, Repetitions)
INSTANT_KINDS = frozenset(KINDS[condition] for condition in _INSTANT)
"""Kinds of rules whose events begin and end at once."""


DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
"""The days of a week as they are written, in the order of their numbers."""


@dataclass(frozen=True, slots=True)
class Schedule:
    """A part of the week, in the wall-clock time of the place."""

    days: frozenset[int]
    """0 is Monday."""
    start: time
    end: time
    """Exclusive. At or before `start`: on the next day."""

    def covers(self, moment: datetime) -> bool:
        """Whether a local wall-clock moment lies in it."""
        at, day = moment.time(), moment.weekday()
        if self.start < self.end:
            return day in self.days and self.start <= at < self.end
        return (day in self.days and at >= self.start) or ((day - 1) % 7 in self.days and at < self.end)


@dataclass(frozen=True, slots=True)
class Rule:
    """A condition, and for how long it must be true or false before an event opens or ends."""

    name: str
    condition: Condition
    for_seconds: float = 0.5
    """An event opens when the condition was true for so many seconds."""
    clear: float = 2.0
    """An event ends when the condition was false for so many seconds."""
    cooldown: float = 0.0
    """Seconds after the end of an event in which the rule opens no other one for the same object."""
    severity: Severity = "alert"
    classes: tuple[str, ...] = ()
    """Classes of objects; empty for all."""
    armed: bool = True
    schedule: tuple[Schedule, ...] = ()
    """When the rule may open an event; empty for always."""
    cameras: tuple[str, ...] = ()

    @property
    def kind(self) -> str:
        """The condition's name in files and events."""
        return KINDS[type(self.condition)]

    @property
    def is_moment(self) -> bool:
        """Whether an event is a moment, which begins and ends at once."""
        return isinstance(self.condition, _INSTANT)

    @property
    def is_about_scene(self) -> bool:
        """Whether the rule is about all objects together."""
        return isinstance(self.condition, Count | Absence)


@dataclass(frozen=True, slots=True)
class RuleSet:
    """The rules of one camera, with the zones and lines that they name."""

    rules: tuple[Rule, ...] = ()
    zones: Mapping[str, Zone] = field(default_factory=dict)
    lines: Mapping[str, Line] = field(default_factory=dict)

    @property
    def needs_frame_size(self) -> bool:
        """Whether the rules depend on the size of the picture."""
        return bool(self.zones or self.lines)

    def of_camera(self, camera: str) -> RuleSet:
        """The rules, zones and lines that one camera of a site has."""
        return RuleSet(
            tuple(rule for rule in self.rules if not rule.cameras or camera in rule.cameras),
            {name: zone for name, zone in self.zones.items() if not zone.cameras or camera in zone.cameras},
            {name: line for name, line in self.lines.items() if not line.cameras or camera in line.cameras},
        )


def bounds_of(condition: Condition) -> tuple[float, ...]:
    """The numbers with which a condition compares its value, in the value's unit; empty where it has none."""
    match condition:
        case Lying() | Fall():
            return (condition.angle,)
        case Angle() | Tilt() | Distance() | Count():
            return tuple(bound for bound in (condition.min, condition.max) if isfinite(bound))
        case Still():
            return (condition.move,)
        case Speed():
            return (condition.min,)
        case _:
            return ()


def keypoints_of(condition: Condition) -> Iterator[tuple[str, ...]]:
    """The keypoints that a condition needs; each tuple lists alternatives of which one is enough."""
    match condition:
        case KeypointInZone():
            yield from ((name,) for name in condition.keypoints)
        case Angle() | Tilt() | Repetitions():
            yield from ((name,) for name in condition.keypoints)
        case Distance() if condition.keypoints is not None:
            yield from ((name,) for name in condition.keypoints)
        case Lying():
            yield from (SHOULDERS, HIPS)
        case Fall():
            yield from (SHOULDERS, HIPS, (*KNEES, *ANKLES))
        case HandsUp():
            yield from (("nose",), *((name,) for name in WRISTS))
        case _:
            return


def model_faults(rules: RuleSet, classes: Mapping[str, Skeleton]) -> list[str]:
    """One line for each class or keypoint that a rule needs and the model does not have.

    Args:
        rules: Of one camera.
        classes: The model's classes with their skeletons.
    """
    faults = []
    for rule in rules.rules:
        missing = [name for name in rule.classes if name not in classes]
        faults += [f"rule {rule.name}: the model has no class {name}; it has {_listed(classes)}" for name in missing]
        if missing:
            continue
        of_rule = [skeleton for name, skeleton in classes.items() if not rule.classes or name in rule.classes]
        for names in keypoints_of(rule.condition):
            if not any(skeleton.index(name) is not None for skeleton in of_rule for name in names):
                there = dict.fromkeys(name for skeleton in of_rule for name in skeleton.names)
                faults.append(
                    f"rule {rule.name}: the model has no keypoint {' or '.join(names)}; it has {_listed(there)}"
                )
    return faults


def _listed(names: Mapping[str, object]) -> str:
    return ", ".join(names) or "none"
