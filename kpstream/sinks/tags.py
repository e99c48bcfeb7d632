"""What a video file says of when and where it was taken."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from fractions import Fraction
from math import isfinite

from kpstream.entities import Frame, Taken

_DROPPED_AT_30 = 2
"""Numbers that time code with a ``;`` leaves out at the beginning of each minute but each tenth, of 30 a second."""
_DAY = 24 * 60 * 60


def tags_of(taken: Taken, first: Frame, rate: Fraction) -> dict[str, str]:
    """The tags of a file, under FFmpeg's names.

    Args:
        taken: What the source says of its pts 0.
        first: The first frame that is written; where it knows when it was seen, that counts.
        rate: Frames per second.
    """
    at = first.captured_wall if isfinite(first.captured_wall) else taken.at + first.pts
    tags = {"location": taken.place, "timecode": later_time_code(taken.time_code, round(first.pts * rate), rate)}
    if isfinite(at):
        tags["creation_time"] = datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
    return {name: text for name, text in tags.items() if text}


def later_time_code(code: str, frames: int, rate: Fraction) -> str:
    """The time code that many frames later; after a day it begins again.

    Args:
        code: ``HH:MM:SS:FF``, with another sign than ``:`` before the frames where numbers are dropped.
        frames: How many.
        rate: Frames per second.
    """
    read = re.fullmatch(r"(\d+):(\d+):(\d+)([:;.])(\d+)", code)
    if read is None or not frames:
        return code
    each = round(rate)
    dropped = _DROPPED_AT_30 * each // 30 if read[4] != ":" else 0
    minutes = int(read[1]) * 60 + int(read[2])
    number = (minutes * 60 + int(read[3])) * each + int(read[5]) - dropped * (minutes - minutes // 10) + frames
    number %= _DAY * each - dropped * (_DAY // 60 - _DAY // 600)
    number += _left_out_before(number, each, dropped)
    seconds, frame = divmod(number, each)
    return f"{seconds // 3600:02}:{seconds // 60 % 60:02}:{seconds % 60:02}{read[4]}{frame:02}"


def _left_out_before(number: int, each: int, dropped: int) -> int:
    """How many numbers were dropped before a frame."""
    if not dropped:
        return 0
    minute = 60 * each - dropped
    tens, rest = divmod(number, 10 * minute + dropped)
    return 9 * dropped * tens + (dropped * ((rest - dropped) // minute) if rest > dropped else 0)
