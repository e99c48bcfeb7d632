"""Answers in JSON, and answers without end."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

from starlette.responses import Response, StreamingResponse

from kpstream.web.documents import compact

_AS_IT_COMES = {"cache-control": "no-store, no-transform", "x-accel-buffering": "no"}
"""Tells proxies to pass each part on at once. One that gathers parts holds an event back until the next comes; one that
gathers for a slow viewer lets it fall behind by as much as its disk holds; one that compresses does both."""


def json_response(document: Any, status: int = 200) -> Response:
    """A document as an answer."""
    return Response(compact(document), status, media_type="application/json")


def endless_response(parts: AsyncIterator[bytes], media_type: str) -> Response:
    """Parts as an answer that goes on for as long as they come."""
    return StreamingResponse(parts, media_type=media_type, headers=_AS_IT_COMES)
