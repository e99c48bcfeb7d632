"""The form of ``events.db``, and how an older one becomes the present one."""

from __future__ import annotations

import sqlite3
from pathlib import Path

from kpstream.errors import SinkError

FILE_NAME = "events.db"
_STEPS = (
    """
    CREATE TABLE event (
        id TEXT NOT NULL PRIMARY KEY,
        camera TEXT NOT NULL,
        rule TEXT NOT NULL,
        severity TEXT NOT NULL,
        state TEXT NOT NULL,
        at REAL NOT NULL,           -- when it began, or was stored where no wall clock is known; seconds since 1970
        document TEXT NOT NULL,     -- the event as it is told, JSON
        bytes INTEGER NOT NULL DEFAULT 0,           -- of its snapshot and clip
        seen INTEGER NOT NULL DEFAULT 0,
        false_alarm INTEGER NOT NULL DEFAULT 0,
        keep INTEGER NOT NULL DEFAULT 0
    );
    CREATE INDEX event_at ON event (at);
    CREATE INDEX event_of_camera ON event (camera, at);
    CREATE INDEX event_of_rule ON event (rule, at);
    CREATE INDEX event_open ON event (id) WHERE state != 'ended';
    CREATE TABLE arming (
        camera TEXT NOT NULL,
        rule TEXT NOT NULL,         -- empty for the camera as a whole
        armed INTEGER NOT NULL,
        PRIMARY KEY (camera, rule)
    ) WITHOUT ROWID;
    """,
    """
    CREATE TABLE delivery (
        id INTEGER PRIMARY KEY AUTOINCREMENT,
        destination TEXT NOT NULL,
        event TEXT NOT NULL,
        state TEXT NOT NULL,
        document TEXT NOT NULL,     -- the event as it was then
        at REAL NOT NULL            -- when it was stored, in seconds since 1970
    );
    CREATE INDEX delivery_in_order ON delivery (destination, id);
    CREATE INDEX delivery_of_event ON delivery (destination, event, state);
    CREATE TABLE destination (
        name TEXT NOT NULL PRIMARY KEY,
        gone TEXT NOT NULL          -- why it wants nothing more
    ) WITHOUT ROWID;
    """,
)
"""The first makes the form 1 of an empty file, each one after that the next form."""
VERSION = len(_STEPS)


def connect(path: Path) -> sqlite3.Connection:
    """Open the database to write, make it where there is none, and bring an older one to the present form; blocks.

    Raises:
        SinkError: A newer kpstream wrote it, or it cannot be opened.
    """
    try:
        connection = sqlite3.connect(path, isolation_level=None, check_same_thread=False, timeout=10.0)
    except sqlite3.Error as error:
        raise SinkError(f"{path}: {error}") from None
    try:
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA synchronous = FULL")  # what is committed outlives a power cut
        _migrate(connection, path)
    except sqlite3.Error as error:
        connection.close()
        raise SinkError(f"{path}: {error}") from None
    except SinkError:
        connection.close()
        raise
    return connection


def connect_to_read(path: Path) -> sqlite3.Connection:
    """Open a database that is there to read from it, also while another program writes to it.

    Raises:
        SinkError: It has another form than this kpstream reads.
        sqlite3.Error: It cannot be read.
    """
    connection = sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True, timeout=10.0)
    try:
        _check_present(connection, path)
    except BaseException:
        connection.close()
        raise
    return connection


def _check_present(connection: sqlite3.Connection, path: Path) -> None:
    version = _version(connection, path)
    if version < VERSION:
        older = f"{path}: an older kpstream wrote it (form {version}, this one reads {VERSION})"
        raise SinkError(f"{older}: run what writes to it once with this one")


def _migrate(connection: sqlite3.Connection, path: Path) -> None:
    version = _version(connection, path)
    for number, step in enumerate(_STEPS[version:], version + 1):
        connection.executescript(f"BEGIN IMMEDIATE; {step} PRAGMA user_version = {number}; COMMIT;")


def _version(connection: sqlite3.Connection, path: Path) -> int:
    version = int(connection.execute("PRAGMA user_version").fetchone()[0])
    if version > VERSION:
        raise SinkError(
            f"{path}: a newer kpstream wrote it (form {version}, this one knows {VERSION}): use that one, or another "
            "folder"
        )
    return version
