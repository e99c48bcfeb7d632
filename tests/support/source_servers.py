"""Servers on loopback for the tests of sources, each one a real HTTP server in this process."""

from __future__ import annotations

import itertools
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import cv2

from tests.support.source_clips import picture


class _Server(ThreadingHTTPServer):
    daemon_threads = False  # closing the server joins its threads

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A reader hangs up whenever it likes."""


class MjpegCamera:
    """A camera that sends numbered pictures as MJPEG until it is switched off.

    Args:
        port: Where it listens; 0 finds a free one.
        pictures: After so many it falls silent.
        password: If there is one, who gives none is refused.
    """

    def __init__(self, port: int = 0, *, pictures: int | None = None, password: str = "") -> None:
        self._off = threading.Event()
        self._pictures = pictures
        camera = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                if password and "Authorization" not in self.headers:
                    self.send_response(401)
                    self.send_header("WWW-Authenticate", 'Basic realm="camera"')
                    self.end_headers()
                else:
                    camera.send_pictures(self)

            def log_message(self, *_: Any) -> None:
                pass

        self._server = _Server(("127.0.0.1", port), Handler)
        self.port = self._server.server_address[1]
        self._thread = threading.Thread(target=partial(self._server.serve_forever, 0.01))
        self._thread.start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/video"

    def send_pictures(self, handler: BaseHTTPRequestHandler) -> None:
        handler.send_response(200)
        handler.send_header("Content-Type", "multipart/x-mixed-replace; boundary=picture")
        handler.end_headers()
        for number in itertools.count():
            jpeg = cv2.imencode(".jpg", picture(number))[1].tobytes()
            head = f"--picture\r\nContent-Type: image/jpeg\r\nContent-Length: {len(jpeg)}\r\n\r\n"
            handler.wfile.write(head.encode() + jpeg + b"\r\n")
            if self._off.wait(None if number + 1 == self._pictures else 0.01):
                return

    def switch_off(self) -> None:
        self._off.set()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


class _FileHandler(BaseHTTPRequestHandler):
    """Serves a folder, from any byte on; hangs up after so many bytes."""

    def __init__(self, *request: Any, folder: Path, cut_after: int | None) -> None:
        self._folder = folder
        self._cut_after = cut_after
        super().__init__(*request)

    def do_GET(self) -> None:
        path = self._folder / self.path.partition("?")[0].lstrip("/")
        if not path.is_file():
            self.send_error(404)
            return
        data = path.read_bytes()
        first = int((self.headers.get("Range") or "bytes=0-").removeprefix("bytes=").split("-")[0])
        self.send_response(206 if "Range" in self.headers else 200)
        self.send_header("Content-Length", str(len(data) - first))
        self.send_header("Content-Range", f"bytes {first}-{len(data) - 1}/{len(data)}")
        self.send_header("Accept-Ranges", "bytes")
        self.end_headers()
        self.wfile.write(data[first : None if self._cut_after is None else first + self._cut_after])

    def log_message(self, *_: Any) -> None:
        pass


@contextmanager
def files_served(folder: Path, *, cut_after: int | None = None) -> Iterator[str]:
    """Serve a folder; gives the address it is at.

    Args:
        cut_after: Each connection is lost after so many bytes.
    """
    server = _Server(("127.0.0.1", 0), partial(_FileHandler, folder=folder, cut_after=cut_after))
    thread = threading.Thread(target=partial(server.serve_forever, 0.01))
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
