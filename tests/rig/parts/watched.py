"""A camera before which something happens when a test says so, with real rules, a real store and real clips."""

from __future__ import annotations

import time
from dataclasses import replace
from pathlib import Path

from kpstream.camera.events import CameraEvents
from kpstream.entities import Image, Pose, Scene
from kpstream.events import Count, InZone, Rule, RuleSet, Zone
from kpstream.options import EventsOptions
from kpstream.render import PoseAnnotator
from kpstream.web import PageRules
from kpstream.web.camera_rules import Edit
from tests.rig.parts.page import NumberedCamera, pose_of

RULES = RuleSet(
    (
        Rule("somebody is there", Count(min=1, zone="all"), for_seconds=0.2, clear=0.2),
        Rule("one of them", InZone("all"), for_seconds=0.2, clear=0.2, armed=False),
    ),
    {"all": Zone("all", ((0.1, 0.1), (0.9, 0.1), (0.9, 0.99), (0.1, 0.99)))},
)
_PLACE = 10
"""The picture in which somebody stands as here in all of them, within the zone."""


class WatchedCamera(NumberedCamera):
    """Shows its pictures to rules, too, which see somebody while `somebody` is true.

    Args:
        title: The camera's.
        store: The folder of its events.
    """

    def __init__(self, title: str, store: Path) -> None:
        super().__init__(title, rate=15.0)
        self.somebody = False
        self.events = CameraEvents(EventsOptions(pre_roll=1.0, post_roll=0.5), store)
        self.events.open()
        run = self.events.make_rule_run(RULES, self.feed.name, 0.3, PoseAnnotator())
        assert run.make_clips is not None
        self._rules, self._clips = run.rules, run.make_clips(self.rate)
        self.feed.readings = run.readings

    def page_rules(self, edit: Edit | None = None) -> PageRules:
        """Its rules, as a page is given them."""
        return PageRules(lambda _: self.events.cameras[self.feed.name], edit=edit)

    def poses_of(self, index: int) -> tuple[Pose, ...]:
        return (pose_of(_PLACE),) if self.somebody else ()

    def show(self, scene: Scene, image: Image) -> None:
        scene = replace(scene, frame=replace(scene.frame, captured_wall=time.time()))
        self._rules.observe(scene)
        self._clips.write(scene, image)
        super().show(scene, image)

    def __exit__(self, *_: object) -> None:
        super().__exit__()
        self._rules.finish()
        self._clips.close()
        self.events.close()
