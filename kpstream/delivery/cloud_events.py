"""Events as CloudEvents 1.0 in structured JSON, signed as Standard Webhooks say. Pure.

Source: https://github.com/cloudevents/spec/blob/v1.0.2/cloudevents/formats/json-format.md and
https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import json
from urllib.parse import quote

from kpstream.delivery.outbox import Delivery

CONTENT_TYPE = "application/cloudevents+json; charset=utf-8"
_PREFIX = "whsec_"


def message_id(delivery: Delivery) -> str:
    """The message's identity, the same at each attempt: event and state, with a number where an event changes again."""
    again = f".{delivery.id}" if delivery.state == "updated" else ""
    return f"{delivery.event_id}.{delivery.state}{again}"


def cloud_event(delivery: Delivery) -> bytes:
    """A delivery as the body of a request, UTF-8 JSON."""
    document = delivery.document
    times = {"opened": document["opened_at"], "ended": document["ended_at"]}
    event = {
        "specversion": "1.0",
        "id": message_id(delivery),
        "source": f"/cameras/{quote(str(document['camera']))}",
        "type": f"kpstream.event.{delivery.state}",
        "subject": document["rule"],
        "time": times.get(delivery.state),
        "datacontenttype": "application/json",
        "data": document,
    }
    given = {name: value for name, value in event.items() if value is not None}
    return json.dumps(given, separators=(",", ":"), ensure_ascii=False).encode()


def secret_of(text: str) -> bytes:
    """Decode a secret from Base64, with ``whsec_`` before it or without.

    Raises:
        ValueError: The text is no secret; the error does not repeat it.
    """
    try:
        secret = base64.b64decode(text.strip().removeprefix(_PREFIX), validate=True)
    except (binascii.Error, ValueError):
        secret = b""
    if len(secret) < 16:
        raise ValueError("it holds no secret: make one with 'echo whsec_$(openssl rand -base64 32)'")
    return secret


def signature_of(secret: bytes, name: str, timestamp: int, body: bytes) -> str:
    """The value of ``webhook-signature``.

    Args:
        secret: From `secret_of`.
        name: The message's identity, from `message_id`.
        timestamp: When this attempt is made, in whole seconds since the epoch.
        body: The request's body.
    """
    signed = f"{name}.{timestamp}.".encode() + body
    return f"v1,{base64.b64encode(hmac.new(secret, signed, hashlib.sha256).digest()).decode()}"
