"""One event, and the one JSON form in which it is written, stored and delivered."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Literal

from kpstream.events.rules import Severity

State = Literal["opened", "updated", "ended"]


@dataclass(frozen=True, slots=True)
class Event:
    """What a rule says has happened, as of now."""

    id: str
    state: State
    rule: str
    kind: str
    severity: Severity
    camera: str
    tracker_ids: tuple[int, ...]
    """Whom it is about; empty where it is about all together."""
    class_name: str | None
    value: float | None
    """Degrees, a number, body heights or body heights a second, by the rule's kind; None where it has none."""
    began_pts: float
    """The first true moment."""
    opened_pts: float
    """The first moment that confirmed it."""
    ended_pts: float | None
    """The last true moment; None while it goes on."""
    frame_index: int
    """The frame of `opened_pts`; once it has ended, of `ended_pts`."""
    zone: str | None = None
    began_at: datetime | None = None
    """Wall clock of `began_pts`, UTC; None where no wall clock is known."""
    opened_at: datetime | None = None
    ended_at: datetime | None = None
    snapshot: str | None = None
    clip: str | None = None
    cut: bool = False
    """Whether the end of the input ended it."""

    def to_json(self) -> dict[str, Any]:
        """The object that is written, stored and delivered."""
        document = {
            "event": self.id,
            "state": self.state,
            "rule": self.rule,
            "kind": self.kind,
            "severity": self.severity,
            "camera": self.camera,
            "tracker_ids": list(self.tracker_ids),
            "class": self.class_name,
            "value": None if self.value is None else round(self.value, 3),
            "began_at": _utc(self.began_at),
            "opened_at": _utc(self.opened_at),
            "ended_at": _utc(self.ended_at),
            "began_pts": round(self.began_pts, 6),
            "opened_pts": round(self.opened_pts, 6),
            "ended_pts": None if self.ended_pts is None else round(self.ended_pts, 6),
            "frame_index": self.frame_index,
            "zone": self.zone,
            "snapshot": self.snapshot,
            "clip": self.clip,
        }
        return {**document, "cut": True} if self.cut else document


def _utc(moment: datetime | None) -> str | None:
    if moment is None:
        return None
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
