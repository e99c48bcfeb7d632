"""``kpstream events``: what happened, and what rules would say of poses that were recorded."""

from __future__ import annotations

import time
from math import inf
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from kpstream.cli.app import app, examples
from kpstream.cli.rules import load_rules
from kpstream.cli.terminal import say
from kpstream.entities import Severity
from kpstream.errors import UsageError
from kpstream.options.units import clock_text, count_text

if TYPE_CHECKING:
    from kpstream.delivery import EventQuery
    from kpstream.events import Event

events = typer.Typer(no_args_is_help=True, help="Zones, lines and rules: what they say has happened.")
app.add_typer(events, name="events")


@events.command(
    epilog=examples(
        "kpstream annotate clip.mp4 --rate 5 --jsonl poses.jsonl",
        "kpstream events check rules.toml poses.jsonl --html report.html",
    )
)
def check(
    rules: Annotated[
        Path, typer.Argument(metavar="RULES.toml", help="Zones, lines and rules; samples/events.toml explains them.")
    ],
    poses: Annotated[
        Path, typer.Argument(metavar="POSES.jsonl", help="JSON lines of 'live' or 'annotate'; - is stdin.")
    ],
    *,
    jsonl: Annotated[
        Path | None, typer.Option(metavar="OUT.jsonl", help="Write the events, a line each; - is stdout.")
    ] = None,
    html: Annotated[
        Path | None, typer.Option(metavar="REPORT.html", help="Write a page that shows what each rule saw, and when.")
    ] = None,
) -> None:
    """Try rules on recorded poses: no video, no request.

    Without --jsonl a table of the events goes to stdout.
    """
    from kpstream.recorded.rule_check import check_rules
    from kpstream.recorded.rule_report import write_report
    from kpstream.sinks.events import EventLines
    from kpstream.sinks.output import STDOUT, OutputFile, check_apart, check_writable

    loaded = load_rules(rules).rules
    files = [path for path in (jsonl, html) if path is not None and str(path) != STDOUT]
    check_apart([rules, poses], files)
    for path in files:
        check_writable(path)
    found = check_rules(loaded, poses)
    if jsonl is None:
        output = OutputFile(STDOUT)
        output.write(table(found.events).encode())
    else:
        lines = EventLines(jsonl)
        lines.open()
        for event in found.changes:
            lines.tell(event, None)
        lines.close()
    if html is not None:
        write_report(html, loaded, found, title=poses.name)
    seconds = found.ended_pts - found.began_pts
    say(
        f"{count_text(len(found.events), 'event')} in {seconds:.1f} s of video, "
        f"by {count_text(len(loaded.rules), 'rule')}"
    )


_Folder = Annotated[Path, typer.Argument(metavar="FOLDER", help="The event store: what --event-store named.")]
_Since = Annotated[
    str | None, typer.Option(metavar="TIME", help="Only what began then or later: 2026-11-28T06:00, or 24h ago.")
]
_Until = Annotated[str | None, typer.Option(metavar="TIME", help="Only what began before.")]
_Camera = Annotated[str | None, typer.Option(metavar="NAME", help="Only of this camera.")]
_Rule = Annotated[str | None, typer.Option(metavar="NAME", help="Only of this rule.")]
_Severity = Annotated[Severity | None, typer.Option(help="Only so severe ones.")]
Format = Literal["table", "jsonl", "csv"]


@events.command(
    "list",
    epilog=examples('kpstream events list events/ --since "24h ago" --severity alert'),
)
def list_(
    folder: _Folder,
    *,
    since: _Since = None,
    until: _Until = None,
    camera: _Camera = None,
    rule: _Rule = None,
    severity: _Severity = None,
    form: Annotated[Format, typer.Option("--format", help="How they are shown.")] = "table",
) -> None:
    """Show what happened, from an event store; the oldest first."""
    from kpstream.sinks.output import STDOUT

    _write(Path(STDOUT), form, folder, _query(since, until, camera, rule, severity))


@events.command(epilog=examples("kpstream events export events/ -o events.csv --camera hall"))
def export(
    folder: _Folder,
    *,
    output: Annotated[Path | None, typer.Option("-o", "--output", metavar="OUT", help="The file; - is stdout.")] = None,
    since: _Since = None,
    until: _Until = None,
    camera: _Camera = None,
    rule: _Rule = None,
    severity: _Severity = None,
    form: Annotated[
        Format | None,
        typer.Option("--format", help="How they are written.", show_default="by OUT's ending, else jsonl"),
    ] = None,
) -> None:
    """Write what happened, from an event store, to a file."""
    from kpstream.sinks.output import STDOUT, check_writable

    if output is not None:
        check_writable(output)
    of_ending: Format = "csv" if output is not None and output.suffix.lower() == ".csv" else "jsonl"
    count = _write(output or Path(STDOUT), form or of_ending, folder, _query(since, until, camera, rule, severity))
    say(count_text(count, "event"))


def _query(
    since: str | None, until: str | None, camera: str | None, rule: str | None, severity: str | None
) -> EventQuery:
    from kpstream.delivery import EventQuery
    from kpstream.delivery.listing import parse_moment

    bounds = {"since": -inf, "until": inf}
    for name, text in (("since", since), ("until", until)):
        if text is not None:
            try:
                bounds[name] = parse_moment(text, time.time())
            except ValueError as error:
                raise UsageError(str(error), option=name) from None
    return EventQuery(bounds["since"], bounds["until"], camera, rule, severity)


def _write(path: Path, form: Format, folder: Path, query: EventQuery) -> int:
    from kpstream.delivery import read_from
    from kpstream.delivery.listing import csv_lines, json_lines, table_lines
    from kpstream.sinks.output import OutputFile

    found = read_from(folder, lambda database: database.events(query))
    output = OutputFile(path)
    output.write(b"")
    lines = {"table": table_lines, "jsonl": json_lines, "csv": csv_lines}[form]
    for line in lines(found):
        output.write(line.encode())
    output.close()
    return len(found)


def table(rows: list[Event]) -> str:
    """Events as a table of text, a line each."""
    header = ("began", "opened", "ended", "rule", "kind", "who", "value")
    cells = [header, *(_cells(event) for event in rows)]
    widths = [max(len(row[column]) for row in cells) for column in range(len(header))]
    lines = ("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in cells)
    return "".join(f"{line}\n" for line in lines)


def _cells(event: Event) -> tuple[str, ...]:
    began, opened = clock_text(event.began_pts, 1), clock_text(event.opened_pts, 1)
    ended = "" if event.ended_pts is None else clock_text(event.ended_pts, 1) + (" (cut)" if event.cut else "")
    who = " ".join(f"#{number}" for number in event.tracker_ids) or "all"
    value = "" if event.value is None else f"{event.value:.3g}"
    return (began, opened, ended, event.rule, event.kind, who, value)
