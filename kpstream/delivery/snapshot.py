"""Scenes, drawn, as JPEG files."""

from __future__ import annotations

import os
from pathlib import Path

import cv2

from kpstream.entities import Scene
from kpstream.render.pixels import squared

_QUALITY = 88


def write_snapshot(path: Path, scene: Scene) -> int:
    """Draw a scene and write it as a JPEG file in square pixels, whole or not at all; blocks.

    Returns:
        How many bytes more there are now than before.

    Raises:
        OSError: It could not be written.
    """
    picture = squared(scene.frame, scene.draw())
    encoded, data = cv2.imencode(".jpg", picture, [cv2.IMWRITE_JPEG_QUALITY, _QUALITY])
    if not encoded:
        raise ValueError("a picture that is no JPEG")
    path.parent.mkdir(parents=True, exist_ok=True)
    before = path.stat().st_size if path.exists() else 0
    part = path.with_suffix(".part")
    with part.open("wb") as file:
        file.write(data.tobytes())
        file.flush()
        os.fsync(file.fileno())
    part.replace(path)
    return len(data) - before
