"""The files that a page may show: videos and snapshots of one folder."""

from __future__ import annotations

import os
import stat
import time
from contextlib import suppress
from pathlib import Path
from typing import Any
from urllib.parse import quote

from kpstream.errors import SinkError
from kpstream.paths import file_inside

TYPES = {
    ".mp4": "video/mp4", ".mkv": "video/x-matroska", ".webm": "video/webm", ".jpg": "image/jpeg", ".jpeg": "image/jpeg",
    ".png": "image/png",
}  # fmt: skip
"""What is shown, by the ending of its name."""
_MOST = 500
_DEEPEST = 3
"""Folders below the folder that are looked into: a camera's, a day's."""


class Recordings:
    """A folder's videos and snapshots. Every call looks at the disk, and so blocks.

    Args:
        folder: Nothing outside of it is shown, also not through a link. It need not exist yet.
        name_prefix: Only files right in it whose names begin like this are shown; empty shows all, in its folders too.
    """

    def __init__(self, folder: Path, name_prefix: str = "") -> None:
        self._folder = folder
        self._name_prefix = name_prefix

    def documents(self) -> list[dict[str, Any]]:
        """The newest files, the newest first: name, kind, size in bytes, time of the last change, address."""
        found = []
        for path in self._files():
            name = path.relative_to(self._folder).as_posix()
            # the oldest may be deleted meanwhile, and what is no UTF-8 has no address
            with suppress(OSError, UnicodeEncodeError):
                about, url = path.lstat(), f"/recordings/{quote(name)}"
                if stat.S_ISREG(about.st_mode):
                    found.append((about.st_mtime, about.st_size, name, url))
        found.sort(key=lambda item: item[0], reverse=True)
        return [
            {
                "name": name,
                "kind": "video" if TYPES[Path(name.lower()).suffix].startswith("video") else "snapshot",
                "bytes": size,
                "changed": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(changed)),
                "url": url,
            }
            for changed, size, name, url in found[:_MOST]
        ]

    def find(self, name: str) -> Path | None:
        """The file of a name as `documents` gives it; None for anything else."""
        if self._name_prefix and not self._belongs(name):
            return None
        parts = name.split("/")
        if "\0" in name or "\\" in name or any(part in ("", "..") or part.startswith(".") for part in parts):
            return None
        path = file_inside(self._folder, name)
        return path if path is not None and path.suffix.lower() in TYPES else None

    def keep_snapshot(self, camera: str, data: bytes) -> str:
        """Save a JPEG under a name of its camera and the time; returns the name.

        Raises:
            SinkError: It could not be written.
        """
        stamp = time.strftime("%Y%m%d-%H%M%S")
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
            stem = f"{self._name_prefix}_{camera}" if self._name_prefix else camera
            for ending in ("", *(f"-{count}" for count in range(2, 100))):
                path = self._folder / f"{stem}-{stamp}{ending}.jpg"
                with suppress(FileExistsError):
                    _write_new(path, data)
                    return path.name
        except OSError as error:
            raise SinkError(f"the snapshot could not be saved: {error.strerror or error}") from None
        raise SinkError("the snapshot could not be saved: too many in one second")

    def _belongs(self, name: str) -> bool:
        return "/" not in name and name.startswith(self._name_prefix)

    def _files(self) -> list[Path]:
        root, files = str(self._folder), []
        if self._name_prefix:
            with suppress(OSError):
                names = [entry.name for entry in self._folder.iterdir()]
                files = [self._folder / name for name in names if _is_shown(name) and self._belongs(name)]
            return files
        for folder, folders, names in os.walk(root):
            depth = len(Path(folder).relative_to(root).parts)
            folders[:] = [name for name in folders if not name.startswith(".")] if depth < _DEEPEST else []
            files += [Path(folder, name) for name in names if _is_shown(name)]
        return files


def _write_new(path: Path, data: bytes) -> None:
    """Write a file whole, or not at all; raises FileExistsError where there is one."""
    file = path.open("xb")
    try:
        with file:
            file.write(data)
    except OSError:
        path.unlink(missing_ok=True)
        raise


def _is_shown(name: str) -> bool:
    return not name.startswith(".") and Path(name.lower()).suffix in TYPES
