"""An endpoint whose filters can be changed while it is asked."""

from __future__ import annotations

from typing import Protocol, runtime_checkable

from kpstream.endpoints.filters import Filters
from kpstream.entities import Answer, Image
from kpstream.interfaces import Endpoint


@runtime_checkable
class Filtered(Protocol):
    """An endpoint that can be had with other filters, on the same connections."""

    @property
    def filters(self) -> Filters:
        """What of the answers is used."""

    def with_filters(self, filters: Filters) -> Endpoint:
        """The same with other filters."""


class Tuned:
    """Another endpoint, with the filters that hold at the moment. `filters` may be set by any thread.

    Args:
        endpoint: Closed with this. One that knows no filters is asked as it is.
    """

    def __init__(self, endpoint: Endpoint) -> None:
        self._endpoint = self._asked = endpoint
        self._filters = endpoint.filters if isinstance(endpoint, Filtered) else Filters()
        self.name = endpoint.name
        self.max_rate = endpoint.max_rate
        self.max_in_flight = endpoint.max_in_flight
        self.credits_per_request = endpoint.credits_per_request

    @property
    def filters(self) -> Filters:
        """What of the answers is used, from the next request on."""
        return self._filters

    @filters.setter
    def filters(self, filters: Filters) -> None:
        self._filters = filters
        if isinstance(self._endpoint, Filtered):
            self._asked = self._endpoint.with_filters(filters)

    def infer(self, image: Image) -> Answer:
        """As the endpoint does; blocks.

        Raises:
            EndpointError: As the endpoint does.
        """
        return self._asked.infer(image)

    def close(self) -> None:
        """Close the endpoint. Idempotent; any thread."""
        self._endpoint.close()

    def __repr__(self) -> str:
        return f"<Tuned {self._endpoint!r}, {self._filters!r}>"
