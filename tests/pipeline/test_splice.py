"""Several sources in a row, and the one run of frames that comes of them."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from kpstream.entities import Frame, Image
from kpstream.pipeline.splice import Splice

PICTURE: Image = np.zeros((2, 2, 3), np.uint8)

steps = st.lists(st.tuples(st.integers(1, 5), st.floats(0.001, 3.0)), max_size=20)
"""How far index and pts grow from one frame of a source to the next."""
sources = st.lists(st.tuples(st.integers(0, 10**6), st.floats(-1e5, 1e5), st.floats(0, 1e4), steps), min_size=1)
"""First index, first pts, seconds between the last capture before and the first one, steps."""


def frames_of(first: int, pts: float, captured_at: float, steps: list[tuple[int, float]]) -> list[Frame]:
    """The frames of a source as it numbers them itself."""
    frames = [Frame(first, pts, captured_at, PICTURE)]
    for index_step, pts_step in steps:
        last = frames[-1]
        frames.append(Frame(last.index + index_step, last.pts + pts_step, last.captured_at + pts_step, PICTURE))
    return frames


def places(frames: list[Frame]) -> list[tuple[int, float]]:
    return [(frame.index, frame.pts) for frame in frames]


@given(sources)
def test_index_and_pts_grow_in_true_time_whatever_the_sources_count(
    sources: list[tuple[int, float, float, list[tuple[int, float]]]],
) -> None:
    splice, now, runs = Splice(), 100.0, list[list[Frame]]()
    for first, pts, outage, steps in sources:
        given_frames = frames_of(first, pts, now + outage, steps)
        now = given_frames[-1].captured_at
        splice.cut()
        run = [splice.join(frame) for frame in given_frames]
        for (before, after), (was, then) in zip(pairwise(run), pairwise(given_frames), strict=True):
            assert after.index - before.index == then.index - was.index
            assert after.pts - before.pts == pytest.approx(then.pts - was.pts, abs=1e-6)
        runs.append(run)
    assert places(runs[0]) == places(frames_of(*sources[0][:2], 0.0, sources[0][3]))
    start = runs[0][0]
    for earlier, later in pairwise(runs):
        passed = later[0].captured_at - start.captured_at
        assert later[0].index == earlier[-1].index + 1
        assert later[0].pts == pytest.approx(max(earlier[-1].pts + 0.001, start.pts + passed), abs=1e-6)


def test_after_an_outage_the_time_of_the_outage_has_passed() -> None:
    splice = Splice()
    run = [splice.join(Frame(0, 0.0, 10.0, PICTURE)), splice.join(Frame(1, 0.5, 10.5, PICTURE))]
    splice.cut()
    run += [splice.join(Frame(0, 0.0, 18.5, PICTURE)), splice.join(Frame(2, 0.6, 19.2, PICTURE))]
    assert places(run) == [(0, 0.0), (1, 0.5), (2, 8.5), (4, pytest.approx(9.1))]


def test_first_pictures_that_come_late_add_nothing_to_an_outage() -> None:
    splice = Splice()
    for outage in range(10):
        splice.cut()
        began_at = 100.0 * outage  # each camera holds its first picture back for half a second, and then catches up
        last = [splice.join(Frame(i, i / 10, began_at + max(0.5, i / 10), PICTURE)) for i in range(20)][-1]
    assert last.pts == pytest.approx(last.captured_at)


def test_a_source_that_opened_and_gave_nothing_changes_nothing() -> None:
    splice = Splice()
    first = splice.join(Frame(7, 3.0, 10.0, PICTURE))
    splice.cut()
    splice.cut()
    assert splice.join(Frame(0, 0.0, 11.0, PICTURE)).pts == pytest.approx(first.pts + 1.0)
