"""Durations, sizes and lists as people write them, and times and counts as people read them."""

from __future__ import annotations

import re

_SECONDS = {"": 1, "s": 1, "m": 60, "h": 3600, "d": 86400, "w": 604800}
_BYTES = {"": 1, "K": 10**3, "M": 10**6, "G": 10**9, "T": 10**12}


def parse_duration(text: str | float) -> float:
    """Seconds from a number with a unit: ``90s``, ``10m``, ``2h``, ``7d``, ``2w``; a bare number is seconds.

    Raises:
        ValueError: It is none, or not above 0.
    """
    found = re.fullmatch(r"(\d{1,12}(?:\.\d{1,6})?)([smhdw]?)", str(text).strip().lower(), re.ASCII)
    seconds = float(found[1]) * _SECONDS[found[2]] if found else 0.0
    if not seconds:
        raise ValueError(f"{text!s:.40} is no duration: give one like 90s, 10m, 2h or 7d")
    return seconds


def parse_bytes(text: str | float) -> int:
    """Bytes from a number with a unit: ``500M``, ``50G``, ``1.5T``; a G is 10^9; a bare number is bytes.

    Raises:
        ValueError: It is none, or less than 1.
    """
    found = re.fullmatch(r"(\d{1,18})(\.\d{1,6})?([KMGT]?)B?", str(text).strip().upper(), re.ASCII)
    unit = _BYTES[found[3]] if found else 0
    count = int(found[1]) * unit + int(float(found[2] or 0) * unit) if found else 0
    if not count:
        raise ValueError(f"{text!s:.40} is no size: give one like 500M or 50G")
    return count


def parse_side(text: str | float) -> int | None:
    """Pixels of a picture's side, at least 32; None for ``auto``.

    Raises:
        ValueError: It is neither.
    """
    if str(text).strip().lower() == "auto":
        return None
    if not re.fullmatch(r"\d{1,6}", str(text).strip(), re.ASCII) or int(text) < 32:
        raise ValueError(f"{text!s:.40} is no size of a picture: give 32 pixels or more, or auto")
    return int(text)


def parse_workers(text: str | float) -> int:
    """A number from 1; 0 for ``auto``.

    Raises:
        ValueError: It is neither.
    """
    if str(text).strip().lower() == "auto":
        return 0
    if not re.fullmatch(r"[1-9]\d{0,5}", str(text).strip(), re.ASCII):
        raise ValueError(f"{text!s:.40} is no number of workers: give 1 or more, or auto")
    return int(text)


def parse_share(text: str | float) -> tuple[float, bool]:
    """A number, or a percentage, and whether it is one: ``3``, ``5%``.

    Raises:
        ValueError: It is neither.
    """
    found = re.fullmatch(r"(\d{1,9})(?:(\.\d{1,6})?(%))?", str(text).strip(), re.ASCII)
    if not found or (found[3] and float(f"{found[1]}{found[2] or ''}") > 100):
        raise ValueError(f"{text!s:.40} is no number of files: give one like 3, or 5%")
    return float(f"{found[1]}{found[2] or ''}"), bool(found[3])


def count_text(count: int, noun: str) -> str:
    """A count with its noun, which takes an s but for one: ``1 file``, ``2 files``."""
    return f"{count} {noun}{'' if count == 1 else 's'}"


def clock_text(seconds: float, digits: int = 0) -> str:
    """Seconds as hours, minutes and seconds, rounded: ``0:01:30``, with one digit ``0:01:30.0``."""
    minutes, rest = divmod(round(seconds, digits), 60)
    hours, minutes = divmod(int(minutes), 60)
    return f"{hours}:{minutes:02}:{rest:0{digits + 3 if digits else 2}.{digits}f}"


def comma_list(value: object) -> object:
    """A list of words as the comma list that it stands for; anything else as it is."""
    return ",".join(value) if isinstance(value, list) and all(isinstance(v, str) for v in value) else value


def split_words(text: str) -> tuple[str, ...]:
    """The words of a comma list, without blanks and empty ones."""
    return tuple(word.strip() for word in text.split(",") if word.strip())
