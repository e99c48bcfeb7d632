from __future__ import annotations

from collections.abc import Container, Iterable
from math import inf, nan

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from kpstream.dispatch.sampling import HEARTBEAT, Adaptive, EveryNth, FixedRate, Sampling, rate_when_full
from kpstream.entities import Frame, Image
from kpstream.testing import SyntheticSource

EMPTY: Image = np.full((64, 96, 3), 30, np.uint8)


def frame(index: int, image: Image = EMPTY, frame_rate: float = 30.0) -> Frame:
    return Frame(index, index / frame_rate, 0.0, image)


def asked(sampling: Sampling, frames: Iterable[Frame], *, unsure: Container[int] = ()) -> list[int]:
    taken = []
    for item in frames:
        if sampling.due(item, unsure=item.index in unsure):
            sampling.taken(item)
            taken.append(item.index)
    return taken


def sampled(sampling: Sampling, frames: int, frame_rate: float = 30.0) -> list[int]:
    return asked(sampling, (frame(index, frame_rate=frame_rate) for index in range(frames)))


def test_five_a_second_of_thirty_is_every_sixth_frame() -> None:
    assert sampled(FixedRate(5), 31) == [0, 6, 12, 18, 24, 30]


def test_an_endless_rate_takes_every_frame() -> None:
    assert sampled(FixedRate(inf), 5) == [0, 1, 2, 3, 4]


@given(st.floats(0.1, 60), st.floats(5, 120), st.integers(1, 300))
def test_the_rate_is_never_exceeded(rate: float, frame_rate: float, frames: int) -> None:
    assert len(sampled(FixedRate(rate), frames, frame_rate)) <= frames / frame_rate * rate + 1 + 1e-3


def test_a_late_sample_does_not_move_the_grid() -> None:
    sampling = FixedRate(5)
    sampling.taken(frame(0))
    assert sampling.due(frame(6), unsure=False)  # nobody was free: asked again with the next frame
    assert sampling.due(frame(7), unsure=False)
    sampling.taken(frame(7))
    assert not sampling.due(frame(11), unsure=False)
    assert sampling.due(frame(12), unsure=False)


def test_another_rate_holds_from_the_next_frame_on() -> None:
    sampling = FixedRate(5)
    assert asked(sampling, map(frame, range(12))) == [0, 6]
    sampling.rate = 15
    assert asked(sampling, map(frame, range(12, 17))) == [12, 14, 16]
    sampling.rate = 1
    assert asked(sampling, map(frame, range(17, 62))) == [30, 60]


@pytest.mark.parametrize(
    ("rate", "shown_fps", "expected"), [(5, 17, 4), (5, 20, 5), (2, 17, 2), (10, 17, 8), (5, nan, 5), (inf, 17, inf)]
)
def test_a_full_machine_takes_four_of_five_samples_where_they_are_many(
    rate: float, shown_fps: float, expected: float
) -> None:
    assert rate_when_full(rate, shown_fps, rate) == expected


def test_a_full_machine_that_shows_a_little_more_takes_no_more_samples() -> None:
    rates = [5.0]
    for shown_fps in (20, 19, 20, 21, 24, 25, 24, 20):
        rates.append(rate_when_full(5, shown_fps, rates[-1]))
    assert rates[1:] == [5, 4, 4, 4, 4, 5, 5, 5]


def test_every_third_frame_counts_from_the_first_one_seen() -> None:
    assert asked(EveryNth(3), map(frame, range(100, 110))) == [100, 103, 106, 109]


def noisy(index: int, image: Image = EMPTY) -> Frame:
    noise = np.random.default_rng(index).normal(0, 6, image.shape)
    return frame(index, np.clip(image + noise, 0, 255).astype(np.uint8))


def test_a_picture_at_rest_is_asked_about_once_a_heartbeat_whatever_the_camera_s_noise() -> None:
    beat = int(HEARTBEAT * 30)
    assert asked(Adaptive(5), map(noisy, range(2 * beat + 1))) == [0, beat, 2 * beat]


def test_whoever_moves_is_asked_about_at_the_full_rate_and_once_at_rest() -> None:
    source = SyntheticSource(60)
    shifts = [*[0] * 30, *range(30), *[29] * 90]
    frames = (frame(index, source.picture(shift)) for index, shift in enumerate(shifts))
    assert asked(Adaptive(5), frames) == [0, 31, *range(36, 61, 6)]


def test_whoever_enters_is_asked_about_at_once() -> None:
    entered = EMPTY.copy()
    entered[20:50, 90:] = 200
    assert asked(Adaptive(5), [*map(noisy, range(31)), *(noisy(31 + i, entered) for i in range(9))]) == [0, 31]


def test_a_cloud_over_the_sun_is_no_reason_to_ask() -> None:
    picture: Image = np.random.default_rng(1).integers(60, 200, (64, 96, 3), np.uint8)
    assert asked(Adaptive(5), (noisy(i, (picture - min(i, 40)).astype(np.uint8)) for i in range(90))) == [0]


def test_an_unsure_tracker_is_reason_to_ask_but_never_above_the_rate() -> None:
    assert asked(Adaptive(5), map(frame, range(40)), unsure=range(10, 20)) == [0, 10, 12, 18]
