"""What runs a camera of a site in this process: on threads, over real pipes."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable

from kpstream.camera.child import CameraChild
from kpstream.camera.link import Link


def linked(name: str) -> tuple[Link, Link]:
    """Both ends of a channel: the site's, which writes already, and the camera's, which does not yet."""
    (to_camera_out, to_camera), (to_site_out, to_site) = os.pipe(), os.pipe()
    site = Link(os.fdopen(to_site_out, "rb"), os.fdopen(to_camera, "wb"), name)
    site.start()
    return site, Link(os.fdopen(to_camera_out, "rb"), os.fdopen(to_site, "wb"), f"{name}-camera")


class ThreadChild:
    """A camera on a thread; satisfies `kpstream.camera.process.Child`.

    Args:
        name: Of the camera.
        make: Makes what runs it, given its end of the channel.
    """

    def __init__(self, name: str, make: Callable[[Link], CameraChild]) -> None:
        self.link, self._camera_link = linked(name)
        self._camera_link.greet()
        self._camera_link.start()
        self._child = make(self._camera_link)
        self._thread = threading.Thread(target=self._run, name=f"camera-child-{name}", daemon=True)
        self._thread.start()

    def _run(self) -> None:
        start = self._child.receive_start()
        if start is not None:
            self._child.run(start)
        self._camera_link.close()

    def wait(self, timeout: float) -> str | None:
        """Wait for its end."""
        self._thread.join(timeout)
        return None if self._thread.is_alive() else ""

    def kill(self) -> None:
        """Cut it off; what hangs is left to itself, as a thread cannot be ended."""
        self._camera_link.close()
