"""How long a server asks to be left alone. Pure."""

from __future__ import annotations

import re
from email.utils import parsedate_to_datetime

_SECONDS = re.compile(r"\d{1,9}(\.\d{1,9})?", re.ASCII)


def seconds_to_wait(retry_after: str, date: str, now: float) -> float | None:
    """What a Retry-After header says, in seconds; None where it says nothing that can be understood.

    Args:
        retry_after: The header: seconds, or a moment.
        date: The Date header of the same answer, or nothing: the moment is one of the server's clock, and this
            machine's may be wrong.
        now: Seconds since the epoch by this machine's clock.
    """
    text = retry_after.strip()
    if _SECONDS.fullmatch(text):
        return float(text)
    moment = _moment(text)
    if moment is None:
        return None
    sent_at = _moment(date)
    return max(0.0, moment - (now if sent_at is None else sent_at))


def _moment(text: str) -> float | None:
    try:
        return parsedate_to_datetime(text).timestamp()
    except (ValueError, TypeError, IndexError, OverflowError):
        return None
