from __future__ import annotations

import errno
import logging
import os
import shutil
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from fractions import Fraction
from math import inf, isfinite, nan
from pathlib import Path
from typing import NamedTuple

import av
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kpstream.errors import SinkError, UsageError
from kpstream.interfaces import Sink
from kpstream.sinks.segments import SegmentedVideo
from tests.sinks.videos import times_of
from tests.support.sink_contract import SinkContract, picture, scene

_NOON = datetime(2026, 11, 23, 12, tzinfo=UTC).timestamp()


class TestContract(SinkContract):
    @pytest.fixture
    def make(self, tmp_path: Path) -> Callable[[], Sink]:
        return lambda: SegmentedVideo(tmp_path, "cam", segment=10, keep=100, keep_size=10**9, preset="ultrafast")


class Usage(NamedTuple):
    total: int
    free: int


class Rig:
    """A recording in a folder, with a clock, a disk and a camera that do as they are told."""

    def __init__(self, folder: Path, name: str = "cam", **options: float | Path | Callable[[], None] | None) -> None:
        self.folder = folder
        self.wall = _NOON
        self.free: int | None = None
        self.now = 1000.0
        self.pixel_aspect = Fraction(1)
        self.index = 0
        settings: dict[str, object] = {"preset": "ultrafast", "frame_rate": 10, **options}
        self.sink = SegmentedVideo(
            folder,
            name,
            wall_clock=lambda: self.wall,
            disk_usage=self._usage,
            **settings,  # type: ignore[arg-type]
        )

    def _usage(self, folder: Path) -> Usage:
        usage = shutil.disk_usage(folder)
        return Usage(usage.total, usage.free) if self.free is None else Usage(10**12, self.free)

    def show(self, seconds: float, *, size: tuple[int, int] = (64, 48)) -> None:
        """Ten pictures a second."""
        for _ in range(round(seconds * 10)):
            self.give((self.now - 1000), size=size)
            self.wait(0.1)

    def give(self, pts: float, *, size: tuple[int, int] = (64, 48)) -> None:
        given = scene(self.index, pts=pts, size=size)
        given = replace(given, frame=replace(given.frame, captured_at=self.now, pixel_aspect=self.pixel_aspect))
        self.sink.write(given, picture(self.index, size))
        self.index += 1

    def wait(self, seconds: float) -> None:
        """The world goes on without a picture."""
        self.now = round(self.now + seconds, 6)
        self.wall = round(self.wall + seconds, 6)

    def names(self) -> list[str]:
        return sorted(path.name for path in self.folder.iterdir())

    def times(self) -> list[str]:
        """What the names say, without date."""
        return [name.partition("T")[2].removesuffix(".mp4") for name in self.names()]


def duration_of(path: Path) -> float:
    with av.open(str(path)) as container:
        stream = container.streams.video[0]
        assert stream.duration is not None
        assert stream.time_base is not None
        return float(stream.duration * stream.time_base)


def older(folder: Path, *names: str, size: int = 1000) -> None:
    for name in names:
        (folder / name).write_bytes(bytes(size))


# Segments


def test_files_are_cut_and_named_by_time_and_each_plays_by_itself(tmp_path: Path) -> None:
    rig = Rig(tmp_path, segment=60)
    rig.wait(5.5)
    rig.show(150)
    rig.sink.close()
    assert rig.names() == [f"cam_2026-11-23T12-0{minute}-05Z.mp4" for minute in range(3)]
    for name, count in zip(rig.names(), [600, 600, 300], strict=True):
        times = times_of(tmp_path / name)
        assert times == pytest.approx([index / 10 for index in range(count)], abs=1e-4)
        with av.open(str(tmp_path / name)) as container:
            assert next(container.demux(video=0)).is_keyframe
    assert (rig.sink.frames, rig.sink.dropped) == (1500, 0)


def test_without_a_length_it_is_one_file(tmp_path: Path) -> None:
    rig = Rig(tmp_path)
    rig.show(30)
    rig.wait(4000)
    rig.show(5)
    rig.sink.close()
    (name,) = rig.names()
    assert duration_of(tmp_path / name) == pytest.approx(4035)


