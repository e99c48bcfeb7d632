#!/usr/bin/env python3
"""An endpoint that knows the answers: it serves a clip's reference poses over the hosted service's wire.

It recognises the frame that it is sent by a thumbnail, waits for the chosen latency, and answers with that frame's
poses in whole pixels of the picture, as the hosted service does:

    python scripts/endpoint.py CLIP.mp4 CLIP.poses.json --latency 0.4 --fault 500:0.1,hang:0.05

It prints ``READY http://127.0.0.1:PORT`` when it answers. GET /_stats gives the log: ``requests``, ``bytes``, the count
of each of the ``faults``, and ``asked``, one ``[frame, arrived_at, answered_at]`` a request on the machine's monotonic
clock (null while it is in flight). GET /_reset empties the log, GET /_latency/0.8 changes the latency, and GET
/_fault/NAME:PROBABILITY,... the faults (none after the slash: no more faults).
"""

from __future__ import annotations

import argparse
import base64
import binascii
import contextlib
import json
import random
import re
import socket
import struct
import threading
import time
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from kpstream.entities import Image
from kpstream.skeleton import COCO_NAMES

_THUMB = (64, 36)
_REDIRECTED_TO = "http://127.0.0.1:9/elsewhere"
_HUGE_BODY = 100 * 2**20
_BODIES: dict[str, tuple[str, bytes]] = {
    "garbage": ("application/json", b"\x00\xff this is no JSON \x80"),
    "html": ("text/html", b"<!doctype html><title>502 Bad Gateway</title>"),
    "wrong": ("application/json", b'{"results": [{"boxes": [1, 2, 3]}], "ok": true}'),
}
STATUSES = {400, 401, 402, 403, 404, 413, 429, 500, 502, 503, 504}
FAULTS = {
    *map(str, STATUSES), "429bare", "hang", "reset", "slow", "truncated", *_BODIES, "nan", "huge", "empty", "flood",
    "redirect",
}  # fmt: skip


class Reference:
    """The poses of a clip, found by picture.

    Args:
        clip: The video.
        poses: Its ``.poses.json``.
    """

    def __init__(self, clip: Path, poses: Path) -> None:
        self.truth: dict[str, Any] = json.loads(poses.read_text())
        capture = cv2.VideoCapture(str(clip))
        thumbs = []
        while (read := capture.read())[0]:
            thumbs.append(_thumbnail(cv2.cvtColor(read[1], cv2.COLOR_BGR2GRAY)))  # type: ignore[arg-type]
        self._thumbs = np.stack(thumbs)
        self._norms = (self._thumbs**2).sum(1)

    def answer(self, grey: Image) -> tuple[int, dict[str, Any]]:
        """The index of the frame that is most like a grey picture, and what the service says to it."""
        index = int((self._norms - 2 * (self._thumbs @ _thumbnail(grey))).argmin())
        height, width = grey.shape
        sx, sy = width / self.truth["width"], height / self.truth["height"]
        predictions = [_prediction(pose, sx, sy) for pose in self.truth["frames"][index]]
        size = {"width": width, "height": height}
        return index, {"time": 0.02, "image": size, "predictions": predictions}


def _thumbnail(grey: Image) -> npt.NDArray[np.float32]:
    """What a frame is recognised by, shape ``(2304,)``."""
    small = cv2.resize(grey, _THUMB, interpolation=cv2.INTER_AREA)
    return np.asarray(small, np.float32).ravel()


def _prediction(pose: dict[str, Any], sx: float, sy: float) -> dict[str, Any]:
    keypoints = [
        {"x": float(round(x * sx)), "y": float(round(y * sy)), "confidence": c, "class_id": i, "class": name}
        for i, ((x, y, c), name) in enumerate(zip(pose["keypoints"], COCO_NAMES, strict=True))
        if c >= 0.1
    ]
    return {
        "x": round(pose["x"] * sx),
        "y": round(pose["y"] * sy),
        "width": float(round(pose["width"] * sx)),
        "height": float(round(pose["height"] * sy)),
        # reference scores of a small network run low: 0.3 to 0.7 for a clear person
        "confidence": min(0.99, pose["confidence"] + 0.25),
        "class": "person",
        "class_id": 0,
        "keypoints": keypoints,
    }


