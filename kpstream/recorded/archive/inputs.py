"""Which videos an archive is made of: files, folders, globs and lists become names below the place of the outputs."""

from __future__ import annotations

import os
import re
from codecs import BOM_UTF8
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from glob import has_magic
from pathlib import Path, PurePosixPath

from kpstream.errors import SourceOpenError, UsageError
from kpstream.paths import is_folder, real, why_hidden
from kpstream.recorded.archive.storages import find_stored, open_stored
from kpstream.recorded.archive.stored_file import (
    StoredFile,
    bucket_of,
    is_stored,
    key_of,
    scheme_of,
    shown,
    understood,
)
from kpstream.sources.opening import check_names_something

VIDEO_SUFFIXES = frozenset(
    [
        ".3gp",
        ".asf",
        ".avi",
        ".divx",
        ".flv",
        ".h264",
        ".h265",
        ".hevc",
        ".m2ts",
        ".m4v",
        ".mkv",
        ".mov",
        ".mp4",
        ".mpeg",
        ".mpg",
        ".mts",
        ".mxf",
        ".nut",
        ".ogv",
        ".ts",
        ".vob",
        ".webm",
        ".wmv",
        ".y4m",
    ]
)
"""What is taken for a video in a folder; what is named itself is always taken."""
OUTPUT_SUFFIX = ".annotated.mp4"
"""What a video that an archive wrote is called: none in a folder, or matched by a glob, is an input."""
_LIST = "@"
_NOTHING = "(?!)"
"""Matches nothing."""
_SPECIAL = re.compile(r"\[[^\]]+\]|.", re.DOTALL)
_CONTROLS = re.compile("[\\x00-\\x1f\\x7f-\\x9f\\u2028\\u2029]")


@dataclass(frozen=True, slots=True)
class ArchiveInput:
    """One video, and what its outputs are called."""

    name: str
    """Its path below the place of the outputs, with ``/``; of two inputs never the same. Text that can be printed."""
    path: Path | StoredFile


@dataclass(slots=True)
class FoundInputs:
    """All videos, by name in order, and what is none."""

    inputs: list[ArchiveInput] = field(default_factory=list)
    passed_over: int = 0
    """Files in folders that are no videos by their names."""


def find_inputs(references: Sequence[str], outputs: Iterable[str | Path] = ()) -> FoundInputs:
    """Find the videos; reads folders, storages and lists, but no video.

    Args:
        references: Files, folders (searched through), globs, addresses, and ``@LIST.txt`` with one of these a line.
        outputs: Folders and addresses that are not searched: what is written there is no input.

    Raises:
        SourceOpenError: What was named is not there.
        UsageError: The outputs of two inputs would have the same name.
    """
    listed = [(reference, False) for reference in references if not reference.startswith(_LIST)]
    for reference in references:
        if reference.startswith(_LIST):
            listed += [(line, True) for line in _lines(reference.removeprefix(_LIST))]
    walk = _Walk([str(place) for place in outputs], several=len(listed) > 1)
    for reference, from_list in listed:
        walk.take(reference, may_be_missing=from_list)
    return walk.finish()


def printable(path: str | Path | StoredFile) -> str:
    """A path, or a text that holds one, as one line that every file and terminal takes.

    Control characters, and bytes that are no UTF-8, are written with backslashes.
    """
    if isinstance(path, StoredFile):
        return str(path)
    return _CONTROLS.sub(_escaped, os.fsencode(path).decode("utf-8", "backslashreplace"))


def _escaped(character: re.Match[str]) -> str:
    return character[0].encode("unicode_escape").decode()


def _lines(path: str) -> list[str]:
    try:
        lines = os.fsdecode(Path(path).read_bytes().removeprefix(BOM_UTF8)).splitlines()
    except OSError as error:
        raise SourceOpenError(f"cannot open the list {path}: {error.strerror}") from None
    return [line.strip() for line in lines if line.strip() and not line.startswith("#")]


