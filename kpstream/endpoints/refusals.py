"""What a status other than 200 means, in one line for the user, with what the service itself says about it."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

from kpstream.endpoints.transport import NO_KEY, WRONG_KEY, Access, Response
from kpstream.errors import EndpointError, EndpointRejected, EndpointUnavailable
from kpstream.redact import redact
from kpstream.retry_after import seconds_to_wait

_REJECTED = {
    400: "the endpoint cannot use the request",
    401: f"the API key is not accepted: {WRONG_KEY}",
    402: "the workspace has no credits left: see its billing page",
    403: "the API key gives no access to {model}: check the key, its workspace and scopes, and `model`",
    404: "there is no model {model}: check `model`",
    405: "the endpoint does not know this route: check `endpoint`",
    407: "the proxy wants a name and a password: put them in HTTPS_PROXY or HTTP_PROXY",
    410: "the endpoint no longer offers this: update kpstream",
    413: "the picture is too large for the endpoint: use a smaller `upload_size`",
    415: "the endpoint does not take this form of body: try the other `body`",
    422: "the endpoint refuses a parameter",
    423: "the workspace's usage is paused: see its billing page",
    501: "the endpoint's server cannot run {model}",
    507: "{model} is too big for the endpoint's server",
}
_NOTHING_THERE = "there is no model {model}, or nothing at this address: check `model` and `endpoint`"
_UNAVAILABLE = {
    429: "the endpoint is asked too often: lower `rate` or `max_in_flight`",
    502: "the endpoint failed to reach its own service",
    503: "the endpoint is not ready, or has too much to do",
    504: "the endpoint had no answer from its own service in time",
}
_MAY_PASS = {408, 425, 429}  # of the 4xx; of the 5xx all but those named above
_MAX_SAID = 200
_MAX_READ = 4000
_MAX_WAIT = 3600.0
_BLOB = re.compile(r"[A-Za-z0-9+/=_-]{64,}")
_TITLE = re.compile(r"<title[^<>]*>([^<]*)", re.IGNORECASE)


def refusal(response: Response, *, host: str, model: str, access: Access) -> EndpointError:
    """The error that a response other than 2xx stands for.

    Args:
        response: What came back.
        host: Whom to name.
        model: The model's id, to be named where it is the likely fault.
        access: The key that was sent.
    """
    status = response.status
    if 300 <= status < 400:
        target = _without_query(response.headers.get("Location", ""))
        return EndpointRejected(redact(f"{host} sends us on to {target}: give the final address ({status})"))
    words = server_message(response)
    source = f" ({status} from {host}{': ' if words else ''}{words})"
    if status in _MAY_PASS or (status >= 500 and status not in _REJECTED):
        text = _UNAVAILABLE.get(status, "the endpoint failed")
        return EndpointUnavailable(redact(text + source), status=status, retry_after=_retry_after(response.headers))
    text = _REJECTED.get(status, "the endpoint refuses the request")
    if status == 404 and words.removeprefix("404").strip().lower() in {"", "not found"}:  # as of any web server
        text = _NOTHING_THERE
    text = text.format(model=model)
    if status in {401, 403} and not access.key:
        text = NO_KEY
    return EndpointRejected(redact(text + source))


def server_message(response: Response) -> str:
    """What the service itself says, in one short line without secrets; empty where it says nothing readable."""
    try:
        return _readable(_message(json.loads(response.body)))
    except (ValueError, RecursionError):
        pass
    text = response.body[:100_000].decode("utf-8", "replace")
    if text.lstrip()[:1] == "<":
        title = _TITLE.search(text)
        return _readable(title[1]) if title else ""
    return _readable(text) if "text/" in response.headers.get("Content-Type", "") else ""


def _readable(text: str) -> str:
    if len(text) > _MAX_READ:
        text = text[: _MAX_READ - 500]  # a key that this cuts in two is cut off whole
    text = _BLOB.sub("…", text.replace("`", "'"))  # a 422 may repeat the picture it was sent
    text = redact("".join(character if character.isprintable() else " " for character in text))
    text = " ".join(text.split())
    return text if len(text) <= _MAX_SAID else f"{text[:_MAX_SAID]}…"


def _message(document: Any) -> str:
    if not isinstance(document, dict):
        return ""
    for key in ("message", "Message", "error", "detail"):
        value = document.get(key)
        if isinstance(value, str) and value:
            return value
        if isinstance(value, dict) and isinstance(value.get("message"), str):
            return str(value["message"])
        if isinstance(value, list):  # FastAPI: what is wrong with each parameter, and (not to be shown) its value
            return "; ".join(_complaint(item) for item in value[:5] if isinstance(item, dict))
    return ""


def _complaint(item: dict[str, Any]) -> str:
    where = item.get("loc")
    place = ".".join(str(part)[:40] for part in where[:5]) if isinstance(where, list) else ""
    return f"{place}: {str(item.get('msg'))[:200]}" if place else str(item.get("msg"))[:200]


def _retry_after(headers: Mapping[str, str]) -> float | None:
    wait = seconds_to_wait(headers.get("Retry-After", ""), headers.get("Date", ""), time.time())
    return None if wait is None else min(wait, _MAX_WAIT)


def _without_query(location: str) -> str:
    try:
        place = urlsplit(location)
        host = f"{place.scheme}://{place.hostname}{f':{place.port}' if place.port else ''}" if place.hostname else ""
    except ValueError:
        return "another place"
    return _readable(host + place.path) or "another place"
