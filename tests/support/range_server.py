"""A web server of files, in parts where it is asked for them, that cuts connections and refuses on request."""

from __future__ import annotations

import re
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


class RangeServer:
    """Serves bytes by path. What is wrong with it may be changed at any time.

    Args:
        files: By path, with the slash.
    """

    def __init__(self, files: dict[str, bytes]) -> None:
        self.files = files
        self.has_ranges = True
        self.status = 0
        """Every request is refused with it; 0 refuses none."""
        self.cut_after = 0
        """Bytes of a body after which a connection is cut; 0 cuts none."""
        self.requests: list[tuple[str, str]] = []
        """The path and the range of each."""
        self.on_asked: Callable[[], None] = lambda: None
        """Called with each request, before its answer."""
        outer = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                outer.answer(self)

            def log_message(self, *_: Any) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"

    def answer(self, handler: BaseHTTPRequestHandler) -> None:
        path, wanted = handler.path, handler.headers.get("Range", "")
        self.requests.append((path, wanted))
        self.on_asked()
        body = self.files.get(path.partition("?")[0])
        if self.status or body is None:
            handler.send_response(self.status or 404)
            handler.send_header("Content-Length", "0")
            handler.end_headers()
            return
        tag, part, status = f'"{hash(body)}"', body, 200
        found = re.fullmatch(r"bytes=(\d+)-(\d*)", wanted)
        if found and self.has_ranges and handler.headers.get("If-Range", tag) == tag:
            start, last = int(found[1]), min(int(found[2] or len(body) - 1), len(body) - 1)
            part, status = body[start : last + 1], 206
        handler.send_response(status)
        handler.send_header("Content-Length", str(len(part)))
        handler.send_header("ETag", tag)
        if status == 206:
            handler.send_header("Content-Range", f"bytes {start}-{last}/{len(body)}")
        handler.end_headers()
        handler.wfile.write(part[: self.cut_after] if self.cut_after else part)
        handler.close_connection = bool(self.cut_after and len(part) > self.cut_after)

    @contextmanager
    def running(self) -> Iterator[None]:
        thread = threading.Thread(target=self._server.serve_forever, args=(0.02,), name="range-server")
        thread.start()
        try:
            yield
        finally:
            self._server.shutdown()
            self._server.server_close()
            thread.join()
