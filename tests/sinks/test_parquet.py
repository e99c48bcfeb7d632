"""Poses as Parquet: the rows of the CSV, typed."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq  # type: ignore[import-untyped]
import pytest

from kpstream.entities import Scene
from kpstream.errors import SinkError
from kpstream.interfaces import Sink
from kpstream.sinks.csv_file import CsvSink
from kpstream.sinks.parquet import ParquetSink
from kpstream.testing import SyntheticSource
from kpstream.testing.fakes import truth


def scenes(count: int) -> list[Scene]:
    source, found = SyntheticSource(count), []
    while (frame := source.read()) is not None:
        poses = (truth(frame.index),) if frame.index % 3 else ()
        found.append(Scene(frame, poses, result_frame_index=frame.index, result_age=0.0, source="a.mp4"))
    return found


def test_the_rows_are_those_of_the_csv_with_types(tmp_path: Path) -> None:
    sinks: list[Sink] = [ParquetSink(tmp_path / "a.parquet"), CsvSink(tmp_path / "a.csv")]
    for scene in scenes(9):
        for sink in sinks:
            sink.write(scene, np.zeros((1, 1, 3), np.uint8))
    for sink in sinks:
        sink.close()
    table = pq.read_table(tmp_path / "a.parquet")
    rows = list(csv.DictReader((tmp_path / "a.csv").read_text().splitlines()))
    assert table.num_rows == len(rows)
    assert table.schema.field("keypoint_x").type == "double"
    assert table.schema.field("stale").type == "bool"

    def text(value: object) -> str:
        return "" if value is None else str(int(value)) if isinstance(value, bool) else str(value)

    assert [{name: text(value) for name, value in row.items()} for row in table.to_pylist()] == rows


def test_no_scene_no_file_and_nothing_after_the_end(tmp_path: Path) -> None:
    sink = ParquetSink(tmp_path / "a.parquet")
    sink.close()
    sink.close()
    assert not (tmp_path / "a.parquet").exists()
    with pytest.raises(SinkError, match="it is closed"):
        sink.write(scenes(1)[0], np.zeros((1, 1, 3), np.uint8))


def test_a_folder_that_is_not_there_is_one_line(tmp_path: Path) -> None:
    sink = ParquetSink(tmp_path / "nowhere" / "a.parquet")
    sink.write(scenes(1)[0], np.zeros((1, 1, 3), np.uint8))
    with pytest.raises(SinkError, match="its folder does not exist"):
        sink.close()
