"""Where events are kept, and for how long."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated
from zoneinfo import ZoneInfo

from kpstream.options.declared import Option
from kpstream.options.units import parse_bytes, parse_duration


def parse_timezone(name: str) -> ZoneInfo:
    """A time zone of the IANA's list.

    Raises:
        ValueError: There is none of this name.
    """
    try:
        return ZoneInfo(name)
    except (OSError, ValueError):  # ZoneInfoNotFoundError is a KeyError
        pass
    except KeyError:
        pass
    raise ValueError(f"{name:.60} is no time zone: give one like Europe/Berlin or UTC")


def parse_roll(text: str | float) -> float:
    """Seconds, or none, from a number with a unit.

    Raises:
        ValueError: It is none.
    """
    return 0.0 if text in {0, "0", "0s"} else parse_duration(text)


@dataclass(frozen=True)
class EventsOptions:
    """The event store."""

    folder: Annotated[Path | None, Option("Where events are kept, with snapshots and clips.")] = None
    keep: Annotated[float | None, Option("How long events are kept, as 30d.", parse=parse_duration)] = None
    """Seconds after which an event is removed; None keeps it."""
    keep_size: Annotated[
        int | None, Option("How much room snapshots and clips may take together, as 20G.", parse=parse_bytes)
    ] = None
    """Bytes; None for no limit."""
    pre_roll: Annotated[float, Option("How long a clip begins before its event, as 5s.", parse=parse_roll)] = 5.0
    post_roll: Annotated[float, Option("How long a clip goes on after its event, as 5s.", parse=parse_roll)] = 5.0
    max_clip: Annotated[float, Option("How long a clip may be, as 60s.", parse=parse_duration)] = 60.0
    timezone: Annotated[
        ZoneInfo | None,
        Option("The time zone of schedules, quiet hours and messages, as Europe/Berlin.", parse=parse_timezone),
    ] = None
    """None for the machine's own."""
