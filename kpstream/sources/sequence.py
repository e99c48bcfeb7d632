"""Pictures that follow each other as a video does: files with numbers in their names, a folder, an animated WebP."""

from __future__ import annotations

import logging
import re
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import accumulate
from math import inf
from pathlib import Path

import numpy as np
from PIL import Image as Pillow
from PIL import UnidentifiedImageError

from kpstream.entities import Frame, Image, Taken
from kpstream.errors import SourceOpenError
from kpstream.media.decimation import Decimation
from kpstream.paths import is_folder, is_there
from kpstream.sources.file import VideoFile

_log = logging.getLogger(__name__)

USUAL_RATE = 25.0
_SUFFIXES = {".jpg", ".jpeg", ".png", ".bmp", ".tif", ".tiff", ".webp"}
_NUMBER = re.compile(r"%0?\d*d")
_SAME_TIME = 1e-6
_USUAL_WEBP_FRAME = 0.1
"""Seconds that browsers show a picture for which does not say how long."""


@dataclass(frozen=True, slots=True)
class _Entry:
    pts: float
    load: Callable[[], Image]
    """Raises SourceOpenError where the picture is broken."""


class PictureSequence:
    """Recorded video made of single pictures. One that is broken is left out, and leaves a gap in the numbers.

    Args:
        name: What to call it before users.
        entries: Its pictures, each with its pts, in order.
        frame_rate: Pictures per second.
        start: The first picture at or after this pts is the first to be given.
        end: The first picture at or after this pts is not given any more.

    Raises:
        SourceOpenError: It holds no picture that can be read.
    """

    is_live = False
    stall_timeout = inf
    start_pts = 0.0
    has_audio = False

    def __init__(self, name: str, entries: Sequence[_Entry], frame_rate: float, start: float, end: float) -> None:
        self.name = name
        self.frame_rate = frame_rate
        self.duration = len(entries) / frame_rate
        """Seconds."""
        self.taken = Taken()
        """Nothing is known of when and where it was taken."""
        self._entries = entries
        self._start, self._end = start, end
        self._next = sum(entry.pts < start - _SAME_TIME for entry in entries)
        self._given = self._next
        self.missing_frames = 0
        """How many pictures could not be read so far."""
        self._is_closed = False
        self._decimation = Decimation()
        first = next((image for entry in entries if (image := _loaded(entry)) is not None), None)
        if first is None:
            raise SourceOpenError(f"cannot open {name}: no picture in it can be read")
        height, width = first.shape[:2]
        self.frame_size = width, height
        """(width, height) of the first picture."""

    def read(self) -> Frame | None:
        """Read the next picture; None at the end."""
        while self._next < len(self._entries) and (entry := self._entries[self._next]).pts < self._end:
            index = self._next
            self._next += 1
            if not self._decimation.wants(entry.pts):
                continue
            image = _loaded(entry)
            if image is not None:
                self._given += 1
                return Frame(index, entry.pts, time.monotonic(), image, decoded_index=self._given - 1)
            self.missing_frames += 1
        self.close()
        return None

    def again(self, at: float | None = None) -> PictureSequence:
        """Read the same pictures once more.

        Args:
            at: The first picture at or after this pts is the first to be given; by default where this one started.
        """
        start = self._start if at is None else at
        return PictureSequence(self.name, self._entries, self.frame_rate, start, self._end)

    def decimate(self, max_fps: float) -> bool:
        """Read at most so many pictures a second from now on."""
        self._decimation.max_fps = max_fps
        return True

    def close(self) -> None:
        """Read no more. Idempotent."""
        if self.missing_frames and not self._is_closed:
            _log.warning("%s: broken pictures were left out: %d", self.name, self.missing_frames)
        self._is_closed, self._next = True, len(self._entries)

    def __repr__(self) -> str:
        return f"<PictureSequence {self.name}: {len(self._entries)} pictures>"


