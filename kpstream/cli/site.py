"""``kpstream run``: several cameras for days, from a file."""

from __future__ import annotations

import signal
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from kpstream.cli.app import INTERRUPTED, app, examples
from kpstream.cli.page import own_token, renew_certificate, served_once_possible
from kpstream.cli.rules import events_kept
from kpstream.cli.signals import hangups_call, signals_handled
from kpstream.cli.terminal import say, summary

if TYPE_CHECKING:
    from kpstream.events import Line, Zone


@app.command(
    epilog=examples(
        "kpstream run site.toml   # until it is told to end",
        "kill -HUP PID   # reads the file again; cameras that stay go on",
    )
)
def run(
    file: Annotated[
        Path, typer.Argument(metavar="SITE.toml", help="Describes the cameras; samples/site.toml explains every key.")
    ],
) -> None:
    """Run several cameras for days, as a file describes them: SIGHUP reads it again, SIGTERM ends it whole."""
    from kpstream.camera.site import Site
    from kpstream.camera.spec import SiteSpec
    from kpstream.models.runtime import usable_cores
    from kpstream.site_file import load
    from kpstream.site_file.shapes import write_shapes

    plan = load(file)
    page = None if plan.web is None else plan.web.make_page(own_token())

    def read_again() -> SiteSpec:
        if page is not None:
            renew_certificate(page)
        new = load(file)
        if new.web != plan.web:
            say("what [web] says holds from the next start")
        if new.delivery != plan.delivery:
            say("where events are kept and delivered to is followed from the next start")
        return new.site

    with events_kept(plan.delivery) as events:
        site = Site(
            plan.site,
            reread=read_again,
            page=page,
            on_end=lambda camera, stats: say(f"{camera.name}: {summary(stats)}"),
            events=events,
            starts_at_once=usable_cores(),
        )

        def edit(zones: tuple[Zone, ...], lines: tuple[Line, ...]) -> None:
            write_shapes(file, zones, lines)
            site.reload()

        may_edit = plan.web is not None and plan.web.edit_zones
        shown = served_once_possible(page, events, edit if may_edit else None)
        with signals_handled() as signals, hangups_call(site.reload), shown:
            signals.stop = site.stop
            site.run()
    if signal.SIGINT in signals.caught:
        raise typer.Exit(INTERRUPTED)
