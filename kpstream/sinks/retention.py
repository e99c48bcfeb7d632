"""The names of recorded segments, and which of them have to go. Knows no clock and no disk."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from math import floor, inf

_AFTER_STEM = re.compile(r"_(\d{4})-(\d\d)-(\d\d)T(\d\d)-(\d\d)-(\d\d)Z(?:_([2-9]|[1-9]\d{1,8}))?\.mp4", re.ASCII)
_FORBIDDEN = re.compile(r'[<>:"/\\|?*\x00-\x1f\x7f]')
"""What some file system takes in no name."""
_SETTLES = 600.0
"""Seconds within which a clock that is wrong where a machine starts is set."""


@dataclass(frozen=True, slots=True, order=True)
class Segment:
    """A recorded file that is complete. The smaller one is the older one."""

    ended: float
    """When it ended, as far as that is known, in seconds of a clock that never jumps."""
    number: int
    """1, or more where several began in the same second."""
    name: str
    size: int
    """Bytes."""


def stem_of(name: str) -> str:
    """What the names of a camera's segments begin with: its name, with ``-`` for what some file systems forbid."""
    return _FORBIDDEN.sub("-", name)


def segment_name(stem: str, at: float, number: int = 1) -> str:
    """What a segment is called: ``STEM_2026-11-23T14-05-00Z.mp4``, in UTC, so that names sort by time.

    Args:
        stem: From `stem_of`.
        at: When it begins, in seconds of the wall clock's epoch; its fraction is cut off.
        number: Above 1 for a name that is taken: ``STEM_2026-11-23T14-05-00Z_2.mp4``.
    """
    began = datetime.fromtimestamp(floor(at), UTC).replace(tzinfo=None).isoformat().replace(":", "-")
    return f"{stem}_{began}Z{'' if number == 1 else f'_{number}'}.mp4"


def read_segment_name(stem: str, name: str) -> tuple[float, int] | None:
    """When a segment began, and its number; None for a name that `segment_name` does not give for this stem."""
    match = _AFTER_STEM.fullmatch(name, len(stem)) if name.startswith(stem) else None
    if match is None:
        return None
    *began, number = (int(digits or 1) for digits in match.groups())
    try:
        return datetime(*began, tzinfo=UTC).timestamp(), number  # type: ignore[misc, arg-type]
    except ValueError:
        return None


def age_limit(ended: Iterable[float], *, keep: float, began: float, now: float) -> float:
    """Before when that which has ended is too old; ``-inf`` where nothing goes for its age yet.

    By a clock that is years ahead where a machine starts all that is there is too old. So nothing goes while what would
    be left, the run itself included, is younger than ten minutes, or half of ``keep``: until then the clock may be set.

    Args:
        ended: When each thing ended that may go.
        keep: Seconds for which they are kept.
        began: When this run began.
        now: All of them in seconds of a clock that never jumps.
    """
    before = now - keep
    oldest_left = min((at for at in ended if at >= before), default=began)
    return before if now - min(oldest_left, began) >= min(_SETTLES, keep / 2) else -inf


def outdated(
    segments: Iterable[Segment], *, before: float = -inf, keep_size: float = inf, reserved: int = 0
) -> list[Segment]:
    """Which segments have to go, oldest first.

    Args:
        segments: Those that are complete, in any order.
        before: Those that ended earlier go.
        keep_size: What they may take together, in bytes.
        reserved: How much of that is taken already, by what must stay.
    """
    oldest_first = sorted(segments)
    total = reserved + sum(segment.size for segment in oldest_first)
    going: list[Segment] = []
    for segment in oldest_first:
        if segment.ended >= before and total <= keep_size:
            break
        going.append(segment)
        total -= segment.size
    return going
