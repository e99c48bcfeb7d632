"""Outputs in a storage: each is there at once, or not at all."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import TypeVar

from kpstream.errors import SinkError, SinkUnavailable, SourceError, SourceUnavailable
from kpstream.recorded.archive.object_storage import storage_of
from kpstream.recorded.archive.publish import OutputFolder, OutputPlace
from kpstream.recorded.archive.settings import output_name
from kpstream.recorded.archive.storages import find_stored
from kpstream.recorded.archive.stored_file import bucket_of, is_stored, key_of, shown

_T = TypeVar("_T")


class OutputPrefix:
    """All below an address of a storage: satisfies `OutputPlace`.

    Args:
        address: Its own.

    Raises:
        UsageError: What writes to such storages is not installed.
    """

    def __init__(self, address: str) -> None:
        self._address = address.rstrip("/")
        self._storage = storage_of(address)
        self.name = shown(self._address)
        """The address."""
        self._sizes: dict[str, int] | None = None  # of what was there when it was first asked for, by address

    def check_apart(self, reads: Iterable[Path], names: Iterable[str], kinds: tuple[str, ...]) -> None:
        """Nothing that is read lies there: what is written is no input."""

    def find(self, name: str, kinds: tuple[str, ...]) -> str:
        """The first output of a file that was there already."""
        there = self._there()
        return next((shown(each) for each in self._targets(name, kinds).values() if each in there), "")

    def are_there(self, name: str, sizes: Mapping[str, int]) -> bool:
        """Whether all outputs of a file were there as they were put there, by their sizes."""
        there, targets = self._there(), self._targets(name, tuple(sizes))
        return all(there.get(targets[kind]) == size for kind, size in sizes.items())

    def publish(self, name: str, made: Mapping[str, Path]) -> dict[str, int]:
        """Upload outputs."""
        targets, done = self._targets(name, tuple(made)), {}
        for kind, path in made.items():
            if path.exists():
                done[kind] = path.stat().st_size
                self._storage.upload(path, key_of(targets[kind]))
        return done

    def copy(self, done: str, name: str, kinds: tuple[str, ...]) -> dict[str, int]:
        """Copy outputs within the storage."""
        there, targets, copied = self._targets(done, kinds), self._targets(name, kinds), {}
        for kind in kinds:
            self._storage.copy(key_of(there[kind]), key_of(targets[kind]))
            copied[kind] = self._size(targets[kind])
        return copied

    def read(self, name: str, kind: str) -> str:
        """The text of one output."""
        key = key_of(self._targets(name, (kind,))[kind])
        return _reading(lambda: b"".join(self._storage.stream(self._storage.look_at(key), 0))).decode()

    def _size(self, target: str) -> int:
        return _reading(lambda: self._storage.look_at(key_of(target))).size or 0

    def _there(self) -> dict[str, int]:
        if self._sizes is None:
            self._sizes = _reading(lambda: {each.address: each.size or 0 for each in find_stored(self._address)})
        return self._sizes

    def _targets(self, name: str, kinds: tuple[str, ...]) -> dict[str, str]:
        bucket, prefix = bucket_of(self._address), key_of(self._address)
        return {kind: f"{bucket}/{prefix}{'/' if prefix else ''}{output_name(name, kind)}" for kind in kinds}


def open_outputs(into: str) -> OutputPlace:
    """The place of outputs that a folder, or an address of a storage, names.

    Raises:
        UsageError: What writes to such storages is not installed.
    """
    return OutputPrefix(into) if is_stored(into) else OutputFolder(Path(into))


def _reading(call: Callable[[], _T]) -> _T:
    """Call it; that outputs cannot be read is a fault of theirs."""
    fault: SinkError
    try:
        return call()
    except SourceUnavailable as error:
        fault = SinkUnavailable(str(error))
    except SourceError as error:
        fault = SinkError(str(error))
    raise fault
