"""Several cameras that share what they ask with, and fail apart."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import requests

from kpstream.camera.child import CameraChild
from kpstream.camera.events import CameraEvents
from kpstream.camera.link import Link
from kpstream.camera.site import Site
from kpstream.camera.spec import CameraSpec, SiteSpec
from kpstream.delivery.outbox import Document
from kpstream.dispatch.dealer import Limits
from kpstream.entities import Answer, Frame, Image, Scene, Stats
from kpstream.errors import EndpointRejected, KpstreamError, SinkError, SourceOpenError, SourceReadError, UsageError
from kpstream.events import InZone, Rule, RuleSet, Zone
from kpstream.interfaces import Endpoint, Sink, Source
from kpstream.media.frame import Luma
from kpstream.options import DrawOptions, EventsOptions, LiveRequestOptions, ModelOptions, SourceOptions
from kpstream.testing import FakeEndpoint, ManualClock, SyntheticSource, truth, wait_until
from kpstream.web import Page
from tests.support.camera_child import ThreadChild

EVERYWHERE = RuleSet(
    (Rule("there", InZone("all"), for_seconds=0.0),), {"all": Zone("all", ((0, 0), (1, 0), (1, 1), (0, 1)))}
)
Clock = Callable[[], float]


class Running(SyntheticSource):
    """A camera that gives a picture every few milliseconds, until it is closed or told to fail."""

    def __init__(self, clock: Clock) -> None:
        super().__init__(10**6, is_live=True, clock=clock)
        self.fault: Exception | None = None
        self.is_broken = False
        """Whether its pictures cannot be converted."""
        self._pace = threading.Event()

    def read(self) -> Frame | None:
        self._pace.wait(0.002)
        if self.fault is not None:
            raise self.fault
        frame = super().read()
        return frame if frame is None or not self.is_broken else replace(frame, picture=BrokenPicture(frame.image))


class BrokenPicture:
    """A picture of which its luma is all that there is."""

    def __init__(self, image: Image) -> None:
        self.size = image.shape[1], image.shape[0]
        self.luma: Luma | None = Luma(image[:, :, 1], None)

    @property
    def image(self) -> Image:
        raise SourceReadError("cannot show pictures of odd pixels")

    def shrunk(self, longest: int) -> tuple[Image, tuple[int, int]]:
        raise SourceReadError("cannot show pictures of odd pixels")


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


def camera(name: str, **different: Any) -> CameraSpec:
    return CameraSpec(name, "", **{"requests": LiveRequestOptions(rate=None, sampling="steady"), **different})


class World:
    """What the cameras of a test find: sources, endpoints, and the screens that they show on."""

    def __init__(self, clock: Clock = time.monotonic) -> None:
        self.clock = clock
        self.missing: set[str] = set()
        self.has_processes = True
        self.on_opening: dict[str, Callable[[], None]] = {}
        self.sources: dict[str, list[Running]] = {}
        self.endpoints: list[FakeEndpoint] = []
        self.screens: dict[str, list[Screen]] = {}
        self.answer: Callable[[Image], Answer] = lambda _: Answer(())
        self.events: CameraEvents | None = None
        self.children: dict[str, list[ThreadChild]] = {}
        self.spec: SiteSpec | UsageError = SiteSpec(())
        self.ended: list[tuple[str, Stats]] = []
        self._changed = threading.Condition()

    def open(self, spec: CameraSpec) -> Source:
        name = spec.name
        self.on_opening.get(name, lambda: None)()
        if name in self.missing:
            raise SourceOpenError(f"cannot open {name}: nothing listens there")
        self.sources.setdefault(name, []).append(Running(self.clock))
        return self.sources[name][-1]

    def make_endpoint(self, spec: CameraSpec) -> Endpoint:
        self.endpoints.append(FakeEndpoint(self._say, max_in_flight=4))
        return self.endpoints[-1]

    def _say(self, image: Image) -> Answer:
        return self.answer(image)

    def make_sinks(self, camera: CameraSpec) -> list[Sink]:
        with self._changed:
            self.screens.setdefault(camera.name, []).append(Screen())
            self._changed.notify_all()
            return [self.screens[camera.name][-1]]

    def read(self) -> SiteSpec:
        if isinstance(self.spec, UsageError):
            raise self.spec
        return self.spec

    def screen(self, name: str, number: int = 0) -> Screen:
        """The screen that a camera shows on, counted over its beginnings; waits for it."""
        with self._changed:
            assert self._changed.wait_for(lambda: len(self.screens.get(name, [])) > number, 20), "it never began"
            return self.screens[name][number]

    @contextmanager
    def runs(
        self,
        *cameras: CameraSpec,
        limits: Limits = Limits(),  # noqa: B008
        make_sinks: Callable[[CameraSpec], list[Sink]] | None = None,
        page: Page | None = None,
    ) -> Iterator[Site]:
        def make_child(link: Link) -> CameraChild:
            return CameraChild(
                link,
                open_camera=self.open,
                make_endpoint=self.make_endpoint,
                make_sinks=self.make_sinks if make_sinks is None else make_sinks,
                clock=self.clock,
            )

        def start_child(name: str) -> ThreadChild:
            if not self.has_processes:
                raise KpstreamError("no process can be started")
            child = ThreadChild(name, make_child)
            self.children.setdefault(name, []).append(child)
            return child

        spec = self.spec = SiteSpec(cameras, limits)
        site = Site(
            spec,
            reread=self.read,
            page=page,
            on_end=lambda camera, stats: self.ended.append((camera.name, stats)),
            events=self.events,
            start_child=start_child,
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
    with world.runs(camera("door"), camera("gate")):
        for name in ("door", "gate"):
            world.screen(name).wait_for_more()
            assert f"kpstream-camera-{name}" in {thread.name for thread in threading.enumerate()}
            assert {scene.source for scene in world.screen(name).scenes} == {name}


def test_stopping_closes_everything(world: World) -> None:
    with world.runs(camera("door"), camera("gate")):
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
    with world.runs(camera("door"), camera("gate")):
        world.screen("gate").wait_for_more()
        assert opening.wait(20)
    assert world.screen("door").closed
    assert world.screen("gate").closed
    assert not goes_on.is_set()
    assert not [line for line in said if "may be missing" in line]
    goes_on.set()


def test_a_camera_that_is_missing_touches_no_other_and_shows_when_it_comes(world: World) -> None:
    world.missing.add("door")
    with world.runs(camera("door"), camera("gate")):
        world.screen("gate").wait_for_more()
        door = world.screen("door")
        door.wait_until(lambda: any("nothing listens there" in stats.source_trouble for stats in door.heard))
        assert not door.scenes
        world.missing.clear()
        door.wait_for_more()
        assert len(world.screens["gate"]) == len(world.screens["door"]) == 1


def test_a_camera_that_is_lost_comes_back_on_the_same_screen(world: World) -> None:
    with world.runs(camera("door"), camera("gate")):
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
    with world.runs(camera("door"), camera("gate")):
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
    with world.runs(camera("door", source=SourceOptions(masks=(((0, 0.25), (1, 0.25), (1, 1), (0, 1)),)))):
        world.screen("door").wait_for_more()
    assert asked
    for image in (*asked, *(scene.frame.image for scene in world.screen("door").scenes)):
        assert not image[16:].any()
        assert image[8:12].all()


def test_at_its_end_a_camera_has_the_figures_of_all_its_beginnings(
    world: World, caplog: pytest.LogCaptureFixture
) -> None:
    with world.runs(camera("door"), camera("gate")) as site:
        world.screen("gate").wait_for_more()
        world.screen("door").wait_for_more()
        world.sources["door"][0].fault = RuntimeError("its loop begins again")
        world.screen("door", 1).wait_for_more()
        world.spec = SiteSpec(
            (
                camera("gate"),
                camera("yard"),
            )
        )
        site.reload()
        world.screen("yard").wait_for_more()
        assert [name for name, _ in world.ended] == ["door"]
    assert [name for name, _ in world.ended] == ["door", "gate", "yard"]
    for name, stats in world.ended:
        assert stats.rendered == sum(len(screen.scenes) for screen in world.screens[name])
        assert stats.requests
    assert len(world.screens["door"]) == 2
    assert not [line for line in caplog.messages if "were lost" in line]
    caplog.clear()


class TestSharing:
    def test_all_together_spend_the_budget_and_the_pictures_go_on(self, world: World) -> None:
        with world.runs(camera("door"), camera("gate"), limits=Limits(max_requests=8)):
            for name in ("door", "gate"):
                screen = world.screen(name)
                screen.wait_until(lambda s=screen: bool(s.scenes) and s.scenes[-1].stats.requests_left == 0)  # type: ignore[misc]
                screen.wait_for_more(50)
                assert "all 8 requests are spent" in screen.scenes[-1].stats.endpoint_trouble
        assert sum(len(endpoint.asked) for endpoint in world.endpoints) == 8

    def test_the_budget_is_shared_fairly(self, world: World) -> None:
        cameras = [camera(name, model=ModelOptions(f"{name}/1")) for name in ("door", "gate")]
        with world.runs(*cameras, limits=Limits(rate=100, max_requests=60)):
            world.screen("gate").wait_until(lambda: sum(len(endpoint.asked) for endpoint in world.endpoints) == 60)
            world.screen("gate").wait_for_more()
        asked = [len(endpoint.asked) for endpoint in world.endpoints]
        assert sum(asked) == 60
        assert min(asked) >= 20

    def test_never_more_requests_at_once_than_allowed(self, world: World) -> None:
        cameras, lock = [camera(name) for name in ("a", "b", "c")], threading.Lock()
        in_flight, most = 0, 0

        def answer(_: Image) -> Answer:
            nonlocal in_flight, most
            with lock:
                in_flight += 1
                most = max(most, in_flight)
            threading.Event().wait(0.002)
            with lock:
                in_flight -= 1
            return Answer(())

        world.answer = answer
        with world.runs(*cameras, limits=Limits(max_in_flight=2)):
            for each in cameras:
                screen = world.screen(each.name)
                screen.wait_until(lambda s=screen: bool(s.scenes) and s.scenes[-1].stats.answered > 5)  # type: ignore[misc]
        assert 1 <= most <= 2

    def test_a_budget_of_a_camera_is_its_own_and_holds_when_it_begins_again(
        self, world: World, caplog: pytest.LogCaptureFixture
    ) -> None:
        own = LiveRequestOptions(rate=None, sampling="steady", max_requests=5)
        with world.runs(camera("door", requests=own), camera("gate")):
            door = world.screen("door")
            door.wait_until(lambda: bool(door.scenes) and door.scenes[-1].stats.requests_left == 0)
            assert "all 5 requests are spent" in door.scenes[-1].stats.endpoint_trouble
            world.sources["door"][0].fault = RuntimeError("it begins again")
            world.screen("door", 1).wait_for_more(100)
            assert world.screen("door", 1).scenes[-1].stats.requests_left == 0
            gate = world.screen("gate")
            gate.wait_until(lambda: gate.scenes[-1].stats.answered > 5)
        requests = {name: stats.requests for name, stats in world.ended}
        assert requests["door"] == 5
        caplog.clear()


class TestRefusal:
    def test_an_endpoint_that_refuses_is_left_alone_for_a_minute_while_the_picture_goes_on(self) -> None:
        clock = ManualClock()
        world = World(clock)

        def refuse(_: Image) -> Answer:
            raise EndpointRejected("the API key is not accepted")

        world.answer = refuse
        with world.runs(camera("door")):
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

        def make_sinks(camera: CameraSpec) -> list[Sink]:
            disks.append(Screen())
            return [disks[-1], *world.make_sinks(camera)]

        with world.runs(camera("door"), make_sinks=make_sinks):
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
        with world.runs(camera("same"), camera("changed"), camera("gone")) as site:
            for name in ("same", "changed", "gone"):
                world.screen(name).wait_for_more()
            world.spec = SiteSpec(
                (
                    camera("same"),
                    camera("changed", drawing=DrawOptions(thickness=1)),
                    camera("new"),
                )
            )
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
        with world.runs(camera("door")) as site:
            world.screen("door").wait_for_more()
            world.spec = UsageError("site.toml: first fault\nsite.toml: second fault")
            site.reload()
            world.screen("door").wait_until(lambda: any("goes on as it was" in line for line in said))
            world.screen("door").wait_for_more()
        assert [line for line in said if "fault" in line] == ["site.toml: first fault", "site.toml: second fault"]
        assert len(world.screens["door"]) == 1

    def test_new_limits_hold_for_cameras_that_go_on(self, world: World) -> None:
        with world.runs(camera("door"), limits=Limits(max_requests=3)) as site:
            door = world.screen("door")
            door.wait_until(lambda: bool(door.scenes) and door.scenes[-1].stats.requests_left == 0)
            world.spec = SiteSpec((camera("door"),), Limits(max_requests=10))
            site.reload()
            door.wait_until(lambda: len(world.endpoints[0].asked) == 10)
        assert len(world.screens["door"]) == 1


def test_pictures_that_are_shown_are_those_of_the_source(world: World) -> None:
    with world.runs(camera("door")):
        world.screen("door").wait_for_more()
    source = world.sources["door"][0]
    assert all(np.array_equal(s.frame.image, source.picture(s.frame.index)) for s in world.screen("door").scenes)


class TestFeeds:
    """The cameras of a site on its page."""

    def cameras_on(self, page: Page) -> dict[str, int]:
        """What the page shows: the name of each camera, and how many pictures of it there are."""
        answer = requests.get(f"{page.url}/api/cameras", timeout=30).json()
        return {camera["name"]: camera["stats"]["rendered"] for camera in answer["cameras"]}

    def test_a_camera_is_on_the_page_as_long_as_it_is_in_the_plan(
        self, world: World, caplog: pytest.LogCaptureFixture
    ) -> None:
        page = Page(port=0)
        page.start()
        with closing(page), world.runs(camera("door"), camera("gate"), page=page) as site:
            world.screen("door").wait_for_more()
            world.screen("gate").wait_for_more()
            assert self.cameras_on(page).keys() == {"door", "gate"}
            world.sources["door"][0].fault = RuntimeError("its loop begins again")
            world.screen("door").wait_until(lambda: world.screen("door").closed)
            assert self.cameras_on(page).keys() == {"door", "gate"}
            world.screen("door", 1).wait_for_more()
            world.spec = SiteSpec((camera("gate"),))
            site.reload()
            world.screen("door", 1).wait_until(lambda: world.screen("door", 1).closed)
            assert self.cameras_on(page).keys() == {"gate"}
        caplog.clear()

    def test_its_pictures_poses_and_settings_go_over_the_page(self, world: World) -> None:
        page = Page(port=0)
        page.start()
        with closing(page), world.runs(camera("door"), page=page):
            world.screen("door").wait_for_more()
            at = f"{page.url}/cameras/door"
            wait_until(lambda: requests.get(f"{at}/snapshot.jpg", timeout=30).content.startswith(b"\xff\xd8"))
            poses = requests.get(f"{page.url}/api/cameras/door/poses", timeout=30).json()
            assert (poses["source"], poses["frame_size"]) == ("door", [96, 64])
            with requests.get(f"{at}/stream.mjpg", stream=True, timeout=30) as stream:
                pieces = stream.iter_content(500)
                assert b"image/jpeg" in next(pieces) + next(pieces)
            changed = requests.patch(f"{page.url}/api/cameras/door", json={"rate": 2.5}, timeout=30).json()
            assert changed["settings"]["rate"] == 2.5

    def test_a_camera_that_cannot_be_started_is_stuck(self) -> None:
        clock, page = ManualClock(100.0), Page(port=0)
        world = World(clock)
        world.has_processes = False
        page.start()

        def state() -> str:
            (door,) = requests.get(f"{page.url}/api/cameras", timeout=30).json()["cameras"]
            return str(door["text"])

        with closing(page), world.runs(camera("door"), page=page):
            wait_until(lambda: state() == "waiting for the first picture")
            clock.advance(11)
            assert state() == "no sign of life for 11 s"

    def test_whoever_looks_at_a_camera_that_dies_sees_its_next_pictures(self, world: World) -> None:
        page = Page(port=0)
        page.start()
        with closing(page), world.runs(camera("door"), page=page):
            world.screen("door").wait_for_more()
            with requests.get(f"{page.url}/cameras/door/stream.mjpg", stream=True, timeout=20) as stream:
                pieces = stream.iter_content(500)
                next(pieces)
                world.children["door"][0].kill()
                second = world.screen("door", 1)
                second.wait_for_more()
                pictures = [next(pieces) for _ in range(400)]
                assert b"image/jpeg" in b"".join(pictures[-50:])

    def test_whoever_looks_at_a_camera_sees_the_next_picture_where_one_cannot_be_encoded(
        self, world: World, said: list[str]
    ) -> None:
        page = Page(port=0)
        page.start()
        few = LiveRequestOptions(rate=0.01, sampling="steady")
        with closing(page), world.runs(camera("door", requests=few), page=page, make_sinks=lambda _: []):
            wait_until(lambda: self.cameras_on(page).get("door", 0) > 20)
            with requests.get(f"{page.url}/cameras/door/stream.mjpg", stream=True, timeout=10) as stream:
                pieces = stream.iter_content(500)
                next(pieces)
                world.sources["door"][0].is_broken = True
                told = "door: a picture is not shown: cannot show pictures of odd pixels"
                wait_until(lambda: told in said)
                for _ in range(3):
                    assert requests.get(f"{page.url}/api/cameras/door/poses", timeout=30).ok
                assert said.count(told) == 1, "also where poses alone are given meanwhile"
                world.sources["door"][0].is_broken = False
                pictures = [next(pieces) for _ in range(400)]
                assert b"image/jpeg" in b"".join(pictures[-50:])


class TestEvents:
    """What happens before cameras in processes of their own."""

    def opened(self, folder: Path) -> CameraEvents:
        events = CameraEvents(EventsOptions(), folder)
        events.open()
        return events

    def documents(self, events: CameraEvents) -> list[Document]:
        assert events.store is not None
        return [event.document for event in events.store.read(lambda database: database.events())]

    def test_it_reaches_the_one_store_with_its_media_and_is_armed_from_there(
        self, world: World, tmp_path: Path
    ) -> None:
        world.answer = lambda _: Answer((truth(0),))
        with closing(self.opened(tmp_path)) as events:
            world.events = events
            with world.runs(camera("door", rules=EVERYWHERE)):
                wait_until(lambda: bool(self.documents(events)))
                events.cameras["door"].arm("there", False)
                world.screen("door").wait_for_more(100)
            wait_until(lambda: all(event["state"] == "ended" for event in self.documents(events)))
            event, *more = self.documents(events)
            assert (event["camera"], event["rule"]) == ("door", "there")
            assert (tmp_path / str(event["snapshot"])).read_bytes().startswith(b"\xff\xd8")
            assert (tmp_path / str(event["clip"])).is_file()
            with world.runs(camera("door", rules=EVERYWHERE)):
                world.screen("door", 1).wait_for_more(100)
            assert len(self.documents(events)) == 1 + len(more), "it is not armed any more"

    def test_of_a_camera_without_rules_its_zones_are_known(self, world: World, tmp_path: Path) -> None:
        zones = {"way": Zone("way", ((0.1, 0.1), (0.2, 0.1), (0.2, 0.2)))}
        with closing(self.opened(tmp_path)) as events:
            world.events = events
            with world.runs(camera("door", rules=RuleSet((), zones))):
                world.screen("door").wait_for_more(3)
                assert events.cameras["door"].rules.zones == zones

    def test_what_goes_on_before_a_camera_that_is_killed_is_ended(self, world: World, tmp_path: Path) -> None:
        world.answer = lambda _: Answer((truth(0),))
        with closing(self.opened(tmp_path)) as events:
            world.events = events
            with world.runs(camera("door", rules=EVERYWHERE)) as site:
                wait_until(lambda: bool(self.documents(events)))
                assert self.documents(events)[0]["state"] != "ended"
                world.children["door"][0].kill()
                wait_until(lambda: {one["state"] for one in self.documents(events)} >= {"ended"})
                world.spec = SiteSpec(())
                site.reload()
                wait_until(lambda: not events.cameras)
            wait_until(lambda: all(one["state"] == "ended" for one in self.documents(events)))
