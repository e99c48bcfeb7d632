"""The gate between one pipeline and its endpoint, with the rules that hold there."""

from __future__ import annotations

from collections.abc import Sequence

from kpstream.dispatch.breaker import CircuitBreaker
from kpstream.dispatch.gate import ConcurrencyLimit, RateLimiter, RequestBudget, RequestGate
from kpstream.dispatch.rule import RequestsOut, Rule
from kpstream.interfaces import Endpoint


class EndpointGate(RequestGate):
    """A gate with the rules that one pipeline keeps to.

    Args:
        endpoint: Says how much its owner allows.
        rate: Answers per second that are wanted; infinite wants as many as are of use.
        max_in_flight: Requests at once; None follows the measured latency.
        max_requests: Requests in all, those that fail included; None is without limit.
        more_rules: Asked last; they leave others who share the endpoint their part.
        loading: Seconds after which a request is late before the first answer; infinite where no request is ever late.
        max_probe_gap: Seconds between two probes at most, while the endpoint answers no request.
    """

    def __init__(
        self,
        endpoint: Endpoint,
        *,
        rate: float,
        max_in_flight: int | None = None,
        max_requests: int | None = None,
        more_rules: Sequence[Rule] = (),
        loading: float,
        max_probe_gap: float,
    ) -> None:
        self._max_rate = endpoint.max_rate
        self._out = RequestsOut(loading)
        self._concurrency = ConcurrencyLimit(
            self._out, min(rate, self._max_rate), endpoint.max_in_flight, max_in_flight
        )
        breaker = CircuitBreaker(self._out, max_probe_gap)
        rules: list[Rule] = [self._out, self._concurrency, breaker, RateLimiter(self._max_rate)]
        if max_requests is not None:
            rules.append(RequestBudget(max_requests))
        super().__init__([*rules, *more_rules])

    @property
    def latency(self) -> float:
        """Median seconds to an answer; NaN before the first."""
        return self._out.latency()

    @property
    def rate(self) -> float:
        """Answers per second that are wanted. Any thread."""
        return self._concurrency.rate

    @rate.setter
    def rate(self, rate: float) -> None:
        self._concurrency.rate = min(rate, self._max_rate)
