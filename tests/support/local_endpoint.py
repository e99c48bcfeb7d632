"""What the tests of the local endpoint share: a finder that knows what it found, pictures, and a server in front."""

from __future__ import annotations

import base64
import socket
import struct
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import cv2
import numpy as np
import requests

from kpstream.entities import Image, Pose
from kpstream.server import Server, create_app
from kpstream.server.image_urls import ImageUrls
from kpstream.serving.dialing import Dialer
from kpstream.skeleton import COCO

WIDTH, HEIGHT = 160, 120


def picture(width: int = WIDTH, height: int = HEIGHT) -> Image:
    """A drawn picture, BGR, with noise, so that its base64 holds plus signs, slashes and padding alike."""
    image = np.random.default_rng(7).integers(60, 120, (height, width, 3), dtype=np.uint8)
    cv2.circle(image, (width // 2, height // 2), max(1, height // 3), (10, 200, 30), -1)
    return image


def encoded(image: Image, extension: str = ".jpg") -> bytes:
    return cv2.imencode(extension, image)[1].tobytes()


JPEG = encoded(picture())
BASE64 = base64.b64encode(JPEG).decode()


def with_orientation(jpeg: bytes, orientation: int) -> bytes:
    """The same JPEG with an EXIF orientation."""
    entry = struct.pack("<HHIHH", 0x0112, 3, 1, orientation, 0)
    tiff = b"II*\0" + struct.pack("<IH", 8, 1) + entry + struct.pack("<I", 0)
    exif = b"Exif\0\0" + tiff
    return jpeg[:2] + b"\xff\xe1" + struct.pack(">H", len(exif) + 2) + exif + jpeg[2:]


class KnownFinder:
    """Finds the same two people and a shadow in every picture, in shares of its size; keeps what it was asked last."""

    def __init__(self) -> None:
        self.images: deque[Image] = deque(maxlen=1)
        self.overlaps: deque[float] = deque(maxlen=1)

    def __call__(self, image: Image, *, overlap: float) -> tuple[Pose, ...]:
        self.images.append(image)
        self.overlaps.append(overlap)
        height, width = image.shape[:2]
        scale = np.array([width, height], np.float32)
        sure = self._pose(scale, [0.1, 0.2, 0.6, 0.9], 0.91)
        unsure = self._pose(scale, [0.5, 0.1, 0.8, 0.7], 0.5)
        faint = self._pose(scale, [0.0, 0.0, 0.1, 0.1], 0.005)  # below what any threshold lets through
        return faint, sure, unsure

    def _pose(self, scale: Any, box: list[float], confidence: float) -> Pose:
        corners = np.array(box, np.float32).reshape(2, 2)
        along = np.linspace(0.1, 0.9, 17, dtype=np.float32)[:, None]
        xy = (corners[0] + along * (corners[1] - corners[0])) * scale
        certainty = np.linspace(0.95, 0.15, 17, dtype=np.float32)
        xy[3], certainty[3] = np.nan, 0  # the left ear is not seen
        return Pose(xy, certainty, (corners * scale).ravel(), confidence, 0, "person", COCO)


def addresses_only(host: str, port: int) -> list[str]:
    """A resolver that knows no names but localhost, so that no test asks the network for one."""
    if host == "localhost":
        return ["127.0.0.1", "::1"]
    return [str(item[4][0]) for item in socket.getaddrinfo(host, port, flags=socket.AI_NUMERICHOST)]


@contextmanager
def serving(finder: KnownFinder | None = None, *, allow_private: bool = False, **options: Any) -> Iterator[str]:
    """A server on a free port of loopback, by its URL."""
    image_urls = ImageUrls(Dialer(allow_private=allow_private, resolve=addresses_only))
    server = Server(create_app(finder or KnownFinder(), image_urls=image_urls, **options), port=0)
    server.start()
    try:
        yield server.url
    finally:
        server.close()


def post(url: str, body: bytes | str = BASE64, *, kind: str | None = None, **query: Any) -> requests.Response:
    """Send a picture to a model; without ``kind`` there is no Content-Type header at all."""
    headers = {} if kind is None else {"Content-Type": kind}
    data = body.encode() if isinstance(body, str) else body
    return requests.post(f"{url}/my-pose/3", params=query, data=data, headers=headers, timeout=20)


def people(answer: requests.Response) -> list[dict[str, Any]]:
    """The predictions of an answer that must be a good one."""
    assert answer.status_code == 200, answer.text
    predictions: list[dict[str, Any]] = answer.json()["predictions"]
    return predictions


def confidences(answer: requests.Response) -> list[float]:
    return [round(person["confidence"], 2) for person in people(answer)]


def message(answer: requests.Response, status: int) -> str:
    """The reason of an answer that must be a fault of this status."""
    assert answer.status_code == status, answer.text
    reason: str = answer.json()["message"]
    return reason


def declared(value: str = BASE64, kind: str = "base64") -> dict[str, str]:
    return {"type": kind, "value": value}


def ask(url: str, **body: Any) -> requests.Response:
    return requests.post(f"{url}/infer/keypoints_detection", json={"model_id": "my-pose/3", **body}, timeout=20)
