"""The folders of an archive, and whether the files that lie in them are its own."""

from __future__ import annotations

import hashlib
import json
import re
import shutil
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

from kpstream.errors import SinkError, SourceOpenError, UsageError
from kpstream.paths import is_there
from kpstream.recorded.archive.inputs import ArchiveInput
from kpstream.recorded.archive.intake import Inventory, take_inventory, to_probe
from kpstream.recorded.archive.ledger import FILE_NAME, FileRecord, Ledger, LedgerContents, read_ledger
from kpstream.recorded.archive.probe import probe_all, stamp_of, stamp_web_files
from kpstream.recorded.archive.publish import OutputPlace
from kpstream.recorded.archive.settings import ArchiveSettings
from kpstream.recorded.archive.shard import Shard
from kpstream.recorded.archive.stored_file import is_stored
from kpstream.recorded.archive.stored_outputs import open_outputs
from kpstream.sinks.output import sink_error

_JOURNALS = "journals"
_SHARDS = "archive-*-of-*.db"
_PART = re.compile(r"(\w+)=(\([^()]*\)|[^,()]+)")
_OTHER = {"rules": "other rules", "skeleton": "another skeleton"}
"""What is said of settings that are known by a file's digest alone."""


@dataclass(frozen=True, slots=True)
class ArchivePlace:
    """The folders of an archive."""

    into: str
    """The folder of the outputs, or an address of a storage."""
    folder: Path
    """The ledger, the journals and the reports."""
    shard: Shard = field(default_factory=Shard)

    @property
    def ledger(self) -> Path:
        """The ledger of this part."""
        return self.folder / f"archive{self.shard.label}.db"

    @property
    def scratch(self) -> Path:
        """Where this shard makes its outputs, beside their journals."""
        return self.folder / _JOURNALS / f"shard{self.shard.label}" if self.shard.label else self.folder / _JOURNALS

    def report(self, kind: str) -> Path:
        """The report of this part, as ``json`` or ``html``."""
        return self.folder / f"report{self.shard.label}.{kind}"

    def make(self) -> None:
        """Make the folders.

        Raises:
            SinkError: A folder cannot be made.
        """
        for folder in (self.folder, *([] if is_stored(self.into) else [Path(self.into)])):
            try:
                folder.mkdir(parents=True, exist_ok=True)
            except FileExistsError:
                raise SinkError(f"{folder} is a file: name a folder") from None
            except OSError as error:
                raise sink_error(folder, error) from None

    @property
    def outputs(self) -> OutputPlace:
        """Where the outputs lie."""
        return open_outputs(self.into)

    def clear(self) -> None:
        """Remove unfinished outputs and all journals."""
        shutil.rmtree(self.scratch, ignore_errors=True)


def folder_of(scratch: Path, content: str) -> Path:
    """The folder in which a file's outputs are made: named by its content, so that another run finds its journal."""
    return scratch / hashlib.sha256(content.encode()).hexdigest()[:24]


def ledgers_in(folder: Path) -> list[Path]:
    """The ledgers of a folder: one, or one a shard.

    Raises:
        UsageError: There is none.
        SourceOpenError: The folder cannot be read.
    """
    try:
        found = sorted({*folder.glob(FILE_NAME), *folder.glob(_SHARDS)})
    except OSError as error:
        raise SourceOpenError(f"cannot open {folder}: {error.strerror}") from None
    if not found:
        raise UsageError(f"{folder} holds no {FILE_NAME}: name the folder of `into`, or of `ledger`")
    return found


def check_parts(place: ArchivePlace) -> None:
    """Check that an archive, if it was begun, was begun in as many parts: each has its part of the budget.

    Raises:
        UsageError: It was begun in more, or in fewer.
        SinkError: The folder cannot be read.
    """
    try:
        whole = [1 for _ in place.folder.glob(FILE_NAME)]
        parts = [int(path.stem.rpartition("-")[2]) for path in place.folder.glob(_SHARDS)]
    except OSError as error:
        raise sink_error(place.folder, error) from None
    if others := sorted({*whole, *parts} - {place.shard.of}):
        raise UsageError(
            f"{place.folder} was begun {_in_parts(others[0])}, not {_in_parts(place.shard.of)}: give the same `shard`, "
            "or choose another folder"
        )


def _in_parts(number: int) -> str:
    return "as a whole" if number == 1 else f"in {number} parts"


