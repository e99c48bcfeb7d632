"""Which frames are chosen where few are wanted, for any file."""

from __future__ import annotations

from bisect import bisect_right
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from kpstream.sources.spacing import choose

_SLACK = 2e-6
GAPS = st.lists(st.sampled_from([1 / 60, 1 / 30, 0.04, 0.2, 1.0, 7.0]), max_size=120)
"""Between frames: even, changing, with pauses."""


@given(GAPS, st.sets(st.integers(1, 119)), st.floats(0.01, 20.0))
def test_of_any_file_frames_are_near_the_steps_in_order_and_none_twice(
    gaps: list[float], more_keys: set[int], interval: float
) -> None:
    at = [0.0]
    for gap in gaps:
        at.append(at[-1] + gap)
    keys = sorted({0, *(key for key in more_keys if key < len(at))})
    chosen = choose(at, keys, interval)
    assert chosen[0] == 0
    assert all(one < other for one, other in pairwise(chosen))
    steps = [round(at[number] / interval) for number in chosen]
    assert all(abs(at[n] - step * interval) <= interval / 2 + _SLACK for n, step in zip(chosen, steps, strict=True))
    missing = {
        step for step in (round(place / interval) for place in at)
        if step * interval <= at[-1]
        and not any(abs(at[n] - step * interval) <= interval / 2 + _SLACK for n in chosen)
    }  # fmt: skip
    assert not missing
    for number in set(chosen) - set(keys):  # a frame that is no key frame is chosen where no other key frame is near
        step = round(at[number] / interval)
        near = [key for key in keys if abs(at[key] - step * interval) < interval / 2 - _SLACK]
        assert all(bisect_right(chosen, key) and key in chosen for key in near)


def test_a_sample_moves_to_a_key_frame_within_half_an_interval() -> None:
    at = [number / 10 for number in range(100)]
    assert choose(at, [0, 17, 44, 62, 91], 2.0) == [0, 17, 44, 62, 70]
    assert choose(at, [0], 2.0) == [0, 20, 40, 60, 70]
    assert choose(at, [0, 55], 2.0) == [0, 20, 30, 55, 70]


def test_numbers_of_frames_are_places_too_and_a_pause_has_no_frames() -> None:
    assert choose(range(10), [0, 5], 4) == [0, 5, 6]
    assert choose([0.0, 0.1, 9.0, 9.1, 10.0], [0], 1.0) == [0, 2, 4]
