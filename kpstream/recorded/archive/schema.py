"""The schema of ``archive.db``."""

from __future__ import annotations

from kpstream.sqlite_schema import Schema

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
    """
    ALTER TABLE file ADD COLUMN missing INTEGER NOT NULL DEFAULT 0;  -- frames that could not be read
    ALTER TABLE file ADD COLUMN damaged INTEGER NOT NULL DEFAULT 0;  -- frames that came out damaged
    """,
)
SCHEMA = Schema(
    _STEPS,
    journal_mode="DELETE",  # NFS has no shared memory, which WAL needs
    synchronous="EXTRA",
    read_mode="rw",  # a reader may undo what a killed driver left half written
    remedy="run `kpstream archive` once with this one",
)
