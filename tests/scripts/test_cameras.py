"""What scripts/cameras.py makes of its numbers."""

from __future__ import annotations

from pathlib import Path

import pytest
from bench_parts import camera_faults
from bench_parts.cameras import Row, plot, table

ROWS = [
    Row(rates=[30.0], offered=30.0, cores=0.5, endpoint_cores=0.1),
    Row(rates=[25.0, 25.0, 25.0, 25.0], offered=30.0, cores=1.8, endpoint_cores=0.2),
    Row(rates=[12.0] * 7 + [8.0], offered=30.0, cores=1.9, endpoint_cores=0.1),
]


def test_a_number_of_cameras_is_held_against_what_is_asked_and_against_the_most() -> None:
    one, four, eight = table(ROWS).splitlines()[2:]
    assert one == "| 1 | 30 | 30.0 | 1.00 | 30.0 to 30.0 | 1.00 | 0.50 | 0.10 | 0.60 |"
    assert four == "| 4 | 120 | 100.0 | 1.00 | 25.0 to 25.0 | 1.00 | 1.80 | 0.20 | 2.00 |"
    assert eight == "| 8 | 240 | 92.0 | 0.92 | 8.0 to 12.0 | 1.50 | 1.90 | 0.10 | 2.00 |"


def test_there_is_a_plot_with_and_without_an_earlier_run(tmp_path: Path) -> None:
    for before in ([], ROWS[:1]):
        plot(ROWS, before, tmp_path / "cameras.png")
        assert (tmp_path / "cameras.png").read_bytes().startswith(b"\x89PNG")
        (tmp_path / "cameras.png").unlink()


class TestFaults:
    """Eight cameras of which three fail."""

    STEADY = camera_faults.Shown("camera1", [-15 + frame / 10 for frame in range(451)])
    FROZEN = camera_faults.Shown("frozen", [at for at in STEADY.at if not 0 <= at < 15])

    def test_pictures_are_counted_before_with_and_after_the_faults(self) -> None:
        assert [self.STEADY.rate(part) for part in (-1, 0, 1)] == pytest.approx([10.0, 10.0, 10.0], abs=0.1)
        assert [self.FROZEN.rate(part) for part in (-1, 0, 1)] == pytest.approx([10.0, 0.0, 10.0], abs=0.1)

    def test_the_longest_time_without_a_picture_is_told_also_of_one_that_shows_none_to_the_end(self) -> None:
        assert self.STEADY.longest_gap == pytest.approx(0.1)
        assert self.FROZEN.longest_gap == pytest.approx(15.1)
        ended = camera_faults.Shown("locked", [at for at in self.STEADY.at if at < 0])
        assert ended.longest_gap == pytest.approx(30.1)

    def test_table_and_plot_name_what_was_done(self, tmp_path: Path) -> None:
        assert "frozen (frozen, its connection open)" in camera_faults.table([self.STEADY, self.FROZEN])
        camera_faults.plot([self.STEADY, self.FROZEN], tmp_path / "faults.png")
        assert (tmp_path / "faults.png").read_bytes().startswith(b"\x89PNG")
