"""Several cameras that share what they ask with, and fail apart."""

from __future__ import annotations

import logging
import random
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass, field, replace
from math import inf

import numpy as np
import pytest
import requests

from kpstream.controls import CameraControls
from kpstream.dispatch.fair_share import Limits
from kpstream.dispatch.sampling import FixedRate
from kpstream.entities import Answer, Filters, Frame, Image, Scene, Settings, Stats
from kpstream.errors import EndpointRejected, SinkError, SourceOpenError, SourceReadError, UsageError
from kpstream.interfaces import Annotator, Endpoint, Sink, Source
from kpstream.render import PoseAnnotator
from kpstream.site import Plan, Site
from kpstream.site.feeds import Feeds
from kpstream.site.tidings import CameraTidings, Tidings
from kpstream.sources.masked import Zone
from kpstream.testing import FakeEndpoint, ManualClock, SyntheticSource
from kpstream.web import Page

Clock = Callable[[], float]


class Running(SyntheticSource):
    """A camera that gives a picture every few milliseconds, until it is closed or told to fail."""

    def __init__(self, clock: Clock) -> None:
        super().__init__(10**6, is_live=True, clock=clock)
        self.fault: Exception | None = None
        self._pace = threading.Event()

    def read(self) -> Frame | None:
        self._pace.wait(0.002)
        if self.fault is not None:
            raise self.fault
        return super().read()


class Screen:
    """A sink that somebody waits before."""

    def __init__(self) -> None:
        self.closed = False
        self.scenes: list[Scene] = []
        self.heard: list[Stats] = []
        self.fault: SinkError | None = None
        self._changed = threading.Condition()

    def write(self, scene: Scene, canvas: Image) -> None:
        with self._changed:
            if self.fault is not None:
                raise self.fault
            self.scenes.append(scene)
            self._changed.notify_all()

    def idle(self, stats: Stats) -> None:
        with self._changed:
            self.heard.append(stats)
            self._changed.notify_all()

    def close(self) -> None:
        with self._changed:
            self.closed = True
            self._changed.notify_all()

    def wait_until(self, condition: Callable[[], bool]) -> None:
        with self._changed:
            assert self._changed.wait_for(condition, 20), "it never happened"

    def wait_for_more(self, count: int = 20) -> None:
        seen = len(self.scenes)
        self.wait_until(lambda: len(self.scenes) >= seen + count)


@dataclass(frozen=True)
class FakeCamera:
    name: str
    settings: int = 0
    model: str = "pose/1"
    masks: Sequence[Zone] = ()
    filters: Filters = Filters()
    rate: float = inf
    delay: float | None = None
    patience: float = inf
    service: str = "here"
    world: World = field(compare=False, repr=False, kw_only=True)

    def open_source(self) -> Source:
        return self.world.open(self.name)

    def make_endpoint(self) -> Endpoint:
        return self.world.make_endpoint(self.model)

    def make_sampling(self) -> FixedRate:
        return FixedRate(self.rate)

    def make_annotator(self) -> Annotator:
        return PoseAnnotator()


@dataclass
class FakePlan:
    cameras: Sequence[FakeCamera]
    limits: Limits = field(default_factory=Limits)


