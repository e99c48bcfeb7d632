"""A server on the loopback that speaks the hosted API's wire: it answers by a script, and misbehaves on request.

>>> with ScriptedServer(Reply(503, headers={"Retry-After": "1"}), Reply(fault="reset")) as server:
...     endpoint = RoboflowEndpoint("my-pose/3", endpoint_url=server.url, api_url=server.url)

The script is for predictions: its replies are given in turn, and then `answer` is asked for every one that follows.
Management routes answer 404 unless `routes` has them, and do not use up the script. A real socket, a real HTTP
server, no sleeps: what is to be late waits for an event.
"""

from __future__ import annotations

import base64
import json
import re
import socket
import ssl
import struct
import threading
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any, Literal
from urllib.parse import parse_qsl, urlsplit

Fault = Literal["", "hang", "reset", "truncate", "dribble_head", "dribble_body"]


@dataclass(frozen=True, slots=True)
class Reply:
    """What the server does with one request."""

    status: int = 200
    body: bytes | str | Mapping[str, Any] | list[Any] | None = None
    """Sent as it is, or as JSON; None is what `ScriptedServer.answer` says."""
    headers: Mapping[str, str] = field(default_factory=dict)
    """Beside Content-Type (JSON, unless it is named here) and Content-Length."""
    hold: threading.Event | None = None
    """The reply waits until it is set."""
    fault: Fault = ""
    """``hang``: no answer, ever; ``reset``: the connection is torn down; ``truncate``: half of the body, then the end
    of the connection; ``dribble_head``, ``dribble_body``: a byte now and then, for longer than anybody waits."""


@dataclass(frozen=True, slots=True)
class Recorded:
    """A request as it arrived."""

    method: str
    path: str
    """Without the query."""
    query: Mapping[str, str]
    headers: Mapping[str, str]
    """Keys in lower case."""
    body: bytes = field(repr=False)
    connection: int = 0
    """The client's port: the same as long as it keeps its connection."""

    @property
    def picture(self) -> bytes:
        """The encoded image in the body, out of multipart or base64.

        Raises:
            ValueError: The body is neither.
        """
        boundary = re.search(r'multipart/form-data.*boundary="?([^";]+)', self.headers.get("content-type", ""))
        if boundary is None:
            return base64.b64decode(self.body, validate=True)
        for part in self.body.split(b"--" + boundary[1].encode()):
            head, _, content = part.partition(b"\r\n\r\n")
            if b'name="file"' in head:
                return content.removesuffix(b"\r\n")
        raise ValueError("no part is named file")


Script = Reply | Callable[[Recorded], Reply]


def canned_answer(width: int = 640, height: int = 360) -> dict[str, Any]:
    """One person with a nose and a right eye, in the middle of a picture of that size, as the real server says it."""
    x, y = width / 2, height / 2
    points = ((0, "nose", x, y - height / 36, 0.99), (2, "right_eye", x - width / 128, y - height / 24, 0.55))
    keypoints = [
        {"x": px, "y": py, "confidence": confidence, "class_id": slot, "class": name}
        for slot, name, px, py, confidence in points
    ]
    box = {"x": x, "y": y, "width": width / 4, "height": height / 2}
    person = {
        "class": "person",
        "class_id": 0,
        "confidence": 0.91,
        "detection_id": "723280c6-9fe3-43fe-9c4e-303a8c30f340",
    }
    return {
        "inference_id": "f14b3cb4-b763-4c87-a02e-4a1f8b0f9470",
        "time": 0.0014,
        "image": {"width": width, "height": height},
        "predictions": [{**box, **person, "keypoints": keypoints}],
    }


