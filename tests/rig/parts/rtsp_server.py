#!/usr/bin/python3
"""A real RTSP camera on loopback: GStreamer's server, with a clock in the picture.

Run it with Debian's own python3, which has the GStreamer bindings. It prints ``READY rtsp://HOST:PORT/cam`` when it
can be asked, and runs until it is killed. Every picture carries, as 16 pixel squares from the top left corner, most
significant bit first: the monotonic clock in milliseconds (two rows of 16 bits) and the picture's number (one row).
So a reader on the same machine knows how old a picture is, and whether one is missing.
"""

from __future__ import annotations

import argparse
import signal
import sys
import threading
import time
from typing import Any

import gi  # type: ignore[import-not-found]

gi.require_version("Gst", "1.0")
gi.require_version("GstRtsp", "1.0")
gi.require_version("GstRtspServer", "1.0")
from gi.repository import GLib, Gst, GstRtsp, GstRtspServer  # type: ignore[import-not-found]  # noqa: E402

SQUARE = 16
BITS_A_ROW = 16
DARK, BRIGHT, GREY = 40, 215, 110

# One slice a picture (threads=1): some payloaders tear pictures of several slices apart.
ENCODERS = {
    "h264": "x264enc tune=zerolatency threads=1 speed-preset=ultrafast bitrate=2000 key-int-max={fps}"
    " ! h264parse ! rtph264pay name=pay0 pt=96 config-interval=-1",
    "h265": "x265enc tune=zerolatency speed-preset=ultrafast bitrate=2000 key-int-max={fps}"
    " ! h265parse ! rtph265pay name=pay0 pt=96 config-interval=-1",
    "mjpeg": "jpegenc ! rtpjpegpay name=pay0 pt=26",
}
AUDIO = " audiotestsrc is-live=true ! audioconvert ! opusenc ! rtpopuspay name=pay1 pt=97"


def bits(value: int, count: int) -> list[int]:
    """The lowest ``count`` bits, most significant first."""
    return [(value >> shift) & 1 for shift in range(count - 1, -1, -1)]


