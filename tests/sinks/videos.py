"""Videos that the tests of sinks write and read."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from math import inf
from pathlib import Path

import av
import numpy as np
from av.audio.stream import AudioStream
from av.video.stream import VideoStream

from kpstream.entities import Image
from kpstream.sinks.video import AudioSource, VideoSink
from tests.support.sink_contract import picture, scene


def record(path: Path, times: list[float], *, size: tuple[int, int] = (64, 48), **options: object) -> VideoSink:
    sink = VideoSink(path, **({"preset": "ultrafast"} | options))  # type: ignore[arg-type]
    for index, pts in enumerate(times):
        sink.write(scene(index, pts=pts), picture(index, size))
    sink.close()
    return sink


def times_of(path: Path) -> list[float]:
    with av.open(str(path)) as container:
        return [frame.time for frame in container.decode(video=0) if frame.time is not None]


def pictures_of(path: Path) -> list[Image]:
    with av.open(str(path)) as container:
        return [np.asarray(frame.to_ndarray(format="bgr24"), np.uint8) for frame in container.decode(video=0)]


@dataclass(frozen=True)
class Clip:
    """A clip whose picture flashes when its sound clicks: each full second of the container's time."""

    path: Path
    video_codec: str = "libx264"
    audio_codec: str = "aac"
    video_starts: float = 0.0
    audio_starts: float = 0.0
    video_ends: float = 3.5
    audio_ends: float = 3.5
    rate: int = 48_000

    def make(self) -> Path:
        with av.open(str(self.path), "w") as output:
            tick = Fraction(1, 30 if self.video_codec == "mpeg2video" else 90_000)  # it knows a few rates only
            video = output.add_stream(self.video_codec, rate=30, time_base=tick)
            audio = output.add_stream(self.audio_codec, rate=self.rate, layout="stereo")
            assert isinstance(video, VideoStream)
            assert isinstance(audio, AudioStream)
            video.width, video.height, video.pix_fmt = 64, 48, "yuv420p"
            video.options = {"bf": "0"} if self.video_codec == "libx264" else {}
            blocks = [*self._pictures(), *self._sound()]
            for block in sorted(blocks, key=lambda block: block.time or 0.0):
                if isinstance(block, av.VideoFrame):
                    output.mux(video.encode(block))
                if isinstance(block, av.AudioFrame):
                    output.mux(audio.encode(block))
            output.mux(video.encode(None))
            output.mux(audio.encode(None))
        return self.path

    def _pictures(self) -> Iterator[av.VideoFrame]:
        for index in range(round((self.video_ends - self.video_starts) * 30)):
            time = self.video_starts + index / 30
            flash = abs(time - round(time)) < 0.01 and round(time) > 0
            frame = av.VideoFrame.from_ndarray(np.full((48, 64, 3), 255 * flash, np.uint8), format="bgr24")
            frame.pts, frame.time_base = round(time * 90_000), Fraction(1, 90_000)
            yield frame

    def _sound(self) -> Iterator[av.AudioFrame]:
        first, last = round(self.audio_starts * self.rate), round(self.audio_ends * self.rate)
        samples = np.zeros(last, np.float32)
        for second in range(1, int(self.audio_ends) + 1):
            samples[second * self.rate : second * self.rate + 60] = 0.9
        for start in range(first, last, 1000):
            block = np.stack([samples[start : start + 1000]] * 2)
            frame = av.AudioFrame.from_ndarray(block, format="fltp", layout="stereo")
            frame.sample_rate, frame.pts, frame.time_base = self.rate, start, Fraction(1, self.rate)
            yield frame


def annotate(clip: Path, path: Path, *, start: float = 0.0, end: float = inf, **options: float) -> None:
    """Write the clip's own pictures again, with its sound."""
    sink = VideoSink(path, preset="ultrafast", audio=AudioSource(clip, **options), frame_rate=30)
    with av.open(str(clip)) as container:
        first: float | None = None
        for index, frame in enumerate(container.decode(video=0)):
            assert frame.time is not None
            first = frame.time if first is None else first
            if start <= frame.time - first < end:
                image = np.asarray(frame.to_ndarray(format="bgr24"), np.uint8)
                sink.write(scene(index, pts=frame.time - first, image=image), image)
    sink.close()


def flashes_of(path: Path) -> list[float]:
    return [time for time, read in zip(times_of(path), pictures_of(path), strict=True) if read.mean() > 128]


def clicks_of(path: Path, track: int = 0) -> list[float]:
    found: list[float] = []
    with av.open(str(path)) as container:
        resampler = av.AudioResampler(format="fltp", layout="mono")
        for decoded in container.decode(container.streams.audio[track]):
            for frame in resampler.resample(decoded):
                loud = np.flatnonzero(np.abs(frame.to_ndarray()[0]) > 0.3)
                assert frame.time is not None
                if len(loud) and (not found or frame.time - found[-1] > 0.5):
                    found.append(frame.time + float(loud[0]) / frame.sample_rate)
    return found


def audio_of(path: Path) -> tuple[str, float, float]:
    """Codec, start and end of the sound, in seconds."""
    with av.open(str(path)) as container:
        stream = container.streams.audio[0]
        frames = [(frame.time or 0.0, frame.samples / frame.sample_rate) for frame in container.decode(stream)]
        return stream.codec_context.codec.canonical_name, frames[0][0], sum(frames[-1])