def test_pictures_of_another_size_get_their_own_file(tmp_path: Path) -> None:
    rig = Rig(tmp_path, segment=60)
    for size in ((64, 48), (96, 54), (64, 48)):
        rig.show(0.3, size=size)
    rig.sink.close()
    assert rig.times() == ["12-00-00Z", "12-00-00Z_2", "12-00-00Z_3"]
    for name, width in zip(rig.names(), (64, 96, 64), strict=True):
        with av.open(str(tmp_path / name)) as container:
            assert container.streams.video[0].width == width
        assert len(times_of(tmp_path / name)) == 3


def test_pictures_whose_pixels_have_another_form_get_their_own_file(tmp_path: Path) -> None:
    rig = Rig(tmp_path, segment=60)
    for rig.pixel_aspect in (Fraction(1), Fraction(4, 3)):
        rig.show(0.3)
    rig.sink.close()
    for name, aspect in zip(rig.names(), (1, Fraction(4, 3)), strict=True):
        with av.open(str(tmp_path / name)) as container:
            assert container.streams.video[0].sample_aspect_ratio == aspect


@pytest.mark.parametrize("silence", [0.5, 7.3, 59.0])
def test_a_silence_is_in_true_time_wherever_it_falls(silence: float, tmp_path: Path) -> None:
    rig = Rig(tmp_path, segment=60)
    for _ in range(5):
        rig.show(21)
        rig.wait(silence)
    rig.show(1)
    rig.sink.close()
    together = sum(duration_of(tmp_path / name) for name in rig.names())
    assert together == pytest.approx(5 * (21 + silence) + 1, abs=0.01)
    assert len(rig.names()) >= together // (60 + silence)


def test_a_silence_longer_than_a_file_is_in_none(tmp_path: Path) -> None:
    rig = Rig(tmp_path, segment=60)
    rig.show(30)
    rig.wait(7200)
    rig.show(30)
    rig.sink.close()
    assert rig.times() == ["12-00-00Z", "14-00-30Z"]
    assert [duration_of(tmp_path / name) for name in rig.names()] == pytest.approx([30, 30], abs=0.01)


def test_a_camera_with_a_picture_every_five_seconds_gets_files_of_that_length_too(tmp_path: Path) -> None:
    rig = Rig(tmp_path, segment=60)
    for pts in range(0, 600, 5):
        rig.give(float(pts))
        rig.wait(5)
    rig.sink.close()
    assert sum(len(times_of(tmp_path / name)) for name in rig.names()) == 120
    assert all(duration_of(tmp_path / name) <= 70 for name in rig.names())


@pytest.mark.parametrize("jump", [-1e6, -90.0, 1e6])
def test_pts_that_jump_begin_a_new_file(jump: float, tmp_path: Path) -> None:
    rig = Rig(tmp_path, segment=60)
    for pts in (0.0, 0.1, 0.2, jump, jump + 0.1, jump + 0.2):
        rig.give(pts)
        rig.wait(0.1)
    rig.sink.close()
    assert [times_of(tmp_path / name) for name in rig.names()] == [pytest.approx([0, 0.1, 0.2], abs=1e-3)] * 2


def test_pictures_without_a_time_of_their_own_are_left_out_and_counted(tmp_path: Path) -> None:
    rig = Rig(tmp_path)
    for pts in (nan, 0.0, 0.1, 0.1, inf, 0.2):
        rig.give(pts)
    rig.sink.close()
    assert (rig.sink.frames, rig.sink.dropped) == (3, 3)


def test_a_file_that_was_named_is_replaced_and_one_for_everything_until_the_disk_is_full(tmp_path: Path) -> None:
    named = tmp_path / "out.mp4"
    named.write_bytes(b"an older one")
    rig = Rig(tmp_path, first=named)
    rig.show(3)
    rig.show(1, size=(96, 80))  # a camera that came back with another size
    rig.free = 0
    rig.show(3)
    rig.free = 10**12
    rig.show(5)
    rig.sink.close()
    assert rig.names() == ["cam_2026-11-23T12-00-08Z.mp4", "out.mp4"]
    assert 3.9 < duration_of(named) < 6.1


