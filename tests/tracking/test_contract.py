"""The contract of trackers: for the tracker as it is, and with each of its parts taken out."""

from __future__ import annotations

import pytest
from track_lab import ABLATIONS

from kpstream.tracking import Tracker
from tests.support.tracker_contract import Make, TrackerContract


class TestTracker(TrackerContract):
    @pytest.fixture(params=ABLATIONS)
    def make(self, request: pytest.FixtureRequest) -> Make:
        return lambda: Tracker(ABLATIONS[request.param])
