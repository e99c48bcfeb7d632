"""Answers in JSON."""

from __future__ import annotations

from typing import Any

from starlette.responses import Response

from kpstream.web.documents import compact


def json_response(document: Any, status: int = 200) -> Response:
    """A document as an answer."""
    return Response(compact(document), status, media_type="application/json")