def test_before_it_is_closed_there_is_no_file_that_does_not_play(tmp_path: Path) -> None:
    rig = Rig(tmp_path, segment=2)
    for _ in range(60):
        rig.show(0.1)
        for index, path in enumerate(tmp_path.iterdir()):
            shutil.copy(path, tmp_path.parent / f"copy{index}.mp4")
            assert times_of(tmp_path.parent / f"copy{index}.mp4")[0] == 0
    rig.sink.close()


# The wall clock


def test_a_wall_clock_that_jumps_changes_names_and_nothing_else(tmp_path: Path) -> None:
    rig = Rig(tmp_path, segment=60)
    rig.show(30)
    rig.wall += 3600
    rig.show(60)
    rig.wall -= 7200 - 30
    rig.show(60)
    rig.sink.close()
    assert rig.times() == ["11-02-30Z", "12-00-00Z", "13-01-00Z"]
    assert [duration_of(tmp_path / name) for name in rig.names()] == pytest.approx([30, 60, 60], abs=0.01)


def test_nothing_is_written_over(tmp_path: Path) -> None:
    older(tmp_path, "cam_2026-11-23T12-00-00Z.mp4", "cam_2026-11-23T12-00-00Z_2.mp4")
    rig = Rig(tmp_path)
    rig.show(1)
    rig.sink.close()
    assert rig.times() == ["12-00-00Z", "12-00-00Z_2", "12-00-00Z_3"]
    assert [(tmp_path / name).stat().st_size for name in rig.names()[:2]] == [1000, 1000]


def test_a_file_that_comes_to_be_there_meanwhile_is_not_written_over(tmp_path: Path) -> None:
    rig = Rig(tmp_path)
    rig.show(0.2)
    older(tmp_path, "cam_2026-11-23T12-00-00Z.mp4")
    rig.show(5)
    rig.sink.close()
    assert (tmp_path / "cam_2026-11-23T12-00-00Z.mp4").stat().st_size == 1000
    assert len(rig.names()) == 2


@pytest.mark.parametrize("jump", [-400 * 86400.0, 400 * 86400.0])
def test_no_jump_of_the_wall_clock_takes_a_recording(jump: float, tmp_path: Path) -> None:
    older(tmp_path, "cam_2026-11-22T12-00-00Z.mp4")
    rig = Rig(tmp_path, segment=60, keep=7 * 86400.0)
    rig.show(90)
    rig.wall += jump
    rig.show(180)
    rig.sink.close()
    assert len(rig.names()) == 6


@pytest.mark.parametrize(("before", "own"), [(0, 0), (61, 2)], ids=["before it began", "since"])
def test_with_the_clock_set_back_the_newest_are_still_the_newest(before: int, own: int, tmp_path: Path) -> None:
    older(tmp_path, "cam_2026-11-23T11-00-00Z.mp4", "cam_2027-01-01T00-00-00Z.mp4", size=1_000_000)
    rig = Rig(tmp_path, segment=60, keep_size=1_150_000)
    rig.free = 10**10
    rig.wall -= 0 if before else 400 * 86400
    rig.show(before)
    rig.wall -= 400 * 86400 if before else 0
    rig.show(183)
    rig.sink.close()
    assert len([name for name in rig.names() if name.startswith("cam_2025")]) == (3 if before else 4)
    assert len([name for name in rig.names() if name.startswith("cam_2026")]) == own
    assert not [name for name in rig.names() if name.startswith("cam_2027")]


# What is kept


def test_what_is_older_than_it_is_to_be_kept_goes(tmp_path: Path) -> None:
    older(tmp_path, *(f"cam_2026-11-23T{time}Z.mp4" for time in ("10-58-59", "10-59-01", "11-30-00")))
    rig = Rig(tmp_path, segment=60, keep=3600)
    rig.show(1)
    assert rig.times() == ["10-59-01Z", "11-30-00Z", "12-00-00Z"]
    rig.show(4)
    assert rig.times() == ["11-30-00Z", "12-00-00Z"]
    rig.wait(3590)
    rig.show(4)
    rig.sink.close()
    assert rig.times() == ["12-00-00Z", "12-59-55Z"]


