"""Pictures into H.264, by the cheapest way that is right."""

from __future__ import annotations

import os
from dataclasses import dataclass, replace
from fractions import Fraction
from typing import Protocol, cast

import av
import cv2
import numpy as np
from av.container import OutputContainer
from av.packet import Packet
from av.video.frame import PictureType
from av.video.stream import VideoStream

from kpstream.entities import Frame, Image
from kpstream.errors import UsageError
from kpstream.sinks.timeline import TICKS

LOOKAHEAD = {
    "ultrafast": 0,
    "superfast": 0,
    "veryfast": 10,
    "faster": 20,
    "fast": 30,
    "medium": 40,
    "slow": 50,
    "slower": 60,
    "veryslow": 60,
    "placebo": 60,
}
"""x264's presets, and how many frames each holds back to look at before it writes one."""
_HELD_BACK = 0.25
"""Seconds of video that may be held back; a kill loses them."""
_KEYFRAME_EVERY = 2.0
"""Seconds from one picture that stands by itself to the next."""
_MAX_THREADS = 4
# Numbers of H.264's own tables; those of PyAV's `Colorspace` are swscale's.
_LIMITED_RANGE = 1
_MATRIX_BT601 = 6
_BT709 = 1
_TO_LIMITED_RANGE = np.rint((np.arange(256) - 128) * (224 / 255) + 128).astype(np.uint8)
"""Differences of colour from 16 to 240, by those from 0 to 255."""


@dataclass(frozen=True, slots=True)
class Quality:
    """What x264 is asked for."""

    crf: float
    """0 (lossless) to 51."""
    preset: str
    """One of `LOOKAHEAD`."""
    keyframe_every: float = _KEYFRAME_EVERY
    """Seconds."""

    def check(self) -> None:
        """See that x264 knows it.

        Raises:
            UsageError: The quality or the preset is none that it knows.
        """
        if self.preset not in LOOKAHEAD:
            raise UsageError(f"{self.preset!r} is no preset of x264: choose one of {', '.join(LOOKAHEAD)}")
        if not 0 <= self.crf <= 51:
            raise UsageError(f"a quality (crf) of {self.crf:g}: choose 0 (best) to 51, 23 is usual")


@dataclass(frozen=True, slots=True, eq=False)
class CodedPicture:
    """A picture in H.264, of which others may depend."""

    pts: float
    """Seconds of the source."""
    data: bytes
    is_keyframe: bool
    """Whether it and all that follows can be shown without what came before."""
    header: bytes
    """What a decoder has to know before, the same for all pictures of one form."""


class Tap(Protocol):
    """Takes what a recording encodes, in the recording's thread."""

    def taken(self, pts: float) -> None:
        """Know that the recording encodes the picture of this pts."""

    def coded(self, picture: CodedPicture) -> None:
        """Take a picture as it was encoded, which is when later ones were taken already."""


@dataclass(frozen=True, slots=True)
class PictureForm:
    """What the pictures of a video have in common."""

    size: tuple[int, int]
    """(width, height) in stored pixels."""
    pixel_aspect: Fraction
    """Width of a pixel by its height, as it is shown."""
    rate: Fraction
    """Frames per second, as a hint: for x264's rate control and for how far it may look ahead."""


