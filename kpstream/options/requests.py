"""How often and how much is asked."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from math import inf
from typing import Annotated, Literal

from kpstream.options.declared import Option

_requests = partial(Option, panel="Requests")
_RATE = _requests(
    "The most samples per second of video.", metavar="R", min=0.001, in_file="the most samples per second of video"
)
_SAMPLING = _requests(
    "steady: --rate evenly; adaptive: up to --rate while anything changes, once in 5 s while nothing does.",
    in_file="adaptive asks less while nothing happens",
)


@dataclass(frozen=True)
class RequestOptions:
    """How often and how much is asked; of recorded video every frame, unless told otherwise."""

    rate: Annotated[float | None, _RATE] = None
    sampling: Annotated[Literal["steady", "adaptive"], _SAMPLING] = "steady"
    max_in_flight: Annotated[
        int | None, _requests("Requests at once.", metavar="N", min=1, max=128, shown_default="follows the latency")
    ] = None
    max_requests: Annotated[
        int | None,
        _requests(
            "A budget: never more requests than this in one run, tries again included.",
            metavar="N",
            min=1,
            shown_default="no limit",
        ),
    ] = None

    @property
    def max_rate(self) -> float:
        """Samples per second of video; infinite where every frame may be one."""
        return inf if self.rate is None else self.rate


@dataclass(frozen=True)
class LiveRequestOptions(RequestOptions):
    """The same for a live picture: a few a second, and none while nothing changes."""

    rate: Annotated[float | None, _RATE] = 5.0
    sampling: Annotated[Literal["steady", "adaptive"], _SAMPLING] = "adaptive"


@dataclass(frozen=True)
class ArchiveRequestOptions(RequestOptions):
    """The same for many files: one budget for all of them, in all runs."""

    max_requests: Annotated[
        int | None,
        _requests(
            "A budget: never more than this for all files together, in all runs, tries again included.",
            metavar="N",
            min=1,
            shown_default="no limit",
        ),
    ] = None
