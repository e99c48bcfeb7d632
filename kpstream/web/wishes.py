"""What programs and the page may ask to be changed, read from JSON."""

from __future__ import annotations

import json
from dataclasses import fields, replace
from math import isfinite
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


class BadRequest(Exception):
    """What was asked for cannot be read; its text is for whoever asked."""

    def __init__(self, message: str, status: int = 400) -> None:
        super().__init__(message)
        self.status = status


async def body_of(request: Request) -> dict[str, Any]:
    """The JSON object in a request's body; an empty one where there is none.

    Raises:
        BadRequest: It is too long, or no JSON object.
    """
    data = b""
    async for chunk in request.stream():
        data += chunk
        if len(data) > MAX_BODY:
            raise BadRequest(f"the body is longer than {MAX_BODY} bytes", 413)
    if not data.strip():
        return {}
    try:
        document = json.loads(data)
    except (ValueError, RecursionError):
        raise BadRequest("the body is not JSON") from None
    if not isinstance(document, dict):
        raise BadRequest("the body is not a JSON object")
    return document


def changed(settings: Settings, wishes: dict[str, Any]) -> Settings:
    """Settings with some of them changed.

    Raises:
        BadRequest: There is no such setting, or its value is out of bounds.
    """
    known = [field.name for field in fields(settings)]
    if not wishes:
        raise BadRequest(f"nothing to change: give one of {', '.join(known)}", 422)
    for name, value in wishes.items():
        if name not in known:
            raise BadRequest(f"there is no such setting; there are {', '.join(known)}", 422)
        low, high = LIMITS[name]
        number = isinstance(value, int | float) and not isinstance(value, bool)
        if not number or not isfinite(value) or not low <= value <= high:
            raise BadRequest(f"{name} is a number from {low:g} to {high:g}", 422)
    return replace(settings, **{name: float(value) for name, value in wishes.items()})


def recording_of(wishes: dict[str, Any]) -> bool:
    """Whether it is to be recorded from now on.

    Raises:
        BadRequest: It does not say.
    """
    wish = wishes.get("recording")
    if not isinstance(wish, bool) or len(wishes) > 1:
        raise BadRequest('give {"recording": true} or {"recording": false}', 422)
    return wish
