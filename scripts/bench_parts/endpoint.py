"""An endpoint that knows the answers: a clip's reference poses over the hosted service's wire, and who asked when.

    python -m bench_parts.endpoint CLIP.mp4 CLIP.poses.json --latency 0.4

Like ``replay_endpoint.py``, and besides: it reads the documented base64 body, which the peers send, and remembers each
request. Prints ``READY http://127.0.0.1:PORT``. GET /_latency/0.8 changes the latency; GET /_stats gives ``requests``,
``bytes`` and ``asked``, one ``[frame, arrived_at, answered_at]`` a request on the machine's monotonic clock (null while
it is in flight); GET /_reset forgets them. Ends when its stdin does.
"""

from __future__ import annotations

import argparse
import base64
import binascii
import contextlib
import email.parser
import email.policy
import json
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from replay_endpoint import Reference

from bench_parts.parent import end_with_parent


def picture_of(body: bytes, content_type: str) -> bytes | None:
    """The encoded picture in a request's body, multipart or base64; None where there is none."""
    if not content_type.startswith("multipart/form-data"):
        try:
            return base64.b64decode(body.rpartition(b",")[2].strip(b'" \r\n'), validate=True)
        except binascii.Error:
            return None
    head = f"Content-Type: {content_type}\r\n\r\n".encode()
    message = email.parser.BytesParser(policy=email.policy.HTTP).parsebytes(head + body)
    parts = [part.get_payload(decode=True) for part in message.iter_parts()]
    return parts[0] if len(parts) == 1 and isinstance(parts[0], bytes) else None


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    reference: Reference
    latency = 0.4
    lock = threading.Lock()
    asked: list[list[Any]] = []  # noqa: RUF012 - one server a process
    received = 0

    def log_message(self, *_: Any) -> None:
        pass

    def _send(self, status: int, body: Any) -> None:
        data = json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def do_GET(self) -> None:
        kind = type(self)
        if self.path == "/_stats":
            with self.lock:
                self._send(200, {"requests": len(self.asked), "bytes": kind.received, "asked": self.asked})
        elif self.path == "/_reset":
            with self.lock:
                kind.asked, kind.received = [], 0
            self._send(200, {})
        elif self.path.startswith("/_latency/"):
            kind.latency = float(self.path.rpartition("/")[2])
            self._send(200, {})
        else:
            self._send(404, {"message": "Requested Roboflow resource not found."})

    def do_POST(self) -> None:
        arrived_at = time.monotonic()
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        data = picture_of(body, self.headers["Content-Type"] or "")
        image = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR) if data else None
        if image is None:
            self._send(400, {"message": "Could not load input image."})
            return
        frame, answer = self.reference.answer(np.asarray(image, np.uint8))
        entry = [frame, arrived_at, None]
        with self.lock:
            self.asked.append(entry)
            type(self).received += len(body)
        time.sleep(max(0.0, arrived_at + self.latency - time.monotonic()))
        entry[2] = time.monotonic()
        with contextlib.suppress(ConnectionError):  # whoever asked may have ended by now
            self._send(200, answer)


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128

    def handle_error(self, *_: Any) -> None:
        """Those who ask are killed now and then."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("clip", type=Path)
    parser.add_argument("poses", type=Path)
    parser.add_argument("--latency", type=float, default=0.4, help="seconds from arrival to answer")
    options = parser.parse_args()
    end_with_parent()
    cv2.setNumThreads(1)
    _Handler.reference = Reference(options.clip, options.poses)
    _Handler.latency = options.latency
    server = _Server(("127.0.0.1", 0), _Handler)
    print(f"READY http://127.0.0.1:{server.server_address[1]}", flush=True)
    server.serve_forever()


if __name__ == "__main__":
    main()
