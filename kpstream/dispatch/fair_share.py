"""The rule by which a gate shares limits with others: it spends the grants of a dealer, and no more. Pure."""

from __future__ import annotations

from kpstream.dispatch.dealer import Grant, Grants
from kpstream.dispatch.rule import Rule, spent_text


class FairShare(Rule):
    """Allows a request that a grant covers. Asks for the next grant when the last one is spent; never waits for it.

    Args:
        grants: Gives the grants.
        batch: Requests to ask for at once: more than 1 where each call takes a while.
    """

    def __init__(self, grants: Grants, batch: int = 1) -> None:
        self._grants = grants
        self._batch = batch
        self._held: Grant | None = None
        self._unused = 0  # requests of the one that is held
        self._out: dict[int, Grant] = {}  # by the frame that is asked about

    @property
    def requests_left(self) -> int | None:
        """Requests that are left of the common budget; None where there is no budget."""
        left = self._grants.requests_left
        return None if left is None else left + self._unused

    def trouble(self, now: float) -> str:  # noqa: ARG002
        """A line that says that the budget is spent; empty while it is not."""
        if self.requests_left == 0:
            return f"{spent_text(self._grants.requests_spent)}: no new answers"
        return ""

    def allows(self, now: float) -> bool:
        """Whether a grant covers the request."""
        if self._held is not None and now >= self._held.expires_at:
            self.close()
        if self._held is None:
            self._held = self._grants.ask(self._batch, now)
            self._unused = 0 if self._held is None else self._held.requests
        return self._held is not None and now < self._held.expires_at

    def sent(self, frame_index: int, now: float) -> None:  # noqa: ARG002
        """Spend a request of the grant."""
        assert self._held is not None
        self._out[frame_index] = self._held
        self._unused -= 1
        if not self._unused:
            self._held = None

    def answered(self, frame_index: int, sent_at: float, now: float) -> None:  # noqa: ARG002
        """Tell the dealer that a request of the grant has ended."""
        self._grants.ended(self._out.pop(frame_index))

    def failed(self, frame_index: int, sent_at: float, now: float, fault: Exception) -> None:  # noqa: ARG002
        """Tell the dealer that a request of the grant has ended."""
        self._grants.ended(self._out.pop(frame_index))

    def unsent(self, frame_index: int) -> None:
        """Return the request to the dealer."""
        self._grants.release(self._out.pop(frame_index), 1)

    def close(self) -> None:
        """Return what is left of the grant. Idempotent."""
        if self._held is not None:
            self._grants.release(self._held, self._unused)
        self._held, self._unused = None, 0
