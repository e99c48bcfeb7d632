"""An endpoint that other cameras ask, too, each in a process of its own."""

from __future__ import annotations

import threading
from collections.abc import Callable
from math import inf

from kpstream.camera.link import EndpointLimits, GrantReleased, GrantReply, GrantRequest, Rejection, RequestEnded
from kpstream.dispatch.dealer import Grant
from kpstream.dispatch.fair_share import FairShare
from kpstream.dispatch.rule import Rule
from kpstream.entities import Answer, Filters, Image
from kpstream.errors import EndpointRejected, EndpointUnavailable
from kpstream.interfaces import Endpoint

RETRY_REJECTED_AFTER = 60.0
"""Seconds after which an endpoint that refused for good is asked again: a key may be mended, credits bought."""
_BATCH = 8
"""Requests that a camera asks for at once, where there is room for them: the answer comes with the next picture."""
Send = Callable[[EndpointLimits | GrantRequest | RequestEnded | GrantReleased | Rejection], None]


class RemoteGrants:
    """A camera's side of a dealer in another process: satisfies `Grants`. Any thread; no call waits.

    Args:
        send: Sends the dealer something.
    """

    def __init__(self, send: Send) -> None:
        self._send = send
        self._lock = threading.Lock()
        self._is_asking = False
        self._dealt: Grant | None = None
        self._left: int | None = None
        self.requests_spent = 0
        """What was booked of the budget when the dealer last said so."""

    @property
    def requests_left(self) -> int | None:
        """What is left of the budget, as the dealer last said; None where there is none."""
        with self._lock:
            held = 0 if self._dealt is None else self._dealt.requests
            return None if self._left is None else self._left + held

    def ask(self, want: int, now: float) -> Grant | None:
        """The grant that has come for an earlier call; asks for one where there is none."""
        with self._lock:
            grant, self._dealt = self._dealt, None
            if grant is not None and now < grant.expires_at:
                return grant
            is_new, self._is_asking = not self._is_asking, True
        if grant is not None:
            self.release(grant, grant.requests)
        if is_new:
            self._send(GrantRequest(want))
        return None

    def take(self, reply: GrantReply) -> None:
        """Take in what the dealer answers."""
        with self._lock:
            self._is_asking = False
            self._dealt, self._left, self.requests_spent = reply.grant, reply.left, reply.spent

    def ended(self, grant: Grant) -> None:
        """Note that one request of a grant is over."""
        self._send(RequestEnded(grant))

    def release(self, grant: Grant, unused: int) -> None:
        """Give back requests that were not sent."""
        self._send(GrantReleased(grant, unused))


class SharedEndpoint(Rule):
    """An endpoint in the hands of one camera, which keeps to what all may ask, and lets it rest after a rejection.

    It is an Endpoint, and the rule that no rejection is too young.

    Args:
        endpoint: What is asked; closed with this.
        send: Tells the others.
        clock: Monotonic seconds, the same clock in all processes.
        rejected_until: Until when it is left alone at first.
    """

    def __init__(
        self, endpoint: Endpoint, send: Send, clock: Callable[[], float], rejected_until: float = -inf
    ) -> None:
        self._endpoint = endpoint
        self._send = send
        self._clock = clock
        self._rejected_until = rejected_until
        self.grants = RemoteGrants(send)
        """What it may ask."""
        self.rules: tuple[Rule, ...] = self, FairShare(self.grants, _BATCH)
        """What its gate must keep to because it is shared."""
        self.name = endpoint.name
        self.max_rate = endpoint.max_rate
        self.max_in_flight = endpoint.max_in_flight
        self.credits_per_request = endpoint.credits_per_request
        send(EndpointLimits(self.max_rate, self.max_in_flight))

    def allows(self, now: float) -> bool:
        """Whether no rejection is too young."""
        return now >= self._rejected_until

    def rest(self, rejection: Rejection) -> None:
        """Take in that it refused another camera for good, or answers again."""
        self._rejected_until = rejection.until

    def infer(self, image: Image, filters: Filters = Filters()) -> Answer:
        """Ask the endpoint; blocks. One that refuses for good is unavailable, and left alone for a while.

        Raises:
            EndpointUnavailable: Worth asking again; where ``retry_after`` says so, only then.
            ResponseFormatError: The answer could not be read.
        """
        try:
            answer = self._endpoint.infer(image, filters)
        except EndpointRejected as error:
            self._rest_until(self._clock() + RETRY_REJECTED_AFTER)
            raise EndpointUnavailable(f"{error}; asked again every minute", retry_after=RETRY_REJECTED_AFTER) from error
        if self._rejected_until > -inf:
            self._rest_until(-inf)
        return answer

    def _rest_until(self, moment: float) -> None:
        self._rejected_until = moment
        self._send(Rejection(moment))

    def close(self) -> None:
        """Give up the requests in flight. Idempotent; any thread."""
        self._endpoint.close()

    def __repr__(self) -> str:
        return f"<SharedEndpoint {self.name}>"
