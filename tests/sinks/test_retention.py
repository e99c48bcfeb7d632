from __future__ import annotations

from datetime import UTC, datetime
from itertools import pairwise
from math import inf

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from kpstream.sinks.retention import Segment, age_limit, outdated, read_segment_name, segment_name, stem_of

_MOMENTS = st.datetimes(datetime(1, 1, 2), datetime(9999, 12, 30), timezones=st.just(UTC)).map(datetime.timestamp)
_NAMES = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=40)
_SEGMENTS = st.lists(
    st.builds(Segment, st.integers(0, 40).map(float), st.integers(1, 3), st.uuids().map(str), st.integers(0, 50)),
    max_size=25,
)


# Names


def test_a_name_says_when_a_segment_began() -> None:
    at = datetime(2026, 11, 23, 14, 5, 0, 700_000, tzinfo=UTC).timestamp()
    assert segment_name("door", at) == "door_2026-11-23T14-05-00Z.mp4"
    assert segment_name("door", at, 2) == "door_2026-11-23T14-05-00Z_2.mp4"


@given(_NAMES, _MOMENTS, st.integers(1, 10**9 - 1))
def test_what_a_name_says_is_read_back(name: str, at: float, number: int) -> None:
    stem = stem_of(name)
    assert read_segment_name(stem, segment_name(stem, at, number)) == (at // 1, number)


@given(_NAMES, _MOMENTS, _MOMENTS)
def test_names_sort_by_time(name: str, one: float, other: float) -> None:
    first, second = sorted((one // 1, other // 1))
    stem = stem_of(name)
    assert (segment_name(stem, first) < segment_name(stem, second)) == (first < second)
    assert segment_name(stem, first) < segment_name(stem, first, 2) < segment_name(stem, first + 1)


@given(_NAMES, _MOMENTS)
def test_names_are_valid_on_every_file_system(name: str, at: float) -> None:
    made = segment_name(stem_of(name), at)
    assert not set(made) & {*'<>:"/\\|?*', *map(chr, range(32))}


@given(_NAMES, st.text(max_size=60) | st.from_regex(r"door_\d{4}-\d\d-\d\dT\d\d-\d\d-\d\dZ(_\d{1,12})?\.mp4"))
@example("door", "door_2026-11-23T14-05-00Z_1.mp4")
def test_what_is_read_is_a_name_that_is_given(name: str, found: str) -> None:
    for stem in ("door", stem_of(name)):
        read = read_segment_name(stem, found)
        assert read is None or segment_name(stem, *read) == found


@pytest.mark.parametrize(
    "name",
    [
        "door.mp4",
        "door_2026-11-23.mp4",
        "door_2026-11-23T14-05-00Z.mkv",
        "door_2026-11-23T14-05-00Z.mp4.part",
        "door_2026-11-23T14-05-00Z copy.mp4",
        "door_2026-11-23T14-05-00Z_02.mp4",
        "door_2026-11-23T14-05-00Z_0.mp4",
        "door_2026-11-31T14-05-00Z.mp4",
        "door_0000-01-01T00-00-00Z.mp4",
        "door_2026-11-23T14-05-0٣Z.mp4",
        "back door_2026-11-23T14-05-00Z.mp4",
        "door_2_2026-11-23T14-05-00Z.mp4",
        "Door_2026-11-23T14-05-00Z.mp4",
    ],
)
def test_a_name_of_another_form_is_nobody_s_segment(name: str) -> None:
    assert read_segment_name("door", name) is None


# What goes


@given(_SEGMENTS, st.floats(-5, 45), st.integers(0, 900), st.integers(0, 99))
def test_the_oldest_go_and_no_more_than_have_to(
    segments: list[Segment], before: float, keep_size: int, reserved: int
) -> None:
    going = outdated(segments, before=before, keep_size=keep_size, reserved=reserved)
    oldest_first = sorted(segments)
    assert going == oldest_first[: len(going)]
    left = oldest_first[len(going) :]
    assert all(segment.ended >= before for segment in left)
    assert not left or reserved + sum(segment.size for segment in left) <= keep_size
    if going:  # the last one that goes had to
        spared = reserved + sum(segment.size for segment in [going[-1], *left])
        assert going[-1].ended < before or spared > keep_size


@pytest.mark.parametrize(
    ("ended", "began", "limit"),
    [
        ([], 0.0, -inf), ([], -599.0, -inf), ([], -600.0, -7200.0), ([-7201.0], 0.0, -inf), ([-599.0], 0.0, -inf),
        ([-7201.0, -600.0], 0.0, -7200.0), ([-7200.0], 0.0, -7200.0),
    ],
)  # fmt: skip
def test_nothing_goes_for_its_age_while_only_what_is_new_would_be_left(
    ended: list[float], began: float, limit: float
) -> None:
    assert age_limit(ended, keep=7200.0, began=began, now=0.0) == limit
    assert age_limit([-31.0], keep=60.0, began=0.0, now=0.0) == -60.0


@given(_SEGMENTS)
def test_without_a_limit_nothing_goes(segments: list[Segment]) -> None:
    assert outdated(segments) == []
    assert outdated(segments, before=-inf, keep_size=inf, reserved=10**12) == []


@given(_SEGMENTS, st.lists(st.integers(0, 900), min_size=2, max_size=2))
def test_less_room_never_keeps_more(segments: list[Segment], sizes: list[int]) -> None:
    kept = [len(segments) - len(outdated(segments, keep_size=size)) for size in sorted(sizes)]
    assert all(less <= more for less, more in pairwise(kept))
