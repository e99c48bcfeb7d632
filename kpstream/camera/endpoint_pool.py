"""Endpoints that cameras share, with their connections and what they may ask together. Any thread."""

from __future__ import annotations

import threading
from collections.abc import Callable, Hashable
from math import inf

from kpstream.camera.spec import CameraSpec
from kpstream.dispatch.dealer import Dealer, Limits, Member
from kpstream.dispatch.fair_share import FairShare
from kpstream.dispatch.rule import Rule
from kpstream.entities import Answer, Filters, Image
from kpstream.errors import EndpointRejected, EndpointUnavailable
from kpstream.interfaces import Endpoint

RETRY_REJECTED_AFTER = 60.0
"""Seconds after which an endpoint that refused for good is asked again: a key may be mended, credits bought."""


class _Shared(Rule):
    """An endpoint, how many use it, and until when a rejection lets nobody ask it."""

    def __init__(self, model: Hashable, endpoint: Endpoint) -> None:
        self.model = model
        self.endpoint = endpoint
        self.users = 0
        self.rejected_until = -inf

    def allows(self, now: float) -> bool:
        """Whether no rejection is too young."""
        return now >= self.rejected_until


class EndpointPool:
    """Gives out endpoints: those who ask the same model share one, and all keep to common limits.

    Args:
        limits: For all together.
        make_endpoint: Makes the endpoint that a camera's spec names.
        clock: Monotonic seconds.
    """

    def __init__(
        self, limits: Limits, make_endpoint: Callable[[CameraSpec], Endpoint], clock: Callable[[], float]
    ) -> None:
        self._make_endpoint = make_endpoint
        self._clock = clock
        self._dealer = Dealer(limits)
        self._lock = threading.Lock()  # over the endpoints: making one may take a while
        self._endpoints: dict[Hashable, _Shared] = {}

    def limit(self, limits: Limits) -> None:
        """Share something else from now on; what is spent stays spent."""
        self._dealer.limit(limits)

    def acquire(self, spec: CameraSpec) -> PooledEndpoint:
        """Give a camera its endpoint, until `PooledEndpoint.release`.

        Raises:
            KpstreamError: There is no such endpoint.
        """
        model = spec.model, spec.api_key
        with self._lock:
            shared = self._endpoints.get(model)
            if shared is None:
                shared = self._endpoints[model] = _Shared(model, self._make_endpoint(spec))
            shared.users += 1
        takes = Limits(rate=shared.endpoint.max_rate, max_in_flight=shared.endpoint.max_in_flight)
        return PooledEndpoint(self, shared, self._dealer.join(spec.service, takes), self._clock)

    def release(self, shared: _Shared) -> None:
        """Close an endpoint that its last user gave back."""
        with self._lock:
            shared.users -= 1
            unused = not shared.users
            if unused and self._endpoints.get(shared.model) is shared:
                del self._endpoints[shared.model]
        if unused:
            shared.endpoint.close()

    def close(self) -> None:
        """Give up all requests in flight; nothing can be asked any more. Idempotent."""
        with self._lock:
            endpoints = [shared.endpoint for shared in self._endpoints.values()]
        for endpoint in endpoints:
            endpoint.close()


class PooledEndpoint:
    """A shared endpoint in the hands of one camera: an Endpoint that does not end with its user.

    Args:
        pool: Where it belongs.
        shared: What it asks.
        member: Its place among those who keep to common limits.
        clock: Monotonic seconds.
    """

    def __init__(self, pool: EndpointPool, shared: _Shared, member: Member, clock: Callable[[], float]) -> None:
        self._pool = pool
        self._shared = shared
        self._member = member
        self._clock = clock
        self._released = False
        self.name = shared.endpoint.name
        self.max_rate = shared.endpoint.max_rate
        self.max_in_flight = shared.endpoint.max_in_flight
        self.credits_per_request = shared.endpoint.credits_per_request
        self.rules: tuple[Rule, ...] = shared, FairShare(member)
        """What its gate must keep to because it is shared."""

    def infer(self, image: Image, filters: Filters = Filters()) -> Answer:
        """Ask the endpoint; blocks. One that refuses for good is unavailable, and left alone for a while.

        Raises:
            EndpointUnavailable: Worth asking again; where ``retry_after`` says so, only then.
            ResponseFormatError: The answer could not be read.
        """
        try:
            answer = self._shared.endpoint.infer(image, filters)
        except EndpointRejected as error:
            self._shared.rejected_until = self._clock() + RETRY_REJECTED_AFTER
            raise EndpointUnavailable(f"{error}; asked again every minute", retry_after=RETRY_REJECTED_AFTER) from error
        self._shared.rejected_until = -inf
        return answer

    def close(self) -> None:
        """Nothing: others ask the endpoint, too. `release` ends it."""

    def release(self) -> None:
        """Give the endpoint back. Idempotent; for one thread."""
        if not self._released:
            self._released = True
            self._member.leave()
            self._pool.release(self._shared)

    def __repr__(self) -> str:
        return f"<PooledEndpoint at {self.name}>"
