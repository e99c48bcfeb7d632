"""All that one run of the bench has measured."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field
from pathlib import Path

from bench_parts.adaptive import Adaptive
from bench_parts.cost import Cost
from bench_parts.journal import Journal
from bench_parts.live import Row as LiveRow
from bench_parts.recorded import Possible
from bench_parts.recorded import Row as FileRow
from bench_parts.rules import RulesCost
from bench_parts.store import StoreTimes


@dataclass
class Results:
    """What each part gave; empty where it was not run."""

    machine: str = ""
    live: list[LiveRow] = field(default_factory=list)
    file: list[FileRow] = field(default_factory=list)
    possible: list[Possible] = field(default_factory=list)
    cost: list[Cost] = field(default_factory=list)
    ablation: dict[str, dict[str, float]] = field(default_factory=dict)
    """By clip: the overlay's error in shares of the held answer's, with parts of the tracker taken out."""
    journal: list[Journal] = field(default_factory=list)
    adaptive: list[Adaptive] = field(default_factory=list)
    rules: list[RulesCost] = field(default_factory=list)
    store: list[StoreTimes] = field(default_factory=list)
    faults: list[str] = field(default_factory=list)
    """Parts that could not be measured, and why."""

    def write(self, path: Path) -> None:
        """Keep the numbers, as JSON."""
        path.write_text(json.dumps(asdict(self), indent=1), encoding="utf-8")