class World:
    """What the cameras of a test find: sources, endpoints, and the screens that they show on."""

    def __init__(self, clock: Clock = time.monotonic) -> None:
        self.clock = clock
        self.missing: set[str] = set()
        self.on_opening: dict[str, Callable[[], None]] = {}
        self.sources: dict[str, list[Running]] = {}
        self.endpoints: list[FakeEndpoint] = []
        self.screens: dict[str, list[Screen]] = {}
        self.answer: Callable[[Image], Answer] = lambda _: Answer(())
        self.plan: FakePlan | UsageError = FakePlan([])
        self.ended: list[tuple[str, Stats]] = []
        self._changed = threading.Condition()

    def camera(self, name: str, **settings: object) -> FakeCamera:
        return FakeCamera(name, world=self, **settings)  # type: ignore[arg-type]

    def open(self, name: str) -> Source:
        self.on_opening.get(name, lambda: None)()
        if name in self.missing:
            raise SourceOpenError(f"cannot open {name}: nothing listens there")
        self.sources.setdefault(name, []).append(Running(self.clock))
        return self.sources[name][-1]

    def make_endpoint(self, model: str) -> Endpoint:
        self.endpoints.append(FakeEndpoint(self._say, max_in_flight=4))
        return self.endpoints[-1]

    def _say(self, image: Image) -> Answer:
        return self.answer(image)

    def make_sinks(self, camera: FakeCamera) -> list[Sink]:
        with self._changed:
            self.screens.setdefault(camera.name, []).append(Screen())
            self._changed.notify_all()
            return [self.screens[camera.name][-1]]

    def read(self) -> FakePlan:
        if isinstance(self.plan, UsageError):
            raise self.plan
        return self.plan

    def screen(self, name: str, number: int = 0) -> Screen:
        """The screen that a camera shows on, counted over its beginnings; waits for it."""
        with self._changed:
            assert self._changed.wait_for(lambda: len(self.screens.get(name, [])) > number, 20), "it never began"
            return self.screens[name][number]

    @contextmanager
    def runs(
        self,
        *cameras: FakeCamera,
        limits: Limits = Limits(),  # noqa: B008
        make_sinks: Callable[[FakeCamera], list[Sink]] | None = None,
        follow: Callable[[Plan[FakeCamera]], Plan[FakeCamera]] = lambda plan: plan,
    ) -> Iterator[Site[FakeCamera]]:
        plan = self.plan = FakePlan(cameras, limits)
        sinks = self.make_sinks if make_sinks is None else make_sinks
        site = Site(
            plan,
            reread=lambda: follow(self.read()),
            make_sinks=sinks,
            on_end=lambda camera, stats: self.ended.append((camera.name, stats)),
            clock=self.clock,
        )
        thread = threading.Thread(target=site.run)
        thread.start()
        try:
            yield site
        finally:
            site.stop()
            thread.join()


@pytest.fixture
def world() -> World:
    return World()


@pytest.fixture
def said() -> Iterator[list[str]]:
    """What was logged for people."""
    lines: list[str] = []
    handler = logging.Handler()
    handler.emit = lambda record: lines.append(record.getMessage())  # type: ignore[method-assign]
    logger = logging.getLogger("kpstream")
    level = logger.level
    logger.addHandler(handler)
    logger.setLevel(logging.INFO)
    yield lines
    logger.removeHandler(handler)
    logger.setLevel(level)


def test_every_camera_shows_its_pictures_on_a_thread_of_its_own(world: World) -> None:
    with world.runs(world.camera("door"), world.camera("gate")):
        for name in ("door", "gate"):
            world.screen(name).wait_for_more()
            assert f"kpstream-camera-{name}" in {thread.name for thread in threading.enumerate()}
            assert {scene.source for scene in world.screen(name).scenes} == {name}


def test_stopping_closes_everything(world: World) -> None:
    with world.runs(world.camera("door"), world.camera("gate")):
        world.screen("door").wait_for_more()
        world.screen("gate").wait_for_more()
    assert all(screen.closed for screens in world.screens.values() for screen in screens)
    assert all(source.closed for sources in world.sources.values() for source in sources)
    assert all(endpoint.closed for endpoint in world.endpoints)


def test_a_camera_that_hangs_while_it_is_opened_does_not_hold_up_the_end(world: World, said: list[str]) -> None:
    opening, goes_on = threading.Event(), threading.Event()

    def hang() -> None:
        opening.set()
        goes_on.wait(20)

    world.on_opening["door"] = hang
    with world.runs(world.camera("door"), world.camera("gate")):
        world.screen("gate").wait_for_more()
        assert opening.wait(20)
    assert world.screen("door").closed
    assert world.screen("gate").closed
    assert not goes_on.is_set()
    assert not [line for line in said if "may be missing" in line]
    goes_on.set()


