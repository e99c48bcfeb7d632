"""Storages and web servers behind one face: what is there, and how it is read."""

from __future__ import annotations

from collections.abc import Iterator

from kpstream.recorded.archive.object_storage import ObjectStorage, storage_of
from kpstream.recorded.archive.stored_file import StoredFile, StoredReader, is_stored, key_of
from kpstream.recorded.archive.web_file import WebFile


class ObjectReader:
    """Reads one file of a storage: satisfies `StoredReader`.

    Args:
        storage: Where it lies.
        file: It, looked at.
    """

    has_ranges = True

    def __init__(self, storage: ObjectStorage, file: StoredFile) -> None:
        self._storage = storage
        self.file = file
        """The file, looked at."""

    def read(self, start: int, length: int) -> bytes:
        """A part of it; blocks."""
        return self._storage.read(self.file, start, length)

    def stream(self, start: int) -> Iterator[bytes]:
        """All of it from a byte on; blocks."""
        return self._storage.stream(self.file, start)


def open_stored(file: StoredFile) -> StoredReader:
    """Look at a file, so that it can be read; blocks.

    Raises:
        SourceUnavailable: It may be read later.
        SourceError: It cannot be read.
        UsageError: What reads such storages is not installed.
    """
    if not is_stored(file.address):
        return WebFile(file.address)
    storage = storage_of(file.address)
    return ObjectReader(storage, storage.look_at(key_of(file.address)))


def find_stored(prefix: str) -> Iterator[StoredFile]:
    """All files of a storage below an address, in order; blocks.

    Raises:
        SourceError: It cannot be listed.
        UsageError: What reads such storages is not installed.
    """
    return storage_of(prefix).find(key_of(prefix).strip("/"))