class PictureEncoder:
    """BGR pictures into the H.264 stream of a file: yuv420p, no B-frames, so packets leave in the order of the frames.

    OpenCV makes YUV of BGR four times as fast as swscale (0.8 ms and 3.4 ms for 1768x994), but by BT.601 only. So the
    stream says BT.601, limited range, with BT.709's primaries and transfer: players that read it and readers that
    assume BT.601 show the same colours.

    Args:
        output: The file, whose header is not yet written.
        form: That of the first picture.
        quality: What x264 is asked for.
    """

    def __init__(self, output: OutputContainer, form: PictureForm, quality: Quality) -> None:
        self._form = replace(form, size=(form.size[0] & ~1, form.size[1] & ~1))
        self._stream = _add_stream(output, self._form, quality)
        self._keyframe_every = round(quality.keyframe_every * TICKS)
        self._keyframe_at = -self._keyframe_every

    @property
    def header(self) -> bytes:
        """What a decoder has to know before; empty until a picture is encoded."""
        return self._stream.codec_context.extradata or b""

    @property
    def size(self) -> tuple[int, int]:
        """(width, height) of the video: that of the first picture, less a column or a row where it is odd."""
        return self._form.size

    def encode(self, shown: Frame, picture: Image, ticks: int) -> list[Packet[VideoStream]]:
        """Encode one picture; blocks.

        Args:
            shown: The frame that is drawn on it.
            picture: BGR, shape ``(height, width, 3)``. One of another form is fitted in, between black bars.
            ticks: When it is shown, in ticks of 1/90000 s; after the one before.

        Returns:
            What is finished, which may be nothing yet.

        Raises:
            av.FFmpegError: x264 refused.
        """
        fitted = self._fitted(picture, shown.pixel_aspect)
        frame = _yuv(fitted)
        if shown.luma is None:
            _average_colours(fitted, frame)
        frame.pts, frame.time_base = ticks, Fraction(1, TICKS)
        if ticks - self._keyframe_at >= self._keyframe_every:
            frame.pict_type = PictureType.I
            self._keyframe_at = ticks
        return self._stream.encode(frame)

    def finish(self) -> list[Packet[VideoStream]]:
        """Encode what was held back; blocks.

        Raises:
            av.FFmpegError: x264 refused.
        """
        return self._stream.encode(None)

    def _fitted(self, picture: Image, pixel_aspect: Fraction) -> Image:
        width, height = self._form.size
        rows, columns = picture.shape[:2]
        if (columns & ~1, rows & ~1) == self._form.size and pixel_aspect == self._form.pixel_aspect:
            return picture[:height, :width]
        wide = columns * float(pixel_aspect / self._form.pixel_aspect)  # in pixels of the video
        scale = min(width / wide, height / rows)
        inner = (max(1, round(wide * scale)), max(1, round(rows * scale)))
        small = cv2.resize(picture, inner, interpolation=cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR)
        left, top = (width - inner[0]) // 2, (height - inner[1]) // 2
        canvas: Image = np.zeros((height, width, 3), np.uint8)
        canvas[top : top + inner[1], left : left + inner[0]] = small
        return canvas


def _yuv(picture: Image) -> av.VideoFrame:
    # PyAV's from_numpy_buffer takes a height that is no multiple of four for two rows less, and shifts the colours.
    height, width = picture.shape[:2]
    packed = np.ravel(cv2.cvtColor(picture, cv2.COLOR_BGR2YUV_I420))
    frame = av.VideoFrame(width, height, "yuv420p")
    start = 0
    for plane in frame.planes:
        rows, columns, pixels = plane.height, plane.width, cast("bytearray", plane)  # which is a buffer, too
        target = np.frombuffer(pixels, np.uint8).reshape(-1, plane.line_size)
        target[:rows, :columns] = packed[start : start + rows * columns].reshape(rows, columns)
        start += rows * columns
    return frame


def _average_colours(picture: Image, frame: av.VideoFrame) -> None:
    """Give four pixels the mean of their colours, not that of the first one, as OpenCV does.

    Cameras have one colour for four pixels; pictures that were made as RGB do not, and where theirs are dithered, as in
    a GIF, the first of each four may all be of one colour. It takes half a millisecond for 1280x720.
    """
    height, width = picture.shape[:2]
    halved = cv2.resize(picture, (width // 2, height // 2), interpolation=cv2.INTER_AREA)
    _, red, blue = cv2.split(cv2.cvtColor(halved, cv2.COLOR_BGR2YCrCb))
    for plane, colours in zip(frame.planes[1:], (blue, red), strict=True):
        pixels = cast("bytearray", plane)
        target = np.frombuffer(pixels, np.uint8).reshape(-1, plane.line_size)
        target[: plane.height, : plane.width] = cv2.LUT(colours, _TO_LIMITED_RANGE)


def _add_stream(output: OutputContainer, form: PictureForm, quality: Quality) -> VideoStream:
    options = {"crf": f"{quality.crf:g}", "preset": quality.preset, "bf": "0", "g": "9999"}
    parameters = []
    if LOOKAHEAD[quality.preset]:
        frames = min(LOOKAHEAD[quality.preset], max(1, int(_HELD_BACK * form.rate)))
        parameters.append(f"rc-lookahead={frames}")
    if quality.preset == "veryfast":
        # Blocks of 16x16 pixels are moved as a whole: a tenth to a fifth less time than in parts, 0.2 to 4 % larger.
        parameters.append("partitions=i4x4,i8x8")
    if parameters:
        options["x264-params"] = ":".join(parameters)
    stream = output.add_stream("libx264", rate=form.rate, options=options, time_base=Fraction(1, TICKS))
    assert isinstance(stream, VideoStream)
    stream.width, stream.height = form.size
    stream.pix_fmt = "yuv420p"
    context = stream.codec_context
    # Slices, not frames: threads that work on the same picture hold none back.
    context.thread_type = "SLICE"
    context.thread_count = min(_MAX_THREADS, os.cpu_count() or 1)
    context.sample_aspect_ratio = form.pixel_aspect
    context.color_range = _LIMITED_RANGE
    context.colorspace = _MATRIX_BT601
    context.color_primaries = _BT709
    context.color_trc = _BT709
    return stream
