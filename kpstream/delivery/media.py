"""Where snapshots and clips lie beside the database, and which scene of an event becomes its snapshot. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime
from math import inf

from kpstream.entities import Event
from kpstream.events import Angle, Condition, Count, Distance, RuleSet, Still, Tilt


def media_path(kind: str, event: Event, now: float) -> str:
    """Where a file of an event lies, relative to the store, with ``/``: by kind and by day, in UTC.

    Args:
        kind: ``snapshot`` or ``clip``.
        event: The event that the file belongs to.
        now: Seconds since the epoch; used where the event has no wall clock.
    """
    began = event.began_at or datetime.fromtimestamp(now, UTC)
    suffix = {"snapshot": "jpg", "clip": "mp4"}[kind]
    return f"{kind}s/{began.astimezone(UTC):%Y-%m-%d}/{event.id}.{suffix}"


def clip_pattern(event_id: str) -> str:
    """What matches the clip of an event, relative to the store, whatever day it began on."""
    return f"clips/*/{event_id}.mp4"


def media_paths(event_id: str, paths: Iterable[object]) -> list[str]:
    """The paths of a document that belong to an event, so that no other file is ever removed."""
    return [path for path in paths if isinstance(path, str) and path.split("/")[-1].startswith(f"{event_id}.")]


class StrongestMoment:
    """Decides which scenes of an event are worth a snapshot: the first, and each that is stronger than all before.

    An event is the stronger, the farther its value lies beyond the bounds of its rule; an event without a value is
    strongest when it opens.

    Args:
        rules: The camera's own.
    """

    def __init__(self, rules: RuleSet) -> None:
        self._falls = {rule.name: _falls(rule.condition) for rule in rules.rules}
        self._strongest: dict[str, float] = {}

    def is_reached(self, event: Event) -> bool:
        """Whether this is the strongest moment so far; called once for each change of an event, in order."""
        strength = self._strength(event)
        before = self._strongest.get(event.id)
        if event.state == "ended":
            self._strongest.pop(event.id, None)
            return before is None  # a moment, begun and ended at once
        if before is not None and strength <= before:
            return False
        self._strongest[event.id] = strength
        return True

    def _strength(self, event: Event) -> float:
        if event.value is None:
            return -inf
        return -event.value if self._falls.get(event.rule, False) else event.value


def _falls(condition: Condition) -> bool:
    """Whether a smaller value is a stronger one."""
    match condition:
        case Angle() | Tilt() | Distance() | Count():
            return condition.min == -inf
        case Still():
            return True
        case _:
            return False
