"""Events for people, through Apprise: mail, Telegram, ntfy, Slack and many more."""

from __future__ import annotations

import hashlib
import logging
from collections import Counter
from collections.abc import Callable, Sequence
from datetime import datetime, tzinfo
from pathlib import Path

from kpstream.delivery.backoff import Backoff
from kpstream.delivery.destination import Unavailable
from kpstream.delivery.outbox import Delivery, Document
from kpstream.delivery.selection import ForPeople, QuietHours
from kpstream.entities import Severity
from kpstream.errors import UsageError
from kpstream.events import INSTANT_KINDS

Send = Callable[[str, str, Path | None], bool]
"""Sends a message with a title, a text and a picture; returns whether it was delivered."""

_FIRST_BACKOFF, _LONGEST_BACKOFF = 5.0, 3600.0
_LISTED = 10
"""Events that a digest names one by one."""


def apprise_send(url: str) -> Send:
    """Make the function that sends to an address of Apprise.

    Raises:
        UsageError: Apprise is not installed, or knows no such address.
    """
    try:
        import apprise
    except ImportError:
        raise UsageError("[[notify]] needs Apprise: pip install 'kpstream[notify]'") from None
    logging.getLogger("apprise").setLevel(logging.CRITICAL + 1)  # its lines may hold what is secret in the address
    service = apprise.Apprise.instantiate(url, asset=apprise.AppriseAsset(app_id="kpstream", app_desc="kpstream"))
    if service is None:
        raise UsageError("url_env holds no address that Apprise knows, as ntfys://TOPIC or tgram://TOKEN/CHAT")

    def send(title: str, text: str, picture: Path | None) -> bool:
        # The service itself, in this thread: a thread of Apprise's pool that hangs would hold up the program's end.
        attached = None if picture is None else apprise.AppriseAttachment(str(picture))
        return bool(service.notify(body=text, title=title, notify_type=apprise.NotifyType.INFO, attach=attached))

    return send


class Notify:
    """Sends messages to people: one about an event that opens, or about all that gathered. Satisfies `Destination`.

    Args:
        send: Sends a message; blocks.
        address: The address that `send` sends to, to tell this destination from others; never shown.
        store: The folder of the store, where the pictures are.
        severity: Only events of this severity; None for all.
        quiet: Hours without a message; None for none.
        timezone: In which messages tell times; None for this machine's.
    """

    def __init__(
        self,
        send: Send,
        *,
        address: str,
        store: Path,
        severity: Severity | None = None,
        quiet: QuietHours | None = None,
        timezone: tzinfo | None = None,
    ) -> None:
        self._send = send
        self._timezone = timezone
        self._store = store
        self._severity = severity
        scheme = address.partition("://")[0]
        self.name = f"notify {scheme} {hashlib.sha256(address.encode()).hexdigest()[:8]}"
        self.policy = ForPeople(quiet=quiet)
        self.backoff = Backoff(_FIRST_BACKOFF, _LONGEST_BACKOFF)

    def wants(self, document: Document) -> bool:
        """Whether an event of the severity opens, or begins and ends at once."""
        begins = document["state"] == "opened" or (document["state"] == "ended" and document["kind"] in INSTANT_KINDS)
        return begins and self._severity in {None, document["severity"]}

    def send(self, deliveries: Sequence[Delivery]) -> None:
        """Send one message about all the events; blocks.

        Raises:
            Unavailable: The message was not delivered.
        """
        documents = [delivery.document for delivery in deliveries]
        title, text = message(documents, self._timezone)
        pictures = (self._store / document["snapshot"] for document in reversed(documents) if document["snapshot"])
        picture = next((path for path in pictures if path.is_file()), None)
        if not self._send(title, text, picture):
            raise Unavailable("the message was not taken")

    def open(self) -> None:
        """Nothing: what it needs is made for each message."""

    def close(self) -> None:
        """Nothing: no connection outlives its message."""

    def __repr__(self) -> str:
        return f"<Notify {self.name}>"


def message(documents: Sequence[Document], timezone: tzinfo | None) -> tuple[str, str]:
    """Title and text of a message about events, the oldest first.

    Args:
        documents: The events.
        timezone: In which times are told; None for this machine's.
    """
    if len(documents) == 1:
        (document,) = documents
        who = ", ".join(f"#{number}" for number in document["tracker_ids"])
        lines = [
            _clock(document, timezone),
            who and f"{document['class']} {who}",
            document["zone"] and f"zone {document['zone']}",
        ]
        return f"{document['rule']} - {document['camera']}", "\n".join(line for line in lines if line)
    rules = Counter(f"{document['rule']} - {document['camera']}" for document in documents)
    counts = [f"{count} x {name}" for name, count in rules.most_common()]
    newest = [
        f"{_clock(document, timezone)}  {document['rule']} - {document['camera']}" for document in documents[-_LISTED:]
    ]
    more = len(documents) - len(newest)
    rest = [f"and {more} before"] if more else []
    return f"{len(documents)} events", "\n".join([*counts, "", *newest, *rest])


def _clock(document: Document, timezone: tzinfo | None) -> str:
    began = document["began_at"]
    if began is None:
        return f"{document['began_pts']:.1f} s"
    return datetime.fromisoformat(began).astimezone(timezone).strftime("%Y-%m-%d %H:%M:%S")
