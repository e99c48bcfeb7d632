from __future__ import annotations

from dataclasses import dataclass, field
from itertools import pairwise
from math import inf
from pathlib import Path

import av
import pytest
from av.stream import Disposition

from kpstream.entities import Scene
from kpstream.sinks.video import AudioSource, VideoSink
from kpstream.sources.file import VideoFile
from tests.sinks.videos import Clip, annotate, audio_of, clicks_of, flashes_of, pictures_of, record, times_of
from tests.support.sink_contract import picture, scene

CLIPS = {
    "AAC in MP4": (Clip(Path("a.mp4")), "aac"),
    "MP3 in MP4": (Clip(Path("a.mp4"), audio_codec="libmp3lame"), "mp3"),
    "AC-3 in MP4": (Clip(Path("a.mp4"), audio_codec="ac3"), "ac3"),
    "Opus in WebM": (Clip(Path("a.webm"), video_codec="libvpx", audio_codec="libopus"), "opus"),
    "AAC in Matroska": (Clip(Path("a.mkv")), "aac"),
    "FLAC in Matroska": (Clip(Path("a.mkv"), audio_codec="flac"), "flac"),
    "PCM in QuickTime": (Clip(Path("a.mov"), audio_codec="pcm_s16le"), "aac"),
    "PCM in Matroska": (Clip(Path("a.mkv"), audio_codec="pcm_s16le"), "aac"),
    "AAC in a transport stream": (Clip(Path("a.ts")), "aac"),
    "an odd rate": (Clip(Path("a.mov"), audio_codec="pcm_s16le", rate=37_800), "aac"),
}


@pytest.mark.parametrize(("clip", "codec"), CLIPS.values(), ids=CLIPS)
@pytest.mark.parametrize(("start", "end"), [(0.0, inf), (0.5, 2.5), (1.517, inf)], ids=["whole", "part", "from 1.5 s"])
def test_sound_and_picture_stay_together(clip: Clip, codec: str, start: float, end: float, tmp_path: Path) -> None:
    source = Clip(**(vars(clip) | {"path": tmp_path / clip.path})).make()
    annotate(source, tmp_path / "out.mp4", start=start, end=end)
    flashes, clicks = flashes_of(tmp_path / "out.mp4"), clicks_of(tmp_path / "out.mp4")
    assert len(clicks) == len(flashes) >= 1
    assert clicks == pytest.approx(flashes, abs=0.005)
    name, begins, ends = audio_of(tmp_path / "out.mp4")
    assert name == codec
    assert begins < 0.03
    assert ends == pytest.approx(min(3.5, end) - start, abs=0.11)
    assert times_of(tmp_path / "out.mp4")[0] == 0


@pytest.mark.parametrize("audio_codec", ["aac", "pcm_s16le"])
@pytest.mark.parametrize(
    ("video_starts", "audio_starts", "clicks"), [(0.4, 0.0, 3), (0.0, 0.4, 3), (0.0, 1.5, 2), (0.0, 0.012, 3)]
)
@pytest.mark.parametrize("closed", [True, False], ids=["closed", "cut off"])
def test_streams_that_do_not_begin_together_stay_together(
    audio_codec: str, video_starts: float, audio_starts: float, clicks: int, closed: bool, tmp_path: Path
) -> None:
    source = Clip(tmp_path / "a.mov", "libx264", audio_codec, video_starts, audio_starts, 4.7, 4.7).make()
    out = tmp_path / "out.mp4"
    sink = VideoSink(out, preset="ultrafast", audio=AudioSource(source), frame_rate=30)
    for index, (time, read) in enumerate(zip(times_of(source), pictures_of(source), strict=True)):
        sink.write(scene(index, pts=time - video_starts, image=read), read)
    if not closed:
        (tmp_path / "copy.mp4").write_bytes(out.read_bytes())
    sink.close()
    out = out if closed else tmp_path / "copy.mp4"
    heard, seen = clicks_of(out)[:clicks], flashes_of(out)[3 - clicks :][:clicks]
    assert len(heard) == clicks
    assert heard == pytest.approx(seen, abs=0.005)
    assert times_of(out)[0] == 0


