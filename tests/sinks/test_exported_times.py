"""What the exports say of time: exact at every rate that cameras have."""

from __future__ import annotations

import csv
import json
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import pytest

from kpstream.entities import Scene
from kpstream.sinks.coco import CocoSink
from kpstream.sinks.csv_file import CsvSink
from kpstream.sinks.jsonl import JsonLinesSink
from tests.support.sink_contract import bare_box, scene

RATES = [5, 24000 / 1001, 30000 / 1001, 60, 240, 960, 2000, 10_000]


def scenes(rate: float, first: float) -> list[Scene]:
    indices = range(12)
    return [
        replace(scene(index, bare_box(), pts=first + index / rate), result_age=(index - 6) / rate) for index in indices
    ]


@pytest.mark.parametrize("rate", RATES)
@pytest.mark.parametrize("first", [0.0, 7200.0, 10 * 86400.0])
def test_times_are_those_of_the_source(rate: float, first: float, tmp_path: Path) -> None:
    given = scenes(rate, first)
    lines, table, coco = JsonLinesSink(tmp_path / "a.jsonl"), CsvSink(tmp_path / "a.csv"), CocoSink(tmp_path / "a.json")
    for sink in (lines, table, coco):
        for one in given:
            sink.write(one, one.frame.image)
        sink.close()
    of_lines = [json.loads(line) for line in (tmp_path / "a.jsonl").read_text().splitlines()]
    with (tmp_path / "a.csv").open(newline="") as file:
        of_table = list(csv.DictReader(file))
    of_coco = json.loads((tmp_path / "a.json").read_text())["images"]
    for found in (of_lines, of_table, of_coco):
        times = [float(item["pts"]) for item in found]
        assert times == pytest.approx([one.frame.pts for one in given], abs=6e-7)
        assert [after - before for before, after in pairwise(times)] == pytest.approx([1 / rate] * 11, rel=0.02)
    for found in (of_lines, of_table):
        assert [float(item["result_age"]) for item in found] == pytest.approx(
            [one.result_age for one in given], abs=6e-7
        )
