"""The form of ``archive.db``, and how an older one becomes the present one."""

from __future__ import annotations

import sqlite3
from pathlib import Path

from kpstream.errors import SinkError

_STEPS = (
    """
    CREATE TABLE file (
        name TEXT NOT NULL PRIMARY KEY,         -- below the place of the outputs
        path TEXT NOT NULL,
        stamp TEXT NOT NULL,                    -- of the file when it was probed
        content TEXT NOT NULL,                  -- its fingerprint
        same_as TEXT NOT NULL,                  -- the name of the file with the same content that is worked on; or ''
        bytes INTEGER NOT NULL,
        duration REAL,
        frame_rate REAL,
        width INTEGER NOT NULL,
        height INTEGER NOT NULL,
        has_audio INTEGER NOT NULL,
        state TEXT NOT NULL,                    -- waiting, running, done, failed
        attempts INTEGER NOT NULL,
        node TEXT NOT NULL,
        position REAL NOT NULL,                 -- seconds of video that are done
        frames INTEGER NOT NULL,
        requests INTEGER NOT NULL,              -- of all attempts, as the next four
        answers INTEGER NOT NULL,
        credits REAL NOT NULL,
        seconds REAL NOT NULL,
        fault_kind TEXT NOT NULL,                    -- file, endpoint, passing, output, budget; or ''
        fault TEXT NOT NULL,
        remedy TEXT NOT NULL,
        outputs TEXT NOT NULL,                  -- JSON: the bytes of each, by kind
        curve TEXT NOT NULL,                    -- JSON: poses in a frame over the time of the video, on average
        events INTEGER NOT NULL,
        updated_at TEXT NOT NULL                -- UTC
    );
    CREATE INDEX file_of_content ON file (content);
    CREATE TABLE fact (name TEXT NOT NULL PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
    """,
)
"""The first makes the form 1 of an empty file, each one after that the next form."""
VERSION = len(_STEPS)


def connect(path: Path) -> sqlite3.Connection:
    """Open the ledger to write, make it where there is none, and bring an older one to the present form; blocks.

    Raises:
        SinkError: A newer kpstream wrote it, or it cannot be opened.
    """
    connection = _open(path, str(path), uri=False)
    try:
        connection.execute("PRAGMA journal_mode = DELETE")  # as NFS needs it
        connection.execute("PRAGMA synchronous = EXTRA")  # what is committed outlives a power cut
        version = _version(connection, path)
        for number, step in enumerate(_STEPS[version:], version + 1):
            connection.executescript(f"BEGIN IMMEDIATE; {step} PRAGMA user_version = {number}; COMMIT;")
    except sqlite3.Error as error:
        connection.close()
        raise SinkError(f"{path}: {error}") from None
    except SinkError:
        connection.close()
        raise
    return connection


def connect_to_read(path: Path) -> sqlite3.Connection:
    """Open a ledger that is there to read from it, also while its driver writes.

    Raises:
        SinkError: It has another form than this kpstream reads, or cannot be read.
    """
    connection = _open(path, f"{path.absolute().as_uri()}?mode=rw", uri=True)  # a killed driver's half may be undone
    try:
        version = _version(connection, path)
    except sqlite3.Error as error:
        connection.close()
        raise SinkError(f"{path}: {error}") from None
    except SinkError:
        connection.close()
        raise
    if version < VERSION:
        connection.close()
        raise SinkError(f"{path}: an older kpstream wrote it: run `kpstream archive` once with this one")
    return connection


def _open(path: Path, place: str, *, uri: bool) -> sqlite3.Connection:
    try:
        return sqlite3.connect(place, uri=uri, isolation_level=None, timeout=10.0)
    except sqlite3.Error as error:
        raise SinkError(f"{path}: {error}") from None


def _version(connection: sqlite3.Connection, path: Path) -> int:
    version = int(connection.execute("PRAGMA user_version").fetchone()[0])
    if version > VERSION:
        raise SinkError(
            f"{path}: a newer kpstream wrote it (form {version}, this one knows {VERSION}): use that one, or another "
            "folder"
        )
    return version
