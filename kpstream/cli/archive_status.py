"""``kpstream archive status``: how an archive is doing, also while it runs."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer

from kpstream.cli.app import app, examples
from kpstream.cli.archive_terminal import status_lines


@app.command(
    "archive status",
    epilog=examples(
        "kpstream archive status out/",
        "kpstream archive status out/ --failed   # what failed, and what helps",
    ),
)
def archive_status(
    folder: Annotated[Path, typer.Argument(metavar="FOLDER", help="The folder of the outputs, or of the ledger.")],
    *,
    as_json: Annotated[bool, typer.Option("--json", help="As JSON, with all files.")] = False,
    failed: Annotated[bool, typer.Option("--failed", help="Only what failed, and what helps.")] = False,
) -> None:
    """Tell how an archive is doing, from its ledgers: also while it runs, and all shards together."""
    from kpstream.options import on_command_line
    from kpstream.recorded.archive.ledger import read_ledger
    from kpstream.recorded.archive.place import ledgers_in
    from kpstream.recorded.archive.summary import document

    found = document({path.name: read_ledger(path) for path in ledgers_in(folder)}, failed_only=failed)
    if as_json:
        typer.echo(json.dumps(found, ensure_ascii=False, indent=1))
        return
    for line in status_lines(found, datetime.now(UTC), failed_only=failed):
        typer.echo(on_command_line(line))
