"""What of the inputs is done, what is to be done, and what failed: the ledger held against the files as they are. Pure.

A file is known by its content. What was done with the same content under another name is given to the new name.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

from kpstream.errors import SourceOpenError, SourceUnavailable
from kpstream.recorded.archive.faults import Fault, fault_of
from kpstream.recorded.archive.inputs import ArchiveInput, printable
from kpstream.recorded.archive.ledger import FileRecord
from kpstream.recorded.archive.probe import Probe
from kpstream.recorded.archive.stored_file import StoredFile

OutputsThere = Callable[[str, Mapping[str, int]], bool]
"""Whether the outputs of a file with this name lie in their places, with these bytes by kind."""


@dataclass(slots=True)
class Inventory:
    """All files of a run, sorted by what becomes of them."""

    records: dict[str, FileRecord] = field(default_factory=dict)
    """Of all inputs, by name."""
    paths: dict[str, Path | StoredFile] = field(default_factory=dict)
    todo: list[str] = field(default_factory=list)
    """The names of those that are to be worked on: each content once."""
    to_copy: list[tuple[str, str]] = field(default_factory=list)
    """Names whose outputs are those of a name that is done: (from, to)."""

    def leave_out_done(self, names: Iterable[str]) -> None:
        """Leave out files that are done, and counted, elsewhere."""
        for name in names:
            if name in self.records and self.records[name].state == "done":
                del self.records[name], self.paths[name]

    def duplicates(self, name: str) -> list[FileRecord]:
        """The other files with the same content as the one that is worked on."""
        return [record for record in self.records.values() if record.same_as == name]

    def of_state(self, state: str) -> list[FileRecord]:
        """The files of one state."""
        return [record for record in self.records.values() if record.state == state]


def to_probe(
    inputs: Iterable[ArchiveInput],
    known: Mapping[str, FileRecord],
    stamp_of: Callable[[Path | StoredFile], str],
    *,
    retry: bool,
) -> list[ArchiveInput]:
    """The files about which the ledger says nothing that still holds.

    Args:
        inputs: All files.
        known: What the ledger says, by name.
        stamp_of: What tells whether a file has changed.
        retry: Whether those that failed are looked at again.
    """
    wanted = []
    for each in inputs:
        record, stamp = known.get(each.name), stamp_of(each.path)
        if record is None or not stamp or record.stamp != stamp or (retry and record.state == "failed"):
            wanted.append(each)
    return wanted


def take_inventory(
    inputs: Iterable[ArchiveInput],
    probes: Mapping[str, Probe],
    known: Mapping[str, FileRecord],
    outputs_there: OutputsThere,
    *,
    retry: bool,
) -> Inventory:
    """Hold the ledger against the files.

    Args:
        inputs: All files.
        probes: What was found out about those of `to_probe`, by name.
        known: What the ledger says of these files and of any others, by name.
        outputs_there: Asked about what is done.
        retry: Whether what failed is tried again.
    """
    inventory = Inventory()
    for each in inputs:
        inventory.paths[each.name] = each.path
        inventory.records[each.name] = _record(each, probes.get(each.name), known.get(each.name), retry=retry)
    done: dict[str, str] = {}
    for record in [*inventory.records.values(), *known.values()]:
        there = record.state == "done" and record.content and outputs_there(record.name, record.outputs)
        if there:
            done.setdefault(record.content, record.name)
    first: dict[str, str] = {}
    for name, record in inventory.records.items():
        if record.state == "done" and not outputs_there(name, record.outputs):
            record = replace(record, state="waiting", attempts=0)  # noqa: PLW2901
        content = record.content
        if record.state == "waiting" and not content:
            pass  # it could not be looked at; that may pass
        elif record.state == "waiting" and content in done:
            inventory.to_copy.append((done[content], name))
        elif record.state == "waiting" and content in first:
            record = replace(record, same_as=first[content])  # noqa: PLW2901
        elif record.state == "waiting":
            record = replace(record, same_as="")  # noqa: PLW2901
            first[content] = name
            inventory.todo.append(name)
        inventory.records[name] = record
    return inventory


def _record(each: ArchiveInput, probe: Probe | None, known: FileRecord | None, *, retry: bool) -> FileRecord:
    """What becomes of one file, were it the only one."""
    if probe is None:
        assert known is not None
        return replace(known, state="waiting", attempts=0) if known.state == "running" else known
    if probe.is_away:
        return _record_of_away(each, known, fault_of(SourceUnavailable(probe.fault)))
    same = known is not None and known.content == probe.content and probe.content
    record = known if known is not None and same else FileRecord(each.name, printable(each.path))
    record = replace(
        record,
        path=printable(each.path),
        stamp=probe.stamp,
        content=probe.content,
        bytes=probe.bytes,
        duration=probe.duration,
        frame_rate=probe.frame_rate,
        width=probe.width,
        height=probe.height,
        has_audio=probe.has_audio,
    )
    if probe.fault:
        fault = fault_of(SourceOpenError(probe.fault))
        return replace(
            record, state="failed", attempts=1, fault_kind=fault.kind, fault=fault.text, remedy=fault.remedy, same_as=""
        )
    if record.state == "running" or (record.state == "failed" and retry):
        record = replace(record, state="waiting", attempts=0, fault_kind="", fault="", remedy="")
    return record


def _record_of_away(each: ArchiveInput, known: FileRecord | None, fault: Fault) -> FileRecord:
    """What becomes of a file that cannot be looked at now: what is known of it still holds, as far as anybody knows."""
    if known is not None and known.state == "done":
        return known
    record = FileRecord(each.name, printable(each.path)) if known is None else known
    return replace(
        record, state="waiting", attempts=0, fault_kind=fault.kind, fault=fault.text, remedy=fault.remedy, same_as=""
    )
