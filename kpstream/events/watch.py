"""Gives every scene of a camera to its rules, and the changes of events to listeners."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import UTC, datetime, tzinfo
from math import isnan, nan
from uuid import uuid4

from kpstream.entities import Event, Scene
from kpstream.events.engine import Reading, RuleEngine
from kpstream.events.observations import observations_of
from kpstream.events.rules import RuleSet, model_faults
from kpstream.skeleton import Skeleton

Listener = Callable[[Event, Scene | None], None]
"""Called with an event that opened, changed or ended, and the scene with which it did; None at the end of the input."""


class RuleWatch:
    """Gives scenes to rules; satisfies `kpstream.interfaces.SceneRules`. For the thread of the pipeline.

    Args:
        rules: The camera's own.
        camera: Its name in the events.
        listeners: Called with every change; they must not wait.
        on_fault: Called with a line when objects come that lack a class or keypoint of a rule.
        timezone: In which schedules hold; None for the machine's own.
        keypoint_confidence: Keypoints below it are not known.
    """

    def __init__(
        self,
        rules: RuleSet,
        *,
        camera: str,
        listeners: Sequence[Listener] = (),
        on_fault: Callable[[str], None] = lambda _: None,
        timezone: tzinfo | None = None,
        keypoint_confidence: float = 0.3,
    ) -> None:
        self._rules = rules
        self._listeners = tuple(listeners)
        self._on_fault = on_fault
        self._classes: dict[str, Skeleton] = {}
        self._faults: set[str] = set()
        self._timezone = timezone
        self._wall_offset = nan  # seconds since the epoch at pts 0
        self._readings: tuple[Reading, ...] = ()
        self._are_readings_wanted = False
        self._engine = RuleEngine(
            rules,
            camera=camera,
            new_id=lambda: uuid4().hex,
            wall_clock=self._wall_clock,
            keypoint_confidence=keypoint_confidence,
        )

    @property
    def is_undecided(self) -> bool:
        """Whether more answers are wanted soon: an event may open, or end."""
        return self._engine.is_undecided

    @property
    def armed(self) -> dict[str, bool]:
        """Which rules may open an event, by name; may be changed at any time, from any thread."""
        return self._engine.armed

    @property
    def readings(self) -> tuple[Reading, ...]:
        """What each rule saw with the newest scene, or one just before it; any thread.

        They are gathered only while somebody asks for them, so what the first one gets is old.
        """
        self._are_readings_wanted = True
        return self._readings

    def observe(self, scene: Scene) -> tuple[Event, ...]:
        """Take in a scene; scenes come in order.

        Returns:
            The events that are open with it.
        """
        frame = scene.frame
        if not isnan(frame.captured_wall):
            self._wall_offset = frame.captured_wall - frame.pts
        self._check(scene)
        observations = observations_of(
            pts=frame.pts,
            frame_index=frame.index,
            frame_size=frame.size,
            poses=scene.poses,
            stale=scene.stale,
            answers=scene.answers,
            is_answered=scene.result_frame_index is not None,
        )
        for observation in observations:
            for event in self._engine.observe(observation):
                self._tell(event, scene)
        if self._are_readings_wanted:
            self._are_readings_wanted = False
            self._readings = self._engine.readings
        return self._engine.open_events

    def finish(self) -> None:
        """End the open events at the end of the input. Idempotent."""
        self._readings = ()
        for event in self._engine.finish():
            self._tell(event, None)

    def _check(self, scene: Scene) -> None:
        """Call `on_fault` for each class that comes for the first time and lacks what a rule about it needs."""
        poses = (*scene.poses, *(pose for answer in scene.answers or () for pose in answer.poses))
        new = {pose.class_name: pose.skeleton for pose in poses if pose.class_name not in self._classes}
        if not new:
            return
        self._classes |= new
        rules = tuple(rule for rule in self._rules.rules if not set(rule.classes) - self._classes.keys())
        for fault in model_faults(RuleSet(rules), self._classes):
            if fault not in self._faults:
                self._faults.add(fault)
                self._on_fault(fault)

    def _tell(self, event: Event, scene: Scene | None) -> None:
        for listener in self._listeners:
            listener(event, scene)

    def _wall_clock(self, pts: float) -> datetime | None:
        if isnan(self._wall_offset):
            return None
        return datetime.fromtimestamp(self._wall_offset + pts, UTC).astimezone(self._timezone)
