"""What recorded work is done on: files, addresses, pipes, and pictures in a row."""

from __future__ import annotations

import hashlib
import os
from math import inf
from pathlib import Path, PurePosixPath
from urllib.parse import unquote, urlsplit

from kpstream.paths import is_file
from kpstream.recorded.journal import fingerprint
from kpstream.redact import redact
from kpstream.sources.file import VideoFile, is_pipe
from kpstream.sources.opening import in_small_letters, is_address, understood
from kpstream.sources.sampled import SampledFile
from kpstream.sources.sequence import PictureSequence, files_of, open_sequence

Input = Path | str
"""A path, an address, or ``-`` for standard input."""
Recording = VideoFile | SampledFile | PictureSequence


def parse_input(text: str) -> Input:
    """What a user named: an address stays a text, for a path would lose one of its slashes."""
    text = understood(text)
    if is_address(text):
        return in_small_letters(text)
    return text if text == "-" else Path(text)


def name_of(given: Input) -> Path:
    """The name that outputs are called by, with its folders where it has some."""
    if isinstance(given, Path):
        return given
    if given == "-":
        return Path("stdin")
    parts = urlsplit(given)
    last = PurePosixPath(unquote(parts.path)).name
    return Path(last if last.strip(".") else parts.hostname or "video")


def is_read_once(given: Input) -> bool:
    """Whether it can be read only once: a pipe."""
    return is_pipe(given)


def identity_of(given: Input) -> str:
    """What tells one input from another without reading all of it.

    Raises:
        SourceOpenError: It cannot be read.
    """
    if isinstance(given, str):
        return redact(given.partition("?")[0])  # the rest of an address may be a signature, new each time
    if is_file(given):
        return fingerprint(given)
    digest = hashlib.sha256(os.fsencode(given.name))
    for file in sorted(files_of(given) or ()):  # alone: what is written may lie beside them
        size = file.stat().st_size if is_file(file) else 0
        digest.update(os.fsencode(f"{file.name} {size}\n"))
    return f"pictures, {digest.hexdigest()[:32]}"


def open_input(
    given: Input,
    start: float = 0.0,
    end: float = inf,
    *,
    deinterlace: bool = True,
    hwaccel: str = "none",
    with_sound: bool = False,
    frame_rate: float | None = None,
) -> Recording:
    """Open an input; blocks.

    Args:
        given: What is opened.
        start: The first frame at or after this pts is the first to be given.
        end: The first frame at or after this pts is not given any more.
        deinterlace: Whether interlaced pictures are made whole.
        hwaccel: The kind of device that decodes where it is there, ``auto`` for any, ``none`` for none.
        with_sound: Give the sound beside the pictures.
        frame_rate: Pictures per second of a sequence of pictures; None for 25.

    Raises:
        SourceOpenError: It cannot be opened.
    """
    if isinstance(given, Path):
        pictures = open_sequence(given, frame_rate=frame_rate, start=start, end=end)
        if pictures is not None:
            return pictures
    return VideoFile(given, start=start, end=end, deinterlace=deinterlace, hwaccel=hwaccel, with_sound=with_sound)
