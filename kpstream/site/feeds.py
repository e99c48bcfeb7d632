"""The cameras of a site on its page: a feed for each, which stays while the camera's loop begins again."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from typing import Generic

from kpstream.controls import CameraControls
from kpstream.entities import Image, Scene, Stats
from kpstream.interfaces import Sink
from kpstream.site.cameras import Plan
from kpstream.site.loop import C
from kpstream.web import Feed, Page


class Feeds(Generic[C]):
    """Keeps a page's feeds equal to a site's cameras. Any thread.

    Args:
        page: Where they are shown; None shows nothing.
        make_controls: What the page may change about a camera.
    """

    def __init__(self, page: Page | None, make_controls: Callable[[C], CameraControls]) -> None:
        self._page = page
        self._make_controls = make_controls
        self._lock = threading.Lock()
        self._feeds: dict[str, Feed] = {}
        self._controls: dict[str, tuple[C, CameraControls]] = {}

    def controls_of(self, camera: C) -> CameraControls:
        """What the page may change about a camera: the same until the camera is another in the plan."""
        with self._lock:
            known = self._controls.get(camera.name)
            if known is None or known[0] != camera:
                known = self._controls[camera.name] = camera, self._make_controls(camera)
            return known[1]

    def make_sinks(self, camera: C) -> Sequence[Sink]:
        """A sink that shows a camera on the page; when it is closed the last picture stays."""
        if self._page is None:
            return []
        controls = self.controls_of(camera)
        with self._lock:
            feed = self._feeds.get(camera.name)
            if feed is None:
                feed = self._feeds[camera.name] = Feed(camera.name)
                self._page.add(feed)
            feed.controls = controls
        return [_Showing(feed)]

    def follow(self, plan: Plan[C]) -> Plan[C]:
        """Show no more what is not in this plan; gives the plan back."""
        names = {camera.name for camera in plan.cameras}
        with self._lock:
            gone = [self._feeds.pop(name) for name in list(self._feeds) if name not in names]
            for name in self._controls.keys() - names:
                del self._controls[name]
        if self._page is not None:
            for feed in gone:
                self._page.remove(feed)  # and not closed: its loop may still be ending
        return plan


class _Showing:
    """A feed that does not end with one loop of its camera."""

    def __init__(self, feed: Feed) -> None:
        self._feed = feed

    def write(self, scene: Scene, canvas: Image) -> None:
        self._feed.write(scene, canvas)

    def idle(self, stats: Stats) -> None:
        self._feed.idle(stats)

    def close(self) -> None:
        pass
