"""``--rules``, ``--events`` and ``--event-store``: what happens, told and kept while pictures are worked on."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING

from kpstream.cli.terminal import say
from kpstream.errors import UsageError
from kpstream.options import RulesOptions

if TYPE_CHECKING:
    from kpstream.delivery import Deliveries
    from kpstream.entities import Draws
    from kpstream.events import Listener
    from kpstream.interfaces import SceneRules
    from kpstream.site_file.delivery import DeliveryPlan
    from kpstream.site_file.rules import RulesFile

Watching = Callable[[str, float, "Draws"], "SceneRules | None"]
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
        listeners: list[Listener] = []
        if options.events is not None:
            listeners.append(_lines(options, stack))
        deliveries = _deliveries(options, file.delivery, stack)

        def watch(name: str, keypoint_confidence: float, annotator: Draws) -> SceneRules:
            return _watch(file, deliveries, listeners, (name, keypoint_confidence, annotator))

        yield watch


def _lines(options: RulesOptions, stack: ExitStack) -> Listener:
    """A file of events, closed with the stack."""
    from kpstream.sinks.events import EventLines
    from kpstream.sinks.output import check_writable

    assert options.events is not None
    check_writable(options.events)
    lines = EventLines(options.events)
    lines.open()
    stack.callback(lines.close)
    return lines.tell


def _deliveries(options: RulesOptions, plan: DeliveryPlan, stack: ExitStack) -> Deliveries | None:
    """What delivers from the event store that the command line or the file names; both closed with the stack.

    None where neither names one.
    """
    from kpstream.delivery import Deliveries, EventStore

    folder = plan.folder(options.event_store)
    if folder is None:
        return None
    destinations = plan.destinations(folder)
    store = EventStore(
        folder,
        keep=plan.events.keep,
        keep_size=plan.events.keep_size,
        destinations={each.name: each.wants for each in destinations},
    )
    store.open()
    stack.callback(store.close)
    deliveries = Deliveries(store, destinations)
    deliveries.start()
    stack.callback(deliveries.close)
    return deliveries


def _watch(
    file: RulesFile, deliveries: Deliveries | None, listeners: list[Listener], of: tuple[str, float, Draws]
) -> SceneRules:
    from kpstream.events import RuleWatch

    name, keypoint_confidence, annotator = of
    recorder = None
    if deliveries is not None:
        recorder = deliveries.recorder(file.rules, camera=name, annotator=annotator, listeners=listeners)
    watch = RuleWatch(
        file.rules,
        camera=name,
        listeners=listeners if recorder is None else [recorder.tell],
        on_fault=lambda fault: say(f"warning: {fault}"),
        timezone=file.delivery.events.timezone,
        keypoint_confidence=keypoint_confidence,
    )
    if recorder is None:
        return watch
    recorder.control(watch.armed)
    return recorder.counted(watch)
