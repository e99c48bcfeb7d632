"""The files of an archive with one content: the first is worked on, and the others get its outputs."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from kpstream.errors import SinkError
from kpstream.recorded.archive.bookkeeping import Bookkeeping
from kpstream.recorded.archive.faults import Fault, fault_of
from kpstream.recorded.archive.intake import Inventory
from kpstream.recorded.archive.ledger import FileRecord
from kpstream.recorded.archive.publish import OutputPlace


class Duplicates:
    """Keeps the duplicates of a file as the file is. For the driver's thread; blocks as ledger and outputs do.

    Every method raises SinkError where the ledger cannot be written.

    Args:
        inventory: Knows which files have one content.
        book: Where their records are kept.
        outputs: Where their outputs lie.
    """

    def __init__(self, inventory: Inventory, book: Bookkeeping, outputs: OutputPlace) -> None:
        self._inventory = inventory
        self._book = book
        self._outputs = outputs

    def copy_known(self) -> list[tuple[FileRecord, Fault]]:
        """Give files that have come under another name the outputs of what an earlier run has done.

        Returns:
            The files whose outputs could not be copied, each with its fault; the next run tries again.
        """
        book = self._book
        return self._copy_all((book.record(source), book.record(name)) for source, name in self._inventory.to_copy)

    def copy(self, done: FileRecord) -> list[tuple[FileRecord, Fault]]:
        """Give the duplicates of a file its outputs; returns what `copy_known` does."""
        return self._copy_all((done, duplicate) for duplicate in self._inventory.duplicates(done.name))

    def fail(self, failed: FileRecord) -> None:
        """Let the duplicates of a file fail with it."""
        kind, fault, remedy = failed.fault_kind, failed.fault, failed.remedy
        for duplicate in self._inventory.duplicates(failed.name):
            self._book.put(replace(duplicate, state="failed", fault_kind=kind, fault=fault, remedy=remedy))

    def detach_from(self, changed: FileRecord) -> str | None:
        """Tell the duplicates of a file that its content is no longer theirs.

        Returns:
            The name of the one that is to be worked on in its place; None where there is none.
        """
        duplicates = self._inventory.duplicates(changed.name)
        for number, duplicate in enumerate(duplicates):
            self._book.put(replace(duplicate, same_as=duplicates[0].name if number else ""))
        return duplicates[0].name if duplicates else None

    def _copy_all(self, pairs: Iterable[tuple[FileRecord, FileRecord]]) -> list[tuple[FileRecord, Fault]]:
        failures = []
        for done, duplicate in pairs:
            try:
                outputs = self._outputs.copy(done.name, duplicate.name, tuple(done.outputs))
            except SinkError as error:
                failures.append((duplicate, replace(fault_of(error), kind="output")))
                continue
            self._book.put(
                replace(
                    duplicate, state="done", same_as=done.name, outputs=outputs, curve=done.curve, events=done.events,
                    frames=done.frames, missing=done.missing, damaged=done.damaged,
                    fault_kind="", fault="", remedy="",
                )
            )  # fmt: skip
        return failures
