"""The page in a browser, and what programs ask: pictures, poses, figures, health."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from kpstream.entities import Settings as Settings
    from kpstream.web.browser_camera import BrowserCamera as BrowserCamera
    from kpstream.web.camera_feed import CameraFeed as CameraFeed
    from kpstream.web.camera_feed import Controls as Controls
    from kpstream.web.camera_rules import PageRules as PageRules
    from kpstream.web.feed import Feed as Feed
    from kpstream.web.remote_feed import RemoteFeed as RemoteFeed
    from kpstream.web.serving import Page as Page
    from kpstream.web.starter import PageStarter as PageStarter
    from kpstream.web.tls import Certificate as Certificate

_HOMES = {
    "BrowserCamera": "kpstream.web.browser_camera",
    "CameraFeed": "kpstream.web.camera_feed",
    "Certificate": "kpstream.web.tls",
    "Controls": "kpstream.web.camera_feed",
    "Feed": "kpstream.web.feed",
    "Page": "kpstream.web.serving",
    "PageRules": "kpstream.web.camera_rules",
    "PageStarter": "kpstream.web.starter",
    "RemoteFeed": "kpstream.web.remote_feed",
    "Settings": "kpstream.entities",
}
__all__ = [*_HOMES]  # noqa: PLE0604 - all of them are strings


def __getattr__(name: str) -> Any:
    # Loaded when first used: the process of a camera has a feed, and no server.
    if name not in _HOMES:
        raise AttributeError(f"module 'kpstream.web' has no attribute {name!r}")
    return getattr(import_module(_HOMES[name]), name)
