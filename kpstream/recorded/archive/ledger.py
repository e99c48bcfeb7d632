"""The ledger of an archive: a SQLite file with the state of each video, written by one driver."""

from __future__ import annotations

import json
import os
import sqlite3
from collections.abc import Iterable, Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import asdict, dataclass, field, fields
from datetime import UTC, datetime
from math import isnan, nan
from pathlib import Path
from types import TracebackType
from typing import Any, Literal, Self

from kpstream.errors import UsageError
from kpstream.recorded.archive.schema import SCHEMA
from kpstream.recorded.locking import try_lock
from kpstream.sinks.output import sink_error
from kpstream.sqlite_schema import sqlite_fault

State = Literal["waiting", "running", "done", "failed"]
FILE_NAME = "archive.db"


@dataclass(frozen=True, slots=True)
class FileRecord:
    """The state of one file in the ledger."""

    name: str
    """The file's name, relative to the folder of the outputs."""
    path: str
    """The path as printable text; of an address without its query."""
    stamp: str = ""
    content: str = ""
    same_as: str = ""
    """The name of the file with the same content that is worked on in its place; empty where it is this one."""
    bytes: int = 0
    duration: float = nan
    frame_rate: float = nan
    width: int = 0
    height: int = 0
    has_audio: bool = False
    state: State = "waiting"
    attempts: int = 0
    """How often it was begun since it last came further."""
    node: str = ""
    position: float = 0.0
    """Seconds of video that are done."""
    frames: int = 0
    requests: int = 0
    answers: int = 0
    """Answers that are in the journal, or were used."""
    credits: float = 0.0
    seconds: float = 0.0
    """Of work."""
    fault_kind: str = ""
    fault: str = ""
    remedy: str = ""
    outputs: Mapping[str, int] = field(default_factory=dict)
    """The bytes of the outputs, by kind."""
    curve: tuple[float, ...] = ()
    """Average poses in a frame, for even parts of the video's time."""
    events: int = 0
    missing: int = 0
    """Frames that the file holds, or declares, and that could not be read."""
    damaged: int = 0
    """Frames that came out damaged, and were not asked about."""
    updated_at: str = ""
    """When the record was last written, UTC."""


_COLUMNS = [each.name for each in fields(FileRecord)]
_JSON = {"outputs", "curve"}


class Ledger:
    """The ledger for its driver, which reads and writes it. For one thread; `open` it first.

    Args:
        path: The file; made where there is none.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._lock = -1
        self._connection: sqlite3.Connection | None = None

    def open(self) -> None:
        """Lock the ledger against other drivers, and give it the present schema; blocks.

        Raises:
            UsageError: Another driver has locked it.
            SinkError: The file cannot be written, or a newer kpstream wrote it.
        """
        try:
            self._lock = os.open(self.path.with_name(self.path.name + ".lock"), os.O_RDWR | os.O_CREAT, 0o644)
        except OSError as error:
            raise sink_error(self.path, error) from None
        if not try_lock(self._lock):
            self.close()
            raise UsageError(f"{self.path}: another kpstream archive is at work on it; `archive status` shows how far")
        try:
            self._connection = SCHEMA.connect(self.path)
        except BaseException:
            self.close()
            raise

    def close(self) -> None:
        """Close the file and release the lock. Idempotent."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None
        if self._lock >= 0:
            os.close(self._lock)
            self._lock = -1

    def __enter__(self) -> Self:
        self.open()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def records(self) -> dict[str, FileRecord]:
        """The records of all files, by name.

        Raises:
            SinkError: The file cannot be read.
        """
        with _faults_told(self.path):
            return _records(self._open_connection)

    def put(self, records: Iterable[FileRecord]) -> None:
        """Write records; blocks until they would outlive the process and a power cut.

        Raises:
            SinkError: The file could not be written.
        """
        now = datetime.now(UTC).isoformat(timespec="seconds")
        rows = [_row(record, now) for record in records]
        marks = ", ".join(f":{name}" for name in _COLUMNS)
        # the names are this module's own
        self._write(f"INSERT OR REPLACE INTO file ({', '.join(_COLUMNS)}) VALUES ({marks})", rows)  # noqa: S608

    def fact(self, name: str) -> str | None:
        """A fact about the whole archive; None where it was never written.

        Raises:
            SinkError: The file cannot be read.
        """
        with _faults_told(self.path):
            return _fact(self._open_connection, name)

    def note(self, **facts: str) -> None:
        """Write facts about the whole archive; blocks as `put` does.

        Raises:
            SinkError: The file could not be written.
        """
        rows = [{"name": name, "value": value} for name, value in facts.items()]
        self._write("INSERT OR REPLACE INTO fact (name, value) VALUES (:name, :value)", rows)

    def forget_everything(self) -> None:
        """Remove all records and facts.

        Raises:
            SinkError: The file could not be written.
        """
        self._write("DELETE FROM file", [{}])
        self._write("DELETE FROM fact", [{}])

    @property
    def _open_connection(self) -> sqlite3.Connection:
        assert self._connection is not None, "it is not open"
        return self._connection

    def _write(self, statement: str, rows: list[dict[str, Any]]) -> None:
        connection = self._open_connection
        try:
            connection.execute("BEGIN IMMEDIATE")
            connection.executemany(statement, rows)
            connection.execute("COMMIT")
        except sqlite3.Error as error:
            if connection.in_transaction:
                connection.execute("ROLLBACK")
            raise sqlite_fault(self.path, error) from None


@dataclass(frozen=True, slots=True)
class LedgerContents:
    """The records and facts of a ledger."""

    records: Mapping[str, FileRecord]
    facts: Mapping[str, str]


def read_ledger(path: Path) -> LedgerContents:
    """Read a whole ledger, also while its driver writes.

    Raises:
        SinkError: The ledger cannot be read.
    """
    connection = SCHEMA.connect_to_read(path)
    with closing(connection), _faults_told(path):
        facts = dict(connection.execute("SELECT name, value FROM fact"))
        return LedgerContents(_records(connection), facts)


@contextmanager
def _faults_told(path: Path) -> Iterator[None]:
    try:
        yield
    except sqlite3.Error as error:
        raise sqlite_fault(path, error) from None


def _records(connection: sqlite3.Connection) -> dict[str, FileRecord]:
    rows = connection.execute(f"SELECT {', '.join(_COLUMNS)} FROM file ORDER BY name")  # noqa: S608
    return {row[0]: _record(dict(zip(_COLUMNS, row, strict=True))) for row in rows}


def _record(row: dict[str, Any]) -> FileRecord:
    for name in ("duration", "frame_rate"):
        row[name] = nan if row[name] is None else row[name]
    row["outputs"], row["curve"] = json.loads(row["outputs"]), tuple(json.loads(row["curve"]))
    row["has_audio"] = bool(row["has_audio"])
    return FileRecord(**row)


def _row(record: FileRecord, now: str) -> dict[str, Any]:
    row = asdict(record) | {"updated_at": now}
    for name, value in row.items():
        if name in _JSON:
            row[name] = json.dumps(value, separators=(",", ":"))
        elif isinstance(value, float) and isnan(value):
            row[name] = None
    return row


def _fact(connection: sqlite3.Connection, name: str) -> str | None:
    row = connection.execute("SELECT value FROM fact WHERE name = ?", [name]).fetchone()
    return None if row is None else str(row[0])
