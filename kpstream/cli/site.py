"""``kpstream run``: several cameras for days, from a file."""

from __future__ import annotations

import signal
from pathlib import Path
from typing import Annotated

import typer

from kpstream.cli.app import INTERRUPTED, app
from kpstream.cli.page import served
from kpstream.signals import hangups_call, signals_handled


@app.command()
def run(file: Annotated[Path, typer.Argument(metavar="SITE.toml", help="Describes the cameras.")]) -> None:
    """Run several cameras for days, as a file describes them: SIGHUP reads it again, SIGTERM ends it whole."""
    from kpstream.config import Camera, load
    from kpstream.site import Site
    from kpstream.site.feeds import Feeds

    plan = load(file)
    plan.spare_cores()
    page = None if plan.web is None else plan.web.make_page()
    feeds = Feeds(page, Camera.make_controls)
    site = Site(
        plan,
        reread=lambda: feeds.follow(load(file)),
        make_sinks=lambda camera: [*camera.make_recording(feeds.controls_of(camera)), *feeds.make_sinks(camera)],
        controls_of=feeds.controls_of,
    )
    with signals_handled() as signals, hangups_call(site.reload), served(page):
        signals.stop = site.stop
        site.run()
    if signal.SIGINT in signals.caught:
        raise typer.Exit(INTERRUPTED)
