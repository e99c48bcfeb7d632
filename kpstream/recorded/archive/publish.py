"""Publishes complete outputs: each is synced and renamed into its place, so that nobody ever sees half of one."""

from __future__ import annotations

import errno
import os
import shutil
from collections.abc import Iterable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Protocol

from kpstream.errors import SinkError
from kpstream.paths import is_there
from kpstream.recorded.archive.settings import output_name
from kpstream.sinks.output import check_apart, sink_error


class OutputPlace(Protocol):
    """Where the outputs of an archive lie, by the names of its files. For several threads at once."""

    @property
    def name(self) -> str:
        """What to call it before users."""

    def check_apart(self, reads: Iterable[Path], names: Iterable[str], kinds: tuple[str, ...]) -> None:
        """Check that no output is written twice, or over an input.

        Args:
            reads: Files that are read.
            names: Those whose outputs are written.
            kinds: Which outputs.

        Raises:
            UsageError: One would be.
        """

    def find(self, name: str, kinds: tuple[str, ...]) -> str:
        """The first output of a file that is there already, as users call it; empty where there is none."""

    def are_there(self, name: str, sizes: Mapping[str, int]) -> bool:
        """Whether all outputs of a file lie there as they were put there, by their sizes."""

    def publish(self, name: str, made: Mapping[str, Path]) -> dict[str, int]:
        """Put outputs of a file in their places; blocks until they would outlive a power cut.

        Args:
            name: The file's.
            made: Complete, by kind; may be moved.

        Returns:
            The bytes of each, by kind; of none that was not made.

        Raises:
            SinkError: One could not be written.
        """

    def copy(self, done: str, name: str, kinds: tuple[str, ...]) -> dict[str, int]:
        """Copy outputs to the places of another file with the same content.

        Args:
            done: The name of the file whose outputs are there.
            name: The other's.
            kinds: Which outputs.

        Returns:
            The bytes of each, by kind.

        Raises:
            SinkError: One could not be written.
        """

    def read(self, name: str, kind: str) -> str:
        """The text of one output; blocks.

        Raises:
            SinkError: It cannot be read.
        """


class OutputFolder:
    """A folder of outputs: satisfies `OutputPlace`.

    Args:
        folder: Made where it is not there.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self.name = str(folder)
        """The folder as it was named."""

    def check_apart(self, reads: Iterable[Path], names: Iterable[str], kinds: tuple[str, ...]) -> None:
        """See that nothing is written twice, or over what is read."""
        check_apart(reads, [path for name in names for path in self._targets(name, kinds).values()])

    def find(self, name: str, kinds: tuple[str, ...]) -> str:
        """The first output of a file that is there already."""
        return next((str(path) for path in self._targets(name, kinds).values() if is_there(path)), "")

    def are_there(self, name: str, sizes: Mapping[str, int]) -> bool:
        """Whether all outputs of a file lie there as they were put there, by their sizes."""
        targets = self._targets(name, tuple(sizes))
        try:
            return all(targets[kind].stat().st_size == size for kind, size in sizes.items())
        except OSError:
            return False

    def publish(self, name: str, made: Mapping[str, Path]) -> dict[str, int]:
        """Move outputs to their places, each at once."""
        targets = self._targets(name, tuple(made))
        return {kind: _put(path, targets[kind], keep=False) for kind, path in made.items() if path.exists()}

    def copy(self, done: str, name: str, kinds: tuple[str, ...]) -> dict[str, int]:
        """Copy outputs to the places of another file with the same content."""
        there, targets = self._targets(done, kinds), self._targets(name, kinds)
        return {kind: _put(path, targets[kind], keep=True) for kind, path in there.items() if path.exists()}

    def read(self, name: str, kind: str) -> str:
        """The text of one output."""
        path = self._targets(name, (kind,))[kind]
        try:
            return path.read_text("utf-8")
        except OSError as error:
            raise SinkError(f"{path}: {error.strerror}") from None

    def _targets(self, name: str, kinds: tuple[str, ...]) -> dict[str, Path]:
        return {kind: self._folder / output_name(name, kind) for kind in kinds}


def _put(source: Path, target: Path, *, keep: bool) -> int:
    part = target.with_name(f".{target.name}.part")
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        size = source.stat().st_size
        if keep or not _moved(source, target):
            try:
                shutil.copyfile(source, part)
                _sync(part)
                part.replace(target)
            finally:
                with suppress(OSError):
                    part.unlink(missing_ok=True)
        _sync_folder(target.parent)
    except OSError as error:
        raise sink_error(target, error) from None
    return size


def _moved(source: Path, target: Path) -> bool:
    """Rename a file; False where the target lies on another disk."""
    _sync(source)
    try:
        source.replace(target)
    except OSError as error:
        if error.errno != errno.EXDEV:
            raise
        return False
    return True


def _sync(path: Path) -> None:
    with path.open("rb+") as file:
        os.fsync(file.fileno())


def _sync_folder(folder: Path) -> None:
    if os.name == "nt":
        return
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
