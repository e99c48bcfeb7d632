"""What becomes of a frame and the poses on it."""

from __future__ import annotations

from dataclasses import replace

import pytest

from kpstream.entities import Frame, Pose, Result, Stats
from kpstream.pipeline.renderer import STALE_AFTER, Renderer
from kpstream.testing import ManualClock, SyntheticSource, truth


class Prepared:
    """A tracker that knows what to say."""

    has_unconfirmed = False

    def __init__(self, *poses: Pose) -> None:
        self._poses = poses

    def update(self, result: Result) -> tuple[Pose, ...]:
        return result.poses

    def observe(self, frame: Frame) -> None:
        pass

    def predict(self, frame: Frame) -> tuple[Pose, ...]:
        return self._poses


@pytest.mark.parametrize(
    ("stale", "age", "expected"),
    [
        ((), 0.0, False),
        ((False,), 0.0, False),
        ((True, False), 0.0, False),
        ((True, True), 0.0, True),
        ((False,), STALE_AFTER + 0.1, True),
        ((), STALE_AFTER + 0.1, True),
    ],
)
def test_a_scene_is_stale_with_its_answers_or_with_all_of_its_poses(
    stale: tuple[bool, ...], age: float, expected: bool
) -> None:
    tracker = Prepared(*(replace(truth(0), stale=is_stale) for is_stale in stale))
    renderer = Renderer(tracker, None, (), None, is_live=True, clock=ManualClock())
    renderer.update(Result(0, 0.0, (), 0, 0, 0))
    frame = Frame(1, age, age, SyntheticSource().picture(1))
    assert renderer.render(frame, "camera", Stats).stale is expected
