"""A clip: pictures that are encoded already, as an MP4 file that plays while it is written."""

from __future__ import annotations

import io
from contextlib import suppress
from fractions import Fraction
from math import inf
from pathlib import Path

import av
from av.container import OutputContainer
from av.packet import Packet
from av.video.stream import VideoStream

from kpstream.errors import SinkError
from kpstream.sinks.h264 import CodedPicture
from kpstream.sinks.mp4 import FLAGS, FRAGMENT
from kpstream.sinks.output import WholeWrites, sink_error
from kpstream.sinks.timeline import TICKS

_INTERVAL = 3000
"""Ticks for which the last picture is shown."""


class ClipFile:
    """Writes encoded pictures; whatever ends the writing, what was written plays.

    Args:
        path: A file that is there is replaced.
        first: The first picture, which stands by itself; it is shown at 0.

    Raises:
        SinkError: It cannot be written.
    """

    def __init__(self, path: Path, first: CodedPicture) -> None:
        self._path = path
        self._header = first.header
        self._zero = first.pts
        self._ticks = -1
        self._newest = -inf
        self._file: WholeWrites | None = None
        self._container: OutputContainer | None = None
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            self._file = WholeWrites(path, "w")
            self._container = av.open(
                self._file,
                "w",
                format="mp4",
                container_options={"movflags": "+".join(FLAGS), "frag_duration": str(round(FRAGMENT * 1e6))},
            )
            self._stream = _stream_for(self._container, first)
        except (av.FFmpegError, OSError) as error:
            failed = self._failed(error)
            if self._file is not None:
                self.remove()
            raise failed from None

    @property
    def size(self) -> int:
        """Bytes of the file; 0 where it is gone."""
        with suppress(OSError):
            return self._path.stat().st_size
        return 0

    @property
    def plays(self) -> bool:
        """Whether there is a picture in the file."""
        return plays(self._path)

    def remove(self) -> None:
        """Remove the file, where that can be done; after the writing has failed."""
        with suppress(OSError):
            self._path.unlink()

    def takes(self, picture: CodedPicture) -> bool:
        """Whether a picture has the form of the first one, and comes after all that were written."""
        return picture.header == self._header and picture.pts > self._newest

    def write(self, picture: CodedPicture) -> None:
        """Write the next picture; blocks.

        Raises:
            SinkError: It could not be written.
        """
        assert self._container is not None
        packet = Packet(picture.data)
        self._ticks = max(self._ticks + 1, round((picture.pts - self._zero) * TICKS))
        self._newest = picture.pts
        packet.pts = packet.dts = self._ticks
        packet.time_base = Fraction(1, TICKS)
        packet.duration = _INTERVAL
        packet.is_keyframe = picture.is_keyframe
        packet.stream = self._stream
        try:
            self._container.mux(packet)
        except (av.FFmpegError, OSError) as error:
            raise self._failed(error) from None

    def close(self) -> None:
        """Make an ordinary MP4 of it; blocks.

        Raises:
            SinkError: It could not be written; what was written before plays.
        """
        assert self._container is not None
        assert self._file is not None
        try:
            self._container.close()
            self._file.close()
        except (av.FFmpegError, OSError) as error:
            raise self._failed(error) from None

    def _failed(self, error: Exception) -> SinkError:
        if self._file is not None:
            with suppress(OSError):
                self._file.close()
        with suppress(OSError, ValueError, av.FFmpegError):
            if self._container is not None:
                self._container.close()  # it writes nothing more: its file is closed
        return sink_error(self._path, error)


def plays(path: Path) -> bool:
    """Whether there is a picture in a clip, however its writing ended; blocks."""
    with suppress(av.FFmpegError, OSError), av.open(str(path)) as clip:
        return any(packet.size for packet in clip.demux(video=0))
    return False


def _stream_for(output: OutputContainer, first: CodedPicture) -> VideoStream:
    """A stream of the form that a picture has, as its own header tells."""
    with av.open(io.BytesIO(first.header + first.data), format="h264") as source:
        stream = output.add_stream_from_template(source.streams.video[0])
    stream.time_base = Fraction(1, TICKS)
    return stream
