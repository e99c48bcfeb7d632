"""A site as its file describes it: checked as a whole before a camera is opened, with its secrets found.

Secrets do not stand in the file: it names environment variables, or a file with the key.
"""

from __future__ import annotations

from kpstream.site_file.page import PagePlan
from kpstream.site_file.reading import SitePlan, load

__all__ = ["PagePlan", "SitePlan", "load"]
