"""The schema of ``events.db``."""

from __future__ import annotations

from kpstream.sqlite_schema import Schema

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
    """
    ALTER TABLE event ADD COLUMN changed INTEGER NOT NULL DEFAULT 0;    -- the number of its last change
    CREATE INDEX event_changed ON event (changed);
    CREATE INDEX event_unseen ON event (at) WHERE NOT seen;
    CREATE TABLE change (
        number INTEGER NOT NULL     -- of the last change of any event; grows for ever
    );
    INSERT INTO change VALUES (0);
    """,
)
SCHEMA = Schema(
    _STEPS,
    journal_mode="WAL",
    synchronous="FULL",
    read_mode="ro",
    remedy="run what writes to it once with this one",
)