class ClockCamera:
    """Makes pictures (I420 bytes) that show the clock, their number, and a bar that moves over a still ground."""

    def __init__(self, width: int, height: int) -> None:
        self._width, self._height = width, height
        ramp = bytes(GREY + (x * 80 // width) for x in range(width))
        self._ground = ramp * height
        self._chroma = bytes([128]) * (2 * ((width + 1) // 2) * ((height + 1) // 2))

    def picture(self, number: int, due_at: float) -> bytes:
        """The picture with this number, taken at ``due_at`` on the monotonic clock."""
        now = bits(int(due_at * 1000), 2 * BITS_A_ROW)
        rows = [now[:BITS_A_ROW], now[BITS_A_ROW:], bits(number, BITS_A_ROW)]
        head = b"".join(self._row(row) for row in rows)
        body = bytearray(self._ground[len(head) :])
        top = (number * 4) % max(1, len(body) // self._width - SQUARE)
        body[top * self._width : (top + SQUARE) * self._width] = bytes([BRIGHT]) * (SQUARE * self._width)
        return head + bytes(body) + self._chroma

    def _row(self, row: list[int]) -> bytes:
        line = b"".join(bytes([BRIGHT if bit else DARK]) * SQUARE for bit in row)
        return (line + self._ground[len(line) : self._width]) * SQUARE


def feed(source: Any, camera: ClockCamera, fps: int, frames: int, stopped: threading.Event) -> None:
    """Push a picture every ``1 / fps`` seconds until the pipeline is gone.

    A picture shows the time that its stamp says, also where a busy machine draws it late.
    """
    started_at, number = time.monotonic(), 0
    clock = source.get_clock()
    begins = clock.get_time() - source.get_base_time() if clock else 0
    while number != frames:
        due_at = started_at + number / fps
        if stopped.wait(max(0.0, due_at - time.monotonic())):
            break
        picture = Gst.Buffer.new_wrapped(camera.picture(number, due_at))
        picture.pts = begins + number * Gst.SECOND // fps
        source.emit("push-buffer", picture)
        number += 1
    source.emit("end-of-stream")


class CameraFactory:
    """Fills each new pipeline with pictures."""

    def __init__(self, options: argparse.Namespace) -> None:
        self._options = options
        self._width, self._height = (int(side) for side in options.size.split("x"))

    def launch_line(self) -> str:
        """The pipeline, in gst-launch's words."""
        options = self._options
        form = f"video/x-raw,format=I420,width={self._width},height={self._height},framerate={options.fps}/1"
        if options.file:
            source = f'filesrc location="{options.file}" ! decodebin ! videoconvert ! videoscale ! videorate ! {form}'
        else:
            source = f"appsrc name=camera is-live=true format=time block=false caps={form} ! queue"
        encoder = ENCODERS[options.codec].format(fps=options.fps)
        return f"( {source} ! {encoder}{AUDIO if options.audio else ''} )"

    def on_configure(self, _factory: Any, media: Any) -> None:
        """Start to feed a pipeline that somebody asked for."""
        source = media.get_element().get_by_name("camera")
        if source is None:
            return
        stopped = threading.Event()
        media.connect("unprepared", lambda _media: stopped.set())
        camera = ClockCamera(self._width, self._height)
        arguments = (source, camera, self._options.fps, self._options.frames, stopped)
        feeder = threading.Thread(target=feed, args=arguments, daemon=True)

        def begin(*_: Any) -> None:
            if feeder.ident is None:
                feeder.start()

        if self._options.audio == "heard":
            begin()  # or the stream of sound beside it has no beginning, and PLAY fails
        source.connect("need-data", begin)  # before it asks for the first, the pipeline refuses pictures


def restrict(server: Any, factory: Any, user: str, password: str, *, digest: bool) -> None:
    """Let only this user in."""
    auth = GstRtspServer.RTSPAuth()
    token = GstRtspServer.RTSPToken()
    token.set_string("media.factory.role", "user")
    if digest:
        auth.set_supported_methods(GstRtsp.RTSPAuthMethod.DIGEST)
        auth.add_digest(user, password, token)
    else:
        auth.add_basic(GstRtspServer.RTSPAuth.make_basic(user, password), token)
    server.set_auth(auth)
    permissions = GstRtspServer.RTSPPermissions()
    for right in ("access", "construct"):
        permissions.add_permission_for_role("user", f"media.factory.{right}", True)
    factory.set_permissions(permissions)


def parse_arguments() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--port", default="0", help="0 finds a free one")
    parser.add_argument("--codec", choices=sorted(ENCODERS), default="h264")
    parser.add_argument("--size", default="640x480", metavar="WxH", help="at least 256x64, both a multiple of 4")
    parser.add_argument("--fps", type=int, default=30)
    parser.add_argument("--frames", type=int, default=-1, help="end after so many pictures")
    parser.add_argument("--file", help="send this video, scaled to --size, instead of the clock")
    parser.add_argument(
        "--audio",
        nargs="?",
        const="heard",
        choices=["heard", "refused"],
        help="a second stream, of sound, or what fails",
    )
    parser.add_argument("--udp-only", action="store_true", help="refuse to send over TCP")
    parser.add_argument("--user", default="")
    parser.add_argument("--password", default="")
    parser.add_argument("--digest", action="store_true", help="Digest instead of Basic")
    return parser.parse_args()


def main() -> None:
    """Serve until a signal comes."""
    options = parse_arguments()
    Gst.init(None)
    server = GstRtspServer.RTSPServer()
    server.set_address("127.0.0.1")
    server.set_service(options.port)
    cameras = CameraFactory(options)
    factory = GstRtspServer.RTSPMediaFactory()
    factory.set_launch(cameras.launch_line())
    factory.set_shared(True)
    factory.connect("media-configure", cameras.on_configure)
    if options.udp_only:
        factory.set_protocols(GstRtsp.RTSPLowerTrans.UDP)
    if options.user:
        restrict(server, factory, options.user, options.password, digest=options.digest)
    server.get_mount_points().add_factory("/cam", factory)
    if not server.attach(None):
        sys.exit(f"cannot listen on port {options.port}")
    loop = GLib.MainLoop()
    for number in (signal.SIGTERM, signal.SIGINT):
        GLib.unix_signal_add(GLib.PRIORITY_DEFAULT, number, loop.quit)
    print(f"READY rtsp://127.0.0.1:{server.get_bound_port()}/cam", flush=True)
    loop.run()


if __name__ == "__main__":
    main()
