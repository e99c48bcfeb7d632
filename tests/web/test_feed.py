"""A camera as the page sees it."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from kpstream.entities import Stats
from kpstream.interfaces import Sink
from kpstream.testing import ManualClock
from kpstream.web import Feed
from tests.support.sink_contract import SinkContract, picture, scene


class TestFeed(SinkContract):
    @pytest.fixture
    def make(self) -> Callable[[], Sink]:
        return lambda: Feed("camera")


@pytest.mark.parametrize(
    ("title", "name"),
    [
        ("0", "0"),
        ("Front door", "front-door"),
        ("rtsp://user:secret@10.0.0.7:554/live?channel=1", "10.0.0.7-554-live-channel-1"),
        ("/home/me/Größe 1.mp4", "home-me-gr-e-1.mp4"),
        ("../..", "camera"),
        ("例", "camera"),
        ("x" * 100, "x" * 64),
    ],
)
def test_the_name_stands_in_addresses_and_holds_no_password(title: str, name: str) -> None:
    feed = Feed(title)
    assert feed.name == name
    assert "secret" not in feed.title


def test_the_pictures_of_old_scenes_are_not_kept() -> None:
    feed = Feed("camera")
    for index in range(200):
        feed.write(scene(index), picture(index))
    kept = feed.scenes_after(0)
    assert [number for number, _ in kept] == list(range(137, 201))
    assert all(old.frame.image.size == 0 for _, old in kept)


def test_whoever_waits_is_called_once_with_the_next_picture_or_the_end() -> None:
    feed, calls = Feed("camera"), list[str]()
    feed.when_newer(0, lambda: calls.append("first"))
    assert calls == []
    feed.write(scene(0), picture(0))
    feed.write(scene(1), picture(1))
    assert calls == ["first"]
    feed.when_newer(1, lambda: calls.append("at once"))
    assert calls == ["first", "at once"]
    feed.when_newer(2, lambda: calls.append("end"))
    feed.close()
    feed.when_newer(2, lambda: calls.append("over"))
    assert calls == ["first", "at once", "end", "over"]


def test_state_follows_the_pipeline() -> None:
    clock = ManualClock()
    feed = Feed("camera", clock=clock)

    def told() -> tuple[str, str]:
        return feed.health.status, feed.health.text

    assert told() == ("waiting", "waiting for the first picture")
    feed.idle(Stats(source_trouble="rtsp://me:geheim@door: no answer - trying again"))
    assert told()[1] == "rtsp://***@door: no answer - trying again"
    feed.write(scene(0), picture(0))
    assert told()[0] == "live"
    clock.advance(1.9)
    feed.idle(Stats())
    assert told()[0] == "live"
    clock.advance(2.1)
    feed.idle(Stats())
    assert told() == ("silent", "camera silent for 4 s, trying again")
    clock.advance(600)
    feed.idle(Stats(source_trouble="gone"))
    assert told()[1] == "camera silent for 10 min: gone"
    clock.advance(11)
    assert told()[0] == "stuck"
    assert feed.health.dead
    feed.close()
    assert told() == ("ended", "ended")
    assert feed.health.dead


def test_a_lost_source_is_silent_at_once() -> None:
    feed = Feed("camera")
    feed.write(scene(0), picture(0))
    feed.idle(Stats(source_trouble="unplugged?"))
    assert feed.health.status == "silent"


def test_a_silent_camera_draws_no_rate() -> None:
    clock = ManualClock()
    feed = Feed("camera", clock=clock)
    feed.write(scene(0), picture(0))
    for _ in range(3):
        clock.advance(1)
        feed.idle(Stats(render_fps=30.0, capture_fps=30.0))
    assert [reading.render_fps for reading in feed.history[1:]] == [0, 0, 0]
