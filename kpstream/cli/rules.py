"""``--rules``, ``--events`` and ``--event-store``: what happens, told and kept while pictures are worked on."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from kpstream.cli.terminal import say
from kpstream.errors import UsageError
from kpstream.options import RulesOptions

if TYPE_CHECKING:
    from kpstream.camera.spec import Watch
    from kpstream.delivery import Deliveries
    from kpstream.entities import Draws
    from kpstream.events import Listener, RuleSet
    from kpstream.site_file.delivery import DeliveryPlan

Watching = Callable[[str, float, "Draws"], "Watch | None"]
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
        outcome = stack.enter_context(events_kept(file.delivery, options.event_store, listeners))
        yield lambda name, confidence, annotator: outcome(file.rules, name, confidence, annotator)


@contextmanager
def events_kept(
    plan: DeliveryPlan, folder: Path | None = None, listeners: Sequence[Listener] = ()
) -> Iterator[Callable[[RuleSet, str, float, Draws], Watch]]:
    """Open the store of the events, where there is one, and deliver from it until the end of the block.

    Args:
        plan: What a file says of it.
        folder: Where the store is, if not where the plan says.
        listeners: Told of every event, too.

    Yields:
        A function that makes what watches a camera. Its arguments are the camera's rules, its name, the least
        confidence of a keypoint, and what draws its snapshots.

    Raises:
        UsageError: Something is to be delivered, and there is no store.
        SinkError: The store cannot be written.
    """
    with ExitStack() as stack:
        deliveries = _deliveries(plan, folder, stack)

        def watch(rules: RuleSet, name: str, keypoint_confidence: float, annotator: Draws) -> Watch:
            return _watch(plan, deliveries, listeners, rules, (name, keypoint_confidence, annotator))

        yield watch


def _lines(path: Path, stack: ExitStack) -> Listener:
    """A file of events, closed with the stack."""
    from kpstream.sinks.events import EventLines
    from kpstream.sinks.output import check_writable

    check_writable(path)
    lines = EventLines(path)
    lines.open()
    stack.callback(lines.close)
    return lines.tell


def _deliveries(plan: DeliveryPlan, named: Path | None, stack: ExitStack) -> Deliveries | None:
    """What delivers from the event store that the command line or the file names; both closed with the stack.

    None where neither names one.
    """
    from kpstream.delivery import Deliveries, EventStore

    folder = plan.folder(named)
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
    plan: DeliveryPlan,
    deliveries: Deliveries | None,
    listeners: Sequence[Listener],
    rules: RuleSet,
    of: tuple[str, float, Draws],
) -> Watch:
    from kpstream.camera.spec import Watch
    from kpstream.events import RuleWatch
    from kpstream.sinks.clips import ClipLimits

    name, keypoint_confidence, annotator = of
    recorder = None
    if deliveries is not None:
        limits = ClipLimits(plan.events.pre_roll, plan.events.post_roll, plan.events.max_clip)
        recorder = deliveries.recorder(rules, camera=name, annotator=annotator, listeners=listeners, limits=limits)
    watch = RuleWatch(
        rules,
        camera=name,
        listeners=listeners if recorder is None else [recorder.tell],
        on_fault=lambda fault: say(f"warning: {fault}"),
        timezone=plan.events.timezone,
        keypoint_confidence=keypoint_confidence,
    )
    if recorder is None:
        return Watch(watch)
    recorder.control(watch.armed)
    return Watch(recorder.followed(watch), recorder.make_clips)
