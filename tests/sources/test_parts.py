"""A part of a recording: its frames have the numbers and times that they have in the whole."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from fractions import Fraction
from itertools import pairwise
from pathlib import Path

import av
import numpy as np
import pytest
from av.video.stream import VideoStream
from hypothesis import given, settings
from hypothesis import strategies as st

from kpstream.entities import Frame
from kpstream.errors import SourceOpenError
from kpstream.sources import VideoFile
from kpstream.sources.numbering import Numbering
from tests.support.source_clips import SIZE, number_in, picture, write_video

RATE = 25


def frames_of(source: VideoFile) -> list[Frame]:
    frames = []
    while (frame := source.read()) is not None:
        frames.append(frame)
    return frames


def places(frames: Sequence[Frame]) -> list[tuple[int, float]]:
    return [(frame.index, round(frame.pts, 6)) for frame in frames]


def write_mpeg2(path: Path, numbers: Sequence[int], first: int = 0, *, large: bool = False) -> Path:
    """A program or transport stream of 25 frames a second, three of them in a row without stamps of their own.

    Small pictures lie in a packet together; each large one fills several packets of a program stream, and ends in one.
    """
    size, dice = (320, 240) if large else SIZE, np.random.default_rng(1)
    with av.open(str(path), "w") as container:
        stream = container.add_stream("mpeg2video", rate=RATE, options={"g": "9", "bf": "2", "b": "4000000"})
        assert isinstance(stream, VideoStream)
        stream.width, stream.height, stream.pix_fmt = *size, "yuv420p"
        for place, number in enumerate(numbers):
            image = picture(number, size)
            if large:
                image = image + dice.integers(0, 30, image.shape, np.uint8)
            frame = av.VideoFrame.from_ndarray(image, "bgr24")
            frame.pts, frame.time_base = first + place, Fraction(1, RATE)
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return path


def write_h264(path: Path, numbers: Sequence[int], first: int = 0) -> Path:
    times = [40 * (first + place) for place in range(len(numbers))]
    images = (picture(number) for number in numbers)
    options = {"x264-params": "bframes=3:keyint=12"}
    return write_video(path, times, options=options, images=images)


WRITERS: dict[str, tuple[str, Callable[[Path, Sequence[int], int], Path]]] = {
    "mp4": (".mp4", write_h264),
    "mkv": (".mkv", write_h264),
    "ts": (".ts", write_h264),
    "flv": (".flv", write_h264),
    "avi": (".avi", write_h264),
    "mpeg-2 ts": (".ts", write_mpeg2),
    "mpg": (".mpg", write_mpeg2),
    "vob": (".vob", write_mpeg2),
}
JOINABLE = ["ts", "mpeg-2 ts", "mpg", "vob"]
STARTS = [0.02, 0.32, 1.0, 1.56, 1.64, 2.3, 3.1, 3.9, 9.0]


@pytest.mark.parametrize("kind", WRITERS)
@pytest.mark.parametrize("start", STARTS)
def test_a_part_has_the_numbers_and_times_of_the_whole(kind: str, start: float, tmp_path: Path) -> None:
    suffix, write = WRITERS[kind]
    path = write(tmp_path / f"clip{suffix}", range(60), 0)
    whole = frames_of(VideoFile(path))
    part = frames_of(VideoFile(path, start=start))
    assert places(part) == [place for place in places(whole) if place[1] >= start - 1e-6]
    assert [number_in(frame.image) for frame in part] == [frame.index for frame in part]


@pytest.mark.parametrize("start", [0.7, 1.0, 1.9])
def test_a_part_of_a_program_stream_whose_pictures_end_within_packets_has_its_own_pictures(
    start: float, tmp_path: Path
) -> None:
    path = write_mpeg2(tmp_path / "clip.mpg", range(60), large=True)
    part = frames_of(VideoFile(path, start=start))
    assert [number_in(frame.image) for frame in part] == [frame.index for frame in part] == [*range(part[0].index, 60)]


@pytest.mark.parametrize("kind", JOINABLE)
@pytest.mark.parametrize("second", [0, 10, 30, 200], ids=["falls", "overlaps", "falls a little", "jumps"])
@pytest.mark.parametrize("start", STARTS)
def test_a_part_of_joined_streams_has_the_numbers_and_times_of_the_whole(
    kind: str, second: int, start: float, tmp_path: Path
) -> None:
    suffix, write = WRITERS[kind]
    one = write(tmp_path / f"one{suffix}", range(40), 0)
    other = write(tmp_path / f"other{suffix}", range(40, 80), second)
    path = tmp_path / f"joined{suffix}"
    path.write_bytes(one.read_bytes() + other.read_bytes())
    whole = frames_of(VideoFile(path))
    numbers = [number_in(frame.image) for frame in whole]
    assert numbers == sorted(numbers)
    assert len(numbers) > 70
    assert len(whole) <= whole[-1].index + 1 <= 81  # at a joint FFmpeg guesses stamps, one too early now and then
    part = frames_of(VideoFile(path, start=start))
    assert places(part) == [place for place in places(whole) if place[1] >= start - 1e-6]
    assert [number_in(frame.image) for frame in part] == numbers[len(numbers) - len(part) :]


def test_pictures_that_only_others_lean_on_have_no_number(tmp_path: Path) -> None:
    plain = write_video(tmp_path / "plain.webm", [40 * number for number in range(40)], codec="libvpx")
    path = tmp_path / "clip.webm"
    with av.open(str(plain)) as source, av.open(str(path), "w") as container:
        stream = container.add_stream_from_template(source.streams.video[0])
        for number, packet in enumerate(source.demux(video=0)):
            if packet.size and number % 7 == 6:
                hidden = bytearray(bytes(packet))
                hidden[0] &= ~0x10
                other = av.Packet(bytes(hidden))
                other.stream, other.pts, other.dts = stream, packet.pts, packet.dts
                other.time_base = packet.time_base
                container.mux(other)
            if packet.size:
                packet.stream = stream
                container.mux(packet)
    whole = frames_of(VideoFile(path))
    assert [frame.index for frame in whole] == list(range(40))
    assert places(frames_of(VideoFile(path, start=1.0))) == places(whole)[25:]


holes = st.lists(st.tuples(st.floats(0.1, 0.5), st.integers(1, 400)), max_size=4)
"""Where in the file there are zeros, as a share of its length, and how many. Behind the place where a part begins
FFmpeg itself reads some damaged files in another way than from their beginning."""


@settings(max_examples=40, deadline=None)
@given(kind=st.sampled_from(sorted(WRITERS)), holes=holes, start=st.floats(1.7, 2.5))
def test_a_part_of_a_damaged_file_has_the_numbers_and_times_of_the_whole(
    tmp_path_factory: pytest.TempPathFactory, kind: str, holes: list[tuple[float, int]], start: float
) -> None:
    suffix, write = WRITERS[kind]
    path = write(tmp_path_factory.mktemp("damaged") / f"clip{suffix}", range(60), 0)
    data = bytearray(path.read_bytes())
    for place, length in holes:
        begin = int(place * len(data))
        data[begin : begin + length] = bytes(len(data[begin : begin + length]))
    path.write_bytes(data)
    try:
        whole = frames_of(VideoFile(path))
    except SourceOpenError:  # its table of contents is gone
        return
    assert all(after.index > before.index and after.pts > before.pts for before, after in pairwise(whole))
    part = frames_of(VideoFile(path, start=start))
    assert places(part) == [place for place in places(whole) if place[1] >= start - 1e-6]


@given(st.lists(st.booleans(), max_size=40), st.integers(1, 4))
def test_what_is_lost_leaves_a_gap_in_the_numbers(comes_out: list[bool], depth: int) -> None:
    numbering, stamps, given_numbers = Numbering(), iter(range(100)), list[int | None]()
    for stamp in range(depth):
        numbering.feed(10 * next(stamps), stamp)
    numbering.begin_at(0, 0)
    for number, comes in enumerate(comes_out, 1):
        numbering.feed(10 * next(stamps), number + depth)
        if comes:
            given_numbers.append(numbering.index_of(10 * number))
    assert given_numbers == [number for number, comes in enumerate(comes_out, 1) if comes]
    assert numbering.lost == (given_numbers[-1] or 0) - len(given_numbers) if given_numbers else not numbering.lost


def test_a_damaged_picture_that_comes_out_behind_later_ones_is_lost() -> None:
    numbering = Numbering()
    for stamp in range(5):
        numbering.feed(stamp, stamp)
    numbering.begin_at(0, 0)
    assert [numbering.index_of(stamp) for stamp in (1, 3, 2, 4)] == [1, 3, None, 4]
    assert numbering.lost == 1


def test_stamps_that_fall_because_another_recording_begins_are_not_late() -> None:
    numbering = Numbering()
    numbering.feed(100, 100)
    numbering.begin_at(0, 100)
    for stamp in (101, 102, 0, 1):
        numbering.feed(stamp, stamp)
    assert [numbering.index_of(stamp) for stamp in (101, 102, 0, 1)] == [1, 2, 3, 4]
    assert not numbering.lost


@pytest.mark.parametrize("stamps", [[None, None, None], [0, None, 2]])
def test_without_stamps_only_what_is_refused_is_lost(stamps: list[int | None]) -> None:
    numbering = Numbering()
    numbering.feed(stamps[0], 0)
    numbering.begin_at(0, stamps[0])
    for dts, stamp in enumerate(stamps[1:], 1):
        numbering.feed(stamp, dts)
    numbering.refuse()
    assert numbering.index_of(stamps[-1]) == 2
    assert numbering.lost == 1
