"""What is watched before cameras: who can see it, and arm it."""

from __future__ import annotations

from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest

from kpstream.camera.events import CameraEvents
from kpstream.events import Count, Rule, RuleSet
from kpstream.options import EventsOptions
from kpstream.render import PoseAnnotator
from tests.support.event_store import RULES, scene


@pytest.mark.parametrize("stored", [True, False])
def test_what_a_camera_sees_and_what_of_it_is_armed_is_known_by_its_name(stored: bool, tmp_path: Path) -> None:
    events = CameraEvents(EventsOptions(), tmp_path if stored else None)
    with closing(events):
        events.open()
        run = events.make_rule_run(RULES, "hall", 0.3, PoseAnnotator())
        hall = events.cameras["hall"]
        assert hall.armed == {"": True, "hand in press": True, "spare": False}
        hall.arm("spare", True)
        hall.arm("", False)
        assert hall.armed == {"": False, "hand in press": True, "spare": True}
        run.rules.observe(scene())
        run.rules.finish()
    assert events.cameras.keys() == {"hall"}


def test_what_is_armed_outlives_the_program_where_events_are_stored(tmp_path: Path) -> None:
    for armed in (True, False):
        events = CameraEvents(EventsOptions(), tmp_path)
        with closing(events):
            events.open()
            events.make_rule_run(RULES, "hall", 0.3, PoseAnnotator())
            assert events.cameras["hall"].armed["hand in press"] is armed
            events.cameras["hall"].arm("hand in press", False)


def test_what_rules_see_is_gathered_while_somebody_asks() -> None:
    events = CameraEvents(EventsOptions())
    run = events.make_rule_run(RuleSet((Rule("nobody", Count(max=0)),)), "hall", 0.3, PoseAnnotator())
    empty = replace(scene(), result_frame_index=0)
    run.rules.observe(empty)
    assert run.readings() == ()  # nobody has asked before
    run.rules.observe(replace(empty, frame=replace(empty.frame, index=1, pts=0.1)))
    (reading,) = run.readings()
    assert (reading.rule, reading.truth, reading.since_pts, reading.value) == ("nobody", True, 0.0, 0.0)
    run.rules.finish()
    assert run.readings() == ()
