"""The events of a camera that are not over, or whose clip is not: what becomes of them when its process dies."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import NamedTuple

from kpstream.delivery.salvage import salvaged_clip
from kpstream.entities import Event


@dataclass(slots=True)
class _Unfinished:
    event: Event
    has_whole_clip: bool = False


class Ending(NamedTuple):
    """What a dead process left of an event."""

    event_id: str
    event: Event | None
    """As it stands now; None where it stands as before."""
    size: int
    """Bytes of its clip that nobody knew of."""


class UnfinishedEvents:
    """Remembers what a process said of its events until each is over and its clip is whole."""

    def __init__(self) -> None:
        self._events: dict[str, _Unfinished] = {}

    def note(self, event: Event) -> None:
        """Take in an event that opened, changed or ended."""
        known = self._events.setdefault(event.id, _Unfinished(event))
        known.event = event
        self._forget_if_over(known)

    def note_clip(self, event_id: str) -> None:
        """Take in that the clip of an event is whole."""
        known = self._events.get(event_id)
        if known is not None:
            known.has_whole_clip = True
            self._forget_if_over(known)

    def _forget_if_over(self, known: _Unfinished) -> None:
        event = known.event
        if event.state == "ended" and (known.has_whole_clip or event.clip is None):
            del self._events[event.id]

    def endings(self, folder: Path) -> Iterator[Ending]:
        """How they stand once the process is dead: ended where they were last known to go on, with what there is.

        Blocks, and removes clips of which no picture reached the disk.

        Args:
            folder: Of the store.
        """
        for event_id, known in self._events.items():
            event, found = known.event, salvaged_clip(folder, event_id)
            name, size = (None, 0) if found is None else found
            if event.state != "ended":
                event = replace(event, state="ended", ended_pts=event.opened_pts, ended_at=event.opened_at, cut=True)
            event = replace(event, clip=name)
            yield Ending(event_id, None if event == known.event else event, 0 if known.has_whole_clip else size)

    def __len__(self) -> int:
        """How many there are."""
        return len(self._events)
