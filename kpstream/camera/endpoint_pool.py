"""Endpoints that cameras share, with their connections, and the turns to ask them. Any thread."""

from __future__ import annotations

import threading
from collections.abc import Callable, Hashable
from dataclasses import replace
from math import inf

from kpstream.camera.spec import CameraSpec
from kpstream.dispatch.fair_share import FairShare, Limits
from kpstream.dispatch.sampling import Sampling
from kpstream.entities import Answer, Filters, Frame, Image, Stats
from kpstream.errors import EndpointRejected, EndpointUnavailable
from kpstream.interfaces import Endpoint

RETRY_REJECTED_AFTER = 60.0
"""Seconds after which an endpoint that refused for good is asked again: a key may be mended, credits bought."""


class _Shared:
    """An endpoint, who uses it, and until when it is left alone."""

    def __init__(self, model: Hashable, endpoint: Endpoint) -> None:
        self.model = model
        self.endpoint = endpoint
        self.users = 0
        self.rejected_until = -inf


class EndpointPool:
    """Gives out endpoints and turns.

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
        self._lock = threading.Lock()  # over the queues
        self._door = threading.Lock()  # over the endpoints: making one may take a while
        self._all = FairShare(limits)
        self._services: dict[Hashable, FairShare] = {}
        self._endpoints: dict[Hashable, _Shared] = {}

    def fill_in(self, stats: Stats) -> Stats:
        """One camera's figures with what is left for all, and with a word where that is nothing."""
        left = self._all.left
        if left is None:
            return stats
        spent = "" if left else f"all {self._all.spent} requests are spent: no new answers"
        return replace(stats, requests_left=left, endpoint_trouble=spent or stats.endpoint_trouble)

    def limit(self, limits: Limits) -> None:
        """Share something else from now on; what is spent stays spent."""
        with self._lock:
            self._all.limit(limits)

    def acquire(self, spec: CameraSpec) -> PooledEndpoint:
        """Give a camera its endpoint and a place in the queues, until `PooledEndpoint.release`.

        Raises:
            KpstreamError: There is no such endpoint.
        """
        model = spec.model, spec.api_key
        with self._door:
            shared = self._endpoints.get(model)
            if shared is None:
                shared = self._endpoints[model] = _Shared(model, self._make_endpoint(spec))
            shared.users += 1
            endpoint = shared.endpoint
            takes = Limits(rate=endpoint.max_rate, max_in_flight=endpoint.max_in_flight)
            service = self._services.setdefault(spec.service, FairShare(takes))
        return PooledEndpoint(self, shared, (service, self._all), self._lock, self._clock)

    def release(self, shared: _Shared) -> None:
        """Close an endpoint that its last user gave back."""
        with self._door:
            shared.users -= 1
            unused = not shared.users
            if unused and self._endpoints.get(shared.model) is shared:
                del self._endpoints[shared.model]
        if unused:
            shared.endpoint.close()

    def close(self) -> None:
        """Give up all requests in flight; nothing can be asked any more. Idempotent."""
        with self._door:
            endpoints = [shared.endpoint for shared in self._endpoints.values()]
        for endpoint in endpoints:
            endpoint.close()


class PooledEndpoint:
    """One who asks a shared endpoint, in turn with the others: an Endpoint that does not end with its user.

    Args:
        pool: Where it belongs.
        shared: What it asks.
        queues: All of them must let it in: its server's, and everybody's.
        lock: Over the queues.
        clock: Monotonic seconds.
    """

    def __init__(
        self,
        pool: EndpointPool,
        shared: _Shared,
        queues: tuple[FairShare, ...],
        lock: threading.Lock,
        clock: Callable[[], float],
    ) -> None:
        self._pool = pool
        self._shared = shared
        self._queues = queues
        self._lock = lock
        self._clock = clock
        self._released = False
        self.name = shared.endpoint.name
        self.max_rate = shared.endpoint.max_rate
        self.max_in_flight = shared.endpoint.max_in_flight
        self.credits_per_request = shared.endpoint.credits_per_request

    def infer(self, image: Image, filters: Filters = Filters()) -> Answer:
        """Ask the endpoint; blocks. One that refuses for good is unavailable, and left alone for a while.

        Raises:
            EndpointUnavailable: Worth asking again; where ``retry_after`` says so, only then.
            ResponseFormatError: The answer could not be read.
        """
        with self._lock:
            numbers = [queue.began(self, self._clock()) for queue in self._queues]
        try:
            answer = self._shared.endpoint.infer(image, filters)
        except EndpointRejected as error:
            self._shared.rejected_until = self._clock() + RETRY_REJECTED_AFTER
            raise EndpointUnavailable(f"{error}; asked again every minute", retry_after=RETRY_REJECTED_AFTER) from error
        finally:
            with self._lock:
                for queue, number in zip(self._queues, numbers, strict=True):
                    queue.ended(self, number)
        self._shared.rejected_until = -inf
        return answer

    def close(self) -> None:
        """Nothing: others ask the endpoint, too. `release` ends it."""

    def release(self) -> None:
        """Give back the place and the endpoint. Idempotent; for one thread."""
        if not self._released:
            self._released = True
            with self._lock:
                for queue in self._queues:
                    queue.leave(self)
            self._pool.release(self._shared)

    def may_ask(self) -> bool:
        """Whether it is this endpoint's turn; never waits."""
        now = self._clock()
        with self._lock:
            free = now >= self._shared.rejected_until
            for queue in self._queues:  # who is not let in by one does not stand in the way in the next
                if free:
                    free = queue.ask(self, now)
                else:
                    queue.withdraw(self)
            return free

    def in_turn(self, sampling: Sampling) -> InTurn:
        """The sampling, in turn with the others."""
        return InTurn(sampling, self)

    def asks_not(self) -> None:
        """Give the turn to the others."""
        with self._lock:
            for queue in self._queues:
                queue.withdraw(self)

    def asked(self) -> None:
        """Take the turn."""
        now = self._clock()
        with self._lock:
            for queue in self._queues:
                queue.taken(self, now)

    def __repr__(self) -> str:
        return f"<PooledEndpoint at {self.name}, {len(self._queues)} queues>"


class InTurn:
    """A sampling that asks in turn with the others.

    Args:
        sampling: What is worth asking at all.
        endpoint: Whose turn it must be.
    """

    def __init__(self, sampling: Sampling, endpoint: PooledEndpoint) -> None:
        self._sampling = sampling
        self._endpoint = endpoint

    def due(self, frame: Frame, *, unsure: bool) -> bool:
        """Whether the frame is worth it, and the turn is free; it is kept until the next frame."""
        if self._sampling.due(frame, unsure=unsure):
            return self._endpoint.may_ask()
        self._endpoint.asks_not()
        return False

    def taken(self, frame: Frame) -> None:
        """Take the turn."""
        self._sampling.taken(frame)
        self._endpoint.asked()

    def expected(self, duration: float, frame_rate: float) -> float:
        """As many as if nobody else asked."""
        return self._sampling.expected(duration, frame_rate)
