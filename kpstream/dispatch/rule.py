"""The base of the gate's rules, and the account of the requests that are out, which some rules read. Pure."""

from __future__ import annotations

from collections import deque
from math import inf, isnan

from kpstream.dispatch.retry import is_own
from kpstream.meters import Percentiles

MAX_OUT = 64
"""Requests that may be out at once at the most: each has a thread and a connection of its own."""
OUTAGE = 5
"""Failures in a row that make an outage. If every third request fails by chance, one run of five in 240 does."""
LOADING = 3.0
"""Seconds that the endpoint may take to load its model, before it first answers."""
_SOON = 1.0
_REMEMBERED = 1000
"""Frames whose requests failed that are remembered: hardly as many ever wait to be asked about again, and those of a
live view never do."""


def spent_text(requests: int, of: str = "") -> str:
    """What says that a budget is spent, in words for the user.

    Args:
        requests: The whole budget.
        of: The option that names it.
    """
    named = f" of {of}" if of else ""
    return f"the one request{named} is spent" if requests == 1 else f"all {requests} requests{named} are spent"


class Rule:
    """One reason to send no request now. The gate calls it under its lock, so a rule needs none.

    A rule overrides what concerns it. `allows` is asked first; `sent` follows where every rule allowed the request,
    and then exactly one of `answered`, `failed` and `unsent`, at any time and for the requests in any order. A request
    is known by its ``frame_index``; ``now`` and ``sent_at`` are monotonic seconds, of one clock.
    """

    @property
    def requests_left(self) -> int | None:
        """How many requests may still be sent; None where the rule counts none."""
        return None

    def trouble(self, now: float) -> str:  # noqa: ARG002 - for those that override it
        """Why no request may be sent, in words for the user; empty where the user need not know."""
        return ""

    def wait(self, now: float) -> float:  # noqa: ARG002
        """Seconds that the service asked to wait; 0 where it did not ask."""
        return 0.0

    def allows(self, now: float) -> bool:  # noqa: ARG002
        """Whether a request may be sent now, as far as this rule goes."""
        return True

    def sent(self, frame_index: int, now: float) -> None:
        """Note that a request about a frame is sent."""

    def answered(self, frame_index: int, sent_at: float, now: float) -> None:
        """Note that the request was answered."""

    def failed(self, frame_index: int, sent_at: float, now: float, fault: Exception) -> None:
        """Note that the request ended without an answer."""

    def unsent(self, frame_index: int) -> None:
        """Note that the request was not sent after all."""

    def close(self) -> None:
        """Return what the rule holds for later requests."""


class RequestsOut(Rule):
    """The account of the requests: which are out, since when, which are late, and how many failed in a row.

    A request is late when it takes twice as long as nine in ten do, and more than a second; it counts as failed. At
    most `MAX_OUT` are out.

    Args:
        loading: Seconds after which a request is late as long as none was answered; infinite where none is ever late.
    """

    def __init__(self, loading: float = LOADING) -> None:
        self._loading = loading
        self._sent_at: dict[int, float] = {}
        self._late: set[int] = set()  # of those that are out: counted as failed already
        self._failures = 0
        self._failed: deque[int] = deque(maxlen=_REMEMBERED)  # since one was answered
        self._failed_before: deque[int] = deque(maxlen=_REMEMBERED)  # and others were answered afterwards
        self._latencies = Percentiles(50)

    def latency(self, share: float = 0.5) -> float:
        """The seconds within which ``share`` (0 to 1) of the last requests were answered; NaN before the first."""
        return self._latencies.at(share)

    def failures(self, now: float) -> int:
        """How many requests failed, or are late, since the last answer."""
        self._find_late(now)
        return self._failures

    def expected(self, now: float) -> int:
        """How many requests are out whose answers may still be expected soon."""
        if self._loading == inf:
            return len(self._sent_at)
        if self.failures(now) >= OUTAGE:
            return 0
        return len(self._sent_at) - len(self._late)

    def silence(self, now: float) -> float:
        """Seconds since the oldest request that is late was sent; 0 while none is."""
        self._find_late(now)
        return max((now - self._sent_at[number] for number in self._late), default=0.0)

    def allows(self, now: float) -> bool:  # noqa: ARG002
        """Whether fewer than `MAX_OUT` are out."""
        return len(self._sent_at) < MAX_OUT

    def sent(self, frame_index: int, now: float) -> None:
        """Note when the request was sent."""
        self._sent_at[frame_index] = now

    def answered(self, frame_index: int, sent_at: float, now: float) -> None:
        """Take in the latency, and end a row of failures."""
        self._latencies.add(now - sent_at)
        self._failures = 0
        self._failed_before.extend(self._failed)
        self._failed.clear()
        self.unsent(frame_index)

    def failed(self, frame_index: int, sent_at: float, now: float, fault: Exception) -> None:  # noqa: ARG002
        """Count the failure, unless it was counted when the request was late.

        Repeated failures of one frame, while the endpoint answers about others, are no sign of an outage.
        """
        alone = frame_index in self._failed_before and is_own(fault, others_answered=False)
        self._failures += frame_index not in self._late and not alone
        self._failed.append(frame_index)
        self.unsent(frame_index)

    def unsent(self, frame_index: int) -> None:
        """Forget the request."""
        del self._sent_at[frame_index]
        self._late.discard(frame_index)

    def _find_late(self, now: float) -> None:
        usual = self._latencies.at(0.9)
        limit = self._loading if isnan(usual) or self._loading == inf else max(_SOON, 2 * usual)
        if now - next(iter(self._sent_at.values()), now) <= limit:
            return  # the oldest stands first
        late = {number for number, at in self._sent_at.items() if now - at > limit} - self._late
        self._failures += len(late)
        self._late |= late

    def __repr__(self) -> str:
        return f"<RequestsOut {len(self._sent_at)} out, {len(self._late)} of them late>"
