"""What a video declares, and what tells its content from any other: found out for many at once, without a request."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from math import nan
from pathlib import Path

from kpstream.errors import SourceError, SourceOpenError
from kpstream.recorded.archive.inputs import printable
from kpstream.recorded.journal import fingerprint
from kpstream.sources.file import VideoFile

_AT_ONCE = 8
"""Files that are probed at once: they mostly wait for the disk, or for a server."""


@dataclass(frozen=True, slots=True)
class Probe:
    """A video as far as it is known before its frames are read."""

    stamp: str
    """Changes whenever the file is written, renamed or replaced; as long as it stays, the rest holds."""
    content: str
    """Equal for files with the same bytes, however they are called; empty where it could not be read."""
    bytes: int = 0
    duration: float = nan
    """Declared seconds; NaN where nothing is declared."""
    frame_rate: float = nan
    width: int = 0
    height: int = 0
    has_audio: bool = False
    fault: str = ""
    """Why it cannot be read; empty where it can."""

    @property
    def frames(self) -> float:
        """How many frames it has, about; NaN where nobody knows."""
        return self.duration * self.frame_rate


def stamp_of(path: Path) -> str:
    """What the file system says about a file's identity and last change; empty where there is no file."""
    try:
        stat = path.stat()
    except OSError:
        return ""
    return f"{stat.st_size} {stat.st_mtime_ns} {stat.st_ctime_ns} {stat.st_ino}"


def probe(path: Path) -> Probe:
    """Open a video and decode its first frame; blocks. What is wrong with it is told, never raised."""
    stamp, content, size = stamp_of(path), "", 0
    try:
        _check_regular(path)
        size = path.stat().st_size
        content = fingerprint(path)
        video = VideoFile(path)
        video.close()
    except SourceError as error:
        return Probe(stamp, content, size, fault=str(error))
    width, height = video.frame_size
    return Probe(stamp, content, size, video.duration, video.frame_rate, width, height, video.has_audio)


def probe_all(paths: Iterable[Path]) -> Iterator[Probe]:
    """Probe several files at once; the results come in the order of the paths."""
    with ThreadPoolExecutor(_AT_ONCE, thread_name_prefix="kpstream-probe") as pool:
        yield from pool.map(probe, paths)


def _check_regular(path: Path) -> None:
    """See that reading the file comes to an end."""
    if not os.path.lexists(path):
        raise SourceOpenError(f"cannot open {printable(path)}: no such file")
    if not path.exists():
        raise SourceOpenError(f"cannot open {printable(path)}: the link leads nowhere")
    if path.is_dir():
        _check_folder(path)
    if not path.is_file():
        raise SourceOpenError(f"cannot open {printable(path)}: it is no file, but a pipe, a device or a folder")


def _check_folder(path: Path) -> None:
    """See that a folder can be read."""
    try:
        next(path.iterdir(), None)
    except OSError as error:
        raise SourceOpenError(f"cannot open {printable(path)}: the folder cannot be read: {error.strerror}") from None
