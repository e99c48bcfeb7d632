"""Small videos for the tests of sources, each frame with its number in the picture."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
from av.audio.frame import AudioFrame
from av.video.stream import VideoStream

from kpstream.entities import Image

SIZE = (96, 64)
_BITS = 12
_MILLISECONDS = Fraction(1, 1000)


def picture(number: int, size: tuple[int, int] = SIZE) -> Image:
    """A grey picture, BGR, whose upper half shows a number: twelve bars, most significant bit first."""
    width, height = size
    image: Image = np.full((height, width, 3), 60, np.uint8)
    for bit in range(_BITS):
        level = 220 if (number >> (_BITS - 1 - bit)) & 1 else 20
        image[: height // 2, bit * width // _BITS : (bit + 1) * width // _BITS] = level
    return image


def number_in(image: Image) -> int:
    """The number that `picture` wrote."""
    height, width = image.shape[:2]
    bars = [image[height // 4, (2 * bit + 1) * width // (2 * _BITS)].mean() > 120 for bit in range(_BITS)]
    return int("".join(str(int(bar)) for bar in bars), 2)


def write_video(
    path: Path,
    times: Sequence[int],
    *,
    codec: str = "libx264",
    pix_fmt: str = "yuv420p",
    size: tuple[int, int] = SIZE,
    options: Mapping[str, str] | None = None,
    container_options: Mapping[str, str] | None = None,
    rotation: float = 0.0,
    mirrored: bool = False,
    images: Iterable[Image] | None = None,
    sound: bool = False,
) -> Path:
    """Write a video.

    Args:
        times: When each frame is shown, in milliseconds.
        rotation: Degrees counter-clockwise by which a player turns it.
        images: BGR; by default each shows its number.
    """
    with av.open(str(path), "w", options=dict(container_options or {})) as container:
        stream = container.add_stream(codec, rate=30, options=dict(options or {}))
        assert isinstance(stream, VideoStream)
        stream.width, stream.height = size
        stream.pix_fmt = pix_fmt
        stream.time_base = stream.codec_context.time_base = _MILLISECONDS
        if rotation or mirrored:
            stream.set_display_rotation(rotation, mirrored)
        if sound:
            _write_silence(container)
        for time, image in zip(times, images or (picture(number, size) for number in range(len(times))), strict=True):
            frame = av.VideoFrame.from_ndarray(image, "bgr24")
            frame.pts, frame.time_base = time, _MILLISECONDS
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return path


def write_sound(path: Path) -> Path:
    """Write a file that holds a second of sound and no picture."""
    with av.open(str(path), "w") as container:
        _write_silence(container)
    return path


def _write_silence(container: av.container.OutputContainer) -> None:
    stream = container.add_stream("aac", rate=16000)
    for start in range(0, 16000, 1024):
        frame = AudioFrame.from_ndarray(np.zeros((1, 1024), np.float32), "fltp", "mono")
        frame.sample_rate, frame.pts, frame.time_base = 16000, start, Fraction(1, 16000)
        container.mux(stream.encode(frame))
    container.mux(stream.encode(None))
