"""The report of an archive: a page that needs nothing beside it, and the same as JSON."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from html import escape
from itertools import islice
from math import isfinite
from pathlib import Path
from typing import Any

from kpstream.options import on_command_line
from kpstream.options.units import clock_text
from kpstream.recorded.archive.ledger import FileRecord, LedgerContents
from kpstream.recorded.archive.place import ArchivePlace
from kpstream.recorded.archive.summary import (
    DAMAGED_REMEDY,
    cause_of,
    causes,
    damage_of,
    damages,
    document,
    is_damaged,
)
from kpstream.sinks.output import OutputFile

_MAX_EVENTS = 2000
_WIDTH, _HEIGHT = 160, 22
_STYLE = """
:root { color-scheme: light dark; --ink: light-dark(#1a1d21, #e8eaed); --back: light-dark(#fff, #16181b);
  --faint: light-dark(#d9dde2, #343a40); --line: light-dark(#1d4ed8, #7ea6ff); --bad: light-dark(#b42318, #ff9c8f);
  --good: light-dark(#1f7a3d, #7fd69a); --fill: light-dark(#dbe6ff, #22345c) }
body { font: 15px/1.5 system-ui, sans-serif; color: var(--ink); background: var(--back); margin: 2rem auto;
  max-width: 82rem; padding: 0 1rem }
h1 { font-size: 1.5rem; margin-bottom: .3rem } h2 { font-size: 1.1rem; margin: 2rem 0 .4rem }
dl { display: flex; flex-wrap: wrap; gap: .6rem 2.2rem; margin: 1rem 0 } dt { font-size: .8rem; opacity: .7 }
dd { margin: 0; font-size: 1.35rem; font-variant-numeric: tabular-nums }
.wide { overflow-x: auto } table { border-collapse: collapse; width: 100%; font-variant-numeric: tabular-nums }
th, td { text-align: left; padding: .28rem .7rem .28rem 0; border-bottom: 1px solid var(--faint); vertical-align: top }
th { font-size: .8rem; font-weight: 500; opacity: .75 } .number { text-align: right }
th, .number { white-space: nowrap }
td.name { overflow-wrap: anywhere; min-width: 14rem } .failed { color: var(--bad) } .done { color: var(--good) }
.small { font-size: .85rem; opacity: .8 } svg { display: block } .curve { fill: var(--fill); stroke: var(--line) }
"""


def write_reports(place: ArchivePlace, contents: LedgerContents) -> None:
    """Write ``report.json`` and ``report.html``; blocks.

    Raises:
        SinkError: They cannot be written.
    """
    events = list(islice(_events(place, contents.records.values()), _MAX_EVENTS))
    found = document({place.ledger.name: contents}) | {"events": events}
    _write(place.report("json"), json.dumps(found, ensure_ascii=False, indent=1) + "\n")
    records = sorted(contents.records.values(), key=lambda record: record.name)
    _write(place.report("html"), page(place.outputs.name, found, records))


def page(title: str, found: dict[str, Any], records: Sequence[FileRecord]) -> str:
    """The report as HTML.

    Args:
        title: What it is called.
        found: What `document` says, with the events.
        records: All files, in order.
    """
    return (
        f"<!doctype html><html lang=en><meta charset=utf-8><meta name=viewport content='width=device-width'>"
        f"<title>{escape(title)}: archive</title><style>{_STYLE}</style><h1>{escape(title)}</h1>"
        f"{_totals(found['totals'])}{_failures(records)}{_damaged(records)}{_slowest(records)}{_events_table(found['events'])}"
        f"{_files(records)}</html>\n"
    )


def _totals(totals: dict[str, Any]) -> str:
    shown = [
        ("files done", f"{totals['done']} of {totals['files']}"),
        ("failed", str(totals["failed"])),
        *([("done, but damaged", str(totals["damaged"]))] if totals["damaged"] else []),
        ("waiting", str(totals["waiting"] + totals["running"])),
        ("video", f"{clock_text(totals['seconds_done'])} of {clock_text(totals['seconds'])}"),
        ("frames", f"{totals['frames']:,}"),
        ("requests", f"{totals['requests']:,}"),
        ("credits", f"{totals['credits']:.4g}" if totals["credits"] else "none"),
        ("work", clock_text(totals["work_seconds"])),
    ]
    if totals["events"]:
        shown.append(("events", str(totals["events"])))
    return "<dl>" + "".join(f"<div><dt>{name}</dt><dd>{escape(value)}</dd></div>" for name, value in shown) + "</dl>"


def _failures(records: Sequence[FileRecord]) -> str:
    failed = [record for record in records if record.state == "failed"]
    if not failed:
        return ""
    counted = "".join(
        f"<tr><td>{escape(cause)}</td><td class=number>{n}</td></tr>" for cause, n in causes(failed).items()
    )
    rows = "".join(
        f"<tr><td class=name>{escape(each.name)}</td><td>{escape(cause_of(each))}</td>"
        f"<td>{escape(on_command_line(each.remedy))}</td></tr>"
        for each in failed
    )
    return (
        f"<h2>Failures by cause</h2>{_table(['Cause', 'Files'], counted)}"
        f"<h2>Files that failed</h2>{_table(['File', 'What is wrong', 'What helps'], rows)}"
    )


def _damaged(records: Sequence[FileRecord]) -> str:
    found = [record for record in records if is_damaged(record)]
    if not found:
        return ""
    counted = "".join(
        f"<tr><td>{escape(cause)}</td><td class=number>{n}</td></tr>" for cause, n in damages(found).items()
    )
    rows = "".join(
        f"<tr><td class=name>{escape(each.name)}</td><td>{escape(damage_of(each))}</td></tr>" for each in found
    )
    return (
        f"<h2>Damage by cause</h2>{_table(['Cause', 'Files'], counted)}"
        f"<h2>Files that are done, but damaged</h2>{_table(['File', 'What is missing'], rows)}"
        f"<p class=small>{escape(DAMAGED_REMEDY)}.</p>"
    )


def _slowest(records: Sequence[FileRecord]) -> str:
    slow = sorted((record for record in records if record.seconds > 0), key=lambda record: -record.seconds)[:5]
    if len(slow) < 2:
        return ""
    rows = "".join(
        f"<tr><td class=name>{escape(each.name)}</td><td class=number>{each.seconds:.1f} s</td>"
        f"<td class=number>{each.frames / each.seconds:.0f}</td></tr>"
        for each in slow
    )
    return f"<h2>Slowest</h2>{_table(['File', 'Work', 'Frames a second'], rows)}"


def _events_table(events: Sequence[dict[str, Any]]) -> str:
    if not events:
        return ""
    rows = "".join(
        f"<tr><td class=name>{escape(each['file'])}</td><td>{escape(str(each.get('rule', '')))}</td>"
        f"<td class=number>{each['began_pts']:.1f} s</td><td class=number>{each['ended_pts']:.1f} s</td>"
        f"<td>{escape(str(each.get('severity', '')))}</td></tr>"
        for each in events
    )
    return f"<h2>Events</h2>{_table(['File', 'Rule', 'Began', 'Ended', 'Severity'], rows)}"


def _files(records: Sequence[FileRecord]) -> str:
    rows = "".join(map(_file, records))
    head = ["File", "State", "Length", "Frames", "Requests", "Credits", "Work", "Poses over time"]
    return f"<h2>All files</h2>{_table(head, rows)}"


def _file(record: FileRecord) -> str:
    notes = [
        f"same as {record.same_as}" if record.same_as else cause_of(record) if record.fault else "",
        damage_of(record),
    ]
    shown = "".join(f"<div class=small>{escape(note)}</div>" for note in notes if note)
    figures = [
        clock_text(record.duration) if isfinite(record.duration) else "",
        f"{record.frames:,}" if record.frames else "",
        f"{record.requests:,}" if record.requests else "",
        f"{record.credits:.4g}" if record.credits else "",
        f"{record.seconds:.1f} s" if record.seconds else "",
    ]
    numbers = "".join(f"<td class=number>{figure}</td>" for figure in figures)
    return (
        f"<tr><td class=name>{escape(record.name)}{shown}</td><td class={record.state}>{record.state}</td>{numbers}"
        f"<td>{_curve(record.curve)}</td></tr>"
    )


def _curve(values: Sequence[float]) -> str:
    """Poses in a frame over the time of a video, with the most there were."""
    if not values:
        return ""
    most = max([*values, 1.0])
    step = _WIDTH / max(len(values), 1)
    points = " ".join(
        f"L{i * step:.1f} {_y(value, most)} {(i + 1) * step:.1f} {_y(value, most)}" for i, value in enumerate(values)
    )
    return (
        f"<svg width={_WIDTH + 40} height={_HEIGHT}><title>at most {max(values):g} poses in a frame</title>"
        f"<path class=curve d='M0 {_HEIGHT} {points} L{_WIDTH} {_HEIGHT}Z'/>"
        f"<text x={_WIDTH + 6} y=15 font-size=11 fill=currentColor>{max(values):.1f}</text></svg>"
    )


def _y(value: float, most: float) -> str:
    return f"{_HEIGHT - 1 - value / most * (_HEIGHT - 3):.1f}"


def _table(head: Iterable[str], rows: str) -> str:
    cells = "".join(f"<th>{name}</th>" for name in head)
    return f"<div class=wide><table><tr>{cells}</tr>{rows}</table></div>"


def _events(place: ArchivePlace, records: Iterable[FileRecord]) -> Iterable[dict[str, Any]]:
    """The events of all files as they ended."""
    for record in records:
        if not record.events or record.same_as:
            continue
        for line in place.outputs.read(record.name, "events").splitlines():
            event = json.loads(line)
            if event.get("state") == "ended":
                yield {"file": record.name, **event}


def _write(path: Path, text: str) -> None:
    part = path.with_name(f".{path.name}.part")
    output = OutputFile(part, shown_as=path)
    output.write(text.encode("utf-8", "replace"))
    output.close()
    part.replace(path)
