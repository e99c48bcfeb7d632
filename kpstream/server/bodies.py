"""Reading the body of a request, never more of it than is allowed."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping
from typing import Any

from starlette.requests import Request

from kpstream.server.faults import Fault, invalid, refused

MAX_BYTES = 20 * 1024 * 1024
_MAX_SILENCE = 30.0
"""Seconds without a byte, after which a sender is given up."""
_MAX_ID = 200


async def read_body(request: Request) -> bytes:
    """Wait for the whole body.

    A sender that is refused may still be sending: the server underneath drops what comes, so that it reads its answer.

    Raises:
        Fault: 413, it is too large, by what it declares or by what came; 408, the sender fell silent.
        ClientDisconnect: The sender is gone.
    """
    declared = request.headers.get("content-length", "")
    if declared.isdecimal() and int(declared) > MAX_BYTES:
        raise _too_large()
    body = bytearray()
    clock = asyncio.get_running_loop().time
    try:
        async with asyncio.timeout(_MAX_SILENCE) as silence:
            async for chunk in request.stream():
                body += chunk
                if len(body) > MAX_BYTES:
                    raise _too_large()
                silence.reschedule(clock() + _MAX_SILENCE)
    except TimeoutError:
        raise refused(408, f"The rest of the body did not arrive within {_MAX_SILENCE:g} s.") from None
    return bytes(body)


def has_body(request: Request) -> bool:
    """Whether the request announces a body that is not empty."""
    return "transfer-encoding" in request.headers or request.headers.get("content-length", "0").strip("0") != ""


def parse_object(body: bytes) -> dict[str, Any]:
    """Read a JSON object; an empty body is an empty object. Blocks while it parses.

    Raises:
        Fault: 422, it is none.
    """
    try:
        value = json.loads(body) if body.strip() else {}
    except (ValueError, RecursionError):
        raise invalid(("body",), "json_invalid", "JSON decode error", {}) from None
    if not isinstance(value, dict):
        raise invalid(("body",), "model_attributes_type", "Input should be a valid dictionary", value)
    return value


def model_id_of(body: Mapping[str, Any]) -> str:
    """The model that a JSON body names; any name will do, so long as it is one.

    Raises:
        Fault: 400, it names none.
    """
    model_id = body.get("model_id")
    if not isinstance(model_id, str) or not 0 < len(model_id) <= _MAX_ID:
        raise refused(400, "Invalid Model ID sent in request.")
    return model_id


def _too_large() -> Fault:
    return refused(413, f"The body is larger than {MAX_BYTES // 1024 // 1024} MB: send a smaller picture.")
