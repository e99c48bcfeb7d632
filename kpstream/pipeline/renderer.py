"""From a frame to a scene: the tracker's poses, what the rules say of them, the drawing, and the sinks."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import replace
from math import nan

from kpstream.entities import Annotator, Frame, Result, Scene, Stats
from kpstream.interfaces import SceneRules, Sink, Tracker, needs_canvas, write_scene
from kpstream.meters import Rate

STALE_AFTER = 2.0
"""Seconds of video after which poses that no answer confirmed are marked as stale."""


class Renderer:
    """Makes scenes of frames, in their order, and gives them to the sinks. For one thread.

    Args:
        tracker: Knows the poses between the answers.
        annotator: Draws what the sinks are given, where one of them needs it; None draws nothing.
        sinks: Closed with this.
        rules: Say what happens; None for none.
        is_live: Whether the scenes are those of a live view.
        clock: Monotonic seconds.
    """

    def __init__(
        self,
        tracker: Tracker,
        annotator: Annotator | None,
        sinks: Sequence[Sink],
        rules: SceneRules | None,
        *,
        is_live: bool,
        clock: Callable[[], float],
    ) -> None:
        self._tracker = tracker
        self._annotator = annotator
        self._sinks = tuple(sinks)
        self._rules = rules
        self._is_live = is_live
        self._clock = clock
        self._newest: Result | None = None
        self._answers: list[Result] = []
        self._rate = Rate()
        self.rendered = 0

    @property
    def wants_answers(self) -> bool:
        """Whether an answer is of use though the picture is at rest: the tracker or the rules are undecided."""
        return self._tracker.has_unconfirmed or (self._rules is not None and self._rules.is_undecided)

    def fps(self, now: float) -> float:
        """Scenes per second of late."""
        return self._rate.per_second(now)

    def observe(self, frame: Frame) -> None:
        """Let the tracker see a frame as it comes."""
        self._tracker.observe(frame)

    def update(self, result: Result) -> None:
        """Take in an answer."""
        self._answers.append(replace(result, poses=self._tracker.update(result)))
        self._newest = result

    def render(self, frame: Frame, source: str, stats: Callable[[], Stats]) -> Scene:
        """The scene of a frame, once every sink has it.

        Raises:
            SinkError: A sink could not write.
        """
        self.rendered += 1
        self._rate.tick(self._clock())
        scene = self._scene(frame, source, stats)
        if self._rules is not None:
            scene = replace(scene, events=self._rules.observe(scene))
        if not self._sinks:
            return scene
        if any(map(needs_canvas, self._sinks)):
            _ = scene.canvas  # drawn before it counts as rendered
            scene = scene.rendered(self._clock())
        for sink in self._sinks:
            write_scene(sink, scene)
        return scene

    def _scene(self, frame: Frame, source: str, stats: Callable[[], Stats]) -> Scene:
        newest, answers, self._answers = self._newest, tuple(self._answers), []
        age = nan if newest is None else frame.pts - newest.pts
        poses = self._tracker.predict(frame)
        return Scene(
            frame=frame,
            poses=poses,
            stats=stats(),
            result_frame_index=None if newest is None else newest.frame_index,
            result_age=age,
            stale=age > STALE_AFTER or (bool(poses) and all(pose.stale for pose in poses)),
            rendered_at=self._clock(),
            answers=answers if self._is_live else None,
            source=source,
            annotator=self._annotator,
        )

    def close(self) -> None:
        """End what the rules have open, and close the sinks, whatever one of them says. Idempotent.

        Raises:
            SinkError: A sink could not write what it still held.
        """
        with ExitStack() as stack:
            for sink in reversed(self._sinks):
                stack.callback(sink.close)
            if self._rules is not None:
                stack.callback(self._rules.finish)
