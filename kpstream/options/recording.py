"""What is written of a live view."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Annotated

from kpstream.options.declared import Option
from kpstream.options.units import parse_bytes, parse_duration

_recording = partial(Option, panel="Recording")


@dataclass(frozen=True)
class RecordingOptions:
    """What is written of a live view."""

    record: Annotated[Path | None, _recording("Record the annotated picture.", metavar="OUT.mp4")] = None
    segment: Annotated[
        float | None,
        _recording(
            "Record files of this length, named by time.",
            metavar="10m",
            in_file="how long one file is, as 10m",
            parse=parse_duration,
        ),
    ] = None
    """Seconds of one file; None for a single file."""
    keep: Annotated[
        float | None,
        _recording(
            "Remove segments that are older than this.",
            metavar="7d",
            in_file="how long files are kept, as 7d",
            parse=parse_duration,
        ),
    ] = None
    """Seconds after which a file is removed; None keeps it."""
    keep_size: Annotated[
        int | None,
        _recording(
            "Remove the oldest segments above this.",
            metavar="50G",
            in_file="how much room the files of one camera may take, as 50G",
            parse=parse_bytes,
        ),
    ] = None
    """Bytes that the files may take together; None for no limit."""
    jsonl: Annotated[
        Path | None,
        _recording("Write poses, a line a frame; - is stdout.", metavar="OUT.jsonl"),
    ] = None
