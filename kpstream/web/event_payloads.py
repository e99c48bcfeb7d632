"""Which events a program asks for, and what it says of them, read from an address and from JSON."""

from __future__ import annotations

from collections.abc import Mapping
from math import inf
from typing import Any, get_args

from kpstream.delivery import EventQuery, StoredEvent
from kpstream.delivery.database import MARKS
from kpstream.delivery.listing import parse_moment
from kpstream.entities import Severity
from kpstream.web.payloads import ApiError

LIMIT, MAX_LIMIT = 100, 500
"""Events in one answer, where nothing is said and at most."""
_PAGE = "~"
"""Stands between the time and the identity of the last event of a page."""
_SEVERITIES = get_args(Severity)
_FLAGS = {"true": True, "false": False}


def parse_query(given: Mapping[str, str], now: float) -> EventQuery:
    """Which events are wanted; what is empty is not given.

    Args:
        given: The parameters of the address.
        now: Seconds since the epoch.

    Raises:
        ApiError: A value is none of its kind.
    """
    since, (before, before_id) = _moment(given, "since", -inf, now), _before(given, now)
    severity, seen, limit = given.get("severity") or None, given.get("seen") or None, given.get("limit") or str(LIMIT)
    if severity is not None and severity not in _SEVERITIES:
        raise ApiError(422, f"severity is one of {', '.join(_SEVERITIES)}")
    if seen is not None and seen not in _FLAGS:
        raise ApiError(422, "seen is true or false")
    if not (limit.isascii() and limit.isdecimal() and len(limit) < 6 and 1 <= int(limit) <= MAX_LIMIT):
        raise ApiError(422, f"limit is a number from 1 to {MAX_LIMIT}")
    return EventQuery(
        since=since,
        before=before,
        before_id=before_id,
        camera=given.get("camera") or None,
        rule=given.get("rule") or None,
        severity=severity,
        seen=None if seen is None else _FLAGS[seen],
        limit=int(limit),
    )


def page_after(event: StoredEvent) -> str:
    """What ``before`` is given for the events that follow this one in the list."""
    return f"{event.at!r}{_PAGE}{event.id}"


def parse_marks(payload: Mapping[str, Any]) -> dict[str, bool]:
    """What somebody says of an event.

    Raises:
        ApiError: It says nothing, or something else.
    """
    fits = all(name in MARKS and isinstance(value, bool) for name, value in payload.items())
    if not payload or not fits:
        raise ApiError(422, f"give {', '.join(MARKS)}, or some of them, each true or false")
    return dict(payload)


def _before(given: Mapping[str, str], now: float) -> tuple[float, str]:
    text, page, event_id = given.get("before", "").partition(_PAGE)
    if not page:
        return _moment(given, "before", inf, now), ""
    try:
        return float(text), event_id
    except ValueError:
        raise ApiError(422, "before is a time, or what next was in the answer before") from None


def _moment(given: Mapping[str, str], name: str, otherwise: float, now: float) -> float:
    text = given.get(name)
    if not text:
        return otherwise
    try:
        # A plus sign in an address stands for a space.
        return parse_moment(text.replace(" ", "+") if "T" in text else text, now)
    except (ValueError, OverflowError, OSError):
        raise ApiError(422, f"{name} is no time: give one like 2026-11-28T06:20:00Z, or 24h for the last day") from None
