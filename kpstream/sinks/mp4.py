"""An MP4 file that plays while it is written, whatever ends the writing."""

from __future__ import annotations

import io
import os
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Protocol

import av
from av.container import OutputContainer
from av.packet import Packet
from av.video.stream import VideoStream

from kpstream.entities import Frame, Image
from kpstream.paths import is_file
from kpstream.sinks.h264 import CodedPicture, PictureEncoder, PictureForm, Quality, Tap
from kpstream.sinks.output import WholeWrites
from kpstream.sinks.timeline import TICKS

if TYPE_CHECKING:
    from _typeshed import ReadableBuffer

FLAGS = ("hybrid_fragmented", "use_metadata_tags")
"""The second one keeps the fractions of a second of when it was taken."""
_NO_TAGS: Mapping[str, str] = MappingProxyType({})
FRAGMENT = 0.4
"""Seconds of video that reach the disk together. A fragment need not begin with a keyframe: one each half second
makes the file 60 % larger (measured at 1768x994) and saves no frame from a kill."""
_INTERLEAVE = 0.5
"""Seconds by which picture and sound may lie apart in the file. Where one of them ends early, FFmpeg's own 10 s of
the other would wait in memory, and be lost in a kill."""


class _LateFile(io.RawIOBase):
    """Bytes that are held in memory until `create`, and are in the file from then on.

    Args:
        path: A file that is there already is replaced; one that comes to be there meanwhile is not.
    """

    def __init__(self, path: Path) -> None:
        super().__init__()
        self._path = path
        self._mode = "w" if os.path.lexists(path) else "x"
        self._target: io.BytesIO | WholeWrites = io.BytesIO()

    @property
    def created(self) -> bool:
        return isinstance(self._target, WholeWrites)

    def create(self) -> None:
        if isinstance(self._target, io.BytesIO):
            held, self._target = self._target.getvalue(), WholeWrites(self._path, self._mode)
            self._target.write(held)

    def writable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def write(self, data: ReadableBuffer, /) -> int:
        return self._target.write(data)

    def seek(self, offset: int, whence: int = 0, /) -> int:
        return self._target.seek(offset, whence)

    def tell(self) -> int:
        return self._target.tell()

    def truncate(self, size: int | None = None, /) -> int:
        return self._target.truncate(size)

    def close(self) -> None:
        self._target.close()
        super().close()


class Sound(Protocol):
    """A track of sound, in the time of the file: 0 is the first frame."""

    def add_to(self, output: OutputContainer) -> None:
        """Add a track to a file whose header is not yet written.

        Raises:
            av.FFmpegError: The file does not take it.
        """

    def write_until(self, output: OutputContainer, time: float, frame: Frame) -> None:
        """Write what begins before ``time``, when ``frame`` is shown; blocks.

        Raises:
            av.FFmpegError: The file could not be written.
        """

    def write_rest(self, output: OutputContainer, video_end: float) -> None:
        """Write what is left, where the last frame ends at ``video_end``; blocks.

        Raises:
            av.FFmpegError: The file could not be written.
        """

    def close(self) -> None:
        """Release what it comes from. Idempotent."""


