"""A camera as the page sees it."""

from __future__ import annotations

import json
import weakref
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from kpstream.entities import Image, Scene, Stats
from kpstream.interfaces import Sink, write_scene
from kpstream.testing import ManualClock
from kpstream.web import Feed
from kpstream.web.camera_feed import DRAWN, LINES, PICTURE, SNAPSHOT, Encodable, Form
from tests.support.sink_contract import SinkContract, person, picture, scene


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


def lines_of(feed: Feed, after: int) -> list[dict[str, Any]]:
    """The JSON lines that a feed has beyond a number; there are some."""
    asked: list[Encodable | None] = []
    feed.request(LINES, after, asked.append)
    (picture,) = asked
    assert picture is not None
    return [json.loads(line) for line in picture.encode().data]


def test_the_lines_of_the_newest_scenes_are_kept_without_their_pictures() -> None:
    feed = Feed("camera")
    kept = []
    for index in range(200):
        image = picture(index)
        kept.append(weakref.ref(image))
        feed.write(scene(index, image=image), image)
        del image
    assert [line["frame_index"] for line in lines_of(feed, 0)] == list(range(136, 200))
    assert [line["frame_size"] for line in lines_of(feed, 198)] == [[64, 48]] * 2
    assert sum(ref() is not None for ref in kept) == 1


def test_whoever_waits_is_called_once_with_the_next_picture_or_the_end() -> None:
    feed, calls = Feed("camera"), list[int | None]()

    def reply(picture: Encodable | None) -> None:
        calls.append(None if picture is None else picture.number)

    feed.request(PICTURE, 0, reply)
    assert calls == []
    feed.write(scene(0), picture(0))
    feed.write(scene(1), picture(1))
    assert calls == [1]
    feed.request(DRAWN, 1, reply)
    assert calls == [1, 2]
    feed.request(SNAPSHOT, 2, reply)
    feed.close()
    feed.request(LINES, 2, reply)
    assert calls == [1, 2, None, None]
    feed.request(SNAPSHOT, 0, reply)
    assert calls[4:] == [2], "the last picture stays"


def test_a_feed_that_follows_another_numbers_its_pictures_and_classes_beyond_it() -> None:
    feed, asked = Feed("camera", numbers_from=500), list[Encodable | None]()
    feed.request(PICTURE, 500, asked.append)
    feed.write(scene(0, person()), picture(0))
    (found,) = asked
    assert found is not None
    encoded = found.encode()
    assert encoded.number == 501
    assert [number for number, _ in encoded.classes] == [501]


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
    feed.idle(Stats(source_trouble="camera silent for 602 s, trying again: no such file"))
    assert told()[1] == "camera silent for 10 min, trying again: no such file"
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


class Counting:
    """An annotator that counts what it draws."""

    def __init__(self) -> None:
        self.drawn = 0

    def annotate(self, canvas: Image, scene: Scene) -> None:
        self.drawn += 1


def test_a_picture_is_drawn_only_for_viewers_that_do_not_draw_themselves_and_once_for_all() -> None:
    feed, annotator, asked = Feed("camera"), Counting(), list[Encodable | None]()
    for index in range(5):
        write_scene(feed, replace(scene(index), annotator=annotator))
    forms: tuple[Form, ...] = (LINES, PICTURE)
    for form in forms:
        feed.request(form, 0, asked.append)
    assert all(picture is not None and picture.encode().data for picture in asked)
    assert annotator.drawn == 0
    forms = (DRAWN, DRAWN, SNAPSHOT)
    for form in forms:
        feed.request(form, 0, asked.append)
    assert all(picture is not None and picture.encode().data for picture in asked)
    assert annotator.drawn == 1
