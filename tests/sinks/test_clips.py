"""Clips: every picture from before the event to after it, also where a recording is on, and whatever ends it."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path
from typing import cast

import av
import numpy as np
import pytest

from kpstream.entities import Frame, Image, Scene
from kpstream.sinks.clips import ClipLimits, ClipSink
from kpstream.sinks.h264 import CodedPicture
from kpstream.sinks.packet_ring import PacketRing
from kpstream.sinks.segments import SegmentedVideo
from kpstream.sinks.switched import SwitchedRecording

RATE = 10.0
LIMITS = ClipLimits(pre_roll=2.0, post_roll=1.0, max_clip=60.0)


def numbered(number: int, size: tuple[int, int] = (160, 96)) -> Image:
    """A picture that carries its number as bars."""
    picture = np.zeros((size[1], size[0], 3), np.uint8)
    for bit in range(10):
        if number >> bit & 1:
            picture[:, bit * 16 : bit * 16 + 16] = 255
    return cast("Image", picture)


def number_in(picture: Image) -> int:
    return sum(1 << bit for bit in range(10) if picture[:, bit * 16 + 4 : bit * 16 + 12].mean() > 128)


def numbers_of(path: Path) -> list[int]:
    with av.open(path) as video:
        return [number_in(cast("Image", frame.to_ndarray(format="bgr24"))) for frame in video.decode(video=0)]


def scene(number: int, size: tuple[int, int] = (160, 96)) -> Scene:
    pts = number / RATE
    return Scene(Frame(number, pts, pts, numbered(number, size)), ())


def show(sink: ClipSink, *numbers: int) -> None:
    for number in numbers:
        each = scene(number)
        sink.write(each, each.frame.image)


def test_a_clip_begins_before_its_event_and_ends_after_it(tmp_path: Path) -> None:
    sizes: list[tuple[str, int]] = []
    sink = ClipSink(LIMITS, longest_for=0.5, on_written=lambda name, size: sizes.append((name, size)))
    path = tmp_path / "clips" / "day" / "e1.mp4"
    show(sink, *range(100))
    sink.begin("e1", path, began_pts=9.0)
    show(sink, *range(100, 120))
    sink.end("e1", ended_pts=11.0)
    show(sink, *range(120, 140))
    numbers = numbers_of(path)
    sink.close()

    assert numbers == list(range(numbers[0], numbers[-1] + 1))
    assert 60 <= numbers[0] <= 70  # two seconds before, and a group of a second at most before that
    assert numbers[-1] == 120
    assert sizes == [("e1", path.stat().st_size)]


def test_several_at_once_and_one_that_is_over_at_once(tmp_path: Path) -> None:
    sink = ClipSink(LIMITS, longest_for=0.5)
    show(sink, *range(50))
    sink.begin("long", tmp_path / "long.mp4", 4.5)
    sink.begin("moment", tmp_path / "moment.mp4", 4.8)
    sink.end("moment", 4.8)
    show(sink, *range(50, 80))
    sink.close()
    assert numbers_of(tmp_path / "moment.mp4")[-1] == 58
    assert numbers_of(tmp_path / "long.mp4")[-1] == 79


def test_a_long_one_is_cut(tmp_path: Path) -> None:
    sink = ClipSink(ClipLimits(2.0, 1.0, 5.0), longest_for=0.5)
    show(sink, *range(50))
    sink.begin("e1", tmp_path / "e1.mp4", 4.0)
    show(sink, *range(50, 120))
    assert numbers_of(tmp_path / "e1.mp4")[-1] == 70
    sink.end("e1", 11.0)
    sink.close()


def test_a_kill_leaves_what_plays(tmp_path: Path) -> None:
    sink = ClipSink(LIMITS, longest_for=0.5)
    show(sink, *range(50))
    sink.begin("e1", tmp_path / "e1.mp4", 4.0)
    show(sink, *range(50, 80))
    data = (tmp_path / "e1.mp4").read_bytes()
    (tmp_path / "killed.mp4").write_bytes(data)
    sink.close()
    numbers = numbers_of(tmp_path / "killed.mp4")
    assert numbers == list(range(numbers[0], numbers[-1] + 1))
    assert numbers[-1] >= 70


def test_a_recording_is_not_encoded_again_and_clips_go_on_across_its_beginning_and_end(tmp_path: Path) -> None:
    sink = ClipSink(LIMITS, longest_for=0.5, frame_rate=Fraction(10))
    recording = SwitchedRecording(
        lambda: SegmentedVideo(
            tmp_path, "recorded", preset="ultrafast", crf=23, tap=sink, keyframe_every=1.0, frame_rate=RATE
        )
    )
    sink.record_with(recording)
    show(sink, *range(45))
    sink.begin("e1", tmp_path / "e1.mp4", 4.0)
    recording.start()
    show(sink, *range(45, 75))
    recording.stop()
    show(sink, *range(75, 95))
    sink.end("e1", 9.0)
    show(sink, *range(95, 110))
    sink.close()

    assert numbers_of(next(tmp_path.glob("recorded*"))) == list(range(45, 75))
    numbers = numbers_of(tmp_path / "e1.mp4")
    assert numbers == list(range(numbers[0], 101))
    assert 10 <= numbers[0] <= 20


def test_another_size_or_time_that_goes_back_ends_it(tmp_path: Path) -> None:
    for name, after in (("size", scene(50, (96, 160))), ("back", scene(3))):
        sink = ClipSink(LIMITS, longest_for=0.5)
        show(sink, *range(50))
        sink.begin(name, tmp_path / f"{name}.mp4", 4.0)
        show(sink, 50)
        sink.write(after, after.frame.image)
        sink.close()
        assert numbers_of(tmp_path / f"{name}.mp4")[-1] == 50


def test_a_folder_that_cannot_be_made_ends_the_clip_alone(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    (tmp_path / "file").touch()
    sink = ClipSink(LIMITS, longest_for=0.5)
    show(sink, *range(30))
    sink.begin("e1", tmp_path / "file" / "e1.mp4", 2.0)
    sink.begin("e2", tmp_path / "e2.mp4", 2.0)
    show(sink, *range(30, 40))
    sink.close()
    assert numbers_of(tmp_path / "e2.mp4")[-1] == 39
    assert "a clip is not written" in caplog.text


def test_that_clips_cannot_be_written_is_told_once_until_one_can(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "file").touch()
    sink = ClipSink(LIMITS, longest_for=0.5)
    show(sink, *range(30))
    for name in ("e1", "e2"):
        sink.begin(name, tmp_path / "file" / f"{name}.mp4", 2.0)
    show(sink, *range(30, 40))
    assert len(caplog.messages) == 1
    sink.begin("e3", tmp_path / "e3.mp4", 2.0)
    sink.end("e3", 2.0)
    show(sink, *range(40, 50))
    sink.begin("e4", tmp_path / "file" / "e4.mp4", 4.0)
    show(sink, *range(50, 60))
    sink.close()
    assert len(caplog.messages) == 2


def coded(pts: float, size: int = 100, *, key: bool = False) -> CodedPicture:
    return CodedPicture(pts, bytes(size), key, b"")


def test_the_ring_holds_whole_groups_and_no_more_than_it_may() -> None:
    ring = PacketRing(seconds=3.0, max_bytes=10_000)
    ring.add(coded(-1.0))  # nothing can be shown with it
    for number in range(100):
        ring.add(coded(number / 10, key=number % 10 == 0))
    held = ring.since(0.0)
    assert held[0].is_keyframe
    assert held[0].pts == 6.0
    assert ring.since(8.4)[0].pts == 8.0
    assert ring.since(99.0)[0].pts == 9.0
    assert ring.bytes == 100 * len(held)


def test_the_ring_reaches_back_less_far_where_pictures_are_large() -> None:
    ring = PacketRing(seconds=100.0, max_bytes=5000)
    for number in range(100):
        ring.add(coded(number / 10, key=number % 10 == 0))
    assert ring.bytes <= 5000 + 1000
    assert ring.since(0.0)[0].pts >= 4.0
