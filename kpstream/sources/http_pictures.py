"""Cameras that give single pictures over HTTP: an endless answer of JPEGs, or an address that has the newest one."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable
from functools import partial
from math import inf, isnan, nan

from av.codec.context import CodecContext, ThreadType
from av.error import FFmpegError
from av.packet import Packet
from av.video.codeccontext import VideoCodecContext
from av.video.frame import VideoFrame

from kpstream.entities import Frame
from kpstream.errors import SourceOpenError, SourceReadError
from kpstream.interfaces import Opener, Source
from kpstream.media.decimation import Decimation
from kpstream.redact import redact, remember_secrets
from kpstream.sources.http import HttpAccess, HttpAnswer, HttpError, NoAnswer, get
from kpstream.sources.jpegs import MAX_BYTES, JpegSplitter
from kpstream.sources.opening import no_answer
from kpstream.sources.picture import Converter
from kpstream.sources.stall import StallTimeout
from kpstream.sources.stream import Stream

_CONNECTS_WITHIN = 3.0
_MAGIC = {b"\xff\xd8\xff": "mjpeg", b"\x89PNG": "png", b"BM": "bmp", b"II*\0": "tiff", b"MM\0*": "tiff"}
"""How pictures begin, and FFmpeg's name of what decodes them."""
_SNIFFED = 4096
"""Bytes of an answer that tell what it is."""
_NEXT_WITHIN = 1.0
"""Seconds for a server to hang up behind its only picture."""
USUAL_SNAPSHOT_RATE = 1.0


def open_pictures(
    url: str, *, access: HttpAccess, rate: float | None, timeout: float | None
) -> MjpegStream | Snapshots | None:
    """Open what is at an address, if it is a camera that gives single pictures; blocks.

    Args:
        url: ``http://`` or ``https://``; may carry ``USER:PASSWORD@``.
        access: How servers are asked.
        rate: How often a snapshot is asked for, per second; None: once.
        timeout: Seconds that it may be silent; None learns them.

    Returns:
        None where it is something else, or cannot be reached.

    Raises:
        SourceOpenError: The server took the request and says nothing for longer than any that is waited for.
    """
    remember_secrets(url)
    again = Opener(redact(url), partial(_again, url, access=access, rate=rate, timeout=timeout))
    ask, stall = partial(get, url, access, timeout or _CONNECTS_WITHIN), StallTimeout(timeout)
    try:
        answer = ask(stall.seconds)
        endless = answer.content_type.startswith("multipart/")
        begins = b"" if endless else _first_bytes(answer, stall.seconds)
        codec = next((codec for magic, codec in _MAGIC.items() if begins.startswith(magic)), None)
        if codec == "mjpeg" and answer.length is None:
            begins, is_over = _first_picture(answer, begins, stall.seconds)
            codec, endless = ("mjpeg", False) if is_over else (None, True)
    except NoAnswer:
        if timeout is None:
            raise SourceOpenError(f"cannot open {redact(url)}: {no_answer(stall.seconds)}") from None
        return None
    except HttpError:
        return None
    if endless or (codec is None and b"image/jpeg" in begins.lower() and b"\xff\xd8\xff" in begins):
        return MjpegStream(answer, begins, again, stall)
    answer.close()
    if codec is None:
        return None
    return Snapshots(ask, codec, again, rate or USUAL_SNAPSHOT_RATE, stall)


class MjpegStream:
    """JPEGs that follow each other in one endless answer, timed by their arrival.

    Args:
        answer: Read and closed by this object.
        begins: What was read of it already.
        opener: Asks for the same again.
        stall: Learns how long it may be silent.
    """

    is_live = True
    frame_rate = nan
    """Nothing is declared."""

    def __init__(self, answer: HttpAnswer, begins: bytes, opener: Opener, stall: StallTimeout) -> None:
        self.name = opener.name
        """The address without its password."""
        self.opener = opener
        self._answer = answer
        self._stall = stall
        self._splitter = JpegSplitter()
        self._ready = deque(self._splitter.feed(begins))
        self._decode = _PictureDecoder("mjpeg")
        self._decimation = Decimation()
        self._is_closed = False
        self._index = 0
        self._first_at = self._last_pts = nan

    @property
    def stall_timeout(self) -> float:
        """Seconds without a picture after which it is taken for lost: some of its own intervals."""
        return self._stall.seconds

    def read(self) -> Frame | None:
        """Block for the next picture. None only after `close`.

        Raises:
            SourceReadError: The connection was lost, or was silent for too long.
        """
        undecoded = 0
        while not self._is_closed:
            jpeg = self._next()
            if not self._decimation.wants(time.monotonic()):
                self._index += 1
                continue
            decoded = self._decode(jpeg)
            if decoded is None:
                undecoded += 1
                continue
            captured_at = time.monotonic()
            self._stall.came(captured_at)
            if isnan(self._first_at):
                self._first_at = captured_at
            least = 0.0 if isnan(self._last_pts) else self._last_pts + 1e-3
            self._last_pts = max(least, captured_at - self._first_at)
            damaged = decoded.is_corrupt or not jpeg.endswith(b"\xff\xd9")
            frame = Frame(
                self._index,
                self._last_pts,
                captured_at,
                picture=self._decode.picture_of(decoded),
                is_damaged=damaged,
                undecoded=undecoded,
            )
            self._index += 1
            return frame
        return None

    def decimate(self, max_fps: float) -> bool:
        """Decode at most so many pictures a second from now on."""
        self._decimation.max_fps = max_fps
        return True

    def close(self) -> None:
        """Hang up. Idempotent; for the thread that reads."""
        self._is_closed = True
        self._answer.close()

    def _next(self) -> bytes:
        while not self._ready:
            fault = ""
            try:
                data = self._answer.read(self._stall.seconds)
                fault = "" if data else "the stream ended; the camera or the way to it is gone"
            except HttpError as error:
                data, fault = b"", str(error)
            if fault:
                raise SourceReadError(f"{self.name}: {fault}")
            self._ready.extend(self._splitter.feed(data))
        return self._ready.popleft()

    def __repr__(self) -> str:
        return f"<MjpegStream {self.name}: {'closed' if self._is_closed else 'open'}, {self._index} frames read>"