def test_a_clock_that_is_years_ahead_from_the_start_has_ten_minutes_to_be_set(tmp_path: Path) -> None:
    too_old, good = "cam_2026-11-20T12-00-00Z.mp4", "cam_2026-11-23T11-00-00Z.mp4"
    older(tmp_path, too_old, good)
    for start in range(2):
        rig = Rig(tmp_path, segment=60, keep=86400)
        rig.wall += 400 * 86400 + 60 * start
        rig.show(1)
        rig.wait(300)
        rig.show(1)
        assert {too_old, good} < set(rig.names())
        if not start:
            rig.sink.close()
    rig.wall -= 400 * 86400
    rig.wait(300)
    rig.show(3)
    rig.sink.close()
    assert too_old not in rig.names()
    assert good in rig.names()


def test_what_is_older_than_a_clock_says_that_nobody_sets_goes_after_ten_minutes(tmp_path: Path) -> None:
    older(tmp_path, "cam_2026-11-20T12-00-00Z.mp4")
    rig = Rig(tmp_path, segment=3600, keep=86400)
    for pause in (588, 12):
        rig.show(1)
        assert rig.times() == ["12-00-00Z", "12-00-00Z"]
        rig.wait(pause)
    rig.show(1)
    rig.sink.close()
    assert rig.names() == ["cam_2026-11-23T12-00-00Z.mp4"]


def test_all_files_together_stay_within_their_size_and_the_oldest_go(tmp_path: Path) -> None:
    rig = Rig(tmp_path, segment=10, keep_size=120_000)
    seen: list[list[str]] = []
    for _ in range(200):
        rig.show(1)
        sizes = [path.stat().st_size for path in tmp_path.iterdir()]
        assert sum(sizes) < 120_000 + 0.3 * max(sizes), "more than what came since the disk was last looked at"
        seen.append(rig.names())
    rig.sink.close()
    everything = sorted({name for names in seen for name in names})
    assert len(everything) == 20
    assert rig.names() == everything[-len(rig.names()) :]
    assert 3 <= len(rig.names()) < 20


def test_no_more_goes_where_somebody_else_has_made_room(tmp_path: Path) -> None:
    older(tmp_path, *(f"cam_2026-11-23T{hour}-00-00Z.mp4" for hour in ("08", "09", "10", "11")), size=100_000)
    rig = Rig(tmp_path, keep_size=410_000)
    rig.show(5)
    (tmp_path / "cam_2026-11-23T09-00-00Z.mp4").unlink()
    rig.show(30)
    rig.sink.close()
    assert 10_000 < (tmp_path / rig.names()[-1]).stat().st_size < 100_000
    assert rig.times() == ["08-00-00Z", "10-00-00Z", "11-00-00Z", "12-00-00Z"]


def test_the_one_that_is_written_never_goes(tmp_path: Path) -> None:
    older(tmp_path, "cam_2026-11-23T10-00-00Z.mp4")
    rig = Rig(tmp_path, segment=3600, keep=1, keep_size=1)
    rig.show(30)
    assert rig.times() == ["12-00-00Z"]
    rig.sink.close()
    assert len(times_of(tmp_path / rig.names()[0])) == 300


def test_nobody_else_s_file_goes(tmp_path: Path) -> None:
    others = [
        "holiday.mp4",
        "cam.mp4",
        "cam_1999.mp4",
        "cam_1999-01-01T00-00-00Z.mkv",
        "cam_1999-01-01T00-00-00Z copy.mp4",
        "cam2_1999-01-01T00-00-00Z.mp4",
        "cam_2_1999-01-01T00-00-00Z.mp4",
        "Cam_1999-01-01T00-00-00Z.mp4",
    ]
    older(tmp_path, *others)
    (tmp_path / "cam_1999-01-02T00-00-00Z.mp4").mkdir()
    (tmp_path / "cam_1999-01-03T00-00-00Z.mp4").symlink_to(tmp_path / "holiday.mp4")
    before = set(rig_names := [path.name for path in tmp_path.iterdir()])
    assert len(rig_names) == 10
    rig = Rig(tmp_path, segment=60, keep=1, keep_size=1)
    rig.show(5)
    rig.sink.close()
    assert before < set(rig.names())


# A disk that fails


