"""Durations and sizes as people write them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kpstream.options.units import clock_text, parse_bytes, parse_duration

SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86400, "w": 604800}
BYTES = {"K": 10**3, "M": 10**6, "G": 10**9, "T": 10**12}


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("90s", 90), ("10m", 600), ("2h", 7200), ("7d", 604800), ("1.5h", 5400), (" 10M ", 600), (30, 30)],
)
def test_a_duration_is_a_number_and_a_unit(text: str | float, seconds: float) -> None:
    assert parse_duration(text) == seconds


@pytest.mark.parametrize(
    ("text", "count"),
    [("500M", 5 * 10**8), ("50G", 5 * 10**10), ("50GB", 5 * 10**10), ("1.5t", 15 * 10**11), ("7", 7), (1000, 1000)],
)
def test_a_size_is_a_number_and_a_unit(text: str | float, count: int) -> None:
    assert parse_bytes(text) == count


@given(st.integers(1, 10**6), st.sampled_from(sorted(SECONDS)))
def test_every_whole_duration_is_read(number: int, unit: str) -> None:
    assert parse_duration(f"{number}{unit}") == number * SECONDS[unit]


@given(st.integers(1, 10**6), st.sampled_from(sorted(BYTES)))
def test_every_whole_size_is_read_to_the_byte(number: int, unit: str) -> None:
    assert parse_bytes(f"{number}{unit}") == number * BYTES[unit]


@given(st.text() | st.floats() | st.integers() | st.none())
def test_whatever_is_written_is_a_positive_number_or_one_line_that_says_how(text: object) -> None:
    for parse in (parse_duration, parse_bytes):
        try:
            value = parse(text)  # type: ignore[arg-type]
        except ValueError as error:
            assert "give one like" in str(error)  # noqa: PT017
        else:
            assert 0 < value < float("inf")


@pytest.mark.parametrize("text", ["", "0", "0s", "-5m", "10 minutes", "5x", "nan", "inf", "1e9", "\u0661m", "m"])
def test_what_is_no_duration_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="is no duration: give one like 90s"):
        parse_duration(text)


@pytest.mark.parametrize("text", ["", "0", "0G", "-5G", "5 Gigs", "5P", "G", "0.4", "1e9"])
def test_what_is_no_size_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="is no size: give one like 500M"):
        parse_bytes(text)


@pytest.mark.parametrize(
    ("seconds", "digits", "text"),
    [
        (0.4, 0, "0:00:00"),
        (59.6, 0, "0:01:00"),
        (36061, 0, "10:01:01"),
        (59.96, 1, "0:01:00.0"),
        (61.25, 2, "0:01:01.25"),
    ],
)
def test_a_time_within_a_video_is_shown_as_hours_minutes_and_seconds(seconds: float, digits: int, text: str) -> None:
    assert clock_text(seconds, digits) == text