def test_the_time_of_the_first_picture_may_be_told(tmp_path: Path) -> None:
    source = Clip(tmp_path / "a.mov", video_starts=0.4).make()
    annotate(source, tmp_path / "out.mp4", origin=0.9)
    assert clicks_of(tmp_path / "out.mp4") == pytest.approx([0.1, 1.1, 2.1], abs=0.005)


def test_sound_that_outlasts_the_picture_is_kept_to_its_end(tmp_path: Path) -> None:
    annotate(Clip(tmp_path / "a.mp4", audio_ends=5.2).make(), tmp_path / "out.mp4")
    assert audio_of(tmp_path / "out.mp4")[2] == pytest.approx(5.2, abs=0.05)


def test_where_the_picture_is_broken_off_the_sound_is_too(tmp_path: Path) -> None:
    annotate(Clip(tmp_path / "a.mp4", audio_ends=5.2).make(), tmp_path / "out.mp4", end=2.0)
    assert audio_of(tmp_path / "out.mp4")[2] == pytest.approx(2.0, abs=0.05)


def test_sound_that_ends_early_does_not_hold_back_the_picture(tmp_path: Path) -> None:
    source = Clip(tmp_path / "a.mp4", audio_ends=1.0).make()
    sink = VideoSink(tmp_path / "out.mp4", preset="ultrafast", audio=AudioSource(source), frame_rate=30)
    for index in range(105):
        sink.write(scene(index), picture(index))
    (tmp_path / "copy.mp4").write_bytes((tmp_path / "out.mp4").read_bytes())
    sink.close()
    assert times_of(tmp_path / "copy.mp4")[-1] > 2.4
    assert audio_of(tmp_path / "out.mp4")[2] == pytest.approx(1.0, abs=0.05)


def test_sound_is_written_beside_the_picture_and_not_after_it(tmp_path: Path) -> None:
    annotate(Clip(tmp_path / "a.mp4").make(), tmp_path / "out.mp4")
    with av.open(str(tmp_path / "out.mp4")) as container:
        packets = [
            (packet.pos or 0, packet.stream.type, float(packet.pts * packet.time_base))
            for packet in container.demux()
            if packet.pts is not None
        ]
    newest = {"audio": 0.0, "video": 0.0}
    for _, kind, time in sorted(packets):
        newest[kind] = time
        assert abs(newest["audio"] - newest["video"]) < 1.1


def test_a_clip_without_sound_makes_a_silent_video(tmp_path: Path) -> None:
    record(tmp_path / "silent.mp4", [index / 30 for index in range(10)])
    annotate(tmp_path / "silent.mp4", tmp_path / "out.mp4")
    with av.open(str(tmp_path / "out.mp4")) as container:
        assert [stream.type for stream in container.streams] == ["video"]


def test_a_part_that_begins_after_the_sound_is_silent(tmp_path: Path) -> None:
    annotate(Clip(tmp_path / "a.mp4", audio_ends=1.0).make(), tmp_path / "out.mp4", start=2.0)
    with av.open(str(tmp_path / "out.mp4")) as container:
        assert [stream.type for stream in container.streams] == ["video"]


