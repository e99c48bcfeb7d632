from __future__ import annotations

import signal
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from fractions import Fraction
from itertools import pairwise
from math import nan
from pathlib import Path

import av
import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kpstream.entities import Scene
from kpstream.errors import SinkError, UnfitPicture, UsageError
from kpstream.interfaces import Sink
from kpstream.sinks.timeline import TICKS, Timeline
from kpstream.sinks.video import VideoSink
from tests.sinks.videos import pictures_of, record, times_of
from tests.support.sink_contract import FileSinkContract, picture, scene


class TestContract(FileSinkContract):
    suffix = ".mp4"

    @pytest.fixture
    def make_at(self) -> Callable[[Path], Sink]:
        return lambda path: VideoSink(path, preset="ultrafast", frame_rate=30)


def boxes_of(path: Path) -> list[str]:
    """The names of the boxes at the top level of an MP4 file."""
    data, names, at = path.read_bytes(), [], 0
    while at < len(data):
        names.append(data[at + 4 : at + 8].decode())
        at += int.from_bytes(data[at : at + 4]) or len(data)
    return names


# Time


@pytest.mark.parametrize(
    "times",
    [
        [index / 30 for index in range(90)],
        [index * 1001 / 30000 for index in range(90)],
        [7.25 + index / 25 for index in range(20)],
        [0.0, 0.033, 0.1, 0.101, 0.5, 3.0, 3.04, 9.9999],
        [0.0],
        [0.0, 5.0],
    ],
    ids=["30", "29.97", "begins later", "variable", "one frame", "two frames"],
)
@pytest.mark.parametrize("preset", ["ultrafast", "veryfast"])
def test_every_frame_has_the_time_of_its_source(times: list[float], preset: str, tmp_path: Path) -> None:
    sink = record(tmp_path / "a.mp4", times, preset=preset)
    assert times_of(tmp_path / "a.mp4") == pytest.approx([pts - times[0] for pts in times], abs=1e-5)
    assert (sink.frames, sink.dropped) == (len(times), 0)


@pytest.mark.parametrize(
    ("times", "frame_rate", "duration"),
    [
        ([index / 20 for index in range(40)], 20, 2.0),
        ([index / 8 for index in range(40)], 20, 5.0),
        ([index / 8 for index in range(40)], nan, 5.0),
        ([0.0], 20, 1 / 20),
        ([0.0, 0.05, 60.05, 60.1], 20, 60.15),
        ([0.0, 0.05, 60.05], 20, 60.1),
    ],
    ids=["steady", "slower than declared", "nothing declared", "one frame", "after an outage", "outage at the end"],
)
def test_the_last_frame_lasts_as_long_as_the_others(
    times: list[float], frame_rate: float, duration: float, tmp_path: Path
) -> None:
    record(tmp_path / "a.mp4", times, frame_rate=frame_rate)
    with av.open(str(tmp_path / "a.mp4")) as container:
        stream = container.streams.video[0]
        assert stream.duration is not None
        assert stream.time_base is not None
        assert float(stream.duration * stream.time_base) == pytest.approx(duration, abs=0.001)