class Mp4File:
    """Fragments, each on the disk as soon as it is complete; at the end an ordinary MP4, made in place.

    There is no file before its first fragment is complete: what can be seen plays.

    Args:
        path: A file that is there is replaced.
        tap: Given what is encoded; None for nobody.
    """

    def __init__(self, path: Path, tap: Tap | None = None) -> None:
        self._path = path
        self._tap = tap
        self._pts: dict[int, float] = {}  # of the pictures that are not tapped yet
        self._file: _LateFile | None = None
        self._container: OutputContainer | None = None
        self._encoder: PictureEncoder | None = None
        self._audio: Sequence[Sound] = ()
        self._header_end: int | None = None
        self._whole = 0

    def begin(
        self, form: PictureForm, quality: Quality, audio: Sequence[Sound] = (), tags: Mapping[str, str] = _NO_TAGS
    ) -> None:
        """Make ready; the file is created with its first fragment.

        Args:
            form: That of the first picture.
            quality: What x264 is asked for.
            audio: Tracks that are open; closed with the file.
            tags: What the file says of itself, under FFmpeg's names.

        Raises:
            av.FFmpegError: The encoder refused.
        """
        self._audio = audio
        options = {
            # Sound in blocks begins a little before 0: only a header that waits for the first fragment can say so.
            "movflags": "+".join((*FLAGS, "delay_moov") if audio else FLAGS),
            "frag_duration": str(round(FRAGMENT * 1e6)),
            "max_interleave_delta": str(round(_INTERLEAVE * 1e6)),
        }
        # A file of Python's own: its faults arrive as they are, and `abandon` can take back half a fragment.
        self._file = _LateFile(self._path)
        self._container = av.open(self._file, "w", format="mp4", container_options=options)
        self._container.metadata.update(tags)
        self._encoder = PictureEncoder(self._container, form, quality)
        for track in audio:
            track.add_to(self._container)

    def write(self, frame: Frame, picture: Image, ticks: int, interval: int) -> None:
        """Encode one picture and write what is finished; blocks.

        Args:
            frame: What it is a picture of.
            picture: BGR, shape ``(height, width, 3)``.
            ticks: When it is shown, after the one before.
            interval: How long it is shown, as far as that is known.

        Raises:
            OSError: The file could not be written.
            av.FFmpegError: It could not be encoded.
        """
        assert self._file is not None
        assert self._container is not None
        assert self._encoder is not None
        if self._tap is not None:
            self._pts[ticks] = frame.pts
            self._tap.taken(frame.pts)
        for track in self._audio:
            track.write_until(self._container, ticks / TICKS, frame)
        self._mux(self._container, self._encoder.encode(frame, picture, ticks), interval)
        if self._header_end is not None and self._file.tell() > self._header_end:
            self._file.create()
        self._whole = self._file.tell()

    def finish(self, end: int, interval: int) -> None:
        """Write what is held back, the rest of the sound and the index, and close the file; blocks.

        Args:
            end: Ticks at which the last picture ends.
            interval: How long it is shown.

        Raises:
            OSError: The file could not be written.
            av.FFmpegError: It could not be encoded.
        """
        assert self._file is not None
        assert self._container is not None
        assert self._encoder is not None
        self._mux(self._container, self._encoder.finish(), interval)
        for track in self._audio:
            track.write_rest(self._container, end / TICKS)
            track.close()
        self._whole = self._file.tell()
        # FFmpeg appends the index and then, with one write of 8 bytes, hides the fragments: at any moment it plays.
        self._container.close()
        self._file.create()
        self._file.close()

    def abandon(self) -> bool:
        """Leave the file as it was after its last whole fragment, or remove it where it has none; never raises.

        Returns:
            Whether it is there, and plays.
        """
        for track in self._audio:
            track.close()
        playable = self._header_end is not None and self._whole > self._header_end and self._is_there()
        if self._file is not None:
            with suppress(OSError):
                self._file.truncate(self._whole)
            with suppress(OSError):
                self._file.close()
            if not playable and self._is_there():
                with suppress(OSError):
                    self._path.unlink()
        with suppress(OSError, ValueError, av.FFmpegError):
            if self._container is not None:
                self._container.close()  # it writes nothing more: its file is closed
        return playable

    def _is_there(self) -> bool:
        return self._file is not None and self._file.created and is_file(self._path)

    def _mux(self, container: OutputContainer, packets: list[Packet[VideoStream]], interval: int) -> None:
        for packet in packets:
            if self._tap is not None and self._encoder is not None and packet.pts is not None:
                pts = self._pts.pop(packet.pts)
                self._tap.coded(CodedPicture(pts, bytes(packet), packet.is_keyframe, self._encoder.header))
            # Of use for the last one only: the others last until the next begins.
            packet.duration = interval
            container.mux(packet)
            if self._header_end is None and self._file is not None:
                self._header_end = self._file.tell()
