"""Which file of an archive is begun next; those in storages are fetched ahead of their turn."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from pathlib import Path

from kpstream.recorded.archive.faults import Fault
from kpstream.recorded.archive.fetch import Fetcher
from kpstream.recorded.archive.stored_file import StoredFile

AHEAD = 1
"""Files that are fetched, or lie fetched, beyond those that are worked on: what bounds the scratch folder."""


class InputQueue:
    """The files that wait, in order. For one thread.

    Args:
        names: Of those that are to be begun, in order.
        paths: Where each lies.
        content_of: What a file's content was when it was probed.
        folder_of: Where a file is fetched to.
        fetcher: Fetches it.
    """

    def __init__(
        self,
        names: Iterable[str],
        paths: Mapping[str, Path | StoredFile],
        *,
        content_of: Callable[[str], str],
        folder_of: Callable[[str], Path],
        fetcher: Fetcher,
    ) -> None:
        self._waiting = deque(names)
        self._paths = paths
        self._content_of, self._folder_of = content_of, folder_of
        self._fetcher = fetcher
        self._later: dict[str, float] = {}  # when a file is to be begun again
        self._fetching: set[str] = set()
        self._ready: deque[str] = deque()  # fetched, and not begun yet
        self._fetched: dict[str, Path] = {}

    def __bool__(self) -> bool:
        return bool(self._waiting or self._later or self._fetching or self._ready)

    def add(self, name: str) -> None:
        """Append a file."""
        self._waiting.append(name)

    def add_later(self, name: str, at: float) -> None:
        """Begin a file again at some time."""
        self._later[name] = at

    def fetch(self, room: int) -> list[tuple[str, Fault]]:
        """Begin to fetch what comes next, and take in what was fetched.

        Args:
            room: How many files can be begun now.

        Returns:
            Those that could not be fetched, and why.
        """
        faults = []
        for each in self._fetcher.ended():
            self._fetching.discard(each.name)
            if each.path is not None:
                self._fetched[each.name] = each.path
                self._ready.append(each.name)
            elif each.fault is not None:
                faults.append((each.name, each.fault))
        while self._waiting and len(self._fetching) + len(self._ready) < room + AHEAD:
            if not self._begin_to_fetch(self._waiting[0]):
                break
            self._waiting.popleft()
        return faults

    def take(self, now: float) -> tuple[str, Path] | None:
        """The next file, and where it can be read; None where none can be begun yet."""
        for name in [name for name, at in self._later.items() if at <= now]:
            del self._later[name]
            if not self._begin_to_fetch(name):
                return name, self._path(name)
        if self._ready:
            name = self._ready.popleft()
            return name, self._path(name)
        if self._waiting and isinstance(self._paths[self._waiting[0]], Path):
            name = self._waiting.popleft()
            return name, self._path(name)
        return None

    def release(self, name: str) -> None:
        """Remove what was fetched of a file: it is over."""
        path = self._fetched.pop(name, None)
        if path is not None:
            with suppress(OSError):
                path.unlink(missing_ok=True)

    def close(self) -> None:
        """Fetch no more. Idempotent."""
        self._fetcher.close()

    def _begin_to_fetch(self, name: str) -> bool:
        """Fetch a file where it has to be."""
        path = self._paths[name]
        if not isinstance(path, StoredFile) or name in self._fetched:
            return False
        self._fetching.add(name)
        self._fetcher.submit(name, path, self._content_of(name), self._folder_of(name))
        return True

    def _path(self, name: str) -> Path:
        path = self._paths[name]
        return path if isinstance(path, Path) else self._fetched[name]
