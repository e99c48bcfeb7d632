"""Writes stored events as a table, JSON lines or CSV. Pure."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime
from typing import Any

from kpstream.delivery.database import MARKS, StoredEvent
from kpstream.options.units import parse_duration

_COLUMNS = (
    "event", "state", "rule", "kind", "severity", "camera", "tracker_ids", "class", "value", "began_at", "opened_at",
    "ended_at", "began_pts", "opened_pts", "ended_pts", "frame_index", "zone", "snapshot", "clip", "cut", *MARKS,
)  # fmt: skip


def with_marks(event: StoredEvent) -> dict[str, Any]:
    """The event's JSON object, with how people marked it."""
    return {**event.document, **{mark: getattr(event, mark) for mark in MARKS}}


def json_lines(events: Iterable[StoredEvent]) -> Iterator[str]:
    """One JSON object a line for each event."""
    for event in events:
        yield f"{json.dumps(with_marks(event), separators=(',', ':'), ensure_ascii=False)}\n"


def csv_lines(events: Iterable[StoredEvent]) -> Iterator[str]:
    """A header line, and a line for each event."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(_COLUMNS)
    for event in events:
        document = with_marks(event)
        writer.writerow([_cell(document.get(column)) for column in _COLUMNS])
        yield text.getvalue()
        text.seek(0)
        text.truncate()
    if text.getvalue():
        yield text.getvalue()


def table_lines(events: Iterable[StoredEvent]) -> Iterator[str]:
    """A table for a terminal; times are in the time zone of this machine."""
    rows = [("began", "lasted", "camera", "rule", "kind", "severity", "who", "value", ""), *map(_row, events)]
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    for row in rows:
        yield "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() + "\n"


def _cell(value: object) -> object:
    if isinstance(value, bool):
        return int(value)
    if isinstance(value, list):
        return " ".join(map(str, value))
    return "" if value is None else value


def _row(event: StoredEvent) -> tuple[str, ...]:
    document = event.document
    began = document["began_at"]
    shown = f"{document['began_pts']:.1f} s" if began is None else _local(began)
    who = " ".join(f"#{number}" for number in document["tracker_ids"]) or "all"
    value = "" if document["value"] is None else f"{document['value']:.3g}"
    marks = " ".join(name.replace("_", " ") for name in MARKS if getattr(event, name))
    return (
        shown,
        _lasted(document),
        str(document["camera"]),
        str(document["rule"]),
        str(document["kind"]),
        str(document["severity"]),
        who,
        value,
        marks,
    )


def _local(text: str) -> str:
    return datetime.fromisoformat(text).astimezone().strftime("%Y-%m-%d %H:%M:%S")


def _lasted(document: Mapping[str, Any]) -> str:
    if document["ended_pts"] is None:
        return "goes on"
    return f"{document['ended_pts'] - document['began_pts']:.1f} s{' (cut)' if document.get('cut') else ''}"


def parse_moment(text: str, now: float) -> float:
    """A moment that a user writes, in seconds since the epoch.

    Args:
        text: A date or a time, as ``2026-11-28`` or ``2026-11-28T06:00``, of this machine's time zone unless it names
            one; or how long ago it was, as ``24h``.
        now: Seconds since the epoch.

    Raises:
        ValueError: It is none.
    """
    try:
        if "-" in text:
            return datetime.fromisoformat(text.strip()).timestamp()
        return now - parse_duration(text)
    except ValueError:
        raise ValueError(
            f"{text:.40} is no time: give one like 2026-11-28, 2026-11-28T06:00, or 24h for the last day"
        ) from None
