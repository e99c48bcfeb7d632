"""Recorded video: every frame, its time, its colours, and what is wrong with files."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from fractions import Fraction
from itertools import accumulate, pairwise
from math import inf, isnan
from pathlib import Path
from typing import Any, NamedTuple, cast

import av
import numpy as np
import pytest
from av.stream import Disposition
from av.video.stream import VideoStream
from hypothesis import given, settings
from hypothesis import strategies as st

from kpstream.entities import Frame, Image
from kpstream.errors import SourceOpenError
from kpstream.interfaces import Source
from kpstream.sources import VideoFile
from tests.support.source_clips import SIZE, number_in, picture, write_sound, write_video
from tests.support.source_contract import RecordedContract
from tests.support.source_servers import files_served


class Shape(NamedTuple):
    """How a file is written."""

    suffix: str = ".mp4"
    first: int = 0
    codec: str = "bframes=3:keyint=12"
    container: str = ""


SHAPES = {
    "mp4": Shape(),
    "mp4 that begins late": Shape(first=500),
    "fragmented mp4": Shape(container="frag_keyframe+empty_moov+default_base_moof"),
    "mkv": Shape(".mkv"),
    "open groups": Shape(".mkv", codec="open-gop=1:keyint=8:min-keyint=8:bframes=3"),
    "ts": Shape(".ts"),
    "avi": Shape(".avi"),
    "avi with open groups": Shape(".avi", codec="open-gop=1:keyint=8:min-keyint=8:bframes=3"),
    "flv": Shape(".flv", codec="keyint=3:min-keyint=3:bframes=2:open-gop=1"),
    "one key frame": Shape(codec="keyint=1000:bframes=2"),
}


def frames_of(source: Source) -> list[Frame]:
    frames = []
    while (frame := source.read()) is not None:
        frames.append(frame)
    return frames


def steady(count: int) -> list[int]:
    """Times at 25 frames per second, in milliseconds."""
    return [40 * number for number in range(count)]


class TestContract(RecordedContract):
    @pytest.fixture
    def make(self, tmp_path: Path) -> Callable[[], Source]:
        path = write_video(tmp_path / "clip.mp4", steady(8))
        return lambda: VideoFile(path)


class TestContractOverHttp(RecordedContract):
    @pytest.fixture
    def make(self, tmp_path: Path) -> Iterator[Callable[[], Source]]:
        write_video(tmp_path / "clip.mkv", steady(8))
        with files_served(tmp_path) as address:
            yield lambda: VideoFile(f"{address}/clip.mkv")


def test_every_frame_comes_with_its_own_picture(tmp_path: Path) -> None:
    frames = frames_of(VideoFile(write_video(tmp_path / "clip.mp4", steady(60))))
    assert [number_in(frame.image) for frame in frames] == list(range(60))
    assert [frame.index for frame in frames] == list(range(60))


@settings(max_examples=40, deadline=None)
@given(
    steps=st.lists(st.integers(1, 4000), max_size=12),
    first=st.integers(0, 3000),
    suffix=st.sampled_from([".mp4", ".mkv", ".mov"]),
)
def test_variable_frame_rates_are_exact(
    tmp_path_factory: pytest.TempPathFactory, steps: list[int], first: int, suffix: str
) -> None:
    times = [first + sum(steps[:count]) for count in range(len(steps) + 1)]
    path = write_video(tmp_path_factory.mktemp("vfr") / f"clip{suffix}", times)
    frames = frames_of(VideoFile(path))
    assert [frame.pts for frame in frames] == pytest.approx([(time - first) / 1000 for time in times], abs=1e-3)
    assert frames[0].pts == 0.0
    assert [number_in(frame.image) for frame in frames] == list(range(len(times)))


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("start", [0.0, 0.03, 0.04, 0.32, 0.61, 1.0, 1.56, 1.57, 9.0])
def test_a_start_gives_the_same_frames_as_reading_up_to_it(tmp_path: Path, shape: str, start: float) -> None:
    suffix, first, codec, container = SHAPES[shape]
    path = write_video(
        tmp_path / f"clip{suffix}",
        [first + time for time in steady(40)],
        options={"x264-params": codec},
        container_options={"movflags": container} if container else {},
    )
    whole = [frame for frame in frames_of(VideoFile(path)) if frame.pts >= start - 1e-6]
    part = frames_of(VideoFile(path, start=start))
    assert [(frame.index, frame.pts) for frame in part] == [(frame.index, frame.pts) for frame in whole]
    assert all(number_in(frame.image) == frame.index for frame in part)


def test_an_end_is_not_given_any_more(tmp_path: Path) -> None:
    path = write_video(tmp_path / "clip.mp4", steady(20))
    frames = frames_of(VideoFile(path, start=0.2, end=0.4))
    assert [frame.index for frame in frames] == [5, 6, 7, 8, 9]


def test_it_can_be_read_again_from_anywhere(tmp_path: Path) -> None:
    source = VideoFile(write_video(tmp_path / "clip.mp4", steady(20)), start=0.2)
    assert [frame.index for frame in frames_of(source)] == list(range(5, 20))
    assert [frame.index for frame in frames_of(source.again())] == list(range(5, 20))
    assert [frame.index for frame in frames_of(source.again(0.7))] == [18, 19]


def test_it_says_what_the_container_declares(tmp_path: Path) -> None:
    source = VideoFile(write_video(tmp_path / "clip.mp4", [200 + time for time in steady(50)], sound=True))
    assert source.frame_size == SIZE
    assert source.frame_rate == pytest.approx(25, rel=0.01)
    assert source.duration == pytest.approx(2.0, abs=0.05)
    assert source.start_pts == pytest.approx(0.2, abs=1e-3)
    assert source.has_audio
    source.close()


def test_a_stream_of_pictures_without_times_counts_on(tmp_path: Path) -> None:
    path = write_video(tmp_path / "clip.h264", steady(20), options={"bf": "0"})
    frames = frames_of(VideoFile(path))
    assert [number_in(frame.image) for frame in frames] == list(range(20))
    assert all(after.pts > before.pts for before, after in pairwise(frames))
    late = frames_of(VideoFile(path, start=frames[7].pts))
    assert [(frame.index, frame.pts) for frame in late] == [(frame.index, frame.pts) for frame in frames[7:]]


@pytest.mark.parametrize("codec", ["bframes=0", "bframes=3:keyint=12"])
def test_avi_which_knows_no_showing_times_keeps_its_pace(tmp_path: Path, codec: str) -> None:
    frames = frames_of(VideoFile(write_video(tmp_path / "clip.avi", steady(20), options={"x264-params": codec})))
    assert [number_in(frame.image) for frame in frames] == list(range(20))
    assert [frame.pts for frame in frames] == pytest.approx([0.04 * number for number in range(20)], abs=1e-3)


def corners(image: Image) -> list[str]:
    """The strongest channel near each corner: upper left, upper right, lower left, lower right; - where it is dark."""
    height, width = image.shape[:2]
    places = [(y, x) for y in (height // 8, -height // 8) for x in (width // 8, -width // 8)]
    return ["BGR"[int(np.argmax(image[place]))] if image[place].max() > 100 else "-" for place in places]


@pytest.mark.parametrize(
    ("rotation", "mirrored", "expected"),
    [
        (0, False, "BGR-"),
        (90, False, "G-BR"),
        (180, False, "-RGB"),
        (-90, False, "RB-G"),
        (0, True, "GB-R"),
        (180, True, "R-BG"),
        (90, True, "-GRB"),
        (-90, True, "BRG-"),
    ],
)
def test_a_picture_is_seen_as_its_camera_was_held(tmp_path: Path, rotation: int, mirrored: bool, expected: str) -> None:
    quarters = np.zeros((64, 96, 3), np.uint8)
    quarters[:32, :48, 0] = quarters[:32, 48:, 1] = quarters[32:, :48, 2] = 255
    path = write_video(tmp_path / "clip.mp4", [0], rotation=rotation, mirrored=mirrored, images=[quarters])
    source = VideoFile(path)
    frame = source.read()
    source.close()
    assert frame is not None
    assert "".join(corners(frame.image)) == expected
    assert frame.size == source.frame_size == ((64, 96) if abs(rotation) == 90 else (96, 64))


@pytest.mark.parametrize(
    ("codec", "pix_fmt", "size"),
    [
        ("libx264", "yuv420p", (98, 66)),
        ("ffv1", "yuv420p", (97, 65)),
        ("ffv1", "yuv444p", (101, 63)),
        ("ffv1", "yuv420p10le", SIZE),
        ("ffv1", "yuva420p", SIZE),
        ("ffv1", "gray", SIZE),
        ("ffv1", "gray16le", SIZE),
        ("mjpeg", "yuvj420p", SIZE),
        ("png", "rgb24", (97, 65)),
        ("png", "rgba", SIZE),
        ("qtrle", "rgb24", SIZE),
    ],
)
def test_any_form_of_pixels_becomes_bgr(tmp_path: Path, codec: str, pix_fmt: str, size: tuple[int, int]) -> None:
    suffix = ".mov" if codec in {"png", "qtrle"} else ".mkv"
    path = write_video(tmp_path / f"clip{suffix}", steady(3), codec=codec, pix_fmt=pix_fmt, size=size)
    frames = frames_of(VideoFile(path))
    assert [number_in(frame.image) for frame in frames] == [0, 1, 2]
    assert all(frame.size == size for frame in frames)
    assert np.abs(frames[1].image.astype(int) - picture(1, size)).mean() < 3


def test_interlaced_video_is_given_frame_for_frame(tmp_path: Path) -> None:
    path = write_video(tmp_path / "clip.mkv", steady(6), options={"x264-params": "tff=1"})
    assert [number_in(frame.image) for frame in frames_of(VideoFile(path))] == list(range(6))


def test_a_broken_frame_is_left_out_counted_and_logged_once(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    path = write_video(tmp_path / "clip.mov", steady(9), codec="png", pix_fmt="rgb24")
    with av.open(str(path)) as container:
        places = [(packet.pos, packet.size) for packet in container.demux(video=0) if packet.size]
    data = bytearray(path.read_bytes())
    for position, size in (places[3], places[6]):
        begin = data.index(b"\x89PNG", position or 0)
        data[begin + 8 : begin + size - 8] = bytes(size - 16)
    path.write_bytes(data)
    with caplog.at_level(logging.WARNING):
        frames = frames_of(VideoFile(path))
    assert [frame.index for frame in frames] == [0, 1, 2, 4, 5, 7, 8]
    assert [number_in(frame.image) for frame in frames] == [0, 1, 2, 4, 5, 7, 8]
    assert [record.getMessage() for record in caplog.records] == [
        f"{path}: 7 of 9 frames could be read: the others are broken, or missing"
    ]


@pytest.mark.parametrize("suffix", [".mkv", ".ts", ".mp4"])
def test_a_file_that_was_cut_short_plays_to_its_cut(tmp_path: Path, suffix: str) -> None:
    options = {"movflags": "frag_keyframe+empty_moov+default_base_moof"} if suffix == ".mp4" else {}
    path = write_video(tmp_path / f"clip{suffix}", steady(60), options={"g": "5"}, container_options=options)
    path.write_bytes(path.read_bytes()[: int(path.stat().st_size * 0.6)])
    video = VideoFile(path)
    frames = frames_of(video)
    assert 15 < len(frames) < 50
    assert [number_in(frame.image) for frame in frames[:15]] == list(range(15))
    if suffix == ".mkv":  # it alone says beforehand how long it will be
        assert video.missing_frames == pytest.approx(60 - len(frames), abs=1)


def make_nothing(folder: Path) -> Path:
    return folder / "nothing.mp4"


def make_empty(folder: Path) -> Path:
    (folder / "empty.mp4").touch()
    return folder / "empty.mp4"


def make_text(folder: Path) -> Path:
    (folder / "notes.txt").write_text("pictures will follow\n" * 50)
    return folder / "notes.txt"


def make_sound(folder: Path) -> Path:
    return write_sound(folder / "sound.mp4")


def make_headless(folder: Path) -> Path:
    path = write_video(folder / "headless.mp4", steady(30))
    path.write_bytes(path.read_bytes()[:2000])
    return path


def make_frameless(folder: Path) -> Path:
    path = write_video(folder / "frameless.mkv", steady(5))
    with av.open(str(path)) as container:
        packet = next(iter(container.demux(video=0)))
        assert packet.pos is not None
        path.write_bytes(path.read_bytes()[: packet.pos])
    return path


@pytest.mark.parametrize(
    ("make", "cause"),
    [
        (make_nothing, "no such file"),
        (make_empty, "it is empty"),
        (make_text, "no video in it"),
        (make_sound, "there is no video in it"),
        (make_headless, "cut short"),
        (make_frameless, "no picture"),
        (lambda folder: folder, "a folder"),
    ],
)
def test_a_wrong_file_fails_at_once_and_says_why(tmp_path: Path, make: Callable[[Path], Path], cause: str) -> None:
    path = make(tmp_path)
    with pytest.raises(SourceOpenError, match=cause) as caught:
        VideoFile(path)
    assert str(path) in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_server_that_hangs_up_is_asked_for_the_rest(tmp_path: Path) -> None:
    path = write_video(tmp_path / "clip.mkv", steady(40), codec="mjpeg", pix_fmt="yuvj420p")
    with files_served(tmp_path, cut_after=path.stat().st_size // 3) as address:
        frames = frames_of(VideoFile(f"{address}/clip.mkv"))
    assert [number_in(frame.image) for frame in frames] == list(range(40))


def test_a_name_with_a_colon_is_a_file_and_no_protocol(tmp_path: Path) -> None:
    path = write_video(tmp_path / "rec:12:30.mkv", steady(3))
    assert len(frames_of(VideoFile(path))) == 3


def test_nothing_is_left_of_a_range_without_frames(tmp_path: Path) -> None:
    path = write_video(tmp_path / "clip.mp4", steady(5))
    assert frames_of(VideoFile(path, start=100.0)) == []
    assert frames_of(VideoFile(path, start=0.1, end=0.1)) == []
    assert len(frames_of(VideoFile(path, end=inf))) == 5


def test_what_is_not_declared_is_not_known(tmp_path: Path) -> None:
    source = VideoFile(write_video(tmp_path / "clip.h264", steady(5)))
    source.close()
    assert isnan(source.duration)
    assert not source.has_audio


def test_a_part_of_a_recording_that_goes_on_counting_is_as_long_as_itself(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    path = write_video(tmp_path / "part.mkv", [3_600_000 + time for time in steady(40)])
    source = VideoFile(path)
    assert source.duration == pytest.approx(1.6, abs=0.05)
    assert len(frames_of(source)) == 40
    assert "could be read" not in caplog.text


@pytest.mark.parametrize("default", [0, 1])
@pytest.mark.parametrize("suffix", [".mkv", ".mp4"])
def test_of_several_tracks_the_default_one_is_given_and_told(
    default: int, suffix: str, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    path = tmp_path / f"clip{suffix}"
    with av.open(str(path), "w") as container:
        streams = [container.add_stream("libx264", rate=25) for _ in range(2)]
        for number, stream in enumerate(streams):
            assert isinstance(stream, VideoStream)
            stream.width, stream.height, stream.pix_fmt = 96 + 32 * number, 64, "yuv420p"
            stream.disposition = Disposition.default if number == default else Disposition(0)
        for place in range(6):
            for number, stream in enumerate(streams):
                assert isinstance(stream, VideoStream)
                frame = av.VideoFrame.from_ndarray(picture(place, (96 + 32 * number, 64)), "bgr24")
                frame.pts, frame.time_base = place, Fraction(1, 25)
                container.mux(stream.encode(frame))
        for stream in streams:
            assert isinstance(stream, VideoStream)
            container.mux(stream.encode(None))
    with caplog.at_level(logging.WARNING):
        frames = frames_of(VideoFile(path))
        part = frames_of(VideoFile(path, start=0.1))
    assert {frame.size for frame in frames} == {(96 + 32 * default, 64)}
    assert [number_in(frame.image) for frame in frames] == list(range(6))
    assert [frame.index for frame in part] == [3, 4, 5]
    told = [record.getMessage() for record in caplog.records if "tracks of pictures" in record.getMessage()]
    assert len(told) == 1


class TestDecimation:
    """Fewer frames than there are; `Decimation` itself has tests of its own."""

    @pytest.mark.parametrize(
        ("suffix", "options"),
        [
            ("mp4", {"codec": "libx264", "options": {"x264-params": "bframes=3:b-adapt=0"}}),
            ("mp4", {"codec": "libx264", "options": {"x264-params": "bframes=0"}}),
            ("mkv", {"codec": "mjpeg", "pix_fmt": "yuvj420p"}),
            ("avi", {"codec": "mpeg4", "options": {"bf": "2"}}),
        ],
        ids=[
            "with pictures that nobody leans on",
            "each leans on the one before",
            "each stands alone",
            "without times",
        ],
    )
    def test_every_third_frame_is_the_same_as_in_the_whole(
        self, suffix: str, options: dict[str, Any], tmp_path: Path, caplog: pytest.LogCaptureFixture
    ) -> None:
        path = write_video(tmp_path / f"clip.{suffix}", [40 * number for number in range(120)], **options)
        source = VideoFile(path)
        assert source.decimate(25 / 3)
        frames = list(iter(source.read, None))
        assert {after.index - before.index for before, after in pairwise(frames[3:])} == {3}
        assert len(frames) <= 42
        assert [number_in(frame.image) for frame in frames] == [frame.index for frame in frames]
        assert [frame.pts for frame in frames] == [pytest.approx(0.04 * frame.index) for frame in frames]
        assert not caplog.messages

    @pytest.mark.parametrize("suffix", ["mp4", "ts"])
    @pytest.mark.parametrize(
        "options",
        [
            {"codec": "libx264", "options": {"x264-params": "bframes=3:b-adapt=0:b-pyramid=normal"}},
            {"codec": "libx265", "options": {"x265-params": "bframes=3:b-adapt=0:b-pyramid=1:log-level=none"}},
        ],
        ids=["h264", "hevc"],
    )
    def test_frames_that_others_lean_on_are_given_alone_where_they_are_enough(
        self, suffix: str, options: dict[str, Any], tmp_path: Path
    ) -> None:
        path = write_video(tmp_path / f"clip.{suffix}", [40 * number for number in range(100)], **options)
        with av.open(path) as container:
            container.streams.video[0].codec_context.skip_frame = "NONREF"
            leaned_on = [
                number_in(cast(Image, frame.to_ndarray(format="bgr24"))) for frame in container.decode(video=0)
            ]
        assert len(leaned_on) < 60
        source = VideoFile(path)
        source.decimate(10)
        numbers = [number_in(frame.image) for frame in frames_of(source)]
        assert len(numbers) == pytest.approx(40, abs=3)
        assert set(numbers[8:]) <= set(leaned_on)

    @pytest.mark.parametrize("run", [8, 30])
    @pytest.mark.parametrize("max_fps", [8, 10, 16])
    def test_few_more_are_given_than_are_wanted_where_the_rate_changes(
        self, run: int, max_fps: int, tmp_path: Path
    ) -> None:
        steps = [66 if number // run % 2 else 33 for number in range(180)]  # milliseconds
        options = {"x264-params": "bframes=3:b-adapt=0:b-pyramid=normal"}
        source = VideoFile(write_video(tmp_path / "clip.mp4", [*accumulate(steps)], options=options))
        source.decimate(max_fps)
        assert len(frames_of(source)) <= 1.15 * max_fps * sum(steps) / 1000

    def test_frames_that_nobody_leans_on_are_given_where_the_others_are_too_few_or_uneven(self, tmp_path: Path) -> None:
        options = {"x264-params": "bframes=3:b-adapt=0:b-pyramid=normal"}
        path = write_video(tmp_path / "clip.mp4", [40 * number for number in range(100)], options=options)
        for max_fps, steps in ((15, {1, 2}), (25 / 3, {3})):
            source = VideoFile(path)
            source.decimate(max_fps)
            frames = frames_of(source)
            assert len(frames) == pytest.approx(4 * max_fps, abs=3)
            assert {after.index - before.index for before, after in pairwise(frames[3:])} == steps

    @pytest.mark.parametrize("max_fps", [13, 16, 20, 24])
    def test_none_that_others_lean_on_is_decoded_in_vain_where_they_are_every_second(
        self, max_fps: int, tmp_path: Path
    ) -> None:
        options = {"x264-params": "bframes=3:b-adapt=0:b-pyramid=normal"}
        source = VideoFile(write_video(tmp_path / "clip.mp4", [40 * number for number in range(200)], options=options))
        source.decimate(max_fps)
        indices = [frame.index for frame in frames_of(source)]
        assert len(indices) == pytest.approx(8 * max_fps, abs=4)
        assert set(range(10, 190, 2)) <= set(indices)
        others = [index for index in indices if index % 2]
        between = {after - before for before, after in pairwise(others[3:-3])}
        assert max(between, default=0) - min(between, default=0) <= 2

    def test_all_frames_come_again_when_all_are_wanted(self, tmp_path: Path) -> None:
        source = VideoFile(write_video(tmp_path / "clip.mp4", [40 * number for number in range(60)]))
        source.decimate(5)
        for _ in range(4):
            last = source.read()
        assert last is not None
        source.decimate(inf)
        rest = [frame.index for frame in iter(source.read, None)]
        assert rest == list(range(rest[0], 60))
        assert rest[0] <= last.index + 8
