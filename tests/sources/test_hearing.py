"""The sound that a live stream gives beside its pictures."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path

import pytest

from kpstream.entities import Frame, Scene
from kpstream.errors import SourceReadError
from kpstream.sinks.video import VideoSink
from kpstream.sources.file import VideoFile
from kpstream.sources.paced import Paced
from kpstream.sources.stream import Stream
from kpstream.testing import ManualClock
from tests.sinks.videos import Clip, clicks_of, flashes_of
from tests.support.source_clips import write_video
from tests.support.source_servers import files_served


def frames_of(stream: Stream) -> list[Frame]:
    found: list[Frame] = []
    with suppress(SourceReadError):  # a stream has no end
        while (frame := stream.read()) is not None:
            found.append(frame)
    stream.close()
    return found


@pytest.mark.parametrize(
    ("suffix", "video_codec", "audio_codec", "expected"),
    [
        (".ts", "libx264", "aac", ("aac", 48_000, 2)),
        (".ts", "mpeg2video", "mp2", ("mp3", 48_000, 2)),  # whose decoder knows both
        (".mkv", "libx264", "pcm_s16le", ("pcm_s16le", 48_000, 2)),
        (".mkv", "libx264", "libopus", ("opus", 48_000, 2)),
    ],
)
def test_sound_comes_beside_the_pictures(
    suffix: str, video_codec: str, audio_codec: str, expected: tuple[str, int, int], tmp_path: Path
) -> None:
    path = Clip(tmp_path / f"a{suffix}", video_codec, audio_codec, video_ends=1.5, audio_ends=1.5).make()
    with files_served(tmp_path) as address:
        frames = frames_of(Stream(f"{address}/{path.name}", with_sound=True))
    (sound,) = {frame.sound for frame in frames}
    assert sound is not None
    assert sound.form.codec.removesuffix("float") == expected[0]
    assert (sound.form.rate, sound.form.channels) == expected[1:]
    packets, _ = sound.since(0)
    stamps = [packet.stamp for packet in packets]
    assert stamps == sorted(stamps)
    pictures = [frame.stamp for frame in frames]
    assert stamps[0] == pytest.approx(pictures[0], abs=0.1)
    assert stamps[-1] == pytest.approx(pictures[-1], abs=0.15)


def test_what_nobody_asked_for_is_not_given(tmp_path: Path) -> None:
    path = Clip(tmp_path / "a.ts", video_ends=1.0, audio_ends=1.0).make()
    with files_served(tmp_path) as address:
        assert {frame.sound for frame in frames_of(Stream(f"{address}/{path.name}"))} == {None}


def test_a_silent_stream_has_no_sound(tmp_path: Path) -> None:
    write_video(tmp_path / "a.ts", range(0, 400, 40))
    with files_served(tmp_path) as address:
        assert {frame.sound for frame in frames_of(Stream(f"{address}/a.ts", with_sound=True))} == {None}


@pytest.mark.parametrize("suffix", [".mp4", ".mkv", ".ts"])
@pytest.mark.parametrize("late", [0.0, 0.2], ids=["in time", "with frames left out"])
def test_a_file_that_is_played_as_a_camera_is_heard(suffix: str, late: float, tmp_path: Path) -> None:
    clip, clock = Clip(tmp_path / f"a{suffix}", video_ends=2.5, audio_ends=2.5).make(), ManualClock()
    source = Paced(VideoFile(clip, with_sound=True), loop=True, clock=clock, sleep=clock.advance)
    sink = VideoSink(tmp_path / "out.mp4", preset="ultrafast", frame_rate=30)
    first = None
    while (frame := source.read()) is not None and frame.pts < 5.8:
        first = first or frame
        if 1.2 < frame.pts % 2.5 < 1.6:
            clock.advance(late)
        sink.write(Scene(frame, ()), frame.image)
    sink.close()
    source.close()
    flashes = flashes_of(tmp_path / "out.mp4")
    assert flashes == pytest.approx([1.0, 2.0, 3.5, 4.5], abs=0.005)
    assert clicks_of(tmp_path / "out.mp4") == pytest.approx(flashes, abs=0.03)