@pytest.mark.parametrize("content", [None, b"no video at all" * 100])
def test_sound_that_cannot_be_read_is_logged_and_the_picture_kept(
    content: bytes | None, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    if content is not None:
        (tmp_path / "a.mp4").write_bytes(content)
    sink = record(tmp_path / "out.mp4", [0.0, 0.1], audio=AudioSource(tmp_path / "a.mp4"))
    assert len(times_of(tmp_path / "out.mp4")) == sink.frames == 2
    assert "the sound is left out" in caplog.text


@pytest.mark.parametrize("audio_codec", ["aac", "pcm_s16le", "libmp3lame", "mp2"])
def test_a_damaged_clip_costs_some_sound_and_no_picture(
    audio_codec: str, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    source = Clip(tmp_path / "a.mkv", audio_codec=audio_codec).make()
    data = bytearray(source.read_bytes())
    for at in range(len(data) // 3, 2 * len(data) // 3, 7):
        data[at] ^= 0x5A
    source.write_bytes(data)
    sink = record(tmp_path / "out.mp4", [index / 30 for index in range(105)], audio=AudioSource(source))
    assert sink.frames == 105
    assert len(times_of(tmp_path / "out.mp4")) == 105
    assert all(record.levelname == "WARNING" for record in caplog.records)


def test_a_packet_that_cannot_be_decoded_is_left_out(tmp_path: Path) -> None:
    source = Clip(tmp_path / "a.mov", audio_codec="mp2").make()
    with av.open(str(source)) as container:
        places = [(packet.pos, packet.size) for packet in container.demux(audio=0) if packet.pos]
    data = bytearray(source.read_bytes())
    at, size = places[len(places) // 2]
    data[at : at + size] = b"\xff" * size
    source.write_bytes(data)
    annotate(source, tmp_path / "out.mp4")
    assert clicks_of(tmp_path / "out.mp4") == pytest.approx([1, 2, 3], abs=0.005)


def test_times_that_wander_make_no_gaps_in_the_sound(tmp_path: Path) -> None:
    """Matroska keeps whole milliseconds, and 1000 samples of 37800 a second are none."""
    source = Clip(tmp_path / "a.mkv", audio_codec="pcm_s16le", rate=44_100).make()
    annotate(source, tmp_path / "out.mp4")
    with av.open(str(tmp_path / "out.mp4")) as container:
        starts = [packet.pts for packet in container.demux(audio=0) if packet.pts is not None]
    assert {after - before for before, after in pairwise(starts[:-1])} == {1024}


def test_sound_that_begins_late_holds_nothing_back(tmp_path: Path) -> None:
    source = Clip(tmp_path / "a.mp4", audio_starts=3.0).make()
    sink = VideoSink(tmp_path / "out.mp4", preset="ultrafast", audio=AudioSource(source), frame_rate=30)
    for index in range(60):
        sink.write(scene(index), picture(index))
    (tmp_path / "copy.mp4").write_bytes((tmp_path / "out.mp4").read_bytes())
    sink.close()
    assert times_of(tmp_path / "copy.mp4")[-1] > 1


def test_sound_of_a_file_whose_times_begin_late_is_carried_over(tmp_path: Path) -> None:
    source = Clip(tmp_path / "a.flv", "libx264", "libmp3lame", 60.0, 60.0, 62.5, 62.5).make()
    annotate(source, tmp_path / "out.mp4")
    assert len(clicks_of(tmp_path / "out.mp4")) == len(flashes_of(tmp_path / "out.mp4")) >= 2


# Several tracks


@dataclass(frozen=True)
class Track:
    """A track of sound, with a click each full second and a tone of its own between them."""

    codec: str = "aac"
    tags: dict[str, str] = field(default_factory=dict)
    is_default: bool = False
    ends: float = 3.5


def with_tracks(path: Path, *tracks: Track) -> Path:
    """Write a video whose picture flashes when all its tracks click."""
    picture_only = Clip(path.with_name("picture.mkv")).make()
    sounds = [
        Clip(path.with_name(f"{number}.mkv"), audio_codec=track.codec, audio_ends=track.ends).make()
        for number, track in enumerate(tracks)
    ]
    with av.open(str(path), "w") as output:
        inputs = [av.open(str(each)) for each in (picture_only, *sounds)]
        streams = [inputs[0].streams.video[0], *(each.streams.audio[0] for each in inputs[1:])]
        outputs = [output.add_stream_from_template(stream) for stream in streams]
        for stream, track in zip(outputs[1:], tracks, strict=True):
            stream.metadata.update(track.tags)
            stream.disposition = Disposition.default if track.is_default else Disposition(0)
        packets = [
            (float(packet.dts * packet.time_base), number, packet)
            for number, (each, stream) in enumerate(zip(inputs, streams, strict=True))
            for packet in each.demux(stream)
            if packet.dts is not None
        ]
        for _, number, packet in sorted(packets, key=lambda item: item[:2]):
            packet.stream = outputs[number]
            output.mux(packet)
        for each in inputs:
            each.close()
    return path


def write(source: Path, path: Path, *, start: float = 0.0, end: float = inf) -> None:
    """Write a file again, as a job does."""
    video = VideoFile(source, start=start, end=end)
    sink = VideoSink(path, preset="ultrafast", audio=AudioSource(source, video.start_pts), frame_rate=video.frame_rate)
    while (frame := video.read()) is not None:
        sink.write(Scene(frame, ()), frame.image)
    sink.close()


def tracks_of(path: Path) -> list[tuple[str, str | None, str | None, bool]]:
    """Codec, language, title and whether it is the default one, of each track of sound."""
    with av.open(str(path)) as container:
        return [
            (
                stream.codec_context.codec.canonical_name,
                stream.metadata.get("language"),
                stream.metadata.get("title", stream.metadata.get("name")),
                bool(stream.disposition & Disposition.default),
            )
            for stream in container.streams.audio
        ]


@pytest.mark.parametrize("suffix", [".mkv", ".mp4", ".mov"])
def test_every_track_is_kept_with_its_language_and_title(suffix: str, tmp_path: Path) -> None:
    source = with_tracks(
        tmp_path / f"a{suffix}",
        Track("aac", {"language": "eng", "title": "Director"}),
        Track("ac3", {"language": "fra", "title": "Ton für Hörende 例"}, is_default=True),
        Track("aac"),
    )
    write(source, tmp_path / "out.mp4")
    english, french, other = tracks_of(tmp_path / "out.mp4")
    assert (english, french) == (("aac", "eng", "Director", False), ("ac3", "fra", "Ton für Hörende 例", True))
    assert (other[0], other[1] in (None, "und"), other[3]) == ("aac", True, False)


@pytest.mark.parametrize("codecs", [("aac", "aac"), ("pcm_s16le", "ac3"), ("flac", "pcm_s16le", "libopus", "mp2")])
@pytest.mark.parametrize(("start", "end"), [(0.0, inf), (0.5, 2.5), (1.517, inf)])
def test_every_track_stays_with_the_picture(codecs: tuple[str, ...], start: float, end: float, tmp_path: Path) -> None:
    source = with_tracks(tmp_path / "a.mkv", *map(Track, codecs))
    write(source, tmp_path / "out.mp4", start=start, end=end)
    flashes = flashes_of(tmp_path / "out.mp4")
    assert len(flashes) >= 1
    assert len(tracks_of(tmp_path / "out.mp4")) == len(codecs)
    for number in range(len(codecs)):
        assert clicks_of(tmp_path / "out.mp4", number) == pytest.approx(flashes, abs=0.005)


def test_a_track_that_ends_early_holds_back_none_of_the_others(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    source = with_tracks(tmp_path / "a.mkv", Track(), Track(tags={"language": "deu"}, ends=1.3))
    write(source, tmp_path / "out.mp4")
    assert clicks_of(tmp_path / "out.mp4") == pytest.approx(flashes_of(tmp_path / "out.mp4"), abs=0.005)
    assert len(clicks_of(tmp_path / "out.mp4", 1)) == 1
    assert [record.message for record in caplog.records] == [
        "sound track 2 (deu) ends at 1.3 s, the picture goes on to 3.5 s"
    ]


def test_a_track_that_cannot_be_used_costs_none_of_the_others(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    source = with_tracks(tmp_path / "a.mkv", Track(), Track("pcm_s16le"), Track())
    source.write_bytes(source.read_bytes().replace(b"A_PCM/INT/LIT", b"A_UNKNOWN/LIT"))
    write(source, tmp_path / "out.mp4")
    assert len(tracks_of(tmp_path / "out.mp4")) == 2
    for number in range(2):
        assert clicks_of(tmp_path / "out.mp4", number) == pytest.approx(flashes_of(tmp_path / "out.mp4"), abs=0.005)
    assert [record.message for record in caplog.records] == ["sound track 2 is left out: its codec is not known here"]


# Sound that ends


@pytest.mark.parametrize(
    ("ends", "start", "message"),
    [
        (1.0, 0.0, "the sound ends at 1.0 s, the picture goes on to 3.5 s"),
        (2.0, 0.5, "the sound ends at 1.5 s, the picture goes on to 3.0 s"),
        (1.0, 2.0, "the sound ends before 2.0 s, where the picture begins"),
        (3.2, 0.0, ""),
        (3.5, 0.0, ""),
        (5.0, 0.0, ""),
    ],
)
@pytest.mark.parametrize("audio_codec", ["aac", "pcm_s16le"])
def test_sound_that_ends_before_the_picture_is_told(
    audio_codec: str, ends: float, start: float, message: str, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    write(Clip(tmp_path / "a.mov", "libx264", audio_codec, audio_ends=ends).make(), tmp_path / "out.mp4", start=start)
    assert [record.message for record in caplog.records] == [message] * bool(message)


# Recordings that were joined


def joined(path: Path, *ends: float, video_codec: str = "libx264", audio_codec: str = "aac") -> Path:
    """Clips one after the other in one file, each with times of its own."""
    parts = [path.with_name(f"part{number}{path.suffix}") for number in range(len(ends))]
    for part, end in zip(parts, ends, strict=True):
        Clip(part, video_codec, audio_codec, video_ends=end, audio_ends=end).make()
    path.write_bytes(b"".join(part.read_bytes() for part in parts))
    return path


@pytest.mark.parametrize(
    ("suffix", "video_codec", "audio_codec"),
    [(".ts", "libx264", "aac"), (".ts", "mpeg2video", "mp2"), (".mpg", "mpeg2video", "mp2")],
)
@pytest.mark.parametrize("ends", [(3.5, 3.5), (2.5, 4.5), (4.5, 2.5), (2.5, 2.5, 2.5)])
def test_sound_stays_with_the_picture_across_a_join(
    suffix: str, video_codec: str, audio_codec: str, ends: tuple[float, ...], tmp_path: Path
) -> None:
    source = joined(tmp_path / f"a{suffix}", *ends, video_codec=video_codec, audio_codec=audio_codec)
    write(source, tmp_path / "out.mp4")
    flashes, clicks = flashes_of(tmp_path / "out.mp4"), clicks_of(tmp_path / "out.mp4")
    assert len(flashes) == sum(map(int, ends))
    assert clicks == pytest.approx(flashes, abs=0.02)


@pytest.mark.parametrize("audio_codec", ["aac", "mp2"])
@pytest.mark.parametrize("rates", [(48_000, 44_100), (32_000, 48_000)])
def test_sound_of_another_rate_goes_on_after_a_join(audio_codec: str, rates: tuple[int, int], tmp_path: Path) -> None:
    parts = [tmp_path / f"{number}.ts" for number in range(2)]
    for part, rate in zip(parts, rates, strict=True):
        Clip(part, audio_codec=audio_codec, rate=rate).make()
    (tmp_path / "a.ts").write_bytes(b"".join(part.read_bytes() for part in parts))
    write(tmp_path / "a.ts", tmp_path / "out.mp4")
    flashes = flashes_of(tmp_path / "out.mp4")
    assert len(flashes) == 6
    assert clicks_of(tmp_path / "out.mp4") == pytest.approx(flashes, abs=0.03)


@pytest.mark.parametrize("start", [0.5, 1.7, 3.6, 4.2, 5.3])
def test_a_part_of_a_joined_recording_has_its_own_sound(start: float, tmp_path: Path) -> None:
    source = joined(tmp_path / "a.ts", 3.5, 3.5)
    video = VideoFile(source)
    sink = VideoSink(tmp_path / "out.mp4", preset="ultrafast", audio=AudioSource(source), frame_rate=30)
    while (frame := video.read()) is not None:
        if frame.pts >= start:
            sink.write(Scene(frame, ()), frame.image)
    sink.close()
    flashes = flashes_of(tmp_path / "out.mp4")
    assert len(flashes) >= 1
    assert clicks_of(tmp_path / "out.mp4") == pytest.approx(flashes, abs=0.02)
