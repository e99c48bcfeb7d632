"""The folder in which Ray keeps its sockets and logs while an archive runs on this machine, and no longer.

Ray itself keeps those of every run for ever. One that was killed cannot remove its own: the next one does.
"""

from __future__ import annotations

import os
import re
import shutil
import tempfile
import time
from contextlib import suppress
from pathlib import Path

from kpstream.errors import SinkError
from kpstream.recorded.locking import try_lock

_PREFIX = "kpstream-ray-"
_LOCK = "in-use"
_ATTEMPTS, _PAUSE = 10, 0.2
_LONGEST = 21
"""Characters of the folder that it lies in: below it come 64 more, and a socket's path has 107 at most."""
_OF_PROCESS = re.compile(r"worker-.*[-_](\d+)\.(?:out|err|log)")


class SessionFolder:
    """A folder that only this process uses. For one thread.

    Args:
        inside: Where it is made.
    """

    def __init__(self, inside: Path) -> None:
        self._inside = inside
        self._lock = -1
        self.path = inside
        """The folder, once it is open."""

    def open(self) -> None:
        """Make it, and remove those of processes that were killed; blocks.

        Raises:
            SinkError: It cannot be made.
        """
        self._remove_left()
        try:
            while self._lock < 0:
                self._make()
        except OSError as error:
            short = f"name a folder for it as TMPDIR, with {_LONGEST} characters at most"
            raise SinkError(f"{self._inside}: {error.strerror}, and Ray needs a folder there: {short}") from None

    def close(self) -> None:
        """Remove it, and what is left of others by now; blocks. Idempotent."""
        if self._lock >= 0:
            _remove(self.path)
            os.close(self._lock)
            self._lock = -1
            self._remove_left()

    def remove_logs(self) -> None:
        """Remove what Ray has logged of workers that have ended: there is another after every few files."""
        if os.name == "nt":  # asking for a process would end it
            return
        for path in self.path.glob("session_*/logs/*worker-*"):
            named = _OF_PROCESS.search(path.name)
            if named is not None and not _runs(int(named[1])):
                path.unlink(missing_ok=True)

    def _make(self) -> None:
        self.path = Path(tempfile.mkdtemp(prefix=_PREFIX, dir=self._inside))
        lock = os.open(self.path / _LOCK, os.O_RDWR | os.O_CREAT, 0o600)
        if try_lock(lock) and (self.path / _LOCK).exists():
            self._lock = lock
        else:  # another took it for one that was left
            os.close(lock)

    def _remove_left(self) -> None:
        if os.name == "nt":  # there are no locks that would tell
            return
        for folder in self._inside.glob(f"{_PREFIX}*"):
            with suppress(OSError):  # another user's, or it is being made, or gone
                names = {path.name for path in folder.iterdir()}
                if names and _LOCK not in names:
                    shutil.rmtree(folder)  # a process of Ray that was ending has made it again
                lock = os.open(folder / _LOCK, os.O_RDWR)
                try:
                    if try_lock(lock):
                        _remove(folder)
                finally:
                    os.close(lock)


def session_place() -> Path:
    """Where such folders are made: where the system wants temporary files, unless that lies too deep."""
    usual = ""
    with suppress(OSError):  # no folder can be written
        usual = tempfile.gettempdir()
    return Path(usual if 0 < len(usual) <= _LONGEST else "/tmp")  # noqa: S108 - a folder of our own is made in it


def _remove(folder: Path) -> None:
    """Remove a folder, its lock last: where processes of Ray that are ending write on, the next driver removes it."""
    for _ in range(_ATTEMPTS):
        for path in folder.iterdir():
            if path.is_dir() and not path.is_symlink():
                shutil.rmtree(path, ignore_errors=True)
            elif path.name != _LOCK:
                path.unlink(missing_ok=True)
        if [path.name for path in folder.iterdir()] == [_LOCK]:
            (folder / _LOCK).unlink()
            folder.rmdir()
            return
        time.sleep(_PAUSE)


def _runs(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True
