"""Who is who, and every pose at any moment."""

from __future__ import annotations

from kpstream.tracking.tracker import Tracker as Tracker