class Snapshots:
    """The newest picture of a camera, asked for again and again.

    Args:
        ask: Asks for it once, and waits so many seconds for its answer to begin.
        codec: FFmpeg's name of what decodes it.
        opener: Finds out again what is at the address.
        rate: How often it is asked for, per second.
        stall: Learns how long it may take.
    """

    is_live = True
    stall_timeout = inf
    """Nobody watches it: `read` never hangs, and a camera may give one picture many times."""

    def __init__(
        self, ask: Callable[[float], HttpAnswer], codec: str, opener: Opener, rate: float, stall: StallTimeout
    ) -> None:
        self.name = opener.name
        """The address without its password."""
        self.opener = opener
        self.frame_rate = rate
        self._ask = ask
        self._stall = stall
        self._decode = _PictureDecoder(codec)
        self._decimation = Decimation()
        self._is_closed = False
        self._index = 0
        self._first_at = self._due_at = nan

    def read(self) -> Frame | None:
        """Block until the next picture is due and there. None only after `close`.

        Raises:
            SourceReadError: The server did not give one.
        """
        if self._is_closed:
            return None
        while True:
            now = time.monotonic()
            if now < self._due_at:
                time.sleep(self._due_at - now)
            due_at = max(time.monotonic(), self._due_at if self._index else -inf)
            self._due_at = due_at + 1 / self.frame_rate
            if self._decimation.wants(due_at):
                break
            self._index += 1
        decoded = self._decode(self._body())
        if decoded is None:
            raise SourceReadError(f"{self.name}: what came is no picture")
        captured_at = time.monotonic()
        self._stall.came(captured_at)
        if isnan(self._first_at):
            self._first_at = captured_at
        frame = Frame(
            self._index,
            captured_at - self._first_at,
            captured_at,
            picture=self._decode.picture_of(decoded),
            is_damaged=decoded.is_corrupt,
        )
        self._index += 1
        return frame

    def decimate(self, max_fps: float) -> bool:
        """Ask at most so often a second from now on."""
        self._decimation.max_fps = max_fps
        return True

    def close(self) -> None:
        """Ask no more. Idempotent; for the thread that reads."""
        self._is_closed = True

    def _body(self) -> bytes:
        fault, body = "", bytearray()
        try:
            answer = self._ask(self._stall.seconds)
            while (data := answer.read(self._stall.seconds)) and len(body) < MAX_BYTES:
                body += data
            answer.close()
        except HttpError as error:
            fault = str(error)
        if fault:
            raise SourceReadError(f"{self.name}: no picture came ({fault})")
        return bytes(body)

    def __repr__(self) -> str:
        return f"<Snapshots of {self.name}: {'closed' if self._is_closed else 'open'}, {self._index} frames read>"


class _PictureDecoder:
    """Decodes pictures that each stand alone.

    Args:
        codec: FFmpeg's name of it.
    """

    def __init__(self, codec: str) -> None:
        self._codec = codec
        self.picture_of = Converter()
        """Makes a picture of what was decoded."""

    def __call__(self, data: bytes) -> VideoFrame | None:
        """The picture; None where it cannot be decoded."""
        context = CodecContext.create(self._codec, "r")  # one of PNG's mixes a picture with the one before
        assert isinstance(context, VideoCodecContext)
        context.thread_type = ThreadType.NONE  # threads for several pictures at once would hold pictures back
        try:
            decoded = context.decode(Packet(data))
        except FFmpegError:
            return None
        return decoded[0] if decoded else None


def _again(url: str, *, access: HttpAccess, rate: float | None, timeout: float | None) -> Source:
    # FFmpeg says what is wrong, and reads what is at the address now, if that is something else.
    return open_pictures(url, access=access, rate=rate, timeout=timeout) or Stream(url, access=access, timeout=timeout)


def _first_bytes(answer: HttpAnswer, timeout: float) -> bytes:
    """The first bytes of an answer: as many as tell what it is."""
    begins = bytearray()
    while len(begins) < _SNIFFED and (data := answer.read(timeout)):
        begins += data
        if b"\xff\xd8\xff" in begins or any(begins.startswith(magic) for magic in _MAGIC):
            break
    return bytes(begins)


def _first_picture(answer: HttpAnswer, begins: bytes, timeout: float) -> tuple[bytes, bool]:
    """Read on until one picture is there, or more was read than one can have.

    Returns:
        All that was read, and whether the answer is over and was one picture.
    """
    splitter, read = JpegSplitter(), bytearray(begins)
    data = begins
    while not (found := splitter.feed(data)):
        data = answer.read(timeout)
        if not data:
            return bytes(read), True
        read += data
        if len(read) > MAX_BYTES:
            return bytes(read), False
    if len(found) > 1:
        return bytes(read), False
    try:
        data = answer.read(_NEXT_WITHIN)
    except HttpError:
        return bytes(read), False
    return bytes(read + data), not data
