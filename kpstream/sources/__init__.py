"""Where frames come from: cameras, streams and files, behind one face."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from math import isnan
from pathlib import Path
from typing import Literal

# PyAV and OpenCV bring the same X libraries; a window of OpenCV's hangs for ever where PyAV's were loaded first.
import cv2  # noqa: F401

from kpstream.interfaces import Source
from kpstream.paths import is_file, is_folder
from kpstream.sources.file import VideoFile, is_pipe
from kpstream.sources.http import USUAL_ACCESS, HttpAccess
from kpstream.sources.http_pictures import open_pictures
from kpstream.sources.hwaccel import NO_DEVICE
from kpstream.sources.opening import in_small_letters, is_address, understood
from kpstream.sources.paced import Paced
from kpstream.sources.sequence import PictureSequence, open_sequence
from kpstream.sources.stream import Stream
from kpstream.sources.webcam import Webcam

__all__ = ["HttpAccess", "Paced", "Stream", "VideoFile", "Webcam", "open_source"]


_WEBCAM_TIMEOUT = 3.0
_LONGEST_NUMBER = 9
"""Digits of a camera's number."""


def open_source(
    reference: str | int | Path,
    *,
    paced: bool = False,
    loop: bool = False,
    size: tuple[int, int] | None = None,
    frame_rate: float | None = None,
    rtsp_transport: Literal["tcp", "udp"] | None = None,
    timeout: float | None = None,
    with_sound: bool = False,
    access: HttpAccess = USUAL_ACCESS,
    deinterlace: bool = True,
    hwaccel: str = NO_DEVICE,
) -> Source:
    """Open a camera, a stream or a video file; blocks until it is open, or cannot be.

    Args:
        reference: A camera's number (``0``), its path (``/dev/video0``), an address (``rtsp://…``, ``http(s)://…``
            of MJPEG, a snapshot, HLS or a file), the path of a file, or a sequence of pictures: a folder,
            ``shot%04d.png``, an animated WebP. What has an end is recorded, all else is live.
        paced: Play recorded video as if it came from a camera: a live source then, that drops what comes late.
        loop: Begin paced video again at its end, for ever.
        size: (width, height), asked of a webcam.
        frame_rate: Frames per second: asked of a webcam, how often a snapshot is asked for, or of a sequence of
            pictures.
        rtsp_transport: How RTSP carries its data. None: TCP, and UDP where the camera refuses it.
        timeout: Seconds that a camera or a server may be silent; None learns them from its own pace.
        with_sound: Let the frames of what is live, or played as if it were, have its sound, for who records it.
        access: How web servers are asked.
        deinterlace: Make interlaced pictures whole.
        hwaccel: The kind of device that decodes where it is there (``vaapi``, ``cuda``, …), ``auto`` for any; ``none``
            decodes on the processor.

    Raises:
        SourceOpenError: It cannot be opened; the text says why, and what to do.
    """
    text = understood(str(reference))
    if text.isdecimal():
        number = int(text) if len(text) <= _LONGEST_NUMBER else text  # OpenCV refuses longer ones in its own words
        return Webcam(number, size=size, frame_rate=frame_rate, timeout=timeout or _WEBCAM_TIMEOUT)
    if text.startswith("/dev/") and not (is_file(text) or is_folder(text) or is_pipe(text)):
        return Webcam(text, size=size, frame_rate=frame_rate, timeout=timeout or _WEBCAM_TIMEOUT)
    open_file = partial(
        VideoFile, with_sound=with_sound and paced, deinterlace=deinterlace, access=access, hwaccel=hwaccel
    )
    if is_address(text):
        source = _open_address(
            in_small_letters(text),
            partial(open_pictures, access=access, rate=frame_rate, timeout=timeout),
            partial(
                Stream,
                rtsp_transport=rtsp_transport,
                timeout=timeout,
                with_sound=with_sound,
                access=access,
                deinterlace=deinterlace,
                hwaccel=hwaccel,
            ),
            open_file,
        )
    else:
        path = reference if isinstance(reference, Path) else Path(text)
        source = open_sequence(path, frame_rate=frame_rate) or open_file(reference if path is reference else text)
    return Paced(source, loop=loop) if paced and isinstance(source, VideoFile | PictureSequence) else source


def _open_address(
    url: str,
    open_pictures: Callable[[str], Source | None],
    open_stream: Callable[[str], Stream],
    open_file: Callable[[str], VideoFile],
) -> Source:
    if url.startswith("http") and (pictures := open_pictures(url)):
        return pictures
    stream = open_stream(url)
    if isnan(stream.duration) or not url.startswith("http"):
        return stream
    stream.close()
    return open_file(url)
