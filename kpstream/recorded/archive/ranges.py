"""A file that is read in parts from afar, as Python's files are: what asks for little loads little."""

from __future__ import annotations

import io
import os
import time
from typing import TYPE_CHECKING

from kpstream.errors import SourceUnavailable
from kpstream.recorded.archive.stored_file import StoredReader

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer

_BLOCK, _LARGEST = 1 << 17, 1 << 19
"""Bytes that are loaded at once, at least and at most."""
_TRIES = 3
_PAUSE = 0.3


class RangeFile(io.RawIOBase):
    """Reads parts of a stored file, at least a block at a time. For one thread.

    Args:
        reader: Has ranges, and knows the size.
    """

    def __init__(self, reader: StoredReader) -> None:
        super().__init__()
        self._reader = reader
        self._size = reader.file.size or 0
        self._place = 0
        self._start, self._block = 0, b""

    def readable(self) -> bool:
        """It is."""
        return True

    def seekable(self) -> bool:
        """It is."""
        return True

    def tell(self) -> int:
        """Where the next byte is read."""
        return self._place

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        """Go somewhere else; loads nothing."""
        base = {os.SEEK_SET: 0, os.SEEK_CUR: self._place, os.SEEK_END: self._size}[whence]
        self._place = max(0, base + offset)
        return self._place

    def readinto(self, buffer: WriteableBuffer) -> int:
        """Fill the buffer, but at the end; blocks.

        Raises:
            SourceError: The bytes cannot be read.
        """
        wanted, done = memoryview(buffer).cast("B"), 0
        while done < len(wanted) and self._place < self._size:
            skipped = self._place - self._start
            if not 0 <= skipped < len(self._block):
                self._start, skipped = self._place, 0
                length = min(max(len(wanted) - done, _BLOCK), _LARGEST, self._size - self._start)
                self._block = self._read(self._start, length)
            part = self._block[skipped : skipped + len(wanted) - done]
            if not part:
                break
            wanted[done : done + len(part)] = part
            done += len(part)
            self._place += len(part)
        return done

    def _read(self, start: int, length: int) -> bytes:
        for number in range(1, _TRIES):
            try:
                return self._reader.read(start, length)
            except SourceUnavailable:
                time.sleep(_PAUSE * number)
        return self._reader.read(start, length)
