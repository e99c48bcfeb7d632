"""``kpstream events``: what happened, and what rules would say of poses that were recorded."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from kpstream.cli.app import app
from kpstream.cli.terminal import say

if TYPE_CHECKING:
    from kpstream.events import Event

events = typer.Typer(no_args_is_help=True, help="Zones, lines and rules: what they say has happened.")
app.add_typer(events, name="events")


@events.command()
def check(
    rules: Annotated[Path, typer.Argument(metavar="RULES.toml", help="Zones, lines and rules.")],
    poses: Annotated[Path, typer.Argument(metavar="POSES.jsonl", help="JSON lines of 'live' or 'annotate'.")],
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
    from kpstream.sinks.output import STDOUT, OutputFile, check_writable
    from kpstream.site_file.rules import Rules

    loaded = Rules.load(rules)
    for path in (jsonl, html):
        if path is not None:
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
    say(f"{len(found.events)} events in {seconds:.1f} s of video, by {len(loaded.rules)} rules")


def table(rows: list[Event]) -> str:
    """Events as a table of text, a line each."""
    header = ("began", "opened", "ended", "rule", "kind", "who", "value")
    cells = [header, *(_cells(event) for event in rows)]
    widths = [max(len(row[column]) for row in cells) for column in range(len(header))]
    lines = ("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in cells)
    return "".join(f"{line}\n" for line in lines)


def _cells(event: Event) -> tuple[str, ...]:
    ended = "" if event.ended_pts is None else clock(event.ended_pts) + (" (cut)" if event.cut else "")
    who = " ".join(f"#{number}" for number in event.tracker_ids) or "all"
    value = "" if event.value is None else f"{event.value:.3g}"
    return (clock(event.began_pts), clock(event.opened_pts), ended, event.rule, event.kind, who, value)


def clock(pts: float) -> str:
    """Seconds of video as people read them: h:mm:ss.s."""
    tenths = round(pts * 10)
    minutes, rest = divmod(tenths, 600)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest // 10:02}.{rest % 10}"
