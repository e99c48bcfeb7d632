"""``--rules`` and ``--events``: what happens, told while pictures are worked on."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING

from kpstream.cli.terminal import say
from kpstream.errors import UsageError
from kpstream.options import RulesOptions

if TYPE_CHECKING:
    from kpstream.events import Listener, RuleWatch

Watching = Callable[[str, float], "RuleWatch | None"]
"""Makes what watches the pictures of a camera or video of this name, above this keypoint confidence."""


@contextmanager
def watching(options: RulesOptions) -> Iterator[Watching]:
    """Read the rules and open the file of events; what is made watches until the end of the block.

    Raises:
        UsageError: The rules are faulty, or there are none for the events.
        SinkError: The events cannot be written.
    """
    from kpstream.events import RuleWatch
    from kpstream.sinks.events import EventLines
    from kpstream.sinks.output import check_writable
    from kpstream.site_file.rules import Rules

    if options.rules is None:
        if options.events is not None:
            raise UsageError("are what rules say: add `rules` RULES.toml", option="events")
        yield lambda _name, _confidence: None
        return
    rules = Rules.load(options.rules)
    with ExitStack() as stack:
        listeners: list[Listener] = []
        if options.events is not None:
            check_writable(options.events)
            lines = EventLines(options.events)
            lines.open()
            stack.callback(lines.close)
            listeners.append(lines.tell)

        def watch(name: str, keypoint_confidence: float) -> RuleWatch:
            return RuleWatch(
                rules,
                camera=name,
                listeners=listeners,
                on_fault=lambda fault: say(f"warning: {fault}"),
                keypoint_confidence=keypoint_confidence,
            )

        yield watch