def test_a_camera_that_is_missing_touches_no_other_and_shows_when_it_comes(world: World) -> None:
    world.missing.add("door")
    with world.runs(world.camera("door"), world.camera("gate")):
        world.screen("gate").wait_for_more()
        door = world.screen("door")
        door.wait_until(lambda: any("nothing listens there" in stats.source_trouble for stats in door.heard))
        assert not door.scenes
        world.missing.clear()
        door.wait_for_more()
        assert len(world.screens["gate"]) == len(world.screens["door"]) == 1


def test_a_camera_that_is_lost_comes_back_on_the_same_screen(world: World) -> None:
    with world.runs(world.camera("door"), world.camera("gate")):
        door = world.screen("door")
        door.wait_for_more()
        world.sources["door"][0].fault = SourceReadError("door is lost")
        door.wait_until(lambda: any(stats.source_trouble for stats in door.heard))
        world.screen("gate").wait_for_more()
        world.sources["door"][0].fault = None
        door.wait_for_more()
    assert len(world.screens["door"]) == 1


def test_a_loop_that_dies_of_a_fault_of_ours_begins_again_and_touches_no_other(
    world: World, said: list[str], caplog: pytest.LogCaptureFixture
) -> None:
    with world.runs(world.camera("door"), world.camera("gate")):
        world.screen("door").wait_for_more()
        world.sources["door"][0].fault = RuntimeError("a bug at rtsp://me:marked-secret@door")
        world.screen("door", 1).wait_for_more()
        world.screen("gate").wait_for_more()
        assert len(world.screens["gate"]) == 1
        assert world.screens["door"][0].closed
    assert [line for line in said if "a fault of kpstream" in line and line.startswith("door: RuntimeError")]
    assert "marked-secret" not in "".join(said)
    caplog.clear()


def test_zones_are_hidden_from_the_screen_and_from_the_endpoint(world: World) -> None:
    asked: list[Image] = []

    def answer(image: Image) -> Answer:
        asked.append(image)
        return Answer(())

    world.answer = answer
    with world.runs(world.camera("door", masks=[[(0, 0.25), (1, 0.25), (1, 1), (0, 1)]])):
        world.screen("door").wait_for_more()
    assert asked
    for image in (*asked, *(scene.frame.image for scene in world.screen("door").scenes)):
        assert not image[16:].any()
        assert image[8:12].all()


def test_at_its_end_a_camera_has_the_figures_of_all_its_beginnings(
    world: World, caplog: pytest.LogCaptureFixture
) -> None:
    with world.runs(world.camera("door"), world.camera("gate")) as site:
        world.screen("gate").wait_for_more()
        world.screen("door").wait_for_more()
        world.sources["door"][0].fault = RuntimeError("its loop begins again")
        world.screen("door", 1).wait_for_more()
        world.plan = FakePlan([world.camera("gate"), world.camera("yard")])
        site.reload()
        world.screen("yard").wait_for_more()
        assert [name for name, _ in world.ended] == ["door"]
    assert [name for name, _ in world.ended] == ["door", "gate", "yard"]
    for name, stats in world.ended:
        assert stats.rendered == sum(len(screen.scenes) for screen in world.screens[name])
        assert stats.requests
    assert len(world.screens["door"]) == 2
    caplog.clear()


