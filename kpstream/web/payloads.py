"""What programs and the page may ask to be changed, read from JSON."""

from __future__ import annotations

import json
from dataclasses import fields, replace
from typing import Any

from starlette.requests import Request

from kpstream.entities import Settings

MAX_BODY = 16 * 1024
"""Bytes; what may be asked for has a few numbers."""
LIMITS: dict[str, tuple[float, float]] = {
    "rate": (0.1, 60.0),
    "confidence": (0.0, 1.0),
    "keypoint_confidence": (0.0, 1.0),
}
"""The smallest and the largest value of each setting."""


class ApiError(Exception):
    """A request that cannot be served: its status, and a line for the client."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status


async def read_body(request: Request) -> dict[str, Any]:
    """The JSON object in a request's body; an empty one where there is none.

    Raises:
        ApiError: It is too long, or no JSON object.
    """
    data = b""
    async for chunk in request.stream():
        data += chunk
        if len(data) > MAX_BODY:
            raise ApiError(413, f"the body is longer than {MAX_BODY} bytes")
    if not data.strip():
        return {}
    try:
        document = json.loads(data)
    except (ValueError, RecursionError):
        raise ApiError(400, "the body is not JSON") from None
    if not isinstance(document, dict):
        raise ApiError(400, "the body is not a JSON object")
    return document


def parse_settings(settings: Settings, payload: dict[str, Any]) -> Settings:
    """Settings with some of them changed.

    Raises:
        ApiError: There is no such setting, or its value is out of bounds.
    """
    known = [field.name for field in fields(settings)]
    if not payload:
        raise ApiError(422, f"nothing to change: give one of {', '.join(known)}")
    for name, value in payload.items():
        if name not in known:
            raise ApiError(422, f"there is no such setting; there are {', '.join(known)}")
        low, high = LIMITS[name]
        number = isinstance(value, int | float) and not isinstance(value, bool)
        if not number or not low <= value <= high:  # NaN is not, either
            raise ApiError(422, f"{name} is a number from {low:g} to {high:g}")
    return replace(settings, **{name: float(value) for name, value in payload.items()})


def parse_width(text: str) -> int:
    """In how many pixels pictures are shown.

    Raises:
        ApiError: It is no such number.
    """
    if not (text.isascii() and text.isdecimal() and len(text) < 6 and int(text) > 0):
        raise ApiError(422, "width is a number of pixels from 1 to 99999")
    return int(text)


def parse_recording(payload: dict[str, Any]) -> bool:
    """Whether it is to be recorded from now on.

    Raises:
        ApiError: It does not say.
    """
    wanted = payload.get("recording")
    if not isinstance(wanted, bool) or len(payload) > 1:
        raise ApiError(422, 'give {"recording": true} or {"recording": false}')
    return wanted
