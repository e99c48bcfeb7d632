"""What every peer's program says and asks, in few lines and with few needs: OpenCV, NumPy, requests."""

from __future__ import annotations

import base64
import json
import sys
import threading
import time
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt
import requests

from bench_parts import strip

_SIDE, _QUALITY = 640, 80
_MODEL = "bench/1"
_local = threading.local()
_out = threading.Lock()


def begin() -> None:
    """Say that everything is loaded and the video is about to be opened."""
    print(json.dumps({"began_at": time.monotonic()}), flush=True)


def show(index: int | None, poses: list[dict[str, Any]]) -> None:
    """Say that a picture is on display now, with these poses on it, in the picture's pixels."""
    line = json.dumps({"frame_index": index, "rendered_at": time.monotonic(), "poses": poses})
    with _out:
        sys.stdout.write(line + "\n")
        sys.stdout.flush()


def number_in(image: npt.NDArray[Any], order: int) -> int | None:
    """Which frame a picture is: what the camera drew into it, or its place in a file."""
    return strip.read(image) if is_live() else order


def is_live() -> bool:
    """Whether the source, the first argument, is a camera."""
    return sys.argv[1].startswith("http")


def ask(image: npt.NDArray[Any]) -> list[dict[str, Any]]:
    """Poses in a picture, by one POST as documented, of a small JPEG; blocks."""
    share = min(1.0, _SIDE / max(image.shape[:2]))
    small = cv2.resize(image, None, fx=share, fy=share, interpolation=cv2.INTER_AREA)
    jpeg = cv2.imencode(".jpg", small, [cv2.IMWRITE_JPEG_QUALITY, _QUALITY])[1]
    if not hasattr(_local, "session"):
        _local.session = requests.Session()
    answer = _local.session.post(
        f"{sys.argv[2]}/{_MODEL}",
        params={"api_key": "none"},
        data=base64.b64encode(np.asarray(jpeg).tobytes()),
        headers={"Content-Type": "application/x-www-form-urlencoded"},
    )
    answer.raise_for_status()
    return [_enlarged(pose, image.shape[1] / small.shape[1]) for pose in answer.json()["predictions"]]


def _enlarged(pose: dict[str, Any], by: float) -> dict[str, Any]:
    sides = {name: pose[name] * by for name in ("x", "y", "width", "height")}
    return {**pose, **sides, "keypoints": [{**k, "x": k["x"] * by, "y": k["y"] * by} for k in pose["keypoints"]]}
