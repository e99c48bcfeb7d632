"""The schema of a SQLite file: who opens the file, and how an older file gets the present schema."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from kpstream.errors import SinkError

_BUSY_TIMEOUT = 10.0
"""Seconds that a statement waits for another program's lock."""


@dataclass(frozen=True, slots=True)
class Schema:
    """A schema whose version stands in the file, as ``user_version``."""

    steps: tuple[str, ...]
    """SQL: the first step gives an empty file version 1, each further step the next version."""
    journal_mode: Literal["WAL", "DELETE"]
    synchronous: Literal["FULL", "EXTRA"]
    """What outlives a power cut: FULL is enough with WAL, DELETE needs EXTRA."""
    read_mode: Literal["ro", "rw"]
    """How a reader opens the file: a reader undoes what a killed writer left half written only with ``rw``."""
    remedy: str
    """What the user does where a reader meets an older file."""

    @property
    def version(self) -> int:
        """The version that this kpstream writes and reads."""
        return len(self.steps)

    def connect(self, path: Path) -> sqlite3.Connection:
        """Open a file to write, make it where there is none, and give an older one the present schema; blocks.

        Returns:
            A connection in autocommit mode, for one thread at a time.

        Raises:
            SinkError: A newer kpstream wrote the file, or it cannot be opened.
        """
        with _opening(path, str(path), uri=False) as connection:
            connection.execute(f"PRAGMA journal_mode = {self.journal_mode}")
            connection.execute(f"PRAGMA synchronous = {self.synchronous}")
            found = self._version_in(connection, path)
            for version, step in enumerate(self.steps[found:], found + 1):
                connection.executescript(f"BEGIN IMMEDIATE; {step} PRAGMA user_version = {version}; COMMIT;")
        return connection

    def connect_to_read(self, path: Path) -> sqlite3.Connection:
        """Open a file that exists, to read from it, also while another program writes to it; blocks.

        Returns:
            A connection for one thread at a time.

        Raises:
            SinkError: A newer or an older kpstream wrote the file, or it cannot be opened.
        """
        place = f"{path.absolute().as_uri()}?mode={self.read_mode}"
        with _opening(path, place, uri=True) as connection:
            found = self._version_in(connection, path)
            if found < self.version:
                older = f"{path}: an older kpstream wrote it (form {found}, this one reads {self.version})"
                raise SinkError(f"{older}: {self.remedy}")
        return connection

    def _version_in(self, connection: sqlite3.Connection, path: Path) -> int:
        found = int(connection.execute("PRAGMA user_version").fetchone()[0])
        if found > self.version:
            newer = f"{path}: a newer kpstream wrote it (form {found}, this one knows {self.version})"
            raise SinkError(f"{newer}: use that one, or another folder")
        return found


@contextmanager
def _opening(path: Path, place: str, *, uri: bool) -> Iterator[sqlite3.Connection]:
    """Open a connection, and close it again where the block fails.

    Raises:
        SinkError: SQLite failed.
    """
    connection = None
    try:
        connection = sqlite3.connect(
            place, uri=uri, isolation_level=None, check_same_thread=False, timeout=_BUSY_TIMEOUT
        )
        yield connection
    except BaseException as error:
        if connection is not None:
            connection.close()
        if isinstance(error, sqlite3.Error):
            raise sqlite_fault(path, error) from None
        raise


def sqlite_fault(path: Path, error: sqlite3.Error) -> SinkError:
    """Why a file cannot be read or written, in one line, with what helps where it is damaged or was removed."""
    code = getattr(error, "sqlite_errorcode", 0)
    if code == sqlite3.SQLITE_READONLY_DBMOVED:
        return SinkError(f"{path} was removed or moved while it was written: start the same command again")
    if code & 0xFF in (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB):
        return SinkError(f"{path} is damaged ({error}): put a copy in its place, or move it away")
    return SinkError(f"{path}: {error}")