class Faults:
    """Which requests fail, and how.

    Args:
        text: ``NAME:PROBABILITY,…``; without a probability every request. Numbers are statuses, 429 and 503 with
            ``Retry-After: 1`` and 429bare without; ``hang`` never answers, ``reset`` tears the connection down,
            ``slow`` sends a byte now and then, ``truncated`` half of an answer, ``garbage`` no JSON, ``html`` a page,
            ``wrong`` JSON of another shape, ``nan`` and ``huge`` coordinates that cannot be, ``empty`` no prediction,
            ``flood`` 100 MB, ``redirect`` sends elsewhere.
        seed: Of the dice.
    """

    def __init__(self, text: str = "", seed: int = 0) -> None:
        self.counts: dict[str, int] = {}
        """How often each came so far."""
        self._dice = random.Random(seed)
        self._lock = threading.Lock()
        self._shares: dict[str, float] = {}
        self.set(text)

    def set(self, text: str) -> None:
        """Fail in another way from now on.

        Raises:
            ValueError: No such fault.
        """
        parts = [part.partition(":") for part in text.split(",") if part]
        shares = {name: float(share or 1) for name, _, share in parts}
        if unknown := sorted(shares.keys() - FAULTS):
            raise ValueError(f"no such fault: {', '.join(unknown)}")
        self._shares = shares

    def pick(self) -> str:
        """The fault of the next request; empty for none."""
        with self._lock:
            roll = self._dice.random()
            for name, share in self._shares.items():
                if roll < share:
                    self.counts[name] = self.counts.get(name, 0) + 1
                    return name
                roll -= share
            return ""


