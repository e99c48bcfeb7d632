"""Requests that are answered with an error, in the shapes that the hosted service gives them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from kpstream.redact import redact

_NOT_AUTHORIZED = {"Message": "User is not authorized to access this resource"}
_SHOWN_OF_INPUT = 100


class Fault(Exception):
    """A request that gets an error for an answer. Raised anywhere below the routes, answered in one place.

    Args:
        status: The HTTP status.
        body: What is sent as JSON.
        headers: Headers of this answer, beyond the usual ones.
    """

    def __init__(self, status: int, body: Mapping[str, Any], headers: Mapping[str, str] | None = None) -> None:
        super().__init__(f"{status}: {body}")
        self.status = status
        self.body = body
        self.headers = headers


def refused(status: int, message: str, headers: Mapping[str, str] | None = None) -> Fault:
    """A fault of the usual shape, one line of reason."""
    return Fault(status, {"message": redact(message)}, headers)


def unreadable(cause: str) -> Fault:
    """The picture of the request cannot be used, and why."""
    return refused(400, f"Could not load input image. Cause: {cause}")


def not_authorized() -> Fault:
    """The key is missing or wrong."""
    return Fault(403, _NOT_AUTHORIZED)


def invalid(where: Sequence[str | int], kind: str, message: str, given: object) -> Fault:
    """A parameter that cannot be read: 422 and a list of details.

    Args:
        where: ``("query", "confidence")``, or the path to the member of a JSON body.
        kind: The name of the fault, as ``float_parsing``.
        message: What was expected.
        given: What came instead. Only the beginning of a long text is sent back, of a list or object its type: it may
            hold a whole picture.
    """
    shown = str(given) if isinstance(given, str | int | float) else type(given).__name__
    detail = {"type": kind, "loc": list(where), "msg": message, "input": redact(shown[:_SHOWN_OF_INPUT])}
    return Fault(422, {"detail": [detail]})
