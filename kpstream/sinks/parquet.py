"""Poses as Parquet, one row a keypoint: what DuckDB, pandas and Spark read by columns, thousands of files at once."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pyarrow as pa  # type: ignore[import-untyped]
import pyarrow.parquet as pq  # type: ignore[import-untyped]

from kpstream.entities import Image, Scene
from kpstream.errors import SinkError
from kpstream.sinks.csv_file import COLUMNS, rows_of
from kpstream.sinks.output import sink_error

_ROWS = 50_000
"""Of a row group: a minute of two people at 30 frames a second, some 2 MB in memory."""
_words: Any = pa.dictionary(pa.int32(), pa.string())
_TYPES: dict[str, Any] = {
    "source": _words,
    "frame_index": pa.int64(),
    "stale": pa.bool_(),
    "pose": pa.int32(),
    "tracker_id": pa.int64(),
    "origin": _words,
    "class": _words,
    "class_id": pa.int32(),
    "keypoint": _words,
    "keypoint_id": pa.int32(),
}
_SCHEMA: Any = pa.schema([(name, _TYPES.get(name, pa.float64())) for name in COLUMNS])


class ParquetSink:
    """The rows and columns of `CsvSink`, typed and compressed; a whole file only once it is closed.

    Args:
        path: The file, created by the first row group.
    """

    needs_canvas = False

    def __init__(self, path: Path) -> None:
        self._path = path
        self._rows: list[tuple[object, ...]] = []
        self._writer: Any = None
        self._has_scenes = self._closed = False

    def write(self, scene: Scene, canvas: Image) -> None:  # noqa: ARG002 - the picture has no place in a table
        """Take the rows of one scene; blocks where a row group is full.

        Raises:
            SinkError: They could not be written, or it is closed.
        """
        if self._closed:
            raise SinkError(f"{self._path}: nothing more can be written, it is closed")
        self._has_scenes = True
        self._rows += rows_of(scene)
        if len(self._rows) >= _ROWS:
            self._flush()

    def close(self) -> None:
        """Write the rest and the index. Idempotent.

        Raises:
            SinkError: They could not be written.
        """
        if self._closed:
            return
        self._closed = True
        if not self._has_scenes:
            return
        self._flush()
        try:
            self._writer.close()
        except OSError as error:
            raise sink_error(self._path, error) from None

    def _flush(self) -> None:
        columns = zip(*self._rows, strict=True) if self._rows else [[] for _ in COLUMNS]
        stale = COLUMNS.index("stale")
        arrays = [
            pa.array(map(bool, column) if place == stale else column, field.type)
            for place, (column, field) in enumerate(zip(columns, _SCHEMA, strict=True))
        ]
        self._rows = []
        try:
            if self._writer is None:
                self._writer = pq.ParquetWriter(self._path, _SCHEMA, compression="zstd")
            self._writer.write_table(pa.Table.from_arrays(arrays, schema=_SCHEMA))
        except OSError as error:
            self._closed = True
            raise sink_error(self._path, error) from None

    def __repr__(self) -> str:
        return f"<ParquetSink {self._path}>"