@dataclass
class _State:
    """What all requests share."""

    reference: Reference
    faults: Faults
    latency: float
    asked: list[list[Any]] = field(default_factory=list)
    received: int = 0
    lock: threading.Lock = field(default_factory=threading.Lock)

    def note(self, frame: int, arrived_at: float, length: int) -> list[Any]:
        """Write a request into the log; gives its entry."""
        entry = [frame, arrived_at, None]
        with self.lock:
            self.asked.append(entry)
            self.received += length
        return entry

    def stats(self) -> dict[str, Any]:
        """The log."""
        with self.lock:
            log = {"requests": len(self.asked), "bytes": self.received, "asked": self.asked[:]}
        return {**log, "faults": self.faults.counts}

    def reset(self) -> None:
        """Empty the log."""
        with self.lock:
            self.asked, self.received = [], 0


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    state: _State

    def log_message(self, *_: Any) -> None:
        pass

    def do_GET(self) -> None:
        command, _, value = self.path.removeprefix("/_").partition("/")
        if command == "stats":
            self._send_json(200, self.state.stats())
            return
        if command == "reset":
            self.state.reset()
        elif command == "latency":
            self.state.latency = float(value)
        elif command == "fault":
            self.state.faults.set(value)
        else:
            self._send_json(404, {"message": "Requested Roboflow resource not found."})
            return
        self._send_json(200, {})

    def do_POST(self) -> None:
        arrived_at = time.monotonic()
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        data = picture_of(body, self.headers["Content-Type"] or "")
        image = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_GRAYSCALE) if data else None
        if image is None:
            self._send_json(400, {"message": "Could not load input image."})
            return
        frame, answer = self.state.reference.answer(np.asarray(image, np.uint8))
        entry, fault = self.state.note(frame, arrived_at, len(body)), self.state.faults.pick()
        time.sleep(max(0.0, arrived_at + self.state.latency - time.monotonic()))
        entry[2] = time.monotonic()
        with contextlib.suppress(ConnectionError):  # whoever asked may have ended by now
            if fault:
                self._fail(fault, answer)
            else:
                self._send_json(200, answer)

    def _fail(self, fault: str, answer: dict[str, Any]) -> None:
        """Do to a request what the fault is; ``answer`` is what it would have been."""
        if fault.removesuffix("bare").isdigit():
            wait = {"Retry-After": "1"} if fault in ("429", "503") else {}
            body = json.dumps({"message": "told to fail"}).encode()
            self._send(int(fault.removesuffix("bare")), body, **wait)
        elif fault == "hang":
            self.close_connection = True
            while self.connection.recv(65536):  # until the client gives up
                pass
        elif fault == "reset":
            self.close_connection = True
            self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            self.connection.close()
        elif fault == "redirect":
            self._send(307, b"", Location=_REDIRECTED_TO)
        elif fault == "flood":
            self._head(200, _HUGE_BODY)
            for _ in range(_HUGE_BODY // 2**20):
                self.wfile.write(b" " * 2**20)
        elif fault in _BODIES:
            kind, body = _BODIES[fault]
            self._send(200, body, **{"Content-Type": kind})
        else:
            self._send_damaged(fault, json.dumps(_damaged(answer, fault)).encode())

    def _send_damaged(self, fault: str, body: bytes) -> None:
        if fault == "truncated":
            body = body[: len(body) // 2]
        if fault != "slow":
            self._send(200, body)
            return
        self._head(200, len(body))
        for byte in body:
            self.wfile.write(bytes((byte,)))
            time.sleep(0.05)

    def _send_json(self, status: int, value: Any) -> None:
        self._send(status, json.dumps(value).encode())

    def _send(self, status: int, body: bytes, **fields: str) -> None:
        self._head(status, len(body), **fields)
        self.wfile.write(body)

    def _head(self, status: int, length: int, **fields: str) -> None:
        self.send_response(status)
        for name, value in {"Content-Type": "application/json", **fields, "Content-Length": str(length)}.items():
            self.send_header(name, value)
        self.end_headers()


def picture_of(body: bytes, content_type: str) -> bytes | None:
    """The encoded picture in a request's body, multipart or base64; None where there is none."""
    if not content_type.startswith("multipart/form-data"):
        try:
            return base64.b64decode(body.rpartition(b",")[2].strip(b'" \r\n'), validate=True)
        except binascii.Error:
            return None
    named = re.search(r'boundary="?([^";]+)', content_type)
    around = body.split(b"--" + named[1].encode()) if named else []
    if len(around) != 3 or not around[2].startswith(b"--"):
        return None
    return around[1].partition(b"\r\n\r\n")[2].removesuffix(b"\r\n") or None


def _damaged(answer: dict[str, Any], fault: str) -> dict[str, Any]:
    if fault == "empty":
        return {**answer, "predictions": []}
    if fault not in ("nan", "huge"):
        return answer
    number = float("nan") if fault == "nan" else 1e9
    point = {"x": number, "y": number, "confidence": 0.9, "class_id": 0, "class": "nose"}
    person = {"x": number, "y": 1, "width": 1, "height": 1, "confidence": 0.9, "class": "person", "class_id": 0}
    return {**answer, "predictions": [{**person, "keypoints": [point]}]}


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128

    def handle_error(self, *_: Any) -> None:
        """Say nothing: those who ask are killed now and then."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("clip", type=Path)
    parser.add_argument("poses", type=Path)
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--latency", type=float, default=0.4, help="seconds from arrival to answer")
    parser.add_argument("--fault", default="", help=f"NAME:PROBABILITY,... of {', '.join(sorted(FAULTS))}")
    parser.add_argument("--seed", type=int, default=0, help="of the faults' dice")
    options = parser.parse_args()
    cv2.setNumThreads(1)
    reference = Reference(options.clip, options.poses)
    _Handler.state = _State(reference, Faults(options.fault, options.seed), options.latency)
    server = _Server(("127.0.0.1", options.port), _Handler)
    print(f"READY http://127.0.0.1:{server.server_address[1]}", flush=True)
    server.serve_forever()


if __name__ == "__main__":
    main()
