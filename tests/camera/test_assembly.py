"""One camera, put together from its spec."""

from __future__ import annotations

import json
import threading
from dataclasses import replace
from pathlib import Path

import pytest

from kpstream.camera.assembly import CameraAssembly
from kpstream.camera.spec import CameraSpec
from kpstream.entities import Answer, Frame, Image, Scene, Settings, Stats
from kpstream.errors import SourceOpenError
from kpstream.interfaces import Opener
from kpstream.options import LiveRequestOptions, ModelOptions, SourceOptions
from kpstream.testing import FakeEndpoint, ListSink, ManualClock, SyntheticSource, truth

SPEC = CameraSpec("door", "", requests=LiveRequestOptions(rate=5, sampling="steady"))


class Stepped(SyntheticSource):
    """A live source that gives the next picture once `go_on` allows it."""

    def __init__(self, frames: int, size: tuple[int, int] = (96, 64)) -> None:
        super().__init__(frames, size=size, is_live=True)
        self._steps = threading.Semaphore(1)

    def read(self) -> Frame | None:
        self._steps.acquire(timeout=20)
        return super().read()

    def go_on(self) -> None:
        self._steps.release()


def test_what_is_changed_holds_from_the_next_frame_on() -> None:
    endpoint, source = FakeEndpoint(), Stepped(60)
    assembly = CameraAssembly(SPEC, endpoint, opener=Opener("door", lambda: source))
    filters = SPEC.model.filters

    def take(scene: Scene) -> None:
        if scene.frame.index == 30:
            assembly.settings.apply(Settings(rate=30, confidence=0.95, keypoint_confidence=0.5))
        source.go_on()

    stats = assembly.run(on_scene=take)
    assert stats.rendered == 60
    assert sum(index < 30 for index in endpoint.asked) <= 6
    assert sum(index > 30 for index in endpoint.asked) > 6
    assert endpoint.filters[0] == filters
    assert endpoint.filters[-1] == replace(filters, confidence=0.95, keypoint_confidence=0.5)


def test_every_scene_goes_to_the_viewers_and_to_the_outputs(tmp_path: Path) -> None:
    source, viewer, lines = Stepped(5), ListSink(), tmp_path / "poses.jsonl"
    spec = replace(SPEC, jsonl=lines)
    CameraAssembly(spec, FakeEndpoint(), opener=Opener("door", lambda: source)).run(
        [viewer], on_scene=lambda _: source.go_on()
    )
    assert [scene.frame.index for scene in viewer.scenes] == [0, 1, 2, 3, 4]
    assert viewer.closed
    assert [json.loads(line)["frame_index"] for line in lines.read_text().splitlines()] == [0, 1, 2, 3, 4]


def test_no_more_requests_are_sent_than_the_budget_allows() -> None:
    endpoint, source = FakeEndpoint(), Stepped(60)
    spec = replace(SPEC, requests=replace(SPEC.requests, rate=30, max_requests=3))
    stats = CameraAssembly(spec, endpoint, opener=Opener("door", lambda: source)).run(on_scene=lambda _: source.go_on())
    assert (stats.rendered, stats.requests_left, len(endpoint.asked)) == (60, 0, 3)


def test_a_viewer_that_wants_to_know_hears_of_the_time_without_pictures() -> None:
    class Idle(ListSink):
        heard: Stats | None = None

        def idle(self, stats: Stats) -> None:
            self.heard = stats
            assembly.stop()

    def missing() -> SyntheticSource:
        raise SourceOpenError("nothing listens there")

    viewer = Idle()
    assembly = CameraAssembly(SPEC, FakeEndpoint(), opener=Opener("door", missing))
    assembly.run([viewer])
    assert viewer.heard is not None


def test_what_is_stopped_before_it_runs_ends_at_once() -> None:
    viewer = ListSink()
    assembly = CameraAssembly(SPEC, FakeEndpoint(), opener=Opener("door", lambda: Stepped(5)))
    assembly.stop()
    assembly.run([viewer])
    assert viewer.closed
    assert not viewer.scenes


def test_a_source_that_is_not_there_is_an_error_of_the_one_who_opens_it(tmp_path: Path) -> None:
    spec = CameraSpec("", str(tmp_path / "missing.mp4"), model=ModelOptions(endpoint="embedded"))
    with pytest.raises(SourceOpenError):
        CameraAssembly(spec, FakeEndpoint()).open()


@pytest.mark.parametrize(
    ("model", "longest"),
    [
        (ModelOptions(model="my-pose/3", endpoint="http://127.0.0.1:9"), 1280),
        (ModelOptions(model="my-pose/3", endpoint="http://127.0.0.1:9", upload_size=640), 1920),
        (ModelOptions(), 1920),
    ],
)
def test_pictures_with_far_people_are_sent_larger_unless_a_size_is_given(model: ModelOptions, longest: int) -> None:
    answered, shapes = threading.Semaphore(0), list[int]()

    def answer(image: Image) -> Answer:
        shapes.append(max(image.shape[:2]))
        answered.release()
        return Answer((truth(0),))

    def take(_: Scene) -> None:
        assert answered.acquire(timeout=20)
        source.go_on()

    source = Stepped(8, (1920, 1080))
    spec = replace(SPEC, model=model, requests=LiveRequestOptions(rate=30, sampling="steady"))
    CameraAssembly(spec, FakeEndpoint(answer), opener=Opener("door", lambda: source)).run(on_scene=take)
    assert len(shapes) == 8
    assert shapes[-1] == longest
    assert shapes[0] == (640 if longest == 1280 else longest)


def test_a_picture_is_turned_before_its_zones_are_hidden() -> None:
    source, viewer = Stepped(1), ListSink()
    options = SourceOptions(rotate=90, masks=(((0, 0.5), (1, 0.5), (1, 1), (0, 1)),))
    assembly = CameraAssembly(replace(SPEC, source=options), FakeEndpoint(), opener=Opener("door", lambda: source))
    assembly.run([viewer], on_scene=lambda _: source.go_on())
    image = viewer.scenes[0].frame.image
    assert image.shape == (96, 64, 3)
    assert not image[50:].any()
    assert image[:40].any()


class Overrun(Stepped):
    """A live source of 30 pictures a second, of which every second one comes too late to be given."""

    def __init__(self, frames: int, clock: ManualClock) -> None:
        super().__init__(frames)
        self._time = clock

    def read(self) -> Frame | None:
        frame = super().read()
        if frame is None:
            return None
        self._time.advance(1 / 15)
        return replace(frame, index=2 * frame.index, pts=self._time(), captured_at=self._time(), overrun=1)

    def decimate(self, max_fps: float) -> bool:
        return True


def test_a_full_machine_asks_a_little_less_often() -> None:
    endpoint, full, clock = FakeEndpoint(), list[int](), ManualClock()
    source = Overrun(15 * 14, clock)

    def take(scene: Scene) -> None:
        if scene.stats.machine_trouble:
            full.append(scene.frame.index // 2)
        source.go_on()

    CameraAssembly(SPEC, endpoint, opener=Opener("door", lambda: source), clock=clock).run(on_scene=take)
    counted = full[15 : 15 + 15 * 5]
    assert len(counted) == 15 * 5
    assert len(set(counted) & set(endpoint.asked)) <= 4 * 5 + 1
