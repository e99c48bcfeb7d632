"""Compares the API key of a request with the key that the endpoint was started with."""

from __future__ import annotations

import hmac

from starlette.requests import Request

from kpstream.server.faults import not_authorized


class ApiKeyCheck:
    """Checks requests by their key.

    Args:
        api_key: The only key that is let in; None accepts every request, with or without a key.
    """

    def __init__(self, api_key: str | None) -> None:
        self._expected = None if api_key is None else api_key.encode()

    @property
    def is_locked(self) -> bool:
        """Whether a key is asked for at all."""
        return self._expected is not None

    def check(self, request: Request, body_key: object = None) -> None:
        """Let the request in, by the first key that it carries: in the query, as Bearer, in its JSON body.

        Args:
            request: Its query and headers are looked at, its body is not read.
            body_key: The ``api_key`` of a JSON body, whatever was found there.

        Raises:
            Fault: 403, the key is missing or wrong.
        """
        if self._expected is None:
            return
        given = request.query_params.get("api_key") or _bearer(request) or body_key
        # compare_digest takes as long for a key that begins right as for any other of its length.
        if not isinstance(given, str) or not hmac.compare_digest(given.encode(errors="replace"), self._expected):
            raise not_authorized()


def _bearer(request: Request) -> str:
    scheme, _, key = request.headers.get("authorization", "").partition(" ")
    return key.strip() if scheme.lower() == "bearer" else ""
