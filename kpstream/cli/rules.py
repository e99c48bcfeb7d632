"""``--rules``, ``--events`` and ``--event-store``: what happens, told and kept while pictures are worked on."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING

from kpstream.cli.terminal import say
from kpstream.errors import UsageError
from kpstream.options import EventsOptions, RulesOptions

if TYPE_CHECKING:
    from kpstream.delivery import EventStore
    from kpstream.entities import Draws
    from kpstream.events import Listener, RuleSet, RuleWatch

Watching = Callable[[str, float, "Draws"], "RuleWatch | None"]
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
        store = _store(options, file.events, stack)

        def watch(name: str, keypoint_confidence: float, annotator: Draws) -> RuleWatch:
            return _watch(file.rules, file.events, store, listeners, (name, keypoint_confidence, annotator))

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


def _store(options: RulesOptions, written: EventsOptions, stack: ExitStack) -> EventStore | None:
    """The event store that the command line or the file names, closed with the stack; None where none does."""
    from kpstream.delivery import EventStore

    folder = options.event_store or written.folder
    if folder is None:
        return None
    store = EventStore(folder, keep=written.keep, keep_size=written.keep_size)
    store.open()
    stack.callback(store.close)
    return store


def _watch(
    rules: RuleSet,
    written: EventsOptions,
    store: EventStore | None,
    listeners: list[Listener],
    of: tuple[str, float, Draws],
) -> RuleWatch:
    from kpstream.delivery import EventRecorder
    from kpstream.events import RuleWatch

    name, keypoint_confidence, annotator = of
    recorder = None
    if store is not None:
        recorder = EventRecorder(store, rules, camera=name, annotator=annotator, listeners=listeners)
    watch = RuleWatch(
        rules,
        camera=name,
        listeners=listeners if recorder is None else [recorder.tell],
        on_fault=lambda fault: say(f"warning: {fault}"),
        timezone=written.timezone,
        keypoint_confidence=keypoint_confidence,
    )
    if recorder is not None:
        recorder.control(watch.armed)
    return watch