class ScriptedServer:
    """The server; a context manager, so that its thread and its sockets end with the test.

    Args:
        script: Replies to the first predictions, one each, or functions of the request that make one.
        answer: Says the JSON for every prediction that no reply in the script has a body for.
        routes: Replies to GET requests, by path.
        tls: Serves https with this context.
    """

    def __init__(
        self,
        *script: Script,
        answer: Callable[[Recorded], Mapping[str, Any]] = lambda _: canned_answer(),
        routes: Mapping[str, Script] | None = None,
        tls: ssl.SSLContext | None = None,
    ) -> None:
        self.answer = answer
        self.requests: list[Recorded] = []
        """All that arrived, in order; appended to while the server runs."""
        self.most_in_flight = 0
        self._script = list(script)
        self._routes = dict(routes or {})
        self._in_flight = 0
        self._changed = threading.Condition()
        self._closing = threading.Event()
        self._sockets: set[socket.socket] = set()
        self._scheme = "http" if tls is None else "https"
        self._server = _Server(self)
        if tls is not None:
            self._server.socket = tls.wrap_socket(self._server.socket, server_side=True, do_handshake_on_connect=False)
        self._thread = threading.Thread(
            target=self._server.serve_forever, args=(0.05,), name="kpstream-scripted-server"
        )

    @property
    def url(self) -> str:
        """Its address: ``http://127.0.0.1:PORT``, or https."""
        return f"{self._scheme}://127.0.0.1:{self._server.server_address[1]}"

    @property
    def predictions(self) -> list[Recorded]:
        """The requests that asked for a prediction."""
        return [request for request in self.requests if request.method == "POST"]

    def route(self, path: str, reply: Script) -> None:
        """Answer GET requests for a path from now on."""
        self._routes[path] = reply

    def wait_for(self, requests: int, timeout: float = 20.0) -> None:
        """Block until that many requests have arrived, answered or not.

        Raises:
            TimeoutError: They did not.
        """
        with self._changed:
            if not self._changed.wait_for(lambda: len(self.requests) >= requests, timeout):
                raise TimeoutError(f"{len(self.requests)} requests arrived, not {requests}")

    def close(self) -> None:
        """End every connection and every thread. Idempotent."""
        self._closing.set()
        if self._thread.is_alive():
            self._server.shutdown()
            self._thread.join()
        for sock in tuple(self._sockets):
            with suppress(OSError):
                socket.socket.shutdown(sock, socket.SHUT_RDWR)  # not TLS's, which a reading thread would trip over
        self._server.server_close()

    def __enter__(self) -> ScriptedServer:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()

    def _reply_to(self, request: Recorded) -> Reply:
        with self._changed:
            self.requests.append(request)
            self._in_flight += 1
            self.most_in_flight = max(self.most_in_flight, self._in_flight)
            self._changed.notify_all()
            if request.method == "GET":
                step = self._routes.get(request.path, Reply(404, {"message": "Requested Roboflow resource not found."}))
            else:
                step = self._script.pop(0) if self._script else Reply()
        reply = step if isinstance(step, Reply) else step(request)
        while reply.hold is not None and not reply.hold.wait(0.02) and not self._closing.is_set():
            pass
        return reply

    def _done(self) -> None:
        with self._changed:
            self._in_flight -= 1


class _Server(ThreadingHTTPServer):
    daemon_threads = False  # joined by server_close
    request_queue_size = 128

    def __init__(self, scripted: ScriptedServer) -> None:
        self.scripted = scripted
        super().__init__(("127.0.0.1", 0), _Handler)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Say nothing: clients that give up are what this server is for."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    server: _Server

    def setup(self) -> None:
        super().setup()
        scripted = self.server.scripted
        scripted._sockets.add(self.connection)
        if scripted._closing.is_set():
            socket.socket.shutdown(self.connection, socket.SHUT_RDWR)

    def finish(self) -> None:
        self.server.scripted._sockets.discard(self.connection)
        with suppress(OSError):
            super().finish()

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - named by http.server
        """Keep quiet."""

    def do_GET(self) -> None:
        self._serve()

    def do_POST(self) -> None:
        self._serve()

    def _serve(self) -> None:
        place = urlsplit(self.path)
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        headers = {name.lower(): value for name, value in self.headers.items()}
        query = dict(parse_qsl(place.query, keep_blank_values=True))
        scripted = self.server.scripted
        try:
            request = Recorded(self.command, place.path, query, headers, body, self.client_address[1])
            self._send(scripted._reply_to(request), request)
        except OSError:  # the client has gone
            self.close_connection = True
        finally:
            scripted._done()

    def _send(self, reply: Reply, request: Recorded) -> None:
        if reply.fault == "hang":
            self.close_connection = True
            while self.connection.recv(1024):  # until the client gives up
                pass
        elif reply.fault == "reset":
            self.close_connection = True
            self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))  # RST, not FIN
            self.connection.close()
        elif reply.fault.startswith("dribble"):
            # As long as a dribble may be, it may not be too long for http.client to read at all.
            body = _encoded(reply, request, self.server.scripted.answer).ljust(100_000)
            head = _head(reply, body, padding=50_000 if reply.fault == "dribble_head" else 0)
            at_once = 0 if reply.fault == "dribble_head" else len(head)
            self.wfile.write(head[:at_once])
            self._dribble(head[at_once:] + body)
        else:
            body = _encoded(reply, request, self.server.scripted.answer)
            self.close_connection = self.close_connection or reply.fault == "truncate"
            sent = body[: len(body) // 2] if reply.fault == "truncate" else body
            self.wfile.write(_head(reply, body) + sent)

    def _dribble(self, content: bytes) -> None:
        for byte in content:
            self.wfile.write(bytes((byte,)))
            if self.server.scripted._closing.wait(0.01):
                return


def _encoded(reply: Reply, request: Recorded, answer: Callable[[Recorded], Mapping[str, Any]]) -> bytes:
    content = answer(request) if reply.body is None else reply.body
    if isinstance(content, str):
        return content.encode()
    return content if isinstance(content, bytes) else json.dumps(content).encode()


def _head(reply: Reply, body: bytes, padding: int = 0) -> bytes:
    fields = {"Content-Type": "application/json", **reply.headers, "Content-Length": str(len(body))}
    if padding:
        fields = {"X-Padding": "x" * padding, **fields}
    lines = [f"HTTP/1.1 {reply.status} Scripted", *(f"{name}: {value}" for name, value in fields.items())]
    return "\r\n".join([*lines, "", ""]).encode()
