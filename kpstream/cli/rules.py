"""``--rules``, ``--events`` and ``--event-store``: what happens, told and kept while pictures are worked on."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from kpstream.cli.terminal import say
from kpstream.errors import UsageError
from kpstream.options import RulesOptions

if TYPE_CHECKING:
    from kpstream.camera.events import CameraEvents
    from kpstream.camera.spec import RuleRun
    from kpstream.entities import Annotator
    from kpstream.events import Listener, RuleSet
    from kpstream.site_file.delivery import DeliveryPlan
    from kpstream.site_file.rules import RulesFile


@dataclass(frozen=True, slots=True)
class CommandRules:
    """Rules that a command was given, if any, and what becomes of what they say."""

    rules: RuleSet | None = None
    events: CameraEvents | None = None

    def make_run(self, name: str, keypoint_confidence: float, annotator: Annotator) -> RuleRun | None:
        """Make what shows the pictures of a camera or video to the rules; None without rules.

        Args:
            name: Its name in the events.
            keypoint_confidence: Keypoints below it are not known.
            annotator: Draws its snapshots.
        """
        if self.rules is None or self.events is None:
            return None
        return self.events.make_rule_run(self.rules, name, keypoint_confidence, annotator)


def load_rules(path: Path) -> RulesFile:
    """Read a file of rules outside a site; says where it names cameras, which only a site has.

    Raises:
        UsageError: The file is faulty; the text has a line for each fault.
    """
    from kpstream.site_file.rules import RulesFile

    file = RulesFile.load(path)
    rules = file.rules
    named = [f"zone {zone.name}" for zone in rules.zones.values() if zone.cameras]
    named += [f"line {line.name}" for line in rules.lines.values() if line.cameras]
    named += [f"rule {rule.name}" for rule in rules.rules if rule.cameras]
    if named:
        say(f"warning: {path}: only a site has cameras; its key cameras is ignored ({', '.join(named)})")
    return file


def files_of(options: RulesOptions) -> tuple[list[Path], list[Path]]:
    """The files that options name about rules: those that are read, and those that are written, without stdout."""
    from kpstream.sinks.output import STDOUT

    read = [] if options.rules is None else [options.rules]
    return read, [] if options.events is None or str(options.events) == STDOUT else [options.events]


def are_events_written(options: RulesOptions) -> bool:
    """Whether what happens is written anywhere, as the command line or the file of rules says.

    Raises:
        UsageError: The rules are faulty.
    """
    if options.events is not None or options.event_store is not None:
        return True
    if options.rules is None:
        return False
    from kpstream.site_file.rules import RulesFile

    return RulesFile.load(options.rules).delivery.events.folder is not None


@contextmanager
def opened_rules(options: RulesOptions) -> Iterator[CommandRules]:
    """Read the rules, and open what events go to until the end of the block.

    Raises:
        UsageError: The rules are faulty, or there are none for the events.
        SinkError: The events cannot be written.
    """
    if options.rules is None:
        for name in ("events", "event_store"):
            if getattr(options, name) is not None:
                raise UsageError("is about what rules say: add `rules` RULES.toml", option=name)
        yield CommandRules()
        return
    file = load_rules(options.rules)
    with ExitStack() as stack:
        listeners = [] if options.events is None else [_lines(options.events, stack)]
        kept = stack.enter_context(events_kept(file.delivery, options.event_store, listeners))
        yield CommandRules(file.rules, kept)


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
