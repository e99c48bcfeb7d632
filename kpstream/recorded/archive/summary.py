"""The figures of one or several ledgers of an archive, for the terminal, JSON and the report. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import asdict
from itertools import chain
from math import isfinite
from typing import Any

from kpstream.options.units import count_text
from kpstream.recorded.archive.ledger import FileRecord, LedgerContents

_STATES = ("waiting", "running", "done", "failed")
DAMAGED_REMEDY = "copy the file again from where it came: it is done anew"
"""What helps where frames of a file were lost."""


def totals(ledgers: Iterable[LedgerContents]) -> dict[str, Any]:
    """The figures of an archive, ready for JSON."""
    ledgers = list(ledgers)
    records = _newest(ledgers)
    states: Counter[str] = Counter(record.state for record in records)
    spent = sum(spent_of(ledger) for ledger in ledgers)
    budgets = [int(ledger.facts["max_requests"]) for ledger in ledgers if ledger.facts.get("max_requests")]
    return {
        "files": len(records),
        **{state: states[state] for state in _STATES},
        "damaged": sum(is_damaged(record) for record in records),
        "seconds": round(sum(record.duration for record in records if isfinite(record.duration)), 3),
        "seconds_done": round(sum(map(_seconds_done, records)), 3),
        "frames": sum(record.frames for record in records if not record.same_as),
        "requests": spent,
        "requests_left": sum(budgets) - spent if len(budgets) == len(ledgers) and budgets else None,
        "credits": round(sum(record.credits for record in records), 6),
        "work_seconds": round(sum(record.seconds for record in records), 3),
        "events": sum(record.events for record in records if not record.same_as),
    }


def _newest(ledgers: Iterable[LedgerContents]) -> list[FileRecord]:
    """Each file once, by name: it may have gone from one shard to another."""
    found: dict[str, FileRecord] = {}
    for record in chain.from_iterable(ledger.records.values() for ledger in ledgers):
        known = found.setdefault(record.name, record)
        if (record.updated_at, record.state == "done") > (known.updated_at, known.state == "done"):
            found[record.name] = record
    return list(found.values())


def spent_of(ledger: LedgerContents) -> int:
    """The requests that a ledger has booked, in all runs together."""
    return max(int(ledger.facts.get("booked", "0")), sum(record.requests for record in ledger.records.values()))


def causes(records: Iterable[FileRecord]) -> dict[str, int]:
    """How many files failed, by cause, as `cause_of` gives it."""
    counted = Counter(cause_of(record) for record in records if record.state == "failed")
    return dict(counted.most_common())


def is_damaged(record: FileRecord) -> bool:
    """Whether a file is done, but not all of its frames were whole."""
    return record.state == "done" and (record.missing > 0 or record.damaged > 0)


def damage_of(record: FileRecord) -> str:
    """What was lost of a file that is done, in words for the user; empty where nothing was."""
    if not is_damaged(record):
        return ""
    if not record.missing:
        return f"{record.damaged} of {count_text(record.frames, 'frame')} came out damaged"
    also = f", {record.damaged} of them damaged" if record.damaged else ""
    return f"{record.frames} of {count_text(record.frames + record.missing, 'frame')} could be read{also}"


def damages(records: Iterable[FileRecord]) -> dict[str, int]:
    """How many files that are done are damaged, by cause."""
    counted = Counter(
        "frames could not be read" if record.missing else "frames came out damaged"
        for record in records
        if is_damaged(record)
    )
    return dict(counted.most_common())


def cause_of(record: FileRecord) -> str:
    """The text of a file's fault without the file's name, so that equal faults are equal."""
    return record.fault.removeprefix("cannot open ").replace(record.path, "").removeprefix(": ").strip() or "unknown"


def file_object(record: FileRecord) -> dict[str, Any]:
    """The record of one file, ready for JSON; unknown numbers are None."""
    item = asdict(record) | {"damage": damage_of(record)}
    return {name: None if isinstance(value, float) and not isfinite(value) else value for name, value in item.items()}


def document(ledgers: Mapping[str, LedgerContents], *, failed_only: bool = False) -> dict[str, Any]:
    """The whole content of the ledgers of an archive, ready for JSON.

    Args:
        ledgers: By the name of the file.
        failed_only: Whether only files that failed are listed.
    """
    records = _newest(ledgers.values())
    return {
        "totals": totals(ledgers.values()),
        "failures": causes(records),
        "damages": damages(records),
        "ledgers": list(ledgers),
        "files": [file_object(record) for record in records if record.state == "failed" or not failed_only],
    }


def _seconds_done(record: FileRecord) -> float:
    if record.state == "done":
        return record.duration if isfinite(record.duration) else record.position
    return record.position if record.state == "running" else 0.0
