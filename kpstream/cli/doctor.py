"""``kpstream doctor``: what works on this machine."""

from __future__ import annotations

from typing import Annotated

import typer

from kpstream.cli.app import app, examples
from kpstream.cli.options import check_named, takes
from kpstream.cli.terminal import show_finding
from kpstream.options import ModelOptions


@app.command(
    epilog=examples(
        "kpstream doctor   # what is installed, and what it can do",
        "kpstream doctor rtsp://camera/stream   # whether this camera plays, too",
    )
)
@takes(model=ModelOptions)
def doctor(
    source: Annotated[str | None, typer.Argument(metavar="[SOURCE]", help="A camera, stream or file to try.")] = None,
    *,
    model: ModelOptions,
) -> None:
    """Say what works on this machine and what does not, with the remedy. Nothing is sent to a model."""
    from kpstream.cli.checks import examine

    check_named([] if source is None else [source])
    exit_code = 0
    for finding in examine(source, model):
        show_finding(finding.what, finding.works, finding.detail)
        if finding.works is False:
            exit_code = exit_code or finding.exit_code
    raise typer.Exit(exit_code)
