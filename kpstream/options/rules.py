"""Which rules say what happens, and where that is written."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Annotated

from kpstream.options.declared import Option

_rules = partial(Option, panel="Rules and events")


@dataclass(frozen=True)
class RulesOptions:
    """Rules of one camera or video."""

    rules: Annotated[
        Path | None, _rules("Zones, lines and rules; samples/events.toml explains them.", metavar="RULES.toml")
    ] = None
    event_store: Annotated[
        Path | None,
        _rules("Keep what happens there, with snapshots and clips; 'events list' shows it.", metavar="FOLDER"),
    ] = None
    events: Annotated[Path | None, _rules("Write what happens, a line an event; - is stdout.", metavar="OUT.jsonl")] = (
        None
    )
