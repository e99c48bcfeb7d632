"""Reads zones, lines and rules from the tables of a TOML document, with one line for each fault. Pure."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import MISSING, fields
from datetime import time
from math import inf
from typing import Annotated, Any, Literal, TypeVar, get_type_hints

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError, create_model

from kpstream.events.rules import (
    DAYS,
    KINDS,
    Angle,
    Custom,
    Distance,
    Fall,
    KeypointInZone,
    Line,
    LineCrossing,
    Repetitions,
    Rule,
    RuleSet,
    Schedule,
    Speed,
    Tilt,
    Zone,
)
from kpstream.options.file_faults import suggestion, wrong_value
from kpstream.options.units import parse_duration

Resolve = Callable[[str], Callable[..., bool | None]]
"""Finds the function that ``package.module:function`` names; raises ValueError, in words, where there is none."""

TABLES = ("zone", "line", "rule")
NAME_PATTERN = r"^[A-Za-z0-9]([A-Za-z0-9 _.-]{0,62}[A-Za-z0-9_.-])?$"
"""Of zones, lines and rules."""
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
        begin = DAYS.index(first)
        end = DAYS.index(last) if dash else begin
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
_NAME_FORM = "A-Z, a-z, 0-9, spaces and _ . -, a letter or digit first, 64 at most"
_Name = Annotated[str, Field(pattern=NAME_PATTERN, description=_NAME_FORM)]
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


_TYPES: dict[object, Any] = {
    "name": _Name,
    "condition": str,
    "for_seconds": _Seconds,
    "clear": _Seconds,
    "cooldown": _Seconds,
    "within": _Seconds,
    "angle": _Degrees,
    "low": _Degrees,
    "high": _Degrees,
    "margin": _NotNegative,
    "move": _NotNegative,
    "classes": list[str],
    "schedule": list[str],
    "cameras": list[str],
    (Speed, "min"): _NotNegative,
    (KeypointInZone, "keypoints"): Annotated[list[str], Field(min_length=1)],
    (Angle, "keypoints"): _Three,
    (Tilt, "keypoints"): _Two,
    (Distance, "keypoints"): _Two,
    (Repetitions, "keypoints"): _Three,
}
"""What a field of `Rule` or of a condition is in a file, where that is not its own type."""
_NAMES = {"condition": "kind"}
_ALIASES = {"for_seconds": "for"}
_NOT_IN_FILES = {(Distance, "anchor"), (Custom, "function")}
_MORE_KEYS: dict[type, dict[str, Any]] = {
    Distance: {"between": (Literal["objects"], None)},
    Custom: {
        "call": (Annotated[str, Field(pattern=r"^[A-Za-z_][\w.]*:[A-Za-z_]\w*$", description="MODULE:FUNCTION")], ...)
    },
}
"""Keys for what is no field of a condition."""
_DEFAULTS: dict[type, dict[str, Any]] = {
    LineCrossing: {"for_seconds": 0.2},
    Fall: {"for_seconds": 1.0},
    Repetitions: {"for_seconds": 0.0},
}
"""What holds for rules with a condition where a file does not say so, and where `Rule` has another default."""


def _table_of(condition: type) -> type[_Table]:
    """The keys of every rule, and those of its condition."""
    keys = {**_keys_of(Rule), **_keys_of(condition), **_MORE_KEYS.get(condition, {})}
    return create_model("RuleTable", __base__=_Table, **keys)


def _keys_of(group: type) -> dict[str, Any]:
    """The fields of a dataclass as keys, the bounds first. A key that is left out is not read: its default holds."""
    hints = get_type_hints(group)
    bounds_first = sorted(fields(group), key=lambda field: field.name not in {"min", "max"})
    return {
        _NAMES.get(field.name, field.name): (
            _TYPES.get((group, field.name)) or _TYPES.get(field.name) or hints[field.name],
            Field(... if field.default is MISSING else None, alias=_ALIASES.get(field.name)),
        )
        for field in bounds_first
        if (group, field.name) not in _NOT_IN_FILES
    }


_CONDITIONS = {kind: condition for condition, kind in KINDS.items()}
_RULE_TABLES = {kind: _table_of(condition) for kind, condition in _CONDITIONS.items()}


def read_tables(document: Mapping[str, Any], resolve: Resolve) -> tuple[RuleSet, list[str]]:
    """Read the zones, lines and rules of a document.

    Args:
        document: Parsed TOML; other tables are ignored.
        resolve: Finds the functions that the user named.

    Returns:
        The rules without faults, and a line for each fault.
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
            if not isinstance(kind, str) or kind not in _RULE_TABLES:
                fault = "it has no kind" if kind is None else f"there is no kind {kind!r}"
                self.faults.append(f"{place}: {fault}; {suggestion(str(kind), _RULE_TABLES)}")
                continue
            read = self._read(_RULE_TABLES[kind], table, place)
            if read is not None:
                given = read.model_dump(exclude_unset=True)
                before = len(self.faults)
                self.faults += [f"{place}: {fault}" for fault in _faults(_CONDITIONS[kind], given, zones, lines)]
                made = self._rule(_CONDITIONS[kind], given, place)
                if made is not None and len(self.faults) == before:
                    yield made

    def _rule(self, condition: type, given: Mapping[str, Any], place: str) -> Rule | None:
        values: dict[str, Any] = dict(_DEFAULTS.get(condition, {}))
        values |= {name: tuple(value) if isinstance(value, list) else value for name, value in given.items()}
        try:
            if "schedule" in values:
                values["schedule"] = tuple(parse_schedule(text) for text in values["schedule"])
            if condition is Custom:
                values["function"] = self._resolve(values["call"])
        except ValueError as error:
            self.faults.append(f"{place}: {error}")
            return None
        made = condition(**{name: values[name] for name in _names_in(condition) & values.keys()})
        return Rule(condition=made, **{name: values[name] for name in _names_in(Rule) & values.keys()})

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


def _names_in(group: type) -> set[str]:
    return {field.name for field in fields(group)}


def _faults(
    condition: type, given: Mapping[str, Any], zones: Mapping[str, Zone], lines: Mapping[str, Line]
) -> Iterator[str]:
    """What pydantic cannot see: names that are not there, bounds that nothing can be in."""
    zone, line = given.get("zone"), given.get("line")
    if zone is not None and zone not in zones:
        yield f"there is no zone {zone}; {_there(zones)}"
    if line is not None and line not in lines:
        yield f"there is no line {line}; {_there(lines)}"
    if {"min", "max"} <= _names_in(condition):
        if not given.keys() & {"min", "max"}:
            yield "give min, max or both"
        elif given.get("min", -inf) > given.get("max", inf):
            yield "min is above max"
    if condition is Distance and ("keypoints" in given) == ("between" in given):
        yield 'give two keypoints, or between = "objects"'
    if condition is Repetitions and given["low"] >= given["high"]:
        yield "low must be below high"


def _there(names: Mapping[str, object]) -> str:
    return f"there are {', '.join(names)}" if names else "there is none"


def _fault(form: type[_Table], location: tuple[int | str, ...], kind: str, message: str) -> str:
    fields = {field.alias or name: field for name, field in form.model_fields.items()}
    place = "".join(f"[{part}]" if isinstance(part, int) else str(part) for part in location)
    if kind == "extra_forbidden":
        return f"{place}: there is no such key; {suggestion(place, fields)}"
    field = fields.get(str(location[0])) if location else None
    meaning = f" ({field.description})" if field is not None and field.description else ""
    return f"{place}: {wrong_value(kind, message)}{meaning}"
