"""Writes drawn scenes as JPEG files."""

from __future__ import annotations

import os
from pathlib import Path

from kpstream.entities import Scene
from kpstream.media.jpeg import encoded
from kpstream.render.pixels import squared

_QUALITY = 88
_PART = ".part"
PARTS = f"snapshots/*/*{_PART}"
"""What matches the files of snapshots whose writing did not end, relative to the store."""


def encode_snapshot(scene: Scene) -> bytes:
    """A scene, drawn in square pixels, as a JPEG; blocks."""
    return encoded(squared(scene.frame, scene.draw()), _QUALITY)


def write_snapshot(path: Path, data: bytes) -> int:
    """Write a JPEG file, whole or not at all; blocks.

    Returns:
        By how many bytes the file has grown.

    Raises:
        OSError: The file could not be written.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    before = path.stat().st_size if path.exists() else 0
    part = path.with_suffix(_PART)
    with part.open("wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
    part.replace(path)
    return len(data) - before