class TestSharing:
    def test_cameras_with_one_model_share_its_endpoint(self, world: World) -> None:
        cameras = [world.camera("door"), world.camera("gate"), world.camera("yard", model="pose/2")]
        with world.runs(*cameras) as site:
            for camera in cameras:
                world.screen(camera.name).wait_for_more()
            assert len(world.endpoints) == 2
            world.plan = FakePlan([world.camera("door")])
            site.reload()
            world.screen("gate").wait_until(lambda: world.screen("gate").closed)
            world.screen("yard").wait_until(lambda: world.screen("yard").closed)
            world.screen("door").wait_for_more()
            shared = next(endpoint for endpoint in world.endpoints if endpoint.asked and not endpoint.closed)
            seen = len(shared.asked)
            world.screen("door").wait_until(lambda: len(shared.asked) > seen)

    def test_all_together_spend_the_budget_and_the_pictures_go_on(self, world: World) -> None:
        with world.runs(world.camera("door"), world.camera("gate"), limits=Limits(max_requests=8)):
            for name in ("door", "gate"):
                screen = world.screen(name)
                screen.wait_until(lambda s=screen: bool(s.scenes) and s.scenes[-1].stats.requests_left == 0)  # type: ignore[misc]
                screen.wait_for_more(50)
                assert "all 8 requests are spent" in screen.scenes[-1].stats.endpoint_trouble
        assert len(world.endpoints[0].asked) == 8

    def test_the_budget_is_shared_fairly(self, world: World) -> None:
        cameras = [world.camera(name, model=name) for name in ("door", "gate")]
        with world.runs(*cameras, limits=Limits(rate=100, max_requests=60)):
            screen = world.screen("gate")
            screen.wait_until(lambda: bool(screen.scenes) and screen.scenes[-1].stats.requests_left == 0)
        asked = [len(endpoint.asked) for endpoint in world.endpoints]
        assert sum(asked) == 60
        assert min(asked) >= 20

    def test_never_more_requests_at_once_than_allowed(self, world: World) -> None:
        cameras = [world.camera(name) for name in ("a", "b", "c")]
        with world.runs(*cameras, limits=Limits(max_in_flight=2)):
            for camera in cameras:
                world.screen(camera.name).wait_for_more(100)
        assert 1 <= world.endpoints[0].most_in_flight <= 2


class TestRefusal:
    def test_an_endpoint_that_refuses_is_left_alone_for_a_minute_while_the_picture_goes_on(self) -> None:
        clock = ManualClock()
        world = World(clock)

        def refuse(_: Image) -> Answer:
            raise EndpointRejected("the API key is not accepted")

        world.answer = refuse
        with world.runs(world.camera("door", rate=inf)):
            door = world.screen("door")
            door.wait_until(lambda: bool(door.scenes) and bool(door.scenes[-1].stats.endpoint_trouble))
            assert "the API key is not accepted; asked again every minute" in door.scenes[-1].stats.endpoint_trouble
            door.wait_for_more(100)
            asked = len(world.endpoints[0].asked)
            door.wait_for_more(100)
            assert len(world.endpoints[0].asked) == asked <= 4
            world.answer = lambda _: Answer(())
            clock.advance(61)
            door.wait_until(lambda: door.scenes[-1].stats.answered > 0)
            door.wait_until(lambda: not door.scenes[-1].stats.endpoint_trouble)
        assert len(world.screens["door"]) == 1


class TestSinks:
    def test_a_sink_that_fails_takes_no_picture_with_it_and_is_tried_again_in_a_minute(self, said: list[str]) -> None:
        clock = ManualClock()
        world = World(clock)
        disks: list[Screen] = []

        def make_sinks(camera: FakeCamera) -> list[Sink]:
            disks.append(Screen())
            return [disks[-1], *world.make_sinks(camera)]

        with world.runs(world.camera("door"), make_sinks=make_sinks):
            world.screen("door").wait_for_more()
            disks[0].fault = SinkError("the disk is gone")
            disks[0].wait_until(lambda: disks[0].closed)
            world.screen("door").wait_for_more(100)
            assert len(disks) == 1
            clock.advance(61)
            world.screen("door", 1).wait_for_more()
            disks[1].wait_for_more()
        assert sum("the disk is gone - tried again in a minute" in line for line in said) == 1


