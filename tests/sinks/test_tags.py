from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from fractions import Fraction
from math import nan
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kpstream.entities import Frame, Taken
from kpstream.sinks.tags import later_time_code, tags_of
from kpstream.sinks.video import VideoSink
from kpstream.sources.file import VideoFile
from tests.support.sink_contract import picture, scene

AT = datetime(2024, 5, 6, 7, 8, 9, 250_000, tzinfo=UTC).timestamp()
TAKEN = Taken(AT, "10:20:30:05", "+48.1000+011.5000/")
PAL, NTSC = Fraction(25), Fraction(30000, 1001)


def frame(pts: float = 0.0, captured_wall: float = nan) -> Frame:
    return Frame(round(pts * 25), pts, 0.0, picture(), captured_wall=captured_wall)


def test_what_is_not_known_is_not_said() -> None:
    assert tags_of(Taken(), frame(), PAL) == {}
    assert tags_of(Taken(place="+1+2/"), frame(3.0), PAL) == {"location": "+1+2/"}


def test_a_part_was_taken_later_than_the_whole() -> None:
    assert tags_of(TAKEN, frame(), PAL) == {
        "creation_time": "2024-05-06T07:08:09.250000Z",
        "timecode": "10:20:30:05",
        "location": "+48.1000+011.5000/",
    }
    part = tags_of(TAKEN, frame(61.2), PAL)
    assert (part["creation_time"], part["timecode"]) == ("2024-05-06T07:09:10.450000Z", "10:21:31:10")


def test_a_picture_that_was_just_seen_knows_its_time_best() -> None:
    assert tags_of(TAKEN, frame(100.0, captured_wall=AT), PAL)["creation_time"] == "2024-05-06T07:08:09.250000Z"


@pytest.mark.parametrize(
    ("code", "frames", "rate", "expected"),
    [
        ("10:20:30:05", 0, PAL, "10:20:30:05"),
        ("10:20:30:05", 20, PAL, "10:20:31:00"),
        ("23:59:59:24", 1, PAL, "00:00:00:00"),
        ("00:00:59;29", 1, NTSC, "00:01:00;02"),
        ("00:09:59;29", 1, NTSC, "00:10:00;00"),
        ("00:01:00;02", 1798, NTSC, "00:02:00;02"),
        ("23:59:59;29", 1, NTSC, "00:00:00;00"),
        ("00:00:00;00", 107_892, NTSC, "01:00:00;00"),
        ("00:00:59:29", 1, NTSC, "00:01:00:00"),
        ("00:00:59;59", 1, Fraction(60000, 1001), "00:01:00;04"),
        ("no time code", 5, PAL, "no time code"),
    ],
)
def test_time_code_counts_frames(code: str, frames: int, rate: Fraction, expected: str) -> None:
    assert later_time_code(code, frames, rate) == expected


def counted(rate: int, dropped: int) -> Iterator[str]:
    """Two hours of time code by its definition."""
    for minute in range(2 * 60):
        for second in range(60):
            for number in range(rate):
                if not (dropped and minute % 10 and not second and number < dropped):
                    sign = ";" if dropped else ":"
                    yield f"{minute // 60:02}:{minute % 60:02}:{second:02}{sign}{number:02}"


_DROPPED = list(counted(30, 2))


@given(st.integers(0, len(_DROPPED) - 1), st.integers(0, len(_DROPPED) - 1))
def test_dropped_numbers_are_left_out_as_they_are_defined(one: int, other: int) -> None:
    start, end = sorted((one, other))
    assert later_time_code(_DROPPED[start], end - start, NTSC) == _DROPPED[end]


@pytest.mark.parametrize("code", ["10:20:30:05", "10:20:30;06", ""])
@pytest.mark.parametrize("rate", [NTSC, Fraction(60000, 1001), Fraction(30)])
def test_the_file_says_what_its_source_said(code: str, rate: Fraction, tmp_path: Path) -> None:
    path = tmp_path / "a.mp4"
    sink = VideoSink(path, preset="ultrafast", frame_rate=float(rate), taken=Taken(AT, code, TAKEN.place))
    for index in range(3):
        sink.write(scene(index, pts=float(index / rate)), picture(index))
    sink.close()
    taken = VideoFile(path).taken
    assert (taken.time_code, taken.place) == (code, TAKEN.place)
    assert taken.at == pytest.approx(AT, abs=1e-5)


def test_what_ffmpeg_cannot_write_costs_no_picture(tmp_path: Path) -> None:
    taken = Taken(time_code="10:20:30;99", place="nowhere")
    sink = VideoSink(tmp_path / "a.mp4", preset="ultrafast", frame_rate=25, taken=taken)
    for index in range(3):
        sink.write(scene(index), picture(index))
    sink.close()
    assert len(list(iter(VideoFile(tmp_path / "a.mp4").read, None))) == 3
