"""The rules of a camera as JSON. Pure."""

from __future__ import annotations

from datetime import datetime, time
from math import isfinite
from typing import Any

from kpstream.events import Angle, Count, Distance, Fall, Line, Lying, Rule, Schedule, Speed, Still, Tilt, Zone
from kpstream.events.rules import DAYS, Condition
from kpstream.web.camera_rules import CameraRules, PageRules

NO_RULES: dict[str, Any] = {
    "camera": None, "armed": True, "timezone": None, "rules": [], "zones": [], "lines": [], "editable": False,
}  # fmt: skip
"""Of a camera that has none."""


def rules_document(found: CameraRules, of_page: PageRules) -> dict[str, Any]:
    """All that the page needs to know of a camera's rules, but what they see."""
    rules, armed, now = found.rules, found.armed, of_page.now()
    zone = of_page.timezone
    return {
        "camera": found.camera,
        "armed": armed.get("", True),
        "timezone": None if zone is None else str(zone),
        "rules": [_rule(rule, armed=armed.get(rule.name, rule.armed), now=now) for rule in rules.rules],
        "zones": [_zone(zone) for zone in rules.zones.values()],
        "lines": [_line(line) for line in rules.lines.values()],
        "editable": of_page.edit is not None,
    }


def _rule(rule: Rule, *, armed: bool, now: datetime) -> dict[str, Any]:
    condition = rule.condition
    return {
        "name": rule.name,
        "kind": rule.kind,
        "severity": rule.severity,
        "armed": armed,
        "for": rule.for_seconds,
        "clear": rule.clear,
        "classes": list(rule.classes),
        "zone": getattr(condition, "zone", None),
        "line": getattr(condition, "line", None),
        **bounds(condition),
        "schedule": [schedule_text(part) for part in rule.schedule],
        "scheduled": not rule.schedule or any(part.covers(now) for part in rule.schedule),
    }


def bounds(condition: Condition) -> dict[str, Any]:
    """What a condition's value is compared with, and its unit; null where there is none."""
    low: float | None = None
    high: float | None = None
    unit = ""
    match condition:
        case Lying() | Fall():
            low, unit = condition.angle, "degrees"
        case Angle() | Tilt():
            low, high, unit = condition.min, condition.max, "degrees"
        case Distance():
            low, high, unit = condition.min, condition.max, "body heights"
        case Count():
            low, high = condition.min, condition.max
        case Still():
            high, unit = condition.move, "body heights"
        case Speed():
            low, unit = condition.min, "body heights a second"
    return {"min": _finite(low), "max": _finite(high), "unit": unit}


def schedule_text(part: Schedule) -> str:
    """A part of the week as a file has it."""
    days = sorted(part.days)
    clock = f"{part.start:%H:%M}-{'24:00' if part.end == time() else f'{part.end:%H:%M}'}"
    if len(days) == len(DAYS):
        return clock
    is_run = len(days) > 2 and days == list(range(days[0], days[-1] + 1))
    named = f"{DAYS[days[0]]}-{DAYS[days[-1]]}" if is_run else ",".join(DAYS[day] for day in days)
    return f"{named} {clock}"


def _finite(value: float | None) -> float | None:
    return value if value is not None and isfinite(value) else None


def _zone(zone: Zone) -> dict[str, Any]:
    return {"name": zone.name, "polygon": [list(point) for point in zone.polygon], "cameras": list(zone.cameras)}


def _line(line: Line) -> dict[str, Any]:
    return {"name": line.name, "from": list(line.start), "to": list(line.end), "cameras": list(line.cameras)}