def check_settings(settings: ArchiveSettings, facts: Mapping[str, str], folder: Path) -> None:
    """Check that an archive, if it was begun, was begun with these settings.

    Raises:
        UsageError: The archive was begun with other settings; the text names both.
    """
    before: dict[str, str] = json.loads(facts.get("settings", "{}"))
    now = settings.identity()
    if not before or before == now:
        return
    names = [name for name in {**before, **now} if before.get(name) != now.get(name)]
    changes = "; ".join(_change(name, before.get(name, "none"), now.get(name, "none")) for name in names)
    raise UsageError(f"{folder} was made with other settings ({changes}): choose another folder, or add `again`")


def _change(name: str, before: str, now: str) -> str:
    """What has changed of a setting: where it has several parts, those alone."""
    if before[:1].isupper() and now[:1].isupper():  # as the representations of option classes
        parts, parts_now = dict(_PART.findall(before)), dict(_PART.findall(now))
        changed = [part for part in parts if parts[part] != parts_now.get(part)]
        if changed:
            return "; ".join(f"{part}: {parts[part]}, now {parts_now.get(part, 'none')}" for part in changed)
    if name in _OTHER:
        words = ["none" if value in ("", "none") else "some" for value in (before, now)]
        return _OTHER[name] if words == ["some", "some"] else f"{name}: {words[0]}, now {words[1]}"
    return f"{name}: {before}, now {now}"


def check_targets(place: ArchivePlace, settings: ArchiveSettings, inventory: Inventory, *, is_new: bool) -> None:
    """Check that no output replaces an input, or a file that this archive has not written.

    Raises:
        UsageError: An output would.
    """
    outputs = place.outputs
    here = [path for path in inventory.paths.values() if isinstance(path, Path)]
    outputs.check_apart(here, inventory.records, settings.outputs)
    there = next(filter(None, (outputs.find(name, settings.outputs) for name in inventory.records if is_new)), "")
    if there:
        raise UsageError(f"{there} is there already, and not by this archive: choose another folder, or add `again`")


def read_known(place: ArchivePlace) -> LedgerContents:
    """Read the ledger without writing to it; empty where there is none."""
    return read_ledger(place.ledger) if is_there(place.ledger) else LedgerContents({}, {})


def done_elsewhere(
    place: ArchivePlace, settings: ArchiveSettings, own: Mapping[str, FileRecord]
) -> dict[str, FileRecord]:
    """The files that other shards alone have done with the same settings, by name.

    Files go from one shard to another when others come between them. An unreadable ledger counts as empty.
    """
    found: dict[str, FileRecord] = {}
    for path in {*place.folder.glob(_SHARDS)} - {place.ledger}:
        try:
            contents = read_ledger(path)
        except SinkError:
            continue
        if json.loads(contents.facts.get("settings", "{}")) == settings.identity():
            found |= {name: record for name, record in contents.records.items() if record.state == "done"}
    return {name: record for name, record in found.items() if name not in own or own[name].state != "done"}


def survey(
    place: ArchivePlace,
    inputs: Iterable[ArchiveInput],
    known: Mapping[str, FileRecord],
    *,
    retry: bool,
    on_probed: Callable[[int, int], None] = lambda _done, _of: None,
) -> Inventory:
    """Probe the new files and compare all files with the ledger; blocks, sends no request, writes nothing.

    Args:
        place: Where the outputs lie.
        inputs: All files.
        known: The records of the ledgers, by name.
        retry: Whether files that failed are tried again.
        on_probed: Called after each file with how many files are probed, and how many there are.
    """
    inputs = list(inputs)
    paths = stamp_web_files(each.path for each in inputs)
    inputs = [replace(each, path=path) for each, path in zip(inputs, paths, strict=True)]
    new = to_probe(inputs, known, stamp_of, retry=retry)
    probes = {}
    for number, (each, found) in enumerate(zip(new, probe_all(each.path for each in new), strict=True), 1):
        probes[each.name] = found
        on_probed(number, len(new))
    return take_inventory(inputs, probes, known, place.outputs.are_there, retry=retry)


def forget_done(ledger: Ledger, place: ArchivePlace) -> None:
    """Forget all that was done, so that everything is done anew; outputs stay until others take their places.

    Raises:
        SinkError: The ledger cannot be written.
    """
    ledger.forget_everything()
    place.clear()


def begin(ledger: Ledger, place: ArchivePlace, settings: ArchiveSettings) -> bool:
    """Write the settings into the ledger, or check that the archive was begun with them.

    Returns:
        Whether the ledger knew of no archive.

    Raises:
        UsageError: It was made with other settings.
        SinkError: The ledger cannot be written.
    """
    begun_with = ledger.fact("settings")
    check_settings(settings, {} if begun_with is None else {"settings": begun_with}, place.folder)
    ledger.note(settings=json.dumps(settings.identity()))
    return begun_with is None
