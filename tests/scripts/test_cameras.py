"""What scripts/cameras.py makes of its numbers."""

from __future__ import annotations

from pathlib import Path

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
