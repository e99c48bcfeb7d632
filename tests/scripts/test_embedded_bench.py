"""The bench of the embedded model: it measures what runs, and tells how two checkouts compare."""

from __future__ import annotations

from embedded_bench import SIZES, Measurement, bodies, serve, summary
from environment import ROOT


def test_serve_answers_one_client_and_eight_small_pictures_and_large_ones() -> None:
    found = list(serve(ROOT, {size: bodies(size) for size in SIZES}, 0.2))
    assert [one.row for one in found] == [
        f"serve, {size}, {clients} at once" for size in ("640x360", "1768x994") for clients in (1, 8)
    ]
    assert all(one.rate > 0 for one in found)


def test_two_checkouts_are_compared_by_their_medians() -> None:
    before = [Measurement("row", rate, 0.04) for rate in (9, 10, 50)]
    after = [Measurement("row", rate, 0.02) for rate in (19, 20, 90)]
    assert summary([before]) == "10.0/s at 40.0 ms of CPU"
    assert summary([before, after]).endswith(": 2.00 of the rate, 0.50 of the CPU")