def test_a_frame_whose_time_does_not_advance_is_left_out_and_counted(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    sink = record(tmp_path / "a.mp4", [0.0, 0.1, 0.1, 0.05, 0.2, nan, 0.3])
    assert times_of(tmp_path / "a.mp4") == pytest.approx([0.0, 0.1, 0.2, 0.3])
    assert (sink.frames, sink.dropped) == (4, 3)
    assert len(caplog.records) == 1
    assert "frame 2 is left out" in caplog.text


@pytest.mark.parametrize("jump", [-1e6, -90.0, 1e6])
def test_after_a_clock_that_jumped_the_recording_goes_on(jump: float, tmp_path: Path) -> None:
    sink = record(tmp_path / "a.mp4", [0.0, 0.1, 0.2, jump, jump + 0.1, jump + 0.2])
    assert times_of(tmp_path / "a.mp4") == pytest.approx([0.0, 0.1, 0.2, 0.3, 0.4, 0.5], abs=1e-4)
    assert sink.dropped == 0


@settings(deadline=None)
@given(st.lists(st.floats(allow_nan=True, allow_infinity=True) | st.floats(0, 100), max_size=30))
def test_whatever_the_times_are_they_go_forward(times: list[float]) -> None:
    timeline = Timeline(3000)
    placed = [ticks for pts in times if (ticks := timeline.place(pts)) is not None]
    assert all(before < after for before, after in pairwise(placed))
    assert all(after - before < 2**31 for before, after in pairwise(placed))
    assert placed[:1] in ([], [0])
    assert timeline.interval > 0


@settings(deadline=None)
@given(st.lists(st.integers(90, 10**6), min_size=1, max_size=30), st.floats(-1e5, 1e5))
def test_times_that_go_forward_are_kept_as_they_are(steps: list[int], first: float) -> None:
    times = [sum(steps[:count]) / TICKS for count in range(len(steps) + 1)]
    timeline = Timeline(3000)
    placed = [timeline.place(first + pts) for pts in times]
    assert placed == [pytest.approx(pts * TICKS, abs=1) for pts in times]


# Picture


def test_colours_are_the_source_s_for_every_kind_of_reader(tmp_path: Path) -> None:
    colours = [(0, 0, 255), (0, 255, 0), (255, 0, 0), (0, 255, 255), (30, 60, 200), (128, 128, 128), (255, 255, 255)]
    image = np.repeat(np.repeat(np.array([colours], np.uint8), 720, axis=0), 160, axis=1)
    path = tmp_path / "a.mp4"
    sink = VideoSink(path, preset="ultrafast", crf=12)
    sink.write(scene(0, image=image), image)
    sink.close()
    found, reader = cv2.VideoCapture(str(path)).read()
    assert found
    for read in (pictures_of(path)[0], reader):
        middle = read[360, 80::160].astype(int)
        assert np.abs(middle - np.array(colours)).max() <= 5


def test_dithered_colours_are_what_they_look_like_from_afar(tmp_path: Path) -> None:
    blue, yellow = (200, 60, 60), (60, 200, 200)
    image = np.tile(np.array([[blue, yellow], [yellow, blue]], np.uint8), (48, 64, 1))
    sink = VideoSink(tmp_path / "a.mp4", preset="ultrafast", crf=12)
    sink.write(scene(0, image=image), image)
    sink.close()
    assert pictures_of(tmp_path / "a.mp4")[0].mean((0, 1)) == pytest.approx([130, 130, 130], abs=4)


def test_the_file_says_how_its_colours_are_meant(tmp_path: Path) -> None:
    record(tmp_path / "a.mp4", [0.0])
    with av.open(str(tmp_path / "a.mp4")) as container:
        frame = next(container.decode(video=0))
        assert (frame.format.name, frame.color_range) == ("yuv420p", 1)
        # BT.601's matrix, BT.709's primaries and transfer, as H.264 numbers them.
        assert (frame.colorspace, frame.color_primaries, frame.color_trc) == (6, 1, 1)


def test_pictures_stay_what_they_were(tmp_path: Path) -> None:
    record(tmp_path / "a.mp4", [index / 30 for index in range(20)], crf=18)
    for index, read in enumerate(pictures_of(tmp_path / "a.mp4")):
        assert np.abs(read.astype(int) - picture(index)).mean() < 3


@pytest.mark.parametrize(("size", "expected"), [((65, 49), (64, 48)), ((64, 49), (64, 48)), ((17, 2), (16, 2))])
def test_an_odd_row_or_column_is_cut_off(size: tuple[int, int], expected: tuple[int, int], tmp_path: Path) -> None:
    record(tmp_path / "a.mp4", [0.0, 0.1], size=size)
    height, width = pictures_of(tmp_path / "a.mp4")[0].shape[:2]
    assert (width, height) == expected


def test_a_picture_that_is_a_part_of_a_larger_one_is_taken(tmp_path: Path) -> None:
    canvas = np.zeros((200, 200, 3), np.uint8)[20:84, 40:168, :]
    canvas[:] = 90
    sink = VideoSink(tmp_path / "a.mp4")
    sink.write(scene(0, image=canvas), canvas)
    sink.close()
    assert pictures_of(tmp_path / "a.mp4")[0].shape == (64, 128, 3)


def test_a_picture_of_another_size_is_fitted_in_between_black_bars(tmp_path: Path) -> None:
    sink = VideoSink(tmp_path / "a.mp4", preset="ultrafast", crf=12)
    for index, (width, height) in enumerate([(128, 96), (96, 96), (256, 96)]):
        image = np.full((height, width, 3), 200, np.uint8)
        sink.write(scene(index, image=image), image)
    sink.close()
    same, narrow, wide = (read[..., 1] for read in pictures_of(tmp_path / "a.mp4"))
    assert same.shape == narrow.shape == wide.shape == (96, 128)
    assert same.min() > 190
    assert narrow[48, [4, 123]].max() < 15
    assert narrow[[4, 91], 64].min() > 190
    assert wide[[4, 91], 64].max() < 15
    assert wide[48, [4, 123]].min() > 190


def with_pixels(given: Scene, aspect: Fraction) -> Scene:
    return replace(given, frame=replace(given.frame, pixel_aspect=aspect))


@pytest.mark.parametrize("aspect", [Fraction(1), Fraction(64, 45), Fraction(8, 9), Fraction(4, 3)])
@pytest.mark.parametrize("size", [(64, 48), (66, 50), (65, 49)])
def test_pixels_keep_their_form(aspect: Fraction, size: tuple[int, int], tmp_path: Path) -> None:
    sink = VideoSink(tmp_path / "a.mp4", preset="ultrafast")
    for index in range(3):
        sink.write(with_pixels(scene(index, size=size), aspect), picture(index, size))
    sink.close()
    with av.open(str(tmp_path / "a.mp4")) as container:
        stream = container.streams.video[0]
        assert (stream.sample_aspect_ratio, stream.codec_context.sample_aspect_ratio) == (aspect, aspect)
        assert (stream.width, stream.height) == (size[0] & ~1, size[1] & ~1)


@pytest.mark.parametrize(
    ("size", "aspect", "later", "expected"),
    [  # (left, top, right, bottom) of what is not black, in pixels of the video
        ((64, 48), Fraction(1), Fraction(4, 3), (0, 6, 64, 42)),
        ((64, 48), Fraction(4, 3), Fraction(1), (8, 0, 56, 48)),
        ((64, 48), Fraction(2), Fraction(2), (0, 0, 64, 48)),
        ((32, 48), Fraction(1), Fraction(2), (0, 0, 64, 48)),
        ((128, 48), Fraction(2), Fraction(1), (0, 0, 64, 48)),
    ],
)
def test_a_picture_with_other_pixels_keeps_its_form(
    size: tuple[int, int],
    aspect: Fraction,
    later: Fraction,
    expected: tuple[int, int, int, int],
    tmp_path: Path,
) -> None:
    sink = VideoSink(tmp_path / "a.mp4", preset="ultrafast", crf=1)
    sink.write(with_pixels(scene(0), aspect), np.full((48, 64, 3), 200, np.uint8))
    white = np.full((*size[::-1], 3), 200, np.uint8)
    sink.write(with_pixels(scene(1, image=white), later), white)
    sink.close()
    there = pictures_of(tmp_path / "a.mp4")[1].mean(2) > 100
    columns, rows = np.flatnonzero(there.any(0)), np.flatnonzero(there.any(1))
    found = (columns[0], rows[0], columns[-1] + 1, rows[-1] + 1)
    assert found == pytest.approx(expected, abs=1)


@pytest.mark.parametrize(
    ("size", "told"), [((1, 1), "1x1 pixels is too small"), ((16386, 2), "16386x2 pixels is too large")]
)
def test_a_picture_that_is_none_for_a_video_is_refused(size: tuple[int, int], told: str, tmp_path: Path) -> None:
    with pytest.raises(UnfitPicture, match=told):
        record(tmp_path / "a.mp4", [0.0], size=size)
    assert list(tmp_path.iterdir()) == []


def test_a_better_quality_is_a_larger_file(tmp_path: Path) -> None:
    sizes = []
    for crf in (10, 40):
        record(tmp_path / "a.mp4", [index / 30 for index in range(30)], crf=crf)
        sizes.append((tmp_path / "a.mp4").stat().st_size)
    assert sizes[0] > 1.5 * sizes[1]


# The file


@pytest.mark.parametrize("frame_rate", [5, 30])
def test_one_may_jump_into_it_every_two_seconds(frame_rate: int, tmp_path: Path) -> None:
    record(tmp_path / "a.mp4", [index / frame_rate for index in range(7 * frame_rate)])
    with av.open(str(tmp_path / "a.mp4")) as container:
        packets = [packet for packet in container.demux(video=0) if packet.is_keyframe and packet.pts is not None]
        keys = [float((packet.pts or 0) * packet.time_base) for packet in packets]
    assert keys == pytest.approx([0, 2, 4, 6], abs=0.01)


def test_closed_it_is_an_ordinary_mp4(tmp_path: Path) -> None:
    record(tmp_path / "a.mp4", [index / 30 for index in range(90)])
    boxes = boxes_of(tmp_path / "a.mp4")
    assert "moof" not in boxes
    assert {"ftyp", "mdat", "moov"} <= set(boxes)
    with av.open(str(tmp_path / "a.mp4")) as container:
        stream = container.streams.video[0]
        assert (stream.codec_context.name, stream.frames) == ("h264", 90)
        assert stream.average_rate == 30


def test_before_it_is_closed_all_but_the_last_second_plays(tmp_path: Path) -> None:
    path = tmp_path / "a.mp4"
    sink = VideoSink(path, frame_rate=30)
    for index in range(100):
        sink.write(scene(index), picture(index))
    (tmp_path / "copy.mp4").write_bytes(path.read_bytes())
    sink.close()
    times = times_of(tmp_path / "copy.mp4")
    assert times == pytest.approx([index / 30 for index in range(len(times))], abs=1e-5)
    assert len(times) >= 70


_CHILD = """
import os, sys
from pathlib import Path
import numpy as np
from kpstream.entities import Frame, Scene
from kpstream.errors import SinkError
from kpstream.sinks.video import VideoSink

path, ending, preset, rate = Path(sys.argv[1]), sys.argv[2], sys.argv[3], float(sys.argv[4])
if ending.isdigit():
    import resource
    resource.setrlimit(resource.RLIMIT_FSIZE, (int(ending), int(ending)))
noise = np.random.default_rng(0).integers(0, 255, (120, 1000, 3), np.uint8)
sink = VideoSink(path, preset=preset, frame_rate=rate)
try:
    for index in range(round(5 * rate)):
        image = noise[:, index : index + 160]
        sink.write(Scene(Frame(index, index / rate, 0.0, image), ()), image)
except SinkError as error:
    print(error)
    sink.close()
    sys.exit()
os.kill(os.getpid(), 9)
"""


def child(path: Path, ending: str, preset: str, rate: float) -> subprocess.CompletedProcess[str]:
    arguments = [sys.executable, "-c", _CHILD, str(path), ending, preset, str(rate)]
    return subprocess.run(arguments, capture_output=True, text=True, timeout=60, check=False)


@pytest.mark.skipif(sys.platform == "win32", reason="no kill -9 there")
@pytest.mark.parametrize(("preset", "rate"), [("ultrafast", 30), ("veryfast", 30), ("veryfast", 5), ("slow", 25)])
def test_a_kill_takes_no_more_than_the_last_second(preset: str, rate: float, tmp_path: Path) -> None:
    assert child(tmp_path / "a.mp4", "kill", preset, rate).returncode == -signal.SIGKILL
    times = times_of(tmp_path / "a.mp4")
    assert times == pytest.approx([index / rate for index in range(len(times))], abs=1e-5)
    assert times[-1] >= 5 - 1 / rate - 1.0


@pytest.mark.skipif(sys.platform == "win32", reason="no limits there")
def test_where_there_is_no_room_left_the_file_plays_up_to_there(tmp_path: Path) -> None:
    done = child(tmp_path / "a.mp4", "300000", "ultrafast", 30)
    assert "the file is larger than this disk or account allows" in done.stdout
    assert "what was written before plays" in done.stdout
    assert (done.returncode, done.stderr) == (0, "")
    times = times_of(tmp_path / "a.mp4")
    assert 5 < len(times) < 150
    assert times == pytest.approx([index / 30 for index in range(len(times))], abs=1e-5)


@pytest.mark.skipif(sys.platform == "win32", reason="no limits there")
def test_where_there_was_no_room_for_a_frame_there_is_no_file(tmp_path: Path) -> None:
    done = child(tmp_path / "a.mp4", "500", "ultrafast", 30)
    assert done.stdout.count("\n") == 1
    assert "plays" not in done.stdout
    assert list(tmp_path.iterdir()) == []


# Refusals


@pytest.mark.parametrize(
    ("name", "options", "reason"),
    [
        ("a.mkv", {}, r"ends in \.mp4"),
        ("a", {}, r"ends in \.mp4"),
        ("a.mp4", {"preset": "quick"}, "'quick' is no preset of x264: choose one of ultrafast"),
        ("a.mp4", {"crf": 52}, "crf"),
        ("a.mp4", {"crf": nan}, "crf"),
    ],
)
def test_what_cannot_be_is_refused_early_and_late(
    name: str, options: dict[str, float | str], reason: str, tmp_path: Path
) -> None:
    sink = VideoSink(tmp_path / name, **options)  # type: ignore[arg-type]
    with pytest.raises(UsageError, match=reason):
        sink.check()
    with pytest.raises(UsageError, match=reason):
        sink.write(scene(), picture())
    sink.close()
    assert list(tmp_path.iterdir()) == []


def test_a_check_finds_what_the_first_frame_would_find(tmp_path: Path) -> None:
    with pytest.raises(SinkError, match="folder does not exist"):
        VideoSink(tmp_path / "none" / "a.mp4").check()
    (tmp_path / "b.mp4").mkdir()
    with pytest.raises(SinkError, match="is a folder"):
        VideoSink(tmp_path / "b.mp4").check()


def test_a_check_leaves_nothing_behind_and_nothing_changed(tmp_path: Path) -> None:
    VideoSink(tmp_path / "a.mp4").check()
    assert list(tmp_path.iterdir()) == []
    (tmp_path / "a.mp4").write_bytes(b"what was there")
    VideoSink(tmp_path / "a.mp4").check()
    assert (tmp_path / "a.mp4").read_bytes() == b"what was there"
