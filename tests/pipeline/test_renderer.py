"""What becomes of a frame and the poses on it."""

from __future__ import annotations

from dataclasses import replace

import pytest

from kpstream.camera.sink_group import SinkGroup
from kpstream.entities import Frame, Image, Pose, Result, Scene, Stats
from kpstream.interfaces import Sink
from kpstream.pipeline.background import Background
from kpstream.pipeline.renderer import STALE_AFTER, Renderer
from kpstream.testing import ListSink, ManualClock, SyntheticSource, truth


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


class Counting:
    """An annotator that counts what it draws."""

    def __init__(self) -> None:
        self.drawn = 0

    def annotate(self, canvas: Image, scene: Scene) -> None:
        self.drawn += 1
        canvas[:] = scene.frame.index


class Undrawn(ListSink):
    """A sink that needs no drawn picture."""

    needs_canvas = False


def rendered(annotator: Counting, *sinks: Sink) -> Scene:
    renderer = Renderer(Prepared(), annotator, sinks, None, is_live=True, clock=ManualClock())
    scene = renderer.render(Frame(7, 0.0, 0.0, SyntheticSource().picture(1)), "camera", Stats)
    renderer.close()
    return scene


def test_nothing_is_drawn_for_sinks_that_need_no_canvas() -> None:
    annotator, sinks = Counting(), (Undrawn(), Undrawn())
    scene = rendered(
        annotator, *sinks, Background.dropping(Undrawn(), name="lines"), SinkGroup("", sinks, ManualClock())
    )
    assert annotator.drawn == 0
    assert [sink.canvases[0].size for sink in sinks] == [0, 0]
    assert (scene.canvas == 7).all()
    assert annotator.drawn == 1


def test_a_picture_is_drawn_once_for_all_who_need_it_and_who_ask_later() -> None:
    annotator, lines, sinks = Counting(), Undrawn(), (ListSink(), ListSink())
    scene = rendered(annotator, lines, *sinks)
    assert (sinks[0].canvases[0] == 7).all()
    assert sinks[0].canvases[0] is sinks[1].canvases[0]
    assert lines.scenes[0].canvas is scene.canvas is sinks[0].canvases[0]
    assert annotator.drawn == 1


def test_another_scene_of_the_same_frame_is_drawn_anew() -> None:
    annotator = Counting()
    scene = rendered(annotator, ListSink())
    assert replace(scene, poses=(truth(1),)).canvas is not scene.canvas
    assert annotator.drawn == 2
