"""The page in a browser: how options make it, and what the terminal says of it."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from kpstream.cli.terminal import say, show_link, stderr
from kpstream.errors import UsageError
from kpstream.options import TOKEN_VARIABLE, PageOptions, in_file, parse_listen

if TYPE_CHECKING:
    from kpstream.camera.events import CameraEvents
    from kpstream.web import BrowserCamera, Page, PageRules
    from kpstream.web.camera_rules import Edit


def page_of(
    options: PageOptions, recordings: Path, name_prefix: str, browser_camera: BrowserCamera | None
) -> Page | None:
    """The page, not served yet; None where none is wanted.

    Args:
        options: Where it is served, and how.
        recordings: The folder that it lists, and where snapshots go.
        name_prefix: What the names of what it lists begin with; empty lists all.
        browser_camera: What a device's own camera goes to; None offers nothing of the kind.

    Raises:
        UsageError: The address, the certificate or the token cannot be used.
    """
    options.check()
    if options.web is None:
        return None
    from kpstream.web import Certificate, Page

    try:
        host, port = parse_listen(options.web)
    except ValueError:
        host, port = "", 0
    if not host:
        text = "give a port or an address and a port, as in 8080 or 0.0.0.0:8080"
        raise UsageError(f"{options.web}: {text}", option="web")
    return Page(
        host=host,
        port=port,
        token=own_token(),
        tls=Certificate(options.tls_cert, options.tls_key) if options.tls or options.tls_cert else None,
        names=options.web_name,
        embed=options.web_embed,
        proxies=options.web_proxy,
        recordings=recordings,
        name_prefix=name_prefix,
        browser_camera=browser_camera,
    )


def own_token() -> str | None:
    """The page's token from the environment; None where there is none."""
    return os.environ.get(TOKEN_VARIABLE) or None


@contextmanager
def served(page: Page | None, events: CameraEvents | None, camera: str) -> Iterator[None]:
    """Serve the page for as long as the block runs, and show the way there; nothing where there is none.

    Args:
        page: Not served yet.
        events: What it also shows, with the rules of the one camera; None without rules.
        camera: What the one camera is called in events.

    Raises:
        UsageError: It cannot be served there.
    """
    if page is None:
        yield
        return
    page.show_rules(_rules_of(events, camera))
    if events is not None:
        _show_events(page, events)
    try:
        page.start()
        _show_way(page)
        yield
    finally:
        page.close()


def _rules_of(events: CameraEvents | None, camera: str) -> PageRules:
    """The rules of a live view; before there are any, zones and lines are drawn on its page, for their file."""
    from kpstream.camera.events import CameraArming
    from kpstream.events import RuleSet
    from kpstream.web import PageRules

    if events is None:
        bare = CameraArming(camera, RuleSet(), None)
        return PageRules(lambda _: bare)
    return PageRules(lambda _: events.cameras.get(camera), events.options.timezone)


@contextmanager
def served_once_possible(page: Page | None, events: CameraEvents, edit: Edit | None) -> Iterator[None]:
    """Serve the page while the block runs, as soon as it can be served; what keeps it from that is told.

    Args:
        page: Not served yet.
        events: What it also shows, with the rules of all cameras.
        edit: Writes zones and lines that somebody draws on it; None where it may not.
    """
    if page is None:
        yield
        return
    from kpstream.web import PageRules, PageStarter

    page.show_rules(PageRules(events.cameras.get, events.options.timezone, edit))
    _show_events(page, events)
    starter = PageStarter(page, lambda: _show_way(page))
    try:
        starter.start()
        yield
    finally:
        starter.close()


def _show_events(page: Page, events: CameraEvents) -> None:
    if events.deliveries is not None:
        page.show_events(events.deliveries)


def _show_way(page: Page) -> None:
    say(f"the page is at {page.url}")
    if page.has_made_token or (stderr.is_terminal and not page.is_local):  # a token of one's own stays out of logs
        show_link(page.link, page.qr_code())


def renew_certificate(page: Page) -> None:
    """Read the page's certificate again, where it has one of the user's; one that cannot be used is told."""
    try:
        page.renew_certificate()
    except UsageError as error:
        say(f"warning: {in_file(str(error))} - the page keeps the certificate that it has")