class TestReload:
    def test_what_changed_begins_anew_and_all_else_goes_on(self, world: World, said: list[str]) -> None:
        with world.runs(world.camera("same"), world.camera("changed"), world.camera("gone")) as site:
            for name in ("same", "changed", "gone"):
                world.screen(name).wait_for_more()
            world.plan = FakePlan([world.camera("same"), world.camera("changed", settings=1), world.camera("new")])
            site.reload()
            world.screen("new").wait_for_more()
            world.screen("changed", 1).wait_for_more()
            world.screen("same").wait_for_more()
            assert world.screens["changed"][0].closed
            assert world.screens["gone"][0].closed
            assert world.sources["gone"][0].closed
            assert len(world.screens["same"]) == len(world.sources["same"]) == 1
            assert not world.screens["same"][0].closed
        assert "read again: 2 cameras begin anew, 1 go on, 1 are gone" in said

    def test_a_faulty_file_is_told_line_by_line_and_all_goes_on(self, world: World, said: list[str]) -> None:
        with world.runs(world.camera("door")) as site:
            world.screen("door").wait_for_more()
            world.plan = UsageError("site.toml: first fault\nsite.toml: second fault")
            site.reload()
            world.screen("door").wait_until(lambda: any("goes on as it was" in line for line in said))
            world.screen("door").wait_for_more()
        assert [line for line in said if "fault" in line] == ["site.toml: first fault", "site.toml: second fault"]
        assert len(world.screens["door"]) == 1

    def test_new_limits_hold_for_cameras_that_go_on(self, world: World) -> None:
        with world.runs(world.camera("door"), limits=Limits(max_requests=3)) as site:
            door = world.screen("door")
            door.wait_until(lambda: bool(door.scenes) and door.scenes[-1].stats.requests_left == 0)
            world.plan = FakePlan([world.camera("door")], Limits(max_requests=10))
            site.reload()
            door.wait_until(lambda: len(world.endpoints[0].asked) == 10)
        assert len(world.screens["door"]) == 1


