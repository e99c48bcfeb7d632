"""Live streams over the network: RTSP, MJPEG, HLS, and whatever else FFmpeg reads."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from math import isnan, nan
from typing import Literal

import av
from av.video.frame import VideoFrame

from kpstream.entities import Frame
from kpstream.errors import SourceReadError
from kpstream.interfaces import Opener
from kpstream.media.decimation import Decimation
from kpstream.redact import redact, remember_secrets
from kpstream.sources.decoder import Decoder
from kpstream.sources.hearing import IN_BURSTS
from kpstream.sources.http import USUAL_ACCESS, HttpAccess, after_redirections
from kpstream.sources.hwaccel import NO_DEVICE
from kpstream.sources.live_clock import LiveClock
from kpstream.sources.opening import Refused, must_answer, options_of, parts_of
from kpstream.sources.picture import Converter
from kpstream.sources.stall import StallTimeout
from kpstream.sources.timeline import Timeline

_log = logging.getLogger("kpstream")
_MAX_JUMP = 2.0
"""Seconds that the timestamps of pictures in bursts may run ahead of the arrival and still be believed."""
_KEY_PICTURE_WITHIN = 10.0
"""Seconds to wait for a picture while other data comes; cameras may send a key picture that seldom."""
_SEGMENT_TIMEOUT = 15.0
"""Seconds that an HLS playlist may stand still; its segments are as long as ten."""
_ANSWERS_WITHIN = 3.0
"""Seconds for a server to say anything at all."""
_SLOWEST = 30.0
"""Seconds to wait for the pictures of a camera whose pace nobody knows yet."""
_LATE = 1.0
"""Seconds after which pictures that come in bursts are not waited for any more."""
_SOUND_WITHIN = "500000"
"""Microseconds of pictures after which opening does not wait for sound any more: a microphone may be off."""
_UNTIMED = {"mpjpeg", "mjpeg", "jpeg_pipe"}
"""Containers whose timestamps FFmpeg makes up."""
_MAX_FRAME_RATE = 1000.0


class Stream:
    """A live stream. It is opened here, so that a wrong address fails at once.

    The newest picture is about one frame interval old when it is given: FFmpeg takes a picture for complete when the
    next one begins. pts are the camera's own timestamps as long as they make sense, as fast as the pictures arrive in
    the long run (`LiveClock`); MJPEG over HTTP has none, and its pictures are timed by their arrival.

    Args:
        url: ``rtsp://``, ``http://``, ``https://`` or any other address that FFmpeg knows; may carry
            ``USER:PASSWORD@``.
        rtsp_transport: How RTSP carries its data: ``tcp`` loses nothing, ``udp`` is a little earlier. None: TCP, and
            UDP where the camera refuses it.
        timeout: Seconds of silence after which opening or reading fails; opening has two steps. None: it learns them
            from the stream's own intervals.
        with_sound: Give the sound beside the pictures, too.
        access: How web servers are asked.
        deinterlace: Make interlaced pictures whole, which takes one more picture of time.
        hwaccel: The kind of device that decodes where it is there, ``auto`` for any, ``none`` for none.

    Raises:
        SourceOpenError: No answer, no such stream, no access.
    """

    is_live = True

    def __init__(
        self,
        url: str,
        *,
        rtsp_transport: Literal["tcp", "udp"] | None = None,
        timeout: float | None = None,
        with_sound: bool = False,
        access: HttpAccess = USUAL_ACCESS,
        deinterlace: bool = True,
        hwaccel: str = NO_DEVICE,
    ) -> None:
        remember_secrets(url)
        self.name = redact(url)
        """The address without its password."""
        self.frame_rate = nan
        """Declared frames per second; NaN where nothing is declared."""
        self.duration = nan
        """Declared seconds; NaN for all that is live. Not NaN: this address is a recording."""
        self.opener = Opener(
            self.name,
            partial(
                Stream,
                url,
                rtsp_transport=rtsp_transport,
                timeout=timeout,
                with_sound=with_sound,
                access=access,
                deinterlace=deinterlace,
                hwaccel=hwaccel,
            ),
        )
        """Connects to the same stream anew."""
        url, access = after_redirections(url, access, timeout or _ANSWERS_WITHIN)
        self._is_rtsp = url.startswith("rtsp")
        self._is_closed = False
        self._convert = Converter()
        self._index = self._refused = 0
        self._decimation = Decimation()
        self._first_at = nan
        self._shown_from = nan
        limit = _limit_for(url, timeout)
        self._stall = StallTimeout(limit if parts_of(url).path.endswith(".m3u8") else timeout)
        if timeout is None:
            must_answer(url, _ANSWERS_WITHIN)
        open_it = partial(
            Decoder,
            url,
            timeout=limit,
            by_slices=True,
            deinterlace=deinterlace,
            hwaccel=hwaccel,
            decimation=self._decimation,
        )
        self._decoder = self._connect(open_it, partial(_options, url, rtsp_transport, access), with_sound=with_sound)
        container, stream = self._decoder.container, self._decoder.stream
        rate = float(stream.average_rate or stream.guessed_rate or 0)
        self.frame_rate = rate if 0 < rate < _MAX_FRAME_RATE else nan
        self.duration = container.duration / av.time_base if container.duration else nan
        self._form = container.format.name
        self._decoder.chooses = self._form not in _UNTIMED
        self._times = Timeline(max_jump=_MAX_JUMP) if self._form in IN_BURSTS else LiveClock()

    @property
    def stall_timeout(self) -> float:
        """Seconds of silence after which it is taken for lost; some of its own intervals where nobody knows better."""
        return self._stall.seconds

    def read(self) -> Frame | None:
        """Block for the next picture. None only after `close`.

        Raises:
            SourceReadError: The connection was lost, or was silent for ``timeout`` seconds.
        """
        if self._is_closed:
            return None
        decoded, captured_at, stamp, pts = self._timed()
        while not self._decoder.chooses and not self._decimation.wants(pts):
            self._index += 1
            decoded, captured_at, stamp, pts = self._timed()
        picture = self._convert(decoded)
        if self._form in IN_BURSTS:
            captured_at = self._wait_for(pts)
        undecoded, self._refused = self._decoder.refused - self._refused, self._decoder.refused
        frame = Frame(
            self._index + self._decoder.passed_over,
            pts,
            captured_at,
            picture=picture,
            pixel_aspect=self._decoder.pixel_aspect(decoded),
            stamp=nan if stamp is None else stamp,
            sound=self._decoder.sound,
            is_damaged=decoded.is_corrupt,
            undecoded=undecoded,
        )
        self._index += 1
        return frame

    def decimate(self, max_fps: float) -> bool:
        """Give at most so many pictures a second from now on; those that nobody leans on are not decoded either."""
        self._decimation.max_fps = max_fps
        return True

    def close(self) -> None:
        """Hang up. Idempotent; for the thread that reads."""
        self._is_closed = True
        self._decoder.close()

    def _connect(
        self, open_it: Callable[..., Decoder], options_with: Callable[[str], dict[str, str]], *, with_sound: bool
    ) -> Decoder:
        if with_sound and self._is_rtsp:
            with suppress(Refused):
                options = options_with("video+audio") | {"analyzeduration": _SOUND_WITHIN}
                return open_it(options=options, with_sound=True)
            _log.warning("%s does not give its sound beside its pictures: the sound is left out", self.name)
            with_sound = False
        return open_it(options=options_with("video"), with_sound=with_sound)

    def _next(self) -> VideoFrame:
        decoded = self._decoder.next(_KEY_PICTURE_WITHIN)
        if decoded is None:  # FFmpeg takes a broken connection for the end
            raise SourceReadError(f"{self.name}: the stream ended; the camera or the way to it is gone")
        return decoded

    def _timed(self) -> tuple[VideoFrame, float, float | None, float]:
        """The next picture, when it came, its timestamp, and its pts."""
        decoded = self._next()
        captured_at = time.monotonic()
        self._stall.came(captured_at)
        if isnan(self._first_at):
            self._first_at = captured_at
        stamp = None if self._form in _UNTIMED else decoded.time
        return decoded, captured_at, stamp, self._times.pts(stamp, captured_at - self._first_at)

    def _wait_for(self, pts: float) -> float:
        """Sleep until a picture that came ahead of its time is due; returns when that is."""
        now = time.monotonic()
        if not now - (self._shown_from + pts) <= _LATE:  # also true for NaN: the first one
            self._shown_from = now - pts
        time.sleep(max(0.0, self._shown_from + pts - now))
        return time.monotonic()

    def __repr__(self) -> str:
        return f"<Stream {self.name}: {'closed' if self._is_closed else 'open'}, {self._index} frames read>"


def _options(url: str, rtsp_transport: str | None, access: HttpAccess, media: str) -> dict[str, str]:
    # The rate is declared; measuring it, as FFmpeg would, takes 0.7 s of the opening at 30 frames/s.
    options = {"fpsprobesize": "0", **options_of(access)}
    if url.startswith("rtsp"):
        # Without its sound a stream is less to carry, and FFmpeg does not shift the times of one by the other.
        options |= {"allowed_media_types": media, "analyzeduration": "1000000"}
        # With both, TCP is tried first, and UDP where the camera refuses it.
        either = {"rtsp_transport": "udp+tcp", "rtsp_flags": "prefer_tcp"}
        options |= either if rtsp_transport is None else {"rtsp_transport": rtsp_transport}
    return options


def _limit_for(url: str, timeout: float | None) -> float:
    """Seconds that FFmpeg waits for each step of opening, and for each packet."""
    if parts_of(url).path.endswith(".m3u8"):
        return max(timeout or 0.0, _SEGMENT_TIMEOUT)
    if timeout is not None:
        return timeout
    return _SLOWEST if url.startswith("rtsp") else _ANSWERS_WITHIN