class _Walk:
    def __init__(self, passed: Sequence[str], *, several: bool) -> None:
        self._passed = {real(place) for place in passed if not scheme_of(place)}
        self._stored_outputs = tuple(f"{place.rstrip('/')}/" for place in passed if scheme_of(place))
        self._several = several
        self._found: dict[str, Path | StoredFile] = {}
        self._alone: dict[str, StoredFile] = {}  # what was named itself, by address
        self._none = 0

    def take(self, reference: str, *, may_be_missing: bool) -> None:
        if scheme_of(reference):
            self._take_address(understood(reference))
            return
        check_names_something(reference)
        path = Path(reference)
        if is_folder(path):
            first = PurePosixPath(real(path).name if self._several else ".")
            self._take_folder(path, first, {real(path), *real(path).parents})
        elif os.path.lexists(path) or why_hidden(path) or (may_be_missing and not has_magic(reference)):
            self._add(PurePosixPath(path.name), path)
        elif has_magic(reference):
            self._take_glob(reference)
        else:
            raise SourceOpenError(f"cannot open {reference}: no such file or folder")

    def finish(self) -> FoundInputs:
        counted = Counter([*self._found, *(file.name for file in self._alone.values())])
        for file in self._alone.values():  # of one name they are called by their whole addresses
            self._add(PurePosixPath(file.name) if counted[file.name] == 1 else _name_by_address(file), file)
        found = [ArchiveInput(name, path) for name, path in sorted(self._found.items())]
        return FoundInputs(found, self._none)

    def _take_address(self, address: str) -> None:
        """Take a file on a web server, or in a storage, or all videos below an address of a storage."""
        if not is_stored(address):
            self._alone[address] = StoredFile(address)
            return
        bucket, parts = bucket_of(address), PurePosixPath(key_of(address)).parts
        depth = next((place for place, part in enumerate(parts) if "*" in part), len(parts))
        fixed = "/".join(parts[:depth])
        wanted = re.compile(_expression(parts[depth:]) if depth < len(parts) else ".*")
        first = PurePosixPath((parts[:depth] or (bucket.partition("://")[2],))[-1] if self._several else ".")
        searched = f"{bucket}/{fixed}".rstrip("/") + "/"
        outputs = tuple(place for place in self._stored_outputs if place != searched and place.startswith(searched))
        is_empty = True
        for file in find_stored(searched):
            below = PurePosixPath(key_of(file.address)).relative_to(fixed)
            if any(part.startswith(".") for part in below.parts) or not wanted.fullmatch(str(below)):
                continue
            if not file.size and below.suffix.lower() not in VIDEO_SUFFIXES:  # stands for a folder
                continue
            is_empty = False
            if file.address.startswith(outputs) or file.name.endswith(OUTPUT_SUFFIX):
                continue
            if depth < len(parts) or below.suffix.lower() in VIDEO_SUFFIXES:
                self._add(first / below, file)
            else:
                self._none += 1
        if is_empty and depth < len(parts):
            raise SourceOpenError(f"cannot open {shown(address)}: it matches no file")
        if is_empty:
            self._alone[address] = open_stored(StoredFile(address)).file

    def _take_folder(self, folder: Path, name: PurePosixPath, above: set[Path]) -> None:
        """Take the videos of a folder and of those in it.

        Args:
            folder: The folder.
            name: What it is called among the outputs.
            above: It, the folders that it lies in, and those through which we came, resolved.
        """
        for path in self._files(folder, above):
            if path.suffix.lower() in VIDEO_SUFFIXES or is_folder(path):
                self._add(name / path.relative_to(folder).as_posix(), path)
            else:
                self._none += 1

    def _files(self, folder: Path, above: set[Path]) -> Iterator[Path]:
        """The files in a folder and below, and the folders below that cannot be read.

        A link that leads back to where we came from is not followed.
        """
        for path in _entries(folder):
            if is_folder(path):
                place = real(path)
                if place not in above and place not in self._passed:
                    yield from self._below(path, {*above, place})
            elif not path.name.endswith(OUTPUT_SUFFIX):
                yield path

    def _below(self, folder: Path, above: set[Path]) -> Iterator[Path]:
        try:
            yield from self._files(folder, above)
        except SourceOpenError:  # it is told as one that cannot be done, and the others are
            yield folder

    def _take_glob(self, pattern: str) -> None:
        parts = Path(pattern).parts
        depth = next(place for place, part in enumerate(parts) if has_magic(part))
        fixed, rest = Path(*parts[:depth]), parts[depth:]
        above = {real(fixed), *real(fixed).parents}
        wanted = re.compile(_expression(rest))
        files = [path for path in self._files(fixed, above) if wanted.fullmatch(path.relative_to(fixed).as_posix())]
        if not files:
            raise SourceOpenError(f"cannot open {pattern}: it matches no file")
        first = PurePosixPath(real(fixed).name if self._several and fixed != Path() else ".")
        for path in files:
            self._add(first / path.relative_to(fixed).as_posix(), path)

    def _add(self, name: PurePosixPath, path: Path | StoredFile) -> None:
        text = printable(str(name))
        known = self._found.setdefault(text, path)
        if _real(known) != _real(path):
            raise UsageError(
                f"{known} and {path} would both be written as {text}: name a folder that holds them both instead"
            )


def _name_by_address(file: StoredFile) -> PurePosixPath:
    """What a file is called by its whole address; no part of it leads out of the place of the outputs."""
    return PurePosixPath(*(part for part in str(file).partition("://")[2].split("/") if part != ".."))


def _real(path: Path | StoredFile) -> str:
    """What tells one file from another, whatever it is called."""
    return path.address if isinstance(path, StoredFile) else os.path.realpath(path)


def _expression(parts: Sequence[str]) -> str:
    """The parts of a glob as a regular expression; ``**`` stands for any folders, or for none."""
    expression = ""
    for place, part in enumerate(parts):
        is_last = place == len(parts) - 1
        if part == "**":
            expression += ".*" if is_last else "(?:[^/]+/)*"
        else:
            expression += _SPECIAL.sub(_translated, part) + ("" if is_last else "/")
    return expression


def _translated(special: re.Match[str]) -> str:
    text = special[0]
    if text in "*?":
        return "[^/]*" if text == "*" else "[^/]"
    if len(text) > 1:
        inside = text[1:-1].replace("\\", "\\\\")
        letters = f"[^{inside[1:]}]" if inside.startswith("!") else f"[{inside}]"
        try:
            re.compile(letters)
        except re.error:  # a range from a later letter to an earlier one
            return _NOTHING
        return letters
    return re.escape(text)


def _entries(folder: Path) -> list[Path]:
    """What is in a folder, but for what is hidden, by name."""
    try:
        return sorted(path for path in folder.iterdir() if not path.name.startswith("."))
    except OSError as error:
        raise SourceOpenError(f"{printable(folder)}: {error.strerror}") from None
