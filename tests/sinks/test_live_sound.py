from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from fractions import Fraction
from math import nan
from pathlib import Path

import av
import numpy as np
import pytest
from av.audio.stream import AudioStream

from kpstream.entities import Scene
from kpstream.media.sound import SoundBuffer, SoundFormat, SoundPacket
from kpstream.sinks.segments import SegmentedVideo
from kpstream.sinks.video import VideoSink
from tests.sinks.videos import audio_of, clicks_of, flashes_of, times_of
from tests.support.sink_contract import scene

ALAW, ULAW = ("pcm_alaw", 8000, 1), ("pcm_mulaw", 8000, 1)
AAC, AAC_MONO = ("aac", 48_000, 2), ("aac", 16_000, 1)
OPUS, ODD = ("libopus", 48_000, 2), ("pcm_s16le", 11_000, 1)


@dataclass(frozen=True)
class Microphone:
    """Sound that clicks each full second, encoded as a camera does."""

    codec: str
    rate: int
    channels: int

    def packets(self, seconds: float) -> tuple[SoundFormat, list[tuple[float, bytes]]]:
        """Its form, and when each packet begins."""
        output = av.open("/dev/null", "w", format="nut")
        stream = output.add_stream(self.codec, rate=self.rate, layout="mono" if self.channels == 1 else "stereo")
        assert isinstance(stream, AudioStream)
        found: list[tuple[float, bytes]] = []
        for block in [*self._blocks(seconds), None]:
            found += [(float(p.pts * p.time_base), bytes(p)) for p in stream.encode(block) if p.pts is not None]
        context = stream.codec_context
        decoder = self.codec.removeprefix("lib")
        form = SoundFormat(decoder, self.rate, self.channels, bytes(context.extradata or b""))
        output.close()
        return form, found

    def _blocks(self, seconds: float) -> Iterator[av.AudioFrame]:
        samples = np.zeros(round(seconds * self.rate), np.float32)
        for second in range(1, int(seconds) + 1):
            samples[second * self.rate : second * self.rate + self.rate // 400] = 0.9
        step = self.rate // 50
        resampler = av.AudioResampler(format="s16" if self.codec.startswith(("pcm", "libopus")) else "fltp")
        for start in range(0, len(samples), step):
            block = np.stack([samples[start : start + step]] * self.channels)
            layout = "mono" if self.channels == 1 else "stereo"
            frame = av.AudioFrame.from_ndarray(block, format="fltp", layout=layout)
            frame.sample_rate, frame.pts, frame.time_base = self.rate, start, Fraction(1, self.rate)
            yield from resampler.resample(frame)


class Camera:
    """A camera whose picture flashes when its sound clicks: each full second of its own time."""

    def __init__(
        self,
        microphone: tuple[str, int, int],
        *,
        stamps_from: float = 1000.5,
        sound_stamps_from: float | None = None,
        bursts: bool = False,
        lost: Callable[[float], bool] = lambda time: False,
        seconds: float = 6.0,
    ) -> None:
        form, self._packets = Microphone(*microphone).packets(seconds)
        self.sound = SoundBuffer(form)
        self._stamps_from = stamps_from
        self._sound_stamps_from = stamps_from if sound_stamps_from is None else sound_stamps_from
        self._bursts = bursts
        self._lost = lost

    def scenes(self, start: float, end: float, *, pts_ahead: float = 0.0, first_index: int = 0) -> Iterator[Scene]:
        """What it shows between two moments of its own time."""
        for number in range(round(start * 30), round(end * 30)):
            time = number / 30
            while self._packets and self._packets[0][0] < time:
                begins, data = self._packets.pop(0)
                if not self._lost(begins):
                    arrived_at = nan if self._bursts else 500 + begins + 0.02
                    self.sound.put(SoundPacket(data, self._sound_stamps_from + begins, arrived_at))
            flash = abs(time - round(time)) < 0.01 and round(time) > 0
            image = np.full((48, 64, 3), 255 * flash, np.uint8)
            given = scene(first_index + number, pts=time + pts_ahead, image=image)
            frame = replace(given.frame, captured_at=500 + time, stamp=self._stamps_from + time, sound=self.sound)
            yield replace(given, frame=frame)


def record(path: Path, *scenes: Iterator[Scene]) -> None:
    sink = VideoSink(path, preset="ultrafast", frame_rate=30)
    for each in scenes:
        for one in each:
            sink.write(one, one.frame.image)
    sink.close()


def assert_in_sync(path: Path, count: int, *, within: float = 0.03) -> None:
    flashes, clicks = flashes_of(path), clicks_of(path)
    assert len(flashes) == count
    assert clicks == pytest.approx(flashes, abs=within)


@pytest.mark.parametrize("microphone", [ALAW, ULAW, AAC, AAC_MONO, OPUS, ODD], ids=lambda each: f"{each[0]} {each[1]}")
@pytest.mark.parametrize("start", [0.0, 1.37])
def test_sound_and_picture_stay_together(microphone: tuple[str, int, int], start: float, tmp_path: Path) -> None:
    record(tmp_path / "a.mp4", Camera(microphone).scenes(start, 5.0))
    assert_in_sync(tmp_path / "a.mp4", 4 if start < 1 else 3)
    codec, begins, ends = audio_of(tmp_path / "a.mp4")
    assert codec == "aac"
    assert begins < 0.1
    assert ends == pytest.approx(5.0 - start, abs=0.2)


def test_aac_is_copied(tmp_path: Path) -> None:
    record(tmp_path / "a.mp4", Camera(AAC).scenes(0.0, 2.0))
    sent = {data for _, data in Microphone(*AAC).packets(3.0)[1]}
    with av.open(str(tmp_path / "a.mp4")) as container:
        written = [bytes(packet) for packet in container.demux(audio=0) if packet.size]
    assert len(written) > 80
    assert set(written) <= sent


@pytest.mark.parametrize("microphone", [ALAW, AAC])
def test_what_is_lost_on_the_way_is_silence(microphone: tuple[str, int, int], tmp_path: Path) -> None:
    camera = Camera(microphone, lost=lambda time: 0.3 < time % 1 < 0.6)
    record(tmp_path / "a.mp4", camera.scenes(0.0, 5.0))
    assert_in_sync(tmp_path / "a.mp4", 4)


@pytest.mark.parametrize("microphone", [ALAW, AAC])
@pytest.mark.parametrize("outage", [0.4, 1.7, 30.0])
def test_after_an_outage_sound_and_picture_are_together_again(
    microphone: tuple[str, int, int], outage: float, tmp_path: Path
) -> None:
    later = Camera(microphone, stamps_from=7.0)
    record(
        tmp_path / "a.mp4",
        Camera(microphone).scenes(0.0, 2.5),
        later.scenes(0.0, 2.5, pts_ahead=2.5 + outage, first_index=75),
    )
    assert_in_sync(tmp_path / "a.mp4", 4)


def test_a_camera_that_comes_back_with_sound_of_another_form_is_heard(tmp_path: Path) -> None:
    later = Camera(("aac", 32_000, 2), stamps_from=7.0)
    record(tmp_path / "a.mp4", Camera(ALAW).scenes(0.0, 2.5), later.scenes(0.0, 2.5, pts_ahead=3.0, first_index=75))
    assert_in_sync(tmp_path / "a.mp4", 4)


def test_copied_sound_ends_where_its_form_changes_and_the_picture_goes_on(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    later = Camera(ALAW, stamps_from=7.0)
    record(tmp_path / "a.mp4", Camera(AAC).scenes(0.0, 2.5), later.scenes(0.0, 2.5, pts_ahead=3.0, first_index=75))
    assert len(clicks_of(tmp_path / "a.mp4")) == 2
    assert len(flashes_of(tmp_path / "a.mp4")) == 4
    assert [record.getMessage() for record in caplog.records] == [
        "the sound of this recording ends: the camera sends it in another form since it came back"
    ]


@pytest.mark.parametrize("microphone", [ALAW, AAC])
@pytest.mark.parametrize("off", [-40.0, 3.0])
def test_stamps_that_cannot_be_are_not_believed(microphone: tuple[str, int, int], off: float, tmp_path: Path) -> None:
    record(tmp_path / "a.mp4", Camera(microphone, sound_stamps_from=1000.5 + off).scenes(0.0, 4.0))
    assert_in_sync(tmp_path / "a.mp4", 3, within=0.1)


def test_what_comes_in_bursts_is_placed_by_its_stamps(tmp_path: Path) -> None:
    record(tmp_path / "a.mp4", Camera(AAC, bursts=True).scenes(0.0, 4.0))
    assert_in_sync(tmp_path / "a.mp4", 3)


@pytest.mark.parametrize("microphone", [ALAW, AAC])
@pytest.mark.parametrize("off", [-5000.0, 5000.0])
def test_sound_of_another_time_costs_no_picture(microphone: tuple[str, int, int], off: float, tmp_path: Path) -> None:
    record(tmp_path / "a.mp4", Camera(microphone, bursts=True, sound_stamps_from=1000.5 + off).scenes(0.0, 3.0))
    assert len(times_of(tmp_path / "a.mp4")) == 90
    assert clicks_of(tmp_path / "a.mp4") == []


@pytest.mark.parametrize("microphone", [ALAW, AAC])
def test_a_microphone_that_is_mute_holds_nothing_back(microphone: tuple[str, int, int], tmp_path: Path) -> None:
    sink = VideoSink(tmp_path / "a.mp4", preset="ultrafast", frame_rate=30)
    for one in Camera(microphone, lost=lambda time: True).scenes(0.0, 3.0):
        sink.write(one, one.frame.image)
    (tmp_path / "cut.mp4").write_bytes((tmp_path / "a.mp4").read_bytes())
    sink.close()
    assert len(times_of(tmp_path / "a.mp4")) == 90
    assert times_of(tmp_path / "cut.mp4")[-1] > 1.5


@pytest.mark.parametrize("microphone", [ALAW, AAC])
def test_before_it_is_closed_all_but_the_last_second_plays(microphone: tuple[str, int, int], tmp_path: Path) -> None:
    sink = VideoSink(tmp_path / "a.mp4", preset="ultrafast", frame_rate=30)
    for one in Camera(microphone).scenes(0.0, 5.5):
        sink.write(one, one.frame.image)
    (tmp_path / "cut.mp4").write_bytes((tmp_path / "a.mp4").read_bytes())
    sink.close()
    assert times_of(tmp_path / "cut.mp4")[-1] > 4.5
    assert_in_sync(tmp_path / "cut.mp4", len(flashes_of(tmp_path / "cut.mp4")))
    assert len(flashes_of(tmp_path / "cut.mp4")) >= 4


@pytest.mark.parametrize("microphone", [ALAW, AAC])
def test_every_segment_has_its_own_sound(microphone: tuple[str, int, int], tmp_path: Path) -> None:
    sink = SegmentedVideo(tmp_path, "cam", segment=2.0, preset="ultrafast", frame_rate=30)
    for one in Camera(microphone).scenes(0.2, 6.0):
        sink.write(one, one.frame.image)
    sink.close()
    names = sorted(tmp_path.iterdir())
    assert len(names) == 3
    for path in names:
        assert_in_sync(path, len(flashes_of(path)))
        assert len(flashes_of(path)) >= 1


def test_pictures_that_come_late_take_their_sound_with_them(tmp_path: Path) -> None:
    """As where a picture waits for its answers: the sound came long before."""
    scenes = list(Camera(ALAW).scenes(0.0, 5.0))
    record(tmp_path / "a.mp4", iter(scenes))
    assert_in_sync(tmp_path / "a.mp4", 4)
    assert audio_of(tmp_path / "a.mp4")[2] == pytest.approx(5.0, abs=0.2)


def test_without_sound_there_is_no_track(tmp_path: Path) -> None:
    scenes = (replace(one, frame=replace(one.frame, sound=None)) for one in Camera(ALAW).scenes(0.0, 1.0))
    record(tmp_path / "a.mp4", scenes)
    with av.open(str(tmp_path / "a.mp4")) as container:
        assert [stream.type for stream in container.streams] == ["video"]


# The buffer


def packet(number: int) -> SoundPacket:
    return SoundPacket(bytes([number]), float(number), float(number))


def test_every_reader_sees_every_packet_once() -> None:
    buffer = SoundBuffer(SoundFormat("aac", 8000, 1), kept=10)
    seen: list[list[int]] = [[], []]
    places = [0, 0]
    for number in range(20):
        buffer.put(packet(number))
        for reader, every in enumerate((1, 4)):
            if number % every == 0:
                new, places[reader] = buffer.since(places[reader])
                seen[reader] += [one.data[0] for one in new]
    assert seen[0] == list(range(20))
    assert seen[1] == list(range(17))
    assert buffer.since(places[0]) == ([], 20)


def test_of_what_came_too_long_ago_only_the_newest_is_left() -> None:
    buffer = SoundBuffer(SoundFormat("aac", 8000, 1), kept=3)
    for number in range(9):
        buffer.put(packet(number))
    assert [one.data[0] for one in buffer.since(0)[0]] == [6, 7, 8]
    assert [one.data[0] for one in buffer.since(8)[0]] == [8]