def test_with_little_room_it_pauses_says_so_once_and_goes_on_in_a_new_file(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    rig = Rig(tmp_path, segment=60)
    rig.free = 10**10
    rig.show(10)
    assert rig.sink.trouble == ""
    rig.free = 150_000_000
    rig.show(10)
    assert rig.sink.trouble.startswith("the recording is paused: ")
    assert "the disk is full (only 150.0 MB are free): free some space" in rig.sink.trouble
    rig.free = 250_000_000
    rig.show(10)
    assert rig.sink.trouble, "a little more room would not last"
    rig.free = 10**10
    rig.show(10)
    assert rig.sink.trouble == ""
    rig.sink.close()
    first, second = rig.names()
    assert duration_of(tmp_path / first) + duration_of(tmp_path / second) == pytest.approx(20, abs=4.2)
    assert rig.sink.dropped == 400 - rig.sink.frames == 400 - sum(len(times_of(tmp_path / n)) for n in rig.names())
    warnings = [record for record in caplog.records if record.levelno >= logging.WARNING]
    assert ["the recording pauses: " in record.getMessage() for record in warnings] == [True]
    assert caplog.text.count("the recording goes on") == 1


def test_room_is_made_before_it_pauses(tmp_path: Path) -> None:
    older(tmp_path, "cam_2026-11-23T10-00-00Z.mp4")

    class FreedByRemoval(Rig):
        def _usage(self, folder: Path) -> Usage:
            return Usage(10**12, 10**9 if len(self.names()) < 2 else 0)

    rig = FreedByRemoval(tmp_path, segment=60, keep=3600)
    rig.show(10)
    rig.sink.close()
    assert rig.sink.trouble == ""
    assert rig.times() == ["12-00-00Z"]


def test_a_small_disk_keeps_a_small_reserve(tmp_path: Path) -> None:
    class Small(Rig):
        def _usage(self, folder: Path) -> Usage:
            return Usage(3_000_000, 40_000)

    rig = Small(tmp_path)
    rig.show(5)
    rig.sink.close()
    assert (rig.sink.trouble, rig.sink.frames) == ("", 50)


def test_a_folder_that_vanishes_is_waited_for(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    folder = tmp_path / "drive"
    folder.mkdir()
    rig = Rig(folder, segment=60)
    rig.show(10)
    folder.rename(tmp_path / "away")
    rig.show(20)
    assert "its folder does not exist" in rig.sink.trouble
    (tmp_path / "away").rename(folder)
    rig.show(10)
    assert rig.sink.trouble == ""
    rig.sink.close()
    assert len(rig.names()) == 2
    assert len(times_of(folder / rig.names()[0])) >= 100
    assert len(times_of(folder / rig.names()[1])) >= 80
    assert len([record for record in caplog.records if record.levelno >= logging.WARNING]) == 1


def test_it_may_begin_with_a_folder_that_is_not_there_and_end_with_it(tmp_path: Path) -> None:
    rig = Rig(tmp_path / "drive")
    rig.show(5)
    assert "its folder does not exist" in rig.sink.trouble
    with pytest.raises(SinkError, match=r"at the end the recording is paused: .* its folder does not exist"):
        rig.sink.close()
    rig.sink.close()
    assert (rig.sink.frames, rig.sink.dropped) == (0, 50)


def test_what_is_removed_while_it_is_written_is_told_and_followed_by_another_file(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    rig = Rig(tmp_path)
    rig.show(10)
    (tmp_path / rig.names()[0]).unlink()
    rig.show(10)
    assert "was removed" in caplog.text
    assert rig.sink.trouble == ""
    rig.sink.close()
    assert len(times_of(tmp_path / rig.names()[0])) >= 60


def test_a_folder_that_is_removed_while_its_file_is_open_is_told_at_the_end(tmp_path: Path) -> None:
    rig = Rig(tmp_path / "recordings")
    rig.folder.mkdir()
    rig.show(10)
    shutil.rmtree(rig.folder)
    with pytest.raises(SinkError, match=r"was removed, or its disk taken off, while it was written$"):
        rig.sink.close()


def test_a_folder_is_made_as_soon_as_it_can_be_and_not_once_a_drive_was_taken_off(tmp_path: Path) -> None:
    place = tmp_path / "mount"
    folder = place / "recordings"
    place.touch()  # nothing can be made below it
    rig = Rig(folder, segment=60, make_folder=lambda: folder.mkdir(parents=True, exist_ok=True))
    rig.show(10)
    assert "paused" in rig.sink.trouble
    place.unlink()
    rig.show(10)
    assert rig.sink.trouble == ""
    shutil.rmtree(place)
    rig.show(20)
    assert "its folder does not exist" in rig.sink.trouble
    assert not place.exists()
    with pytest.raises(SinkError, match="at the end the recording is paused"):
        rig.sink.close()


@pytest.mark.parametrize("number", [errno.EIO, errno.EROFS, errno.EDQUOT, errno.ESTALE])
def test_whatever_the_disk_says_it_is_asked_again(number: int, tmp_path: Path) -> None:
    class Faulty(Rig):
        faulty = False

        def _usage(self, folder: Path) -> Usage:
            if self.faulty:
                raise OSError(number, os.strerror(number))
            return super()._usage(folder)

    rig = Faulty(tmp_path)
    rig.show(5)
    rig.faulty = True
    rig.show(5)
    assert rig.sink.trouble
    rig.faulty = False
    rig.show(5)
    assert rig.sink.trouble == ""
    rig.sink.close()
    assert len(rig.names()) == 2


# Before the first picture


def test_a_check_finds_what_is_wrong_and_leaves_nothing_behind(tmp_path: Path) -> None:
    SegmentedVideo(tmp_path, "cam", segment=600).check()
    assert list(tmp_path.iterdir()) == []
    with pytest.raises(SinkError, match="folder does not exist"):
        SegmentedVideo(tmp_path / "none", "cam").check()
    with pytest.raises(UsageError, match="no preset"):
        SegmentedVideo(tmp_path, "cam", preset="quick").check()
    for length in (0.0, 0.5, -1.0, nan):
        with pytest.raises(UsageError, match="choose 1 s at least"):
            SegmentedVideo(tmp_path, "cam", segment=length).check()
    (tmp_path / "file").touch()
    with pytest.raises(SinkError, match="folder is a file"):
        SegmentedVideo(tmp_path / "file", "cam").check()


def test_names_of_any_script_are_names_and_what_some_disks_forbid_is_not(tmp_path: Path) -> None:
    rig = Rig(tmp_path, "größe: 例 a/b")
    rig.show(1)
    rig.sink.close()
    assert rig.names() == ["größe- 例 a-b_2026-11-23T12-00-00Z.mp4"]


def test_there_is_no_file_before_the_first_picture(tmp_path: Path) -> None:
    Rig(tmp_path).sink.close()
    assert list(tmp_path.iterdir()) == []


_steps = st.one_of(
    st.floats(0.02, 0.2),
    st.sampled_from([0.0, -0.01, -0.5, -5.0, -1e6, 1.5, 30.0, 1e6, 1e9, inf, nan]),
)
_sizes = st.sampled_from([(64, 48), (65, 49), (48, 64), (2, 2), (640, 2), (97, 31)])
_aspects = st.sampled_from([Fraction(1), Fraction(64, 45), Fraction(1, 3)])
_clock_steps = st.sampled_from([0.0] * 5 + [-86400.0, 3600.0, 1e9])


@settings(deadline=None, max_examples=40)
@given(
    st.lists(st.tuples(_steps, _sizes, _aspects, _clock_steps), min_size=1, max_size=40),
    st.sampled_from([None, 1.0, 2.5]),
)
def test_whatever_a_camera_does_every_file_plays_and_no_picture_is_lost_uncounted(
    tmp_path_factory: pytest.TempPathFactory,
    pictures: list[tuple[float, tuple[int, int], Fraction, float]],
    segment: float | None,
) -> None:
    rig = Rig(tmp_path_factory.mktemp("any"), segment=segment)
    pts = 0.0
    for step, size, rig.pixel_aspect, clock_step in pictures:
        pts = pts + step if isfinite(pts + step) else step
        rig.wall = max(0.0, min(rig.wall + clock_step, 4e9))
        rig.give(pts, size=size)
        rig.wait(0.1)
        pts = pts if isfinite(pts) else 0.0
    rig.sink.close()
    assert rig.sink.frames + rig.sink.dropped == len(pictures)
    assert rig.sink.trouble == ""
    times = [times_of(rig.folder / name) for name in rig.names()]
    assert sum(map(len, times)) == rig.sink.frames
    for each in times:
        assert each[0] == 0
        assert each == sorted(set(each))
