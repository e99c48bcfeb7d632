"""Who is who, and every pose at any moment."""

from __future__ import annotations

from kpstream.tracking.settings import DEFAULT, TrackerSettings
from kpstream.tracking.tracker import Tracker

__all__ = ["DEFAULT", "Tracker", "TrackerSettings"]
