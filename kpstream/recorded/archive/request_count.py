"""Counts the requests about one file on the disk, each before it is sent: what a worker that died has spent."""

from __future__ import annotations

import json
import os
import time
from dataclasses import dataclass
from pathlib import Path

from kpstream.dispatch.rule import Rule
from kpstream.errors import UsageError
from kpstream.recorded.locking import try_lock
from kpstream.sinks.output import sink_error

_NAME = "requests"
_BYTES = 64
"""Of the whole file, which is overwritten in one piece: a process that is killed leaves it as it was or as it is."""
_FLAGS = os.O_RDWR | getattr(os, "O_BINARY", 0)
DIES_WITHIN = 3.0
"""Seconds for which a process may hold the lock after it was killed, or after the Ray that it belongs to was."""
_POLL = 0.05


@dataclass(frozen=True, slots=True)
class Counted:
    """The content of the file."""

    requests: int
    """Requests about the video, in all attempts together."""
    has_begun: bool
    """Whether the worker of the last attempt has opened the file."""


class RequestCount(Rule):
    """Writes down each request before it is sent. The gate calls it once it is open; `open` and `close` block.

    Args:
        folder: The folder of the video's journal.
        before: Requests of earlier attempts.
    """

    def __init__(self, folder: Path, before: int) -> None:
        self._path = folder / _NAME
        self._before = before
        self._file = -1
        self.requests = 0
        """Requests of this attempt."""

    def open(self) -> None:
        """Lock the file and begin to count.

        Raises:
            SinkError: The file cannot be written.
            UsageError: Another process counts in it.
        """
        try:
            self._file = os.open(self._path, _FLAGS | os.O_CREAT, 0o644)
        except OSError as error:
            raise sink_error(self._path, error) from None
        if not try_lock(self._file):
            self.close()
            raise UsageError(f"{self._path}: another kpstream is at work on this file")
        self._write()

    def sent(self, frame_index: int, now: float) -> None:  # noqa: ARG002
        """Count a request; the count outlives the process once this returns.

        Raises:
            SinkError: The file cannot be written.
        """
        self.requests += 1
        self._write()

    def unsent(self, frame_index: int) -> None:  # noqa: ARG002
        """Take a request off the count."""
        self.requests -= 1
        self._write()

    def close(self) -> None:
        """Free the file. Idempotent."""
        if self._file >= 0:
            os.close(self._file)
            self._file = -1

    def _write(self) -> None:
        if self._file < 0:
            return
        try:
            _overwrite(self._file, Counted(self._before + self.requests, has_begun=True))
        except OSError as error:
            raise sink_error(self._path, error) from None


def prepare_count(folder: Path, before: int) -> None:
    """Write the count of an attempt that no worker has begun; blocks.

    Args:
        folder: The folder of the video's journal; made where it is not there.
        before: Requests of earlier attempts.

    Raises:
        SinkError: The file cannot be written.
    """
    path = folder / _NAME
    try:
        folder.mkdir(parents=True, exist_ok=True)
        file = os.open(path, _FLAGS | os.O_CREAT, 0o644)
        try:
            _overwrite(file, Counted(before, has_begun=False))
        finally:
            os.close(file)
    except OSError as error:
        raise sink_error(path, error) from None


def read_count(folder: Path, within: float = DIES_WITHIN) -> Counted | None:
    """Read the count of a worker that has ended; blocks while the worker holds the file.

    Args:
        folder: The folder of the video's journal.
        within: Seconds to wait for the worker's end at most.

    Returns:
        None where nobody knows: the file is missing or damaged, or its worker has not ended.
    """
    try:
        file = os.open(folder / _NAME, _FLAGS)
    except OSError:
        return None
    try:
        until = time.monotonic() + within
        while not try_lock(file):
            if time.monotonic() >= until:
                return None
            time.sleep(_POLL)
        return _parsed(os.read(file, _BYTES + 1))
    except OSError:
        return None
    finally:
        os.close(file)


def _overwrite(file: int, counted: Counted) -> None:
    entry = json.dumps({"requests": counted.requests, "has_begun": counted.has_begun})
    os.lseek(file, 0, os.SEEK_SET)
    os.write(file, entry.encode().ljust(_BYTES - 1) + b"\n")


def _parsed(data: bytes) -> Counted | None:
    try:
        entry = json.loads(data) if len(data) == _BYTES else {}
        return Counted(int(entry["requests"]), bool(entry["has_begun"]))
    except (ValueError, TypeError, KeyError):
        return None
