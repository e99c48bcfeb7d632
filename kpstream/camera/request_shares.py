"""What the cameras of a site may ask together: requests are dealt to their processes, and rejections told to all."""

from __future__ import annotations

import threading
from collections.abc import Callable, Hashable
from math import inf

from kpstream.camera.link import EndpointLimits, GrantReleased, GrantReply, GrantRequest, Rejection, RequestEnded
from kpstream.camera.spec import CameraSpec
from kpstream.dispatch.dealer import Dealer, Limits, Member, Quota

Requests = EndpointLimits | GrantRequest | RequestEnded | GrantReleased | Rejection
"""What a camera says of its requests."""
Tell = Callable[[GrantReply | Rejection], None]


class RequestShares:
    """Shares one rate, one budget and a number of requests at once among cameras. Any thread; nothing here waits.

    Args:
        limits: For all together.
        clock: Monotonic seconds, the same clock as in the cameras' processes.
    """

    def __init__(self, limits: Limits, clock: Callable[[], float]) -> None:
        self.clock = clock
        """Monotonic seconds."""
        self.limits = limits
        """For all together."""
        self.dealer = Dealer(limits)
        """Deals requests to all."""
        self._lock = threading.Lock()
        self._shares: list[CameraShare] = []
        self._rejected_until: dict[Hashable, float] = {}

    def limit(self, limits: Limits) -> None:
        """Share something else from now on; what is spent stays spent."""
        self.limits = limits
        self.dealer.limit(limits)

    def join(self, spec: CameraSpec, own: Quota | None, tell: Tell) -> CameraShare:
        """Let the process of a camera take part, until `CameraShare.close`.

        Args:
            spec: The camera; those with the same model and key share rejections.
            own: The camera's own budget; None for none.
            tell: Sends the process something; never waits.
        """
        share = CameraShare(self, spec, own, tell)
        with self._lock:
            self._shares.append(share)
        return share

    def rejected_until(self, model: Hashable) -> float:
        """Until when those who ask a model let it rest; minus infinity where they need not."""
        return self._rejected_until.get(model, -inf)

    def reject(self, model: Hashable, until: float) -> None:
        """Let all who ask a model let it rest until then."""
        with self._lock:
            now = self.clock()
            self._rejected_until = {one: at for one, at in self._rejected_until.items() if at > now}
            self._rejected_until[model] = until
            concerned = [share for share in self._shares if share.model == model]
        for share in concerned:
            share.tell(Rejection(until))

    def __len__(self) -> int:
        """How many take part."""
        return len(self._shares)

    def leave(self, share: CameraShare) -> None:
        """Forget one that takes no part any more."""
        with self._lock:
            self._shares = [each for each in self._shares if each is not share]


class CameraShare:
    """One process's part: what it was dealt is settled when it is closed, however the process ended.

    Args:
        shares: Where it belongs.
        spec: The camera.
        own: Its own budget; None for none.
        tell: Sends the process something.
    """

    def __init__(self, shares: RequestShares, spec: CameraSpec, own: Quota | None, tell: Tell) -> None:
        self.model: Hashable = (spec.model, spec.api_key)
        self.tell = tell
        self._shares = shares
        self._service = spec.service
        self._own = own
        self._max_in_flight: int | None = None
        self._member: Member | None = None

    @property
    def rejected_until(self) -> float:
        """Until when its endpoint is to be left alone."""
        return self._shares.rejected_until(self.model)

    def take(self, message: Requests) -> None:
        """Do what the process asks for; for one thread."""
        match message:
            case EndpointLimits(max_rate, max_in_flight):
                limits = Limits(rate=max_rate, max_in_flight=max_in_flight) if self._service else Limits()
                self._max_in_flight = limits.max_in_flight
                self._member = self._shares.dealer.join(self._service, limits, self._own)
            case Rejection(until):
                self._shares.reject(self.model, until)
            case _ if self._member is None:
                pass
            case GrantRequest(want):
                grant = self._member.ask(self._part(want), self._shares.clock())
                self.tell(GrantReply(grant, self._member.requests_left, self._member.requests_spent))
            case RequestEnded(grant):
                self._member.ended(grant)
            case GrantReleased(grant, unused):
                self._member.release(grant, unused)

    def _part(self, want: int) -> int:
        """What it may have of that many, where all have as much as it."""
        at_once = self._max_in_flight, self._shares.limits.max_in_flight
        return max(1, min([want, *(most // len(self._shares) for most in at_once if most is not None)]))

    def close(self) -> None:
        """Give up what the process holds; what may have been sent stays spent. Idempotent."""
        if self._member is not None:
            self._member.leave()
        self._shares.leave(self)