def open_sequence(
    path: Path, *, frame_rate: float | None = None, start: float = 0.0, end: float = inf
) -> PictureSequence | None:
    """Open a sequence of pictures.

    Args:
        path: A folder of pictures, a name with a number in it (``shot%04d.png``), or an animated WebP.
        frame_rate: Pictures per second of those that do not say it; None for 25.
        start: The first picture at or after this pts is the first to be given.
        end: The first picture at or after this pts is not given any more.

    Returns:
        None where it is no sequence of pictures.

    Raises:
        SourceOpenError: It is one, but holds no picture that can be read.
    """
    if path.suffix.lower() == ".webp" and (pictures := _animated(path)) is not None:
        rate = len(pictures) / max(1e-3, pictures[-1].pts + pictures[-1].pts / max(1, len(pictures) - 1))
        return PictureSequence(str(path), pictures, rate, start, end)
    try:
        files = files_of(path)
    except OSError as error:
        raise SourceOpenError(f"cannot open {path}: {error.strerror}") from None
    if files is None:
        return None
    if not files:
        what = (
            "in this folder; name a video in it, or give it to `kpstream archive`"
            if is_folder(path)
            else "of that name"
        )
        raise SourceOpenError(f"cannot open {path}: there are no pictures {what}")
    rate = frame_rate or USUAL_RATE
    entries = [_Entry(number / rate, _loader_of(file)) for number, file in enumerate(files)]
    return PictureSequence(str(path), entries, rate, start, end)


def files_of(path: Path) -> list[Path] | None:
    """The pictures of a folder, or those of a name with a number in it, in their order; None where it is neither.

    Raises:
        OSError: The folder cannot be read.
    """
    if is_folder(path):
        files = [file for file in path.iterdir() if file.suffix.lower() in _SUFFIXES]
        return sorted(
            files, key=lambda file: [(int(part), "") if part.isdecimal() else (-1, part) for part in _parts(file.name)]
        )
    return _numbered(path) if _NUMBER.search(path.name) and not is_there(path) else None


def _parts(name: str) -> list[str]:
    return [part for part in re.split(r"(\d+)", name.lower()) if part]


def _numbered(path: Path) -> list[Path]:
    """The files whose names differ from a pattern in the number alone, in its order."""
    before, after = (re.escape(part) for part in _NUMBER.split(path.name, maxsplit=1))
    pattern = re.compile(f"{before}([0-9]+){after}")
    found = {file: match for file in path.parent.glob("*") if (match := pattern.fullmatch(file.name))}
    return sorted(found, key=lambda file: int(found[file][1]))


def _loader_of(file: Path) -> Callable[[], Image]:
    def load() -> Image:
        source = VideoFile(file)
        frame = source.read()
        source.close()
        assert frame is not None
        return frame.image

    return load


def _loaded(entry: _Entry) -> Image | None:
    try:
        return entry.load()
    except SourceOpenError:
        return None


def _animated(path: Path) -> list[_Entry] | None:
    """The pictures of an animated WebP; None where it does not move, or is none."""
    try:
        with Pillow.open(path, formats=["WEBP"]) as film:
            count: int = getattr(film, "n_frames", 1)
            if count < 2:
                return None
            seconds = []
            for number in range(count):
                film.seek(number)
                film.load()
                seconds.append((film.info.get("duration") or 1000 * _USUAL_WEBP_FRAME) / 1000)
    except (OSError, UnidentifiedImageError, ValueError):
        return None
    starts = [0.0, *accumulate(seconds[:-1])]

    def loader(number: int) -> Callable[[], Image]:
        def load() -> Image:
            with Pillow.open(path, formats=["WEBP"]) as film:
                film.seek(number)
                return np.ascontiguousarray(np.asarray(film.convert("RGB"))[:, :, ::-1])

        return load

    return [_Entry(pts, loader(number)) for number, pts in enumerate(starts)]
