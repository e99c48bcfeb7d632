"""When and where a recording was taken, out of what its container says."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from math import nan

from av.container import InputContainer
from av.video.stream import VideoStream

from kpstream.entities import Taken

_TIMES = ("creation_time", "com.apple.quicktime.creationdate", "date")
_PLACES = ("location", "com.apple.quicktime.location.ISO6709", "location-eng")
_TIME_CODE = re.compile(r"\d{2}:\d{2}:\d{2}[:;.]\d{2,3}")
_PLACE = re.compile(r"[+-]\d+(\.\d+)?[+-]\d+(\.\d+)?([+-]\d+(\.\d+)?)?(CRS\w+)?/?")
"""ISO 6709: latitude, longitude, perhaps altitude and the system that they are of."""


def taken_by(container: InputContainer, stream: VideoStream) -> Taken:
    """What a container says of when and where its video was taken.

    Args:
        container: Open.
        stream: Its pictures.
    """
    tags = [container.metadata, stream.metadata]
    time_codes = [*tags, *(other.metadata for other in container.streams.data)]
    return Taken(
        at=next((at for text in _texts(tags, _TIMES) if (at := _time(text)) == at), nan),
        time_code=next((text for text in _texts(time_codes, ("timecode",)) if _TIME_CODE.fullmatch(text)), ""),
        place=next((text for text in _texts(tags, _PLACES) if _PLACE.fullmatch(text)), ""),
    )


def _texts(tags: Iterable[Mapping[str, str]], names: tuple[str, ...]) -> list[str]:
    """Whatever is said under these names, the first name first; Matroska writes them in capitals."""
    found = [{name.lower(): text.strip() for name, text in each.items()} for each in tags]
    return [each[name.lower()] for name in names for each in found if each.get(name.lower())]


def _time(text: str) -> float:
    """Seconds since the epoch; NaN where the text is no day with a time of day."""
    try:
        at = datetime.fromisoformat(text)
    except ValueError:
        return nan
    if len(text) <= len("2024-05-06"):  # a day is not exact enough to say when a picture was taken
        return nan
    return (at if at.tzinfo else at.replace(tzinfo=UTC)).timestamp()
