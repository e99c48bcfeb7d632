"""The page in a browser, and what programs ask: pictures, poses, figures, health."""

from __future__ import annotations

from kpstream.entities import Settings
from kpstream.web.browser_camera import BrowserCamera
from kpstream.web.camera_feed import CameraFeed, Controls
from kpstream.web.camera_rules import PageRules
from kpstream.web.feed import Feed
from kpstream.web.serving import Page
from kpstream.web.starter import PageStarter
from kpstream.web.tls import Certificate

__all__ = [
    "BrowserCamera",
    "CameraFeed",
    "Certificate",
    "Controls",
    "Feed",
    "Page",
    "PageRules",
    "PageStarter",
    "Settings",
]