class TestTidings:
    def test_what_lasts_is_told_once_and_the_end_of_it_too(self) -> None:
        tidings, told = Tidings("pictures come"), list[tuple[int, str]]()
        for now in range(60):
            trouble = f"camera silent for {now} s" if 10 <= now < 40 else ""
            if text := tidings.news(trouble, now):
                told.append((now, text))
        assert told == [(2, "pictures come"), (12, "camera silent for 12 s"), (42, "pictures come")]

    def test_what_passes_at_once_is_not_told(self) -> None:
        tidings = Tidings("the endpoint answers", well=True)
        assert not [now for now in range(300) if tidings.news("" if now % 10 else "said 500", now / 2)]

    def test_what_returns_at_once_is_one_trouble(self) -> None:
        tidings = Tidings("the endpoint answers", well=True)
        troubles = [*(100 * ["", "said 500"]), *(10 * [""])]
        told = [tidings.news(trouble, now / 2) for now, trouble in enumerate(troubles)]
        assert [text for text in told if text] == ["said 500", "the endpoint answers"]

    @pytest.mark.parametrize("every", [0.2, 1.0, 5.0])
    def test_many_forms_of_trouble_that_come_and_go_are_no_flood(self, every: float) -> None:
        tidings, chance = Tidings("the endpoint answers", well=True), random.Random(1)
        told_at: list[float] = []
        for number in range(round(600 / every)):
            trouble = f"failed in way {chance.choice('abcdefgh')}" if chance.random() < 0.47 else ""
            told_at += [at for at in (number * every, (number + 0.9) * every) if tidings.news(trouble, at)]
        assert told_at
        assert all(sum(at <= other < at + 60 for other in told_at) <= 6 for at in told_at)

    def test_trouble_that_begins_again_and_stays_is_told_in_the_end(self) -> None:
        tidings = Tidings("pictures come", well=True)
        told = [(now, tidings.news("" if 5 <= now < 20 else "lost", now)) for now in range(200)]
        assert [line for line in told if line[1]] == [(2, "lost"), (7, "pictures come"), (62, "lost")]

    def test_what_comes_and_goes_is_told_once_a_minute(self) -> None:
        tidings = Tidings("pictures come", well=True)
        told = [now for now in range(600) if tidings.news("lost" if now // 5 % 2 else "", now)]
        assert len(told) <= 2 * 11

    def test_another_trouble_is_news(self) -> None:
        tidings = Tidings("pictures come", well=True)
        told = [tidings.news("silent" if now < 10 else "refused", now) for now in range(20)]
        assert [text for text in told if text] == ["silent", "refused"]

    def test_at_the_end_is_told_what_was_too_young_for_a_line(self) -> None:
        tidings = CameraTidings(pictures_come=True)
        refused, spent = Stats(endpoint_trouble="refused 1"), Stats(endpoint_trouble="spent", source_trouble="lost")
        assert not [news for now in range(2) for news in tidings.news(refused, now)]
        assert tidings.untold(refused) == [("refused 1", True)]
        assert tidings.news(refused, 2) == [("refused 1", True)]
        assert not tidings.untold(Stats(endpoint_trouble="refused 2"))
        assert tidings.untold(spent) == [("spent", True), ("lost", True)]
        assert not tidings.untold(Stats())

    def test_source_and_endpoint_are_told_apart(self) -> None:
        tidings = CameraTidings(pictures_come=True)
        one = Stats(captured=1, endpoint_trouble="refused")
        both = replace(one, source_trouble="lost")
        told = [[*tidings.news(both if now < 5 else one, now)] for now in range(10)]
        assert [news for news in told if news] == [[("refused", True), ("lost", True)], [("pictures come", False)]]


def test_pictures_that_are_shown_are_those_of_the_source(world: World) -> None:
    with world.runs(world.camera("door")):
        world.screen("door").wait_for_more()
    source = world.sources["door"][0]
    assert all(np.array_equal(s.frame.image, source.picture(s.frame.index)) for s in world.screen("door").scenes)


class TestFeeds:
    """The cameras of a site on its page."""

    def cameras_on(self, page: Page) -> dict[str, int]:
        """What the page shows: the name of each camera, and how many pictures of it there are."""
        answer = requests.get(f"{page.url}/api/cameras", timeout=10).json()
        return {camera["name"]: camera["stats"]["rendered"] for camera in answer["cameras"]}

    def test_a_camera_is_on_the_page_as_long_as_it_is_in_the_plan(
        self, world: World, caplog: pytest.LogCaptureFixture
    ) -> None:
        page = Page(port=0)
        feeds = Feeds[FakeCamera](page, lambda _: CameraControls(Settings(5, 0.4, 0.3)))

        def make_sinks(camera: FakeCamera) -> list[Sink]:
            return [*world.make_sinks(camera), *feeds.make_sinks(camera)]

        page.start()
        cameras = [world.camera("door"), world.camera("gate")]
        with closing(page), world.runs(*cameras, make_sinks=make_sinks, follow=feeds.follow) as site:
            world.screen("door").wait_for_more()
            world.screen("gate").wait_for_more()
            assert self.cameras_on(page).keys() == {"door", "gate"}
            world.sources["door"][0].fault = RuntimeError("its loop begins again")
            world.screen("door").wait_until(lambda: world.screen("door").closed)
            assert self.cameras_on(page).keys() == {"door", "gate"}
            world.screen("door", 1).wait_for_more()
            world.plan = FakePlan([world.camera("gate")])
            site.reload()
            world.screen("door", 1).wait_until(lambda: world.screen("door", 1).closed)
            assert self.cameras_on(page).keys() == {"gate"}
        caplog.clear()

    def test_without_a_page_there_is_nothing_to_show_on(self, world: World) -> None:
        feeds = Feeds[FakeCamera](None, lambda _: CameraControls(Settings(5, 0.4, 0.3)))
        assert not feeds.make_sinks(world.camera("door"))
        assert feeds.follow(FakePlan([])).cameras == []
