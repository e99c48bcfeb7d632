"""Several cameras for days: a loop for each, on a thread of its own. They share endpoints and limits, and fail apart.

What is wrong with one camera stays with it: a camera that is missing is tried for ever, an endpoint that refuses is
asked again every minute while the picture goes on, and a loop that dies begins again.
"""

from __future__ import annotations

from kpstream.site.cameras import Plan, Site
from kpstream.site.loop import Camera

__all__ = ["Camera", "Plan", "Site"]
