"""Zones, lines and rules as tables of a TOML document, and a line for everything that is wrong with them."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from datetime import time
from difflib import get_close_matches
from math import inf
from typing import Annotated, Any, Literal, TypeVar

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError

from kpstream.entities import Severity
from kpstream.events.rules import (
    Absence,
    Anchor,
    Angle,
    Condition,
    Count,
    Custom,
    Distance,
    Fall,
    HandsUp,
    InZone,
    KeypointInZone,
    Line,
    LineCrossing,
    Lying,
    Repetitions,
    Rule,
    RuleSet,
    Schedule,
    Speed,
    Still,
    Tilt,
    Zone,
)
from kpstream.options.units import parse_duration

Resolve = Callable[[str], Callable[..., bool | None]]
"""Finds the function that ``package.module:function`` names; raises ValueError, in words, where there is none."""

TABLES = ("zone", "line", "rule")
_NAME = r"^[A-Za-z0-9]([A-Za-z0-9 _.-]{0,62}[A-Za-z0-9_.-])?$"
_DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
_PART_OF_WEEK = re.compile(r"(?:([a-z,-]+)\s+)?([\d:]+)\s*-\s*([\d:]+)")
_CLOCK = re.compile(r"([01]?\d|2[0-4]):([0-5]\d)")


def parse_schedule(text: str) -> Schedule:
    """A part of the week, as ``mon-fri 08:00-18:00``; without days it is every day.

    Raises:
        ValueError: It is none; the text says how to write one.
    """
    found = _PART_OF_WEEK.fullmatch(text.lower().strip())
    try:
        if found:
            days = frozenset(range(7)) if found[1] is None else _days(found[1])
            return Schedule(days, _clock(found[2]), _clock(found[3]))
    except ValueError:
        pass
    raise ValueError(f"{text!r} is no part of a week: write it as 'mon-fri 08:00-18:00'")


def _days(text: str) -> frozenset[int]:
    days: set[int] = set()
    for part in text.split(","):
        first, dash, last = part.partition("-")
        begin = _DAYS.index(first)
        end = _DAYS.index(last) if dash else begin
        days.update((begin + n) % 7 for n in range((end - begin) % 7 + 1))
    return frozenset(days)


def _clock(text: str) -> time:
    found = _CLOCK.fullmatch(text)
    if found is None or (found[1] == "24" and found[2] != "00"):
        raise ValueError
    return time(int(found[1]) % 24, int(found[2]))


def _seconds(value: object) -> object:
    if isinstance(value, str | int | float) and not isinstance(value, bool):
        return 0.0 if value in {0, "0", "0s"} else parse_duration(value)
    return value


_Seconds = Annotated[float, BeforeValidator(_seconds), Field(ge=0)]
_Share = Annotated[float, Field(ge=0, le=1)]
_Point = Annotated[list[_Share], Field(min_length=2, max_length=2)]
_Name = Annotated[str, Field(pattern=_NAME)]
_Degrees = Annotated[float, Field(ge=0, le=180)]
_NotNegative = Annotated[float, Field(ge=0)]
_Two = Annotated[list[str], Field(min_length=2, max_length=2)]
_Three = Annotated[list[str], Field(min_length=3, max_length=3)]


class _Table(BaseModel):
    model_config = ConfigDict(
        extra="forbid", strict=True, frozen=True, allow_inf_nan=False, hide_input_in_errors=True, populate_by_name=True
    )


T = TypeVar("T", bound=_Table)


class _ZoneTable(_Table):
    name: _Name
    polygon: Annotated[list[_Point], Field(min_length=3)]
    cameras: list[str] = []


class _LineTable(_Table):
    name: _Name
    start: _Point = Field(alias="from")
    end: _Point = Field(alias="to")
    cameras: list[str] = []


class _RuleTable(_Table):
    name: _Name
    kind: str
    for_seconds: _Seconds = Field(0.5, alias="for")
    clear: _Seconds = 2.0
    cooldown: _Seconds = 0.0
    severity: Severity = "alert"
    classes: list[str] = []
    armed: bool = True
    schedule: list[str] = []
    cameras: list[str] = []


class _Bounds(_RuleTable):
    min: float | None = None
    max: float | None = None

    @property
    def low(self) -> float:
        return -inf if self.min is None else self.min

    @property
    def high(self) -> float:
        return inf if self.max is None else self.max


class _InZone(_RuleTable):
    zone: str
    anchor: Anchor = "bottom_center"

    def condition(self) -> Condition:
        return InZone(self.zone, self.anchor)


class _KeypointInZone(_RuleTable):
    zone: str
    keypoints: Annotated[list[str], Field(min_length=1)]

    def condition(self) -> Condition:
        return KeypointInZone(self.zone, tuple(self.keypoints))


class _LineCrossing(_RuleTable):
    for_seconds: _Seconds = Field(0.2, alias="for")
    line: str
    direction: Literal["both", "in", "out"] = "both"
    anchor: Anchor = "bottom_center"
    margin: _NotNegative = 0.1

    def condition(self) -> Condition:
        return LineCrossing(self.line, self.direction, self.anchor, self.margin)


class _Count(_Bounds):
    zone: str | None = None

    def condition(self) -> Condition:
        return Count(self.low, self.high, self.zone)


class _Absence(_RuleTable):
    zone: str | None = None

    def condition(self) -> Condition:
        return Absence(self.zone)


class _Lying(_RuleTable):
    angle: _Degrees = 60.0

    def condition(self) -> Condition:
        return Lying(self.angle)


class _Fall(_RuleTable):
    for_seconds: _Seconds = Field(1.0, alias="for")
    within: _Seconds = 1.5
    angle: _Degrees = 60.0

    def condition(self) -> Condition:
        return Fall(self.within, self.angle)


class _HandsUp(_RuleTable):
    hands: Literal["both", "any"] = "both"

    def condition(self) -> Condition:
        return HandsUp(self.hands)


class _Angle(_Bounds):
    keypoints: _Three

    def condition(self) -> Condition:
        first, corner, last = self.keypoints
        return Angle((first, corner, last), self.low, self.high)


class _Tilt(_Bounds):
    keypoints: _Two

    def condition(self) -> Condition:
        lower, upper = self.keypoints
        return Tilt((lower, upper), self.low, self.high)


class _Distance(_Bounds):
    keypoints: _Two | None = None
    between: Literal["objects"] | None = None

    def condition(self) -> Condition:
        pair = None if self.keypoints is None else (self.keypoints[0], self.keypoints[1])
        return Distance(pair, self.low, self.high)


class _Repetitions(_RuleTable):
    for_seconds: _Seconds = Field(0.0, alias="for")
    keypoints: _Three
    low: _Degrees
    high: _Degrees

    def condition(self) -> Condition:
        first, corner, last = self.keypoints
        return Repetitions((first, corner, last), self.low, self.high)


class _Still(_RuleTable):
    move: _NotNegative = 0.05

    def condition(self) -> Condition:
        return Still(self.move)


class _Speed(_RuleTable):
    min: _NotNegative

    def condition(self) -> Condition:
        return Speed(self.min)


class _Custom(_RuleTable):
    call: Annotated[str, Field(pattern=r"^[A-Za-z_][\w.]*:[A-Za-z_]\w*$")]


_KINDS: dict[str, type[_RuleTable]] = {
    "in_zone": _InZone,
    "keypoint_in_zone": _KeypointInZone,
    "line_crossing": _LineCrossing,
    "count": _Count,
    "absence": _Absence,
    "lying": _Lying,
    "fall": _Fall,
    "hands_up": _HandsUp,
    "angle": _Angle,
    "tilt": _Tilt,
    "distance": _Distance,
    "repetitions": _Repetitions,
    "still": _Still,
    "speed": _Speed,
    "custom": _Custom,
}


def read_tables(document: Mapping[str, Any], resolve: Resolve) -> tuple[RuleSet, list[str]]:
    """The zones, lines and rules of a document.

    Args:
        document: TOML, as it was parsed; other tables are left alone.
        resolve: Finds functions of the user's.

    Returns:
        What could be understood, and a line for each fault.
    """
    reader = _Reader(resolve)
    zones = {zone.name: zone for zone in reader.zones(document)}
    lines = {line.name: line for line in reader.lines(document)}
    rules = tuple(reader.rules(document, zones, lines))
    return RuleSet(rules, zones, lines), reader.faults


class _Reader:
    """Reads table after table, and goes on after a fault."""

    def __init__(self, resolve: Resolve) -> None:
        self._resolve = resolve
        self.faults: list[str] = []

    def zones(self, document: Mapping[str, Any]) -> Iterator[Zone]:
        for place, table in self._tables(document, "zone"):
            zone = self._read(_ZoneTable, table, place)
            if zone is not None:
                yield Zone(zone.name, tuple((x, y) for x, y in zone.polygon), tuple(zone.cameras))

    def lines(self, document: Mapping[str, Any]) -> Iterator[Line]:
        for place, table in self._tables(document, "line"):
            line = self._read(_LineTable, table, place)
            if line is not None and line.start == line.end:
                self.faults.append(f"{place}: from and to are the same point")
            elif line is not None:
                yield Line(line.name, (line.start[0], line.start[1]), (line.end[0], line.end[1]), tuple(line.cameras))

    def rules(
        self, document: Mapping[str, Any], zones: Mapping[str, Zone], lines: Mapping[str, Line]
    ) -> Iterator[Rule]:
        for place, table in self._tables(document, "rule"):
            kind = table.get("kind")
            if kind not in _KINDS:
                near = get_close_matches(str(kind), _KINDS, n=1)
                hint = f"did you mean {near[0]}?" if near else f"known are {', '.join(_KINDS)}"
                fault = "it has no kind" if kind is None else f"there is no kind {kind!r}"
                self.faults.append(f"{place}: {fault}; {hint}")
                continue
            rule = self._read(_KINDS[kind], table, place)
            if rule is not None:
                before = len(self.faults)
                self.faults += [f"{place}: {fault}" for fault in _faults(rule, zones, lines)]
                made = self._rule(rule, place)
                if made is not None and len(self.faults) == before:
                    yield made

    def _rule(self, table: _RuleTable, place: str) -> Rule | None:
        try:
            schedule = tuple(parse_schedule(text) for text in table.schedule)
            condition = (
                Custom(self._resolve(table.call)) if isinstance(table, _Custom) else table.condition()  # type: ignore[attr-defined]
            )
        except ValueError as error:
            self.faults.append(f"{place}: {error}")
            return None
        return Rule(
            name=table.name,
            condition=condition,
            for_seconds=table.for_seconds,
            clear=table.clear,
            cooldown=table.cooldown,
            severity=table.severity,
            classes=tuple(table.classes),
            armed=table.armed,
            schedule=schedule,
            cameras=tuple(table.cameras),
        )

    def _tables(self, document: Mapping[str, Any], kind: str) -> Iterator[tuple[str, dict[str, Any]]]:
        tables = document.get(kind, [])
        if not isinstance(tables, list) or not all(isinstance(table, dict) for table in tables):
            self.faults.append(f"{kind}: write [[{kind}]] above each")
            return
        names: set[object] = set()
        for number, table in enumerate(tables, 1):
            name = table.get("name")
            place = f"{kind} {name if isinstance(name, str) else number}"
            if isinstance(name, str) and name in names:
                self.faults.append(f"{place}: there are two of this name")
                continue
            names.add(name)
            yield place, table

    def _read(self, form: type[T], table: dict[str, Any], place: str) -> T | None:
        try:
            return form.model_validate(table)
        except ValidationError as error:
            for details in error.errors(include_url=False, include_context=False):
                self.faults.append(f"{place}, {_fault(form, details['loc'], details['type'], details['msg'])}")
            return None


def _faults(rule: _RuleTable, zones: Mapping[str, Zone], lines: Mapping[str, Line]) -> Iterator[str]:
    """What pydantic cannot see: names that are not there, bounds that nothing can be in."""
    zone, line = getattr(rule, "zone", None), getattr(rule, "line", None)
    if zone is not None and zone not in zones:
        yield f"there is no zone {zone}; {_there(zones)}"
    if line is not None and line not in lines:
        yield f"there is no line {line}; {_there(lines)}"
    if isinstance(rule, _Bounds):
        if rule.min is None and rule.max is None:
            yield "give min, max or both"
        elif rule.low > rule.high:
            yield "min is above max"
    if isinstance(rule, _Distance) and (rule.keypoints is None) == (rule.between is None):
        yield 'give two keypoints, or between = "objects"'
    if isinstance(rule, _Repetitions) and rule.low >= rule.high:
        yield "low must be below high"


def _there(names: Mapping[str, object]) -> str:
    return f"there are {', '.join(names)}" if names else "there is none"


_WRONG = {
    "missing": "it is required",
    "bool_type": "it must be true or false",
    "float_type": "it must be a number",
    "list_type": "it must be a list",
    "string_type": "it must be a text in quotes",
    "string_pattern_mismatch": "it has another form",
    "too_long": "there is something too many in it",
    "too_short": "there is something missing in it",
}


def _fault(form: type[_Table], location: tuple[int | str, ...], kind: str, message: str) -> str:
    keys = [field.alias or name for name, field in form.model_fields.items()]
    place = "".join(f"[{part}]" if isinstance(part, int) else str(part) for part in location)
    if kind == "extra_forbidden":
        near = get_close_matches(place, keys, n=1)
        hint = f"did you mean {near[0]}?" if near else f"known are {', '.join(keys)}"
        return f"{place}: there is no such key; {hint}"
    wrong = _WRONG.get(kind) or message.removeprefix("Value error, ").replace("Input should", "it must")
    return f"{place}: {wrong}"
