"""Probes videos, many at once: finds what each declares and a fingerprint of its content. Sends no request."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, replace
from math import nan
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import BinaryIO, cast

from kpstream.errors import SourceError, SourceOpenError, SourceRejected, SourceUnavailable
from kpstream.paths import is_file, is_folder, is_there, why_hidden
from kpstream.recorded.archive.fetch import fetch
from kpstream.recorded.archive.inputs import printable
from kpstream.recorded.archive.ranges import RangeFile
from kpstream.recorded.archive.storages import open_stored
from kpstream.recorded.archive.stored_file import StoredFile, StoredReader
from kpstream.recorded.journal import fingerprint, fingerprint_of
from kpstream.sources.declared import declared_in
from kpstream.sources.file import VideoFile

_AT_ONCE = 8
"""Files that are probed at once: they mostly wait for the disk, or for a server."""
_one_whole = threading.Lock()
"""Held while a file lies here that could not be probed by its parts: no second one takes room meanwhile."""


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
    is_away: bool = False
    """Whether that may pass: the storage, or the server, does not answer."""

    @property
    def frames(self) -> float:
        """How many frames it has, about; NaN where nobody knows."""
        return self.duration * self.frame_rate


def stamp_of(path: Path | StoredFile) -> str:
    """What the file system, or the storage, says about a file's identity and last change; empty where there is none."""
    if isinstance(path, StoredFile):
        return path.stamp
    try:
        stat = path.stat()
    except OSError:
        return ""
    return f"{stat.st_size} {stat.st_mtime_ns} {stat.st_ctime_ns} {stat.st_ino}"


def probe(path: Path | StoredFile) -> Probe:
    """Open a video, and decode the first frame of a local one; blocks. The result tells a fault of the file.

    Raises:
        SourceRejected: A storage refuses all requests.
    """
    if isinstance(path, StoredFile):
        return _probe_stored(path)
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


def _probe_stored(file: StoredFile) -> Probe:
    try:
        reader = open_stored(file)
        file = reader.file
        if not reader.has_ranges or file.size is None:
            return _probe_whole(reader)
        content = fingerprint_of(cast(BinaryIO, RangeFile(reader)))
        declared = declared_in(cast(BinaryIO, RangeFile(reader)), str(file))
    except SourceRejected:
        raise
    except SourceError as error:
        return Probe(file.stamp, "", file.size or 0, fault=str(error), is_away=isinstance(error, SourceUnavailable))
    return Probe(
        file.stamp,
        content,
        file.size,
        declared.duration,
        declared.frame_rate,
        declared.width,
        declared.height,
        declared.has_audio,
    )


def _probe_whole(reader: StoredReader) -> Probe:
    """Download a file whose server gives no ranges, and probe the copy."""
    with _one_whole, TemporaryDirectory(prefix="kpstream-") as folder:
        path = fetch(reader, Path(folder), _pause)
        found = probe(path)
        return replace(found, stamp=reader.file.stamp, fault=found.fault.replace(str(path), str(reader.file)))


def _pause(seconds: float) -> bool:
    time.sleep(seconds)
    return False


def stamp_web_files(paths: Iterable[Path | StoredFile]) -> Iterator[Path | StoredFile]:
    """Ask the servers of web files for their stamps; yields all paths in order. Blocks.

    A file whose server says nothing keeps an empty stamp.
    """
    with ThreadPoolExecutor(_AT_ONCE, thread_name_prefix="kpstream-probe") as pool:
        yield from pool.map(_stamped, paths)


def _stamped(path: Path | StoredFile) -> Path | StoredFile:
    if isinstance(path, StoredFile) and not path.stamp:
        with suppress(SourceError):  # the probe tells it
            return open_stored(path).file
    return path


def probe_all(paths: Iterable[Path | StoredFile]) -> Iterator[Probe]:
    """Probe several files at once; yields the results in the order of the paths. Blocks.

    Raises:
        SourceRejected: A storage refuses all requests.
    """
    with ThreadPoolExecutor(_AT_ONCE, thread_name_prefix="kpstream-probe") as pool:
        yield from pool.map(probe, paths)


def _check_regular(path: Path) -> None:
    """See that reading the file comes to an end."""
    if reason := why_hidden(path):
        raise SourceOpenError(f"cannot open {printable(path)}: {reason}")
    if not os.path.lexists(path):
        raise SourceOpenError(f"cannot open {printable(path)}: no such file")
    if not is_there(path):
        raise SourceOpenError(f"cannot open {printable(path)}: the link leads nowhere")
    if is_folder(path):
        _check_folder(path)
    if not is_file(path):
        raise SourceOpenError(f"cannot open {printable(path)}: it is no file, but a pipe, a device or a folder")


def _check_folder(path: Path) -> None:
    """See that a folder can be read."""
    try:
        next(path.iterdir(), None)
    except OSError as error:
        raise SourceOpenError(f"cannot open {printable(path)}: the folder cannot be read: {error.strerror}") from None
