"""Estimates what an archive takes: hours, frames, requests, credits, time and disk. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from math import inf, isfinite

from kpstream.recorded.archive.ledger import FileRecord

_BYTES_A_FRAME = {"jsonl": 3800, "csv": 5500, "coco": 1560, "parquet": 590}
"""With some three people in view; replaced by the measured sizes once the archive has done a file. Source: measured
on walkers.mp4."""


@dataclass(frozen=True, slots=True)
class Estimate:
    """The files that are left, and what they take."""

    files: int
    seconds: float
    """Of video."""
    unknown: int
    """Files that do not declare how long they are, and are not in the sums."""
    frames: int
    requests: int
    credits: float
    work_seconds: float
    """The least seconds of work, at the limit of requests a second; 0 where nothing limits them."""
    bytes: int
    """About how many bytes the outputs take."""


def estimate(
    todo: Iterable[FileRecord],
    done: Iterable[FileRecord],
    *,
    samples: Callable[[FileRecord], float],
    written: Callable[[FileRecord], float],
    kinds: Iterable[str],
    requests_per_second: float,
    credits_per_request: float,
) -> Estimate:
    """Estimate what the files that are left take.

    Args:
        todo: The files.
        done: The files that the same archive has done, whose outputs are measured.
        samples: Gives the most samples of a file; NaN where its length is unknown.
        written: How many are written; NaN where nobody knows.
        kinds: Which outputs are made.
        requests_per_second: The limit of all workers together; infinite for none.
        credits_per_request: The least that a request costs.
    """
    files = list(todo)
    lasting = [file for file in files if isfinite(file.duration)]
    frames = sum(round(count) for count in map(written, lasting) if isfinite(count))
    asked = [samples(file) for file in lasting]
    left = [max(0.0, count - file.answers) for file, count in zip(lasting, asked, strict=True) if isfinite(count)]
    requests = round(sum(left))
    return Estimate(
        files=len(files),
        seconds=sum(file.duration for file in lasting),
        unknown=len(files) - len(lasting),
        frames=frames,
        requests=requests,
        credits=requests * credits_per_request,
        work_seconds=0.0 if requests_per_second == inf else requests / requests_per_second,
        bytes=_disk(lasting, list(done), list(kinds), frames),
    )


def _disk(files: list[FileRecord], done: list[FileRecord], kinds: list[str], frames: int) -> int:
    total = 0.0
    for kind in kinds:
        measured = [file for file in done if kind in file.outputs and file.frames]
        if measured:
            size = sum(file.outputs[kind] for file in measured) / sum(file.frames for file in measured)
            total += size * frames
        elif kind == "mp4":
            total += sum(file.bytes for file in files)
        else:
            total += _BYTES_A_FRAME.get(kind, 0) * frames
    return round(total)
