"""A file of zones, lines and rules."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Self

from kpstream.events import RuleSet, read_tables
from kpstream.site_file.delivery import DeliveryPlan, read_delivery
from kpstream.site_file.functions import function_named
from kpstream.site_file.sections import faulty, read_document

_TABLES = {"zone", "line", "rule", "events", "mqtt", "webhook", "notify", "run"}


@dataclass(frozen=True, slots=True)
class Rules(RuleSet):
    """The rules of one camera, from a file or made by hand."""

    @classmethod
    def load(cls, path: str | Path) -> Self:
        """Read a rules file.

        Functions that it names are looked for beside it, too.

        Raises:
            UsageError: The file is faulty; the text has a line for each fault.
        """
        rules = RulesFile.load(Path(path)).rules
        return cls(rules.rules, rules.zones, rules.lines)


@dataclass(frozen=True, slots=True)
class RulesFile:
    """All that a file of rules says."""

    rules: RuleSet
    delivery: DeliveryPlan
    """Where events are kept and delivered to."""

    @classmethod
    def load(cls, path: Path) -> Self:
        """Read a file of rules.

        Raises:
            UsageError: The file is faulty; the text has a line for each fault.
        """
        document, folder = read_document(path), path.absolute().parent
        faults = sorted(f"there is no [{name}] in a file of rules" for name in document.keys() - _TABLES)
        rules, found = read_tables(document, lambda name: function_named(name, folder))
        delivery, wrong = read_delivery(document, folder)
        faults += [*found, *wrong]
        if not rules.rules and not faults:
            faults.append("there is no rule in it: write a [[rule]]")
        if faults:
            raise faulty(path, faults)
        return cls(rules, delivery)
