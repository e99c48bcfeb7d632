"""How a live picture is shown, and for how long."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Literal

from kpstream.errors import UsageError
from kpstream.options.declared import Option

_DELAY = 1.5


@dataclass(frozen=True)
class ViewOptions:
    """How the picture is shown, and for how long."""

    sync: Annotated[
        Literal["live", "aligned"],
        Option(
            "live: the newest picture, poses moved to it; aligned: the picture waits for the answers around it.",
            in_file="live shows the newest picture, aligned waits for its answers",
        ),
    ] = "live"
    delay: Annotated[
        float | None,
        Option(
            "The longest that an aligned picture waits.",
            metavar="S",
            min=0.1,
            max=600,
            shown_default=str(_DELAY),
            in_file="the most seconds that aligned waits",
        ),
    ] = None
    window: Annotated[
        bool | None,
        Option("Show it.", flags=("--window/--no-window",), shown_default="where there is a screen"),
    ] = None
    duration: Annotated[float | None, Option("End after so many seconds.", metavar="S", min=0.1)] = None

    @property
    def max_delay(self) -> float | None:
        """How many seconds a picture may wait for its answers; None shows it at once.

        Raises:
            UsageError: A delay was asked for where no picture waits.
        """
        if self.sync == "aligned":
            return _DELAY if self.delay is None else self.delay
        if self.delay is not None:
            raise UsageError("is about pictures that wait for their answers: add `sync` aligned", option="delay")
        return None
