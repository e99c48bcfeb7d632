"""Which faults scripts/soak_site.py puts in, and what it makes of the counts of frames."""

from __future__ import annotations

from itertools import pairwise
from math import inf

import pytest
from soak_parts.playing import growth
from soak_parts.schedule import FILES, SERVED, Fault, site_schedule
from soak_parts.site_rates import backs, rates
from soak_parts.site_run import Sample

from tests.rig.parts.programs import Usage

HELD = Usage(100.0, 10, 20)


def samples(*counts: int | None) -> list[Sample]:
    """A sample each half second, with the frames of the camera ``door``."""
    return [
        Sample(number / 2, HELD, {}, 0, 0.5, None if count is None else {"door": count})
        for number, count in enumerate(counts)
    ]


def test_the_same_seed_gives_the_same_faults_and_another_one_others() -> None:
    assert site_schedule(600.0, 1) == site_schedule(600.0, 1) != site_schedule(600.0, 2)


def test_faults_of_one_camera_follow_one_another_and_all_end_in_time() -> None:
    faults = site_schedule(600.0, 1)
    assert max(fault.ends_at for fault in faults) < 590
    for name in (*SERVED, *FILES):
        own = [fault for fault in faults if fault.of == name]
        assert len(own) > 3
        assert all(before.ends_at < after.begins_at for before, after in pairwise(own))


def test_a_camera_at_its_rate_is_told_so() -> None:
    seen = rates(samples(*range(0, 305, 5)), [], "door")
    assert (seen.mean, seen.lowest, seen.lost) == (10.0, 10.0, 0)


def test_a_camera_that_is_slow_for_ten_seconds_is_found() -> None:
    counts = [*range(0, 100, 5), *range(100, 120), *range(120, 300, 5)]
    assert rates(samples(*counts), [], "door").lowest == pytest.approx(2.0, abs=0.3)


def test_what_a_camera_misses_in_a_fault_of_its_own_does_not_count() -> None:
    counts = [*range(0, 200, 5), *[195] * 10, *range(195, 400, 5)]
    fault = Fault("network", "stall", 19.6, 24.4, "door")
    assert rates(samples(*counts), [fault], "door").lowest == 10.0
    assert rates(samples(*counts), [], "door").lowest < 6.0


def test_a_page_that_did_not_answer_hides_no_frame() -> None:
    counts: list[int | None] = list(range(0, 305, 5))
    counts[20:26] = [None] * 6
    assert rates(samples(*counts), [], "door").mean == 10.0


def test_a_camera_that_begins_again_without_a_fault_of_its_own_is_lost_once() -> None:
    assert rates(samples(*range(0, 100, 5), *range(0, 100, 5)), [], "door").lost == 1


def test_a_death_is_over_when_another_process_counts_from_zero() -> None:
    counts = [*range(0, 100, 5), *[95] * 4, *range(0, 100, 5)]
    (back,) = backs(samples(*counts), [Fault("process", "SIGKILL", 9.6, 16.0, "door")], "door")
    assert back.after == pytest.approx(12.0 - 9.6)


def test_another_fault_is_over_with_the_next_picture_after_it() -> None:
    counts = [*range(0, 100, 5), *[95] * 10, *range(95, 200, 5)]
    stall = Fault("network", "stall", 9.6, 12.2, "door")
    (back,) = backs(samples(*counts), [stall], "door")
    assert back.after == pytest.approx(15.5 - 12.2)
    first, _ = backs(samples(*counts), [stall, Fault("network", "stall", 14.0, 14.2, "door")], "door")
    assert first.after == inf


def test_a_fault_that_was_not_over_before_the_next_one_hides_nothing_after_that() -> None:
    counts = [*range(0, 100, 5), *[95] * 10, *range(95, 195, 5), *[190] * 30]
    faults = [Fault("network", "stall", 9.6, 12.2, "door"), Fault("network", "stall", 14.0, 14.2, "door")]
    assert rates(samples(*counts), faults, "door").lowest == 0.0


def test_growth_is_by_the_hour() -> None:
    assert growth([(float(at), 100 + at / 36) for at in range(300)]) == pytest.approx(100.0)
