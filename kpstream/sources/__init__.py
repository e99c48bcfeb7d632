"""Where frames come from: cameras, streams and files, behind one face."""

from __future__ import annotations

from math import isnan
from pathlib import Path
from typing import Literal

# PyAV and OpenCV bring the same X libraries; a window of OpenCV's hangs for ever where PyAV's were loaded first.
import cv2  # noqa: F401

from kpstream.interfaces import Source
from kpstream.sources.file import VideoFile
from kpstream.sources.opening import is_address, understood
from kpstream.sources.paced import Paced
from kpstream.sources.stream import Stream
from kpstream.sources.webcam import Webcam

__all__ = ["Paced", "Stream", "VideoFile", "Webcam", "open_source"]


def open_source(
    reference: str | int | Path,
    *,
    paced: bool = False,
    loop: bool = False,
    size: tuple[int, int] | None = None,
    frame_rate: float | None = None,
    rtsp_transport: Literal["tcp", "udp"] = "tcp",
    timeout: float = 3.0,
    with_sound: bool = False,
) -> Source:
    """Open a camera, a stream or a video file; blocks until it is open, or cannot be.

    Args:
        reference: A camera's number (``0``), its path (``/dev/video0``), an address (``rtsp://…``, ``http(s)://…``
            of MJPEG, HLS or a file), or the path of a file. What has an end is recorded, all else is live.
        paced: Play recorded video as if it came from a camera: a live source then, that drops what comes late.
        loop: Begin paced video again at its end, for ever.
        size: (width, height), asked of a webcam.
        frame_rate: Frames per second, asked of a webcam.
        rtsp_transport: How RTSP carries its data.
        timeout: Seconds that a camera or a server may be silent.
        with_sound: Let the frames of what is live, or played as if it were, have its sound, for who records it.

    Raises:
        SourceOpenError: It cannot be opened; the text says why, and what to do.
    """
    text = understood(str(reference))
    if text.isdecimal():
        return Webcam(int(text), size=size, frame_rate=frame_rate, timeout=timeout)
    if text.startswith("/dev/"):
        return Webcam(text, size=size, frame_rate=frame_rate, timeout=timeout)
    source = (
        _open_address(text, rtsp_transport, timeout, paced=paced, with_sound=with_sound)
        if is_address(text)
        else VideoFile(reference if isinstance(reference, Path) else text, with_sound=with_sound and paced)
    )
    return Paced(source, loop=loop) if paced and isinstance(source, VideoFile) else source


def _open_address(
    url: str, rtsp_transport: Literal["tcp", "udp"], timeout: float, *, paced: bool, with_sound: bool
) -> Stream | VideoFile:
    stream = Stream(url, rtsp_transport=rtsp_transport, timeout=timeout, with_sound=with_sound)
    if isnan(stream.duration) or not url.lower().startswith("http"):
        return stream
    stream.close()
    return VideoFile(url, with_sound=with_sound and paced)
