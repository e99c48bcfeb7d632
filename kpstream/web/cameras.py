"""The cameras that are on the page right now, and how many may look at them."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from concurrent.futures import Executor

from kpstream.errors import UsageError
from kpstream.web.camera_feed import CameraFeed
from kpstream.web.hub import Hub

MAX_VIEWERS = 512
"""Of all cameras together: pages (one for each camera that they show), streams and programs. Ten pages with forty
cameras in a grid are four hundred."""


class Cameras:
    """The feeds by name. They come and go while the page runs; any thread.

    Args:
        encoder: Where pictures are encoded.
    """

    def __init__(self, encoder: Executor) -> None:
        self._encoder = encoder
        self._lock = threading.Lock()
        self._hubs: dict[str, Hub] = {}

    def add(self, feed: CameraFeed) -> None:
        """Show one more camera.

        Raises:
            UsageError: There is one of that name.
        """
        with self._lock:
            if feed.name in self._hubs:
                raise UsageError(f"two cameras would be called {feed.name} on the page: give them other names")
            self._hubs = {**self._hubs, feed.name: Hub(feed, self._encoder)}

    def remove(self, feed: CameraFeed) -> None:
        """Take a camera off the page and disconnect its viewers. Nothing happens where it is not there."""
        with self._lock:
            hub = self._hubs.get(feed.name)
            if hub is None or hub.feed is not feed:
                return
            self._hubs = {name: other for name, other in self._hubs.items() if other is not hub}
        hub.close()

    def find(self, name: str) -> Hub | None:
        """The camera that is called so in addresses, or else by people."""
        return self._hubs.get(name) or next((hub for hub in self if hub.feed.title == name), None)

    def close(self) -> None:
        """Disconnect all viewers."""
        for hub in self:
            hub.close()

    @property
    def full(self) -> bool:
        """Whether the page accepts no more viewers."""
        return sum(hub.viewers for hub in self) >= MAX_VIEWERS

    def __iter__(self) -> Iterator[Hub]:
        return iter(self._hubs.values())

    def __len__(self) -> int:
        return len(self._hubs)

    def __repr__(self) -> str:
        return f"<Cameras {', '.join(self._hubs) or 'none'}>"
