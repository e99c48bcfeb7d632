"""Stored files are fetched into a scratch folder, from where they were cut; one ahead, while others are worked on."""

from __future__ import annotations

import hashlib
import threading
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from kpstream.errors import SourceError, SourceUnavailable
from kpstream.recorded.archive.faults import Fault, changed_meanwhile, fault_of
from kpstream.recorded.archive.storages import open_stored
from kpstream.recorded.archive.stored_file import StoredFile, StoredReader
from kpstream.recorded.journal import fingerprint
from kpstream.sinks.output import sink_error

_TRIES = 5
"""How often it is asked again without a byte more."""
_FIRST_PAUSE, _LONGEST_PAUSE = 0.5, 8.0
_LEAVES_WITHIN = 5.0


class Stopped(Exception):
    """Fetching was ended early; what is there stays there."""


@dataclass(frozen=True, slots=True)
class Fetched:
    """What became of one file that was to be fetched."""

    name: str
    path: Path | None
    """Where it lies; None where it could not be fetched."""
    fault: Fault | None = None


def fetch(reader: StoredReader, folder: Path, pause: Callable[[float], bool]) -> Path:
    """Load a file into a folder; what is there of this very version is not loaded again. Blocks.

    Args:
        reader: The file.
        folder: Made where it is not there; holds no other file that is fetched.
        pause: Waits so many seconds; whether to give up.

    Returns:
        Where it lies.

    Raises:
        SourceUnavailable: It could not be read to its end, again and again.
        SourceError: It cannot be read.
        SinkError: It could not be written.
        Stopped: `pause` said so.
    """
    file = reader.file
    version = hashlib.sha256(f"{file.address.partition('?')[0]} {file.stamp}".encode()).hexdigest()[:16]
    target = folder / f"input-{version}{PurePosixPath(file.name).suffix}"
    part = target.with_name(target.name + ".part")
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for other in folder.glob("input-*"):
            if other not in (target, part):
                other.unlink()
        if not _is_whole(target, file.size):
            _load(reader, part, pause)
            part.replace(target)
    except SourceError as error:
        if fault_of(error).kind == "file":  # it will not go on from here
            part.unlink(missing_ok=True)
        raise
    except OSError as error:
        raise sink_error(target, error) from None
    return target


def _is_whole(target: Path, size: int | None) -> bool:
    """Whether a file was fetched to its end; what a power cut has shortened was not."""
    return target.exists() and size in (None, target.stat().st_size)


def _load(reader: StoredReader, part: Path, pause: Callable[[float], bool]) -> None:
    tries = 0
    while True:
        mode = "ab" if reader.has_ranges else "wb"
        with part.open(mode) as output:
            start = output.tell()
            if reader.file.size is not None and start >= reader.file.size:
                return
            try:
                for piece in reader.stream(start):
                    output.write(piece)
                    if pause(0):
                        raise Stopped
            except SourceUnavailable:
                tries = 0 if output.tell() > start and reader.has_ranges else tries + 1
                if tries >= _TRIES:
                    raise
            else:
                if reader.file.size is None or output.tell() == reader.file.size:
                    return
                tries += 1
                if tries >= _TRIES:
                    raise SourceUnavailable(f"{reader.file}: the server ends before its end")
        if pause(min(_LONGEST_PAUSE, _FIRST_PAUSE * 2 ** max(0, tries - 1))):
            raise Stopped


class Fetcher:
    """Fetches files, each in a thread of its own. Used by one thread."""

    def __init__(self) -> None:
        self._closed = threading.Event()
        self._ended: deque[Fetched] = deque()
        self._threads: list[threading.Thread] = []

    def submit(self, name: str, file: StoredFile, content: str, folder: Path) -> None:
        """Begin a file.

        Args:
            name: What it is called in the results.
            file: Where it is.
            content: Its fingerprint when it was probed; another one is a fault.
            folder: Where it is put.
        """
        self._threads = [thread for thread in self._threads if thread.is_alive()]
        thread = threading.Thread(
            target=self._run, args=(name, file, content, folder), name="kpstream-fetch", daemon=True
        )
        self._threads.append(thread)
        thread.start()

    def ended(self) -> list[Fetched]:
        """What has ended since the last call."""
        found = []
        with suppress(IndexError):
            while True:
                found.append(self._ended.popleft())
        return found

    def close(self) -> None:
        """Give up what is under way; waits for it a little. Idempotent."""
        self._closed.set()
        for thread in self._threads:
            thread.join(_LEAVES_WITHIN)

    def _run(self, name: str, file: StoredFile, content: str, folder: Path) -> None:
        try:
            path = fetch(open_stored(file), folder, self._closed.wait)
            if fingerprint(path) == content:
                self._ended.append(Fetched(name, path))
                return
            path.unlink()
            fault = changed_meanwhile()
        except Stopped:
            return
        except Exception as error:  # noqa: BLE001 - whatever is wrong with this file, the others go on
            fault = fault_of(error)
        self._ended.append(Fetched(name, None, fault))
