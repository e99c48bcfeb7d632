#!/usr/bin/env python3
"""An endpoint that knows the answers: it serves a clip's reference poses over the hosted service's wire.

It recognises which frame it was sent by a thumbnail, waits for the chosen latency, and answers with that frame's poses
in whole pixels of the picture it was sent, as the real service does. Benches measure against it:

    python scripts/replay_endpoint.py CLIP.mp4 CLIP.poses.json --latency 0.4

Prints ``READY http://127.0.0.1:PORT`` when it answers. GET /_stats tells what was asked; GET /_latency/0.8 changes
the latency while it runs, GET /_fault/500:0.1,hang:0.05 what it does instead of answering (see wire_faults.py), and
GET /_fault/ ends that.
"""

from __future__ import annotations

import argparse
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
import numpy.typing as npt
from wire_faults import Faults, misbehave

from kpstream.entities import Image
from kpstream.skeleton import COCO_NAMES

_THUMB = (64, 36)


def thumbnail(image: Image) -> npt.NDArray[np.float32]:
    """What a frame is recognised by, shape ``(2304,)``."""
    small = cv2.resize(cv2.cvtColor(image, cv2.COLOR_BGR2GRAY), _THUMB, interpolation=cv2.INTER_AREA)
    return np.asarray(small, np.float32).ravel()


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
        while True:
            there, image = capture.read()
            if not there:
                break
            thumbs.append(thumbnail(image))  # type: ignore[arg-type]
        self._thumbs = np.stack(thumbs)
        self._norms = (self._thumbs**2).sum(1)

    def answer(self, image: Image) -> tuple[int, dict[str, Any]]:
        """The frame's index, and what the service says to it."""
        index = int((self._norms - 2 * self._thumbs @ thumbnail(image)).argmin())
        height, width = image.shape[:2]
        sx, sy = width / self.truth["width"], height / self.truth["height"]
        predictions = [self._prediction(pose, sx, sy) for pose in self.truth["frames"][index]]
        size = {"width": width, "height": height}
        return index, {"time": 0.02, "image": size, "predictions": predictions}

    @staticmethod
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


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    reference: Reference
    faults = Faults()
    latency = 0.4
    lock = threading.Lock()
    asked: list[int] = []  # noqa: RUF012 - one server a process
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
        if self.path == "/_stats":
            with self.lock:
                told = {"requests": len(self.asked), "bytes": self.received, "frames": self.asked}
                self._send(200, {**told, "faults": self.faults.counts})
        elif self.path.startswith("/_latency/"):
            type(self).latency = float(self.path.rpartition("/")[2])
            self._send(200, {})
        elif self.path.startswith("/_fault/"):
            self.faults.set(self.path.rpartition("/")[2])
            self._send(200, {})
        else:
            self._send(404, {"message": "Requested Roboflow resource not found."})

    def do_POST(self) -> None:
        due_at = time.monotonic() + self.latency
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        head = f"Content-Type: {self.headers['Content-Type']}\r\n\r\n".encode()
        message = email.parser.BytesParser(policy=email.policy.HTTP).parsebytes(head + body)
        parts = [part.get_payload(decode=True) for part in message.iter_parts()]
        if len(parts) != 1 or not isinstance(parts[0], bytes):
            self._send(400, {"message": "Expected image to be send in part named 'file'."})
            return
        image = cv2.imdecode(np.frombuffer(parts[0], np.uint8), cv2.IMREAD_COLOR)
        index, answer = self.reference.answer(np.asarray(image, np.uint8))
        with self.lock:
            self.asked.append(index)
            type(self).received += len(body)
        fault = self.faults.pick()
        time.sleep(max(0.0, due_at - time.monotonic()))
        with contextlib.suppress(ConnectionError):  # whoever asked may have ended by now
            if fault:
                misbehave(self, fault, answer)
            else:
                self._send(200, answer)


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("clip", type=Path)
    parser.add_argument("poses", type=Path)
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--latency", type=float, default=0.4, help="seconds from arrival to answer")
    parser.add_argument("--fault", default="", help="NAME:PROBABILITY,... as in wire_faults.py")
    parser.add_argument("--seed", type=int, default=0, help="of the faults' dice")
    options = parser.parse_args()
    cv2.setNumThreads(1)
    _Handler.reference = Reference(options.clip, options.poses)
    _Handler.latency = options.latency
    _Handler.faults = Faults(options.fault, options.seed)
    server = _Server(("127.0.0.1", options.port), _Handler)
    print(f"READY http://127.0.0.1:{server.server_address[1]}", flush=True)
    server.serve_forever()


if __name__ == "__main__":
    main()
