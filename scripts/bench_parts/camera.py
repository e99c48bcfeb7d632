"""A network camera that plays a clip at its own pace, again and again, and remembers when it sent which frame.

    python -m bench_parts.camera CLIP.mp4 [--port N]

Prints ``READY http://127.0.0.1:PORT``. GET /video is MJPEG, each connection from the clip's first frame on, with the
frame's number drawn into the picture (see `strip`); a frame that the network has no room for is dropped, as cameras do.
GET /sent gives the connections since the last GET /forget, each a list of ``[frame, seconds]``: when a frame was due to
leave, on the machine's monotonic clock. GET /lock ends them all, and wants a password from then on that nobody knows.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import math
import socket
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from bench_parts import strip

_SEND_BUFFER = (socket.SOL_SOCKET, socket.SO_SNDBUF, 1 << 18)
"""What a camera keeps for a slow reader, in bytes; the reader has buffers of its own."""
_QUALITY = 90


def encoded(clip: Path) -> tuple[list[bytes], float]:
    """Every frame as a JPEG with its number in it, and the frame rate."""
    capture = cv2.VideoCapture(str(clip))
    jpegs: list[bytes] = []
    while (read := capture.read())[0]:
        image = np.asarray(read[1], np.uint8)
        strip.draw(image, len(jpegs))
        jpegs.append(cv2.imencode(".jpg", image, [cv2.IMWRITE_JPEG_QUALITY, _QUALITY])[1].tobytes())
    return jpegs, capture.get(cv2.CAP_PROP_FPS)


class _Handler(BaseHTTPRequestHandler):
    jpegs: list[bytes]
    frame_rate: float
    sent: list[list[tuple[int, float]]] = []  # noqa: RUF012 - one camera a process
    locked = threading.Event()

    def log_message(self, *_: Any) -> None:
        pass

    def do_GET(self) -> None:
        if self.path == "/video" and self.locked.is_set():
            self.send_response(401)
            self.send_header("WWW-Authenticate", 'Basic realm="camera"')
            self.send_header("Content-Length", "0")
            self.end_headers()
            return
        if self.path == "/video":
            with contextlib.suppress(ConnectionError):  # a viewer hangs up whenever it likes
                self._play()
            self.close_connection = True
            return
        if self.path == "/lock":
            self.locked.set()
        if self.path == "/forget":
            self.sent.clear()
        body = json.dumps(self.sent).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def _play(self) -> None:
        self.connection.setsockopt(*_SEND_BUFFER)
        self.send_response(200)
        self.send_header("Content-Type", "multipart/x-mixed-replace; boundary=picture")
        self.end_headers()
        log: list[tuple[int, float]] = []
        self.sent.append(log)
        began_at, number = time.monotonic(), 0
        while not self.locked.is_set():
            due_at = began_at + number / self.frame_rate
            time.sleep(max(0.0, due_at - time.monotonic()))
            frame = number % len(self.jpegs)
            jpeg = self.jpegs[frame]
            head = f"--picture\r\nContent-Type: image/jpeg\r\nContent-Length: {len(jpeg)}\r\n\r\n"
            log.append((frame, due_at))
            self.wfile.write(head.encode() + jpeg + b"\r\n")
            number = max(number + 1, math.ceil((time.monotonic() - began_at) * self.frame_rate))


class _Server(ThreadingHTTPServer):
    daemon_threads = True


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("clip", type=Path)
    parser.add_argument("--port", type=int, default=0, help="0 finds a free one")
    options = parser.parse_args()
    _Handler.jpegs, _Handler.frame_rate = encoded(options.clip)
    server = _Server(("127.0.0.1", options.port), _Handler)
    print(f"READY http://127.0.0.1:{server.server_address[1]}", flush=True)
    server.serve_forever()


if __name__ == "__main__":
    main()
