"""``--rules``, ``--events`` and ``--event-store``: what happens, told and kept while pictures are worked on."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from kpstream.errors import UsageError
from kpstream.options import RulesOptions

if TYPE_CHECKING:
    from kpstream.camera.events import CameraEvents
    from kpstream.camera.spec import Watch
    from kpstream.entities import Annotator
    from kpstream.events import Listener
    from kpstream.site_file.delivery import DeliveryPlan

Watching = Callable[[str, float, "Annotator"], "Watch | None"]
"""Makes what watches the pictures of a camera or video of this name, above this keypoint confidence, drawn so."""


@contextmanager
def watching(options: RulesOptions) -> Iterator[Watching]:
    """Read the rules and open what events go to; what is made watches until the end of the block.

    Raises:
        UsageError: The rules are faulty, or there are none for the events.
        SinkError: The events cannot be written.
    """
    if options.rules is None:
        for name in ("events", "event_store"):
            if getattr(options, name) is not None:
                raise UsageError("are what rules say: add `rules` RULES.toml", option=name)
        yield lambda _name, _confidence, _annotator: None
        return
    from kpstream.site_file.rules import RulesFile

    file = RulesFile.load(options.rules)
    with ExitStack() as stack:
        listeners = [] if options.events is None else [_lines(options.events, stack)]
        kept = stack.enter_context(events_kept(file.delivery, options.event_store, listeners))
        yield lambda name, confidence, annotator: kept.watch(file.rules, name, confidence, annotator)


@contextmanager
def events_kept(
    plan: DeliveryPlan, folder: Path | None = None, listeners: Sequence[Listener] = ()
) -> Iterator[CameraEvents]:
    """Open the store of the events, where there is one, and deliver from it until the end of the block.

    Args:
        plan: What a file says of it.
        folder: Where the store is, if not where the plan says.
        listeners: Told of every event, too.

    Raises:
        UsageError: Something is to be delivered, and there is no store.
        SinkError: The store cannot be written.
    """
    from kpstream.camera.events import CameraEvents

    folder = plan.folder(folder)
    destinations = [] if folder is None else plan.destinations(folder)
    events = CameraEvents(plan.events, folder, destinations, listeners)
    try:
        events.open()
        yield events
    finally:
        events.close()


def _lines(path: Path, stack: ExitStack) -> Listener:
    """A file of events, closed with the stack."""
    from kpstream.sinks.events import EventLines
    from kpstream.sinks.output import check_writable

    check_writable(path)
    lines = EventLines(path)
    lines.open()
    stack.callback(lines.close)
    return lines.tell
