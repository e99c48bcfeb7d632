"""The figures for Prometheus: read back by its own parser, and written seldom and whole."""

from __future__ import annotations

import os
from pathlib import Path

from prometheus_client.parser import text_string_to_metric_families

from kpstream.recorded.archive.driver import Figures
from kpstream.recorded.archive.metrics import MetricsFile, metrics_text
from kpstream.recorded.archive.place import ArchivePlace
from kpstream.recorded.archive.shard import Shard
from kpstream.testing import ManualClock

FIGURES = Figures(9, 3, 1, ("a", "b"), 90.5, 30.25, 1234, 0.5, "waiting: 503")


def values(text: str) -> dict[str, float]:
    return {
        f"{sample.name} {sample.labels.get('state', '')}".strip(): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


def test_a_parser_reads_what_was_written() -> None:
    odd = 'a "b"\\\nc'
    text = metrics_text(FIGURES, {"archive": odd, "shard": "1/1"}, 5000)
    assert values(text) == {
        "kpstream_archive_files done": 3,
        "kpstream_archive_files failed": 1,
        "kpstream_archive_files running": 2,
        "kpstream_archive_files waiting": 3,
        "kpstream_archive_video_seconds": 90.5,
        "kpstream_archive_video_done_seconds": 30.25,
        "kpstream_archive_requests_total": 1234,
        "kpstream_archive_credits_total": 0.5,
        "kpstream_archive_trouble": 1,
        "kpstream_archive_requests_limit": 5000,
    }
    labels = [sample.labels for family in text_string_to_metric_families(text) for sample in family.samples]
    assert {each["archive"] for each in labels} == {odd}
    assert "requests_limit" not in metrics_text(FIGURES, {}, None)


def test_the_file_is_written_every_few_seconds_and_belongs_to_its_shard(tmp_path: Path) -> None:
    clock = ManualClock()
    file = MetricsFile(ArchivePlace(str(tmp_path / "out"), tmp_path, Shard(2, 3)), None, clock=clock)
    path = tmp_path / "metrics-2-of-3.prom"
    file.show(FIGURES)
    assert 'shard="2/3"' in path.read_text()
    path.unlink()
    clock.advance(2)
    file.show(FIGURES)
    assert not path.exists()
    file.write(FIGURES)
    assert list(tmp_path.iterdir()) == [path]
    path.unlink()
    clock.advance(5)
    file.show(FIGURES)
    assert path.exists()


def test_a_folder_whose_name_is_no_utf8_is_called_as_it_is_printed(tmp_path: Path) -> None:
    MetricsFile(ArchivePlace(os.fsdecode(b"out\xff"), tmp_path), None).write(FIGURES)
    assert 'archive="out\\\\xff"' in (tmp_path / "metrics.prom").read_text()


def test_a_file_that_cannot_be_written_stops_nothing(tmp_path: Path) -> None:
    MetricsFile(ArchivePlace(str(tmp_path), tmp_path / "gone"), None).write(FIGURES)
