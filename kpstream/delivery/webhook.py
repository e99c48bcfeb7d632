"""Events as signed HTTP requests."""

from __future__ import annotations

import hashlib
import http.client
import time
from collections.abc import Callable, Mapping, Sequence
from urllib.parse import urlsplit

from kpstream import __version__
from kpstream.channel import Deadline
from kpstream.delivery.backoff import Backoff
from kpstream.delivery.cloud_events import CONTENT_TYPE, cloud_event, message_id, signature_of
from kpstream.delivery.destination import Gone, Refused, Unavailable
from kpstream.delivery.outbox import Delivery, Document
from kpstream.delivery.selection import InOrder
from kpstream.retry_after import seconds_to_wait
from kpstream.serving.dialing import PORTS, Dialer, PrivateAddress, UnknownHost

FIRST_BACKOFF, LONGEST_BACKOFF = 5.0, 4 * 3600.0
"""Seconds between two attempts."""
_REFUSED = frozenset({400, 413, 415, 422})
"""Answers that are about this very message."""
_GONE = 410
_MAX_ANSWER = 64 * 1024


def check_webhook_url(url: str) -> None:
    """See that events can be sent there.

    Raises:
        ValueError: They cannot; the text does not repeat the address, which may hold a secret.
    """
    try:
        parts = urlsplit(url)
        host, _ = parts.hostname, parts.port
    except ValueError:
        parts, host = urlsplit(""), None
    if parts.scheme not in PORTS or not host:
        raise ValueError("it is no address of a webhook: it begins with https:// or http:// and names a host")
    if parts.username is not None or parts.password is not None:
        raise ValueError("a webhook's address has no user and password: the signature says who sends")


class Webhook:
    """One address to which each event is sent, in order, until the answer is 2xx. Satisfies `Destination`.

    The answer 410 ends it for good. Redirects are not followed.

    Args:
        url: ``https://`` or ``http://``.
        secret: Signs the requests; None signs none.
        dialer: Opens the connections, to public addresses alone unless it says otherwise.
        timeout: Seconds for one request: connecting, sending and the answer.
        wall_clock: Seconds since the epoch.
    """

    def __init__(
        self,
        url: str,
        *,
        secret: bytes | None = None,
        dialer: Dialer = Dialer(),  # noqa: B008 - it is frozen
        timeout: float = 10.0,
        wall_clock: Callable[[], float] = time.time,
    ) -> None:
        self._parts = urlsplit(url)
        self._secret = secret
        self._dialer = dialer
        self._timeout = timeout
        self._wall_clock = wall_clock
        self.name = f"webhook {self._parts.hostname} {hashlib.sha256(url.encode()).hexdigest()[:8]}"
        self.policy = InOrder()
        self.backoff = Backoff(FIRST_BACKOFF, LONGEST_BACKOFF)

    def wants(self, document: Document) -> bool:  # noqa: ARG002 - it wants all
        """Every state of every event."""
        return True

    def send(self, deliveries: Sequence[Delivery]) -> None:
        """Send each in a request of its own; blocks, for `timeout` at most each.

        Raises:
            Unavailable: There was no answer, or one that says that it may be taken later.
            Refused: The answer says that this message is wrong.
            Gone: The answer is 410.
        """
        for delivery in deliveries:
            self._judge(*self._post(delivery))

    def open(self) -> None:
        """Nothing: what it needs is made for each message."""

    def close(self) -> None:
        """Nothing: no connection outlives its request."""

    def _post(self, delivery: Delivery) -> tuple[int, float | None]:
        """Send one; the status, and for how many seconds the receiver asks to be left alone."""
        body, host = cloud_event(delivery), str(self._parts.hostname)
        headers, deadline = self._headers(delivery, body), Deadline(self._timeout)
        try:
            with self._dialer.request("POST", self._parts, deadline=deadline, headers=headers, body=body) as response:
                response.read(_MAX_ANSWER)
        except UnknownHost:
            raise Unavailable(f"there is no host {host}") from None
        except PrivateAddress:
            raise Unavailable(f"{host} is a private or local address: private = true lets it be asked") from None
        except TimeoutError:
            raise Unavailable(f"{host} did not answer within {self._timeout:g} s") from None
        except (OSError, http.client.HTTPException, ValueError) as error:
            raise Unavailable(f"{host} cannot be reached ({_reason(error)})") from None
        retry_after, date = response.getheader("Retry-After", ""), response.getheader("Date", "")
        return response.status, seconds_to_wait(retry_after, date, self._wall_clock())

    def _judge(self, status: int, retry_after: float | None) -> None:
        host = self._parts.hostname
        if 200 <= status < 300:
            return
        if status == _GONE:
            raise Gone(f"{host} answers 410: it wants nothing more")
        if status in _REFUSED:
            raise Refused(f"{host} answers {status}: it does not take this event")
        hint = ", and redirects are not followed" if 300 <= status < 400 else ""
        raise Unavailable(f"{host} answers {status}{hint}", retry_after=retry_after)

    def _headers(self, delivery: Delivery, body: bytes) -> Mapping[str, str]:
        name, now = message_id(delivery), int(self._wall_clock())
        headers = {
            "Content-Type": CONTENT_TYPE,
            "User-Agent": f"kpstream/{__version__}",
            "Connection": "close",
            "webhook-id": name,
            "webhook-timestamp": str(now),
        }
        if self._secret is not None:
            headers["webhook-signature"] = signature_of(self._secret, name, now, body)
        return headers

    def __repr__(self) -> str:
        return f"<Webhook {self.name}>"


def _reason(error: Exception) -> str:
    """Without the address, which the error's own text may repeat."""
    return getattr(error, "strerror", None) or getattr(error, "reason", None) or type(error).__name__
