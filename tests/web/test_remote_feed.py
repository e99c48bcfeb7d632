"""A camera whose pipeline runs elsewhere, as the page sees it."""

from __future__ import annotations

from dataclasses import replace

import pytest

from kpstream.entities import Stats
from kpstream.testing import ManualClock
from kpstream.web import RemoteFeed
from kpstream.web.camera_feed import DRAWN, LINES, PICTURE, Encoded, Form
from kpstream.web.figures import Shown
from tests.support.web_page import FakeControls

SHOWN = Shown(7, 12, (64, 48), 2, stale=False, picture_age=0.1, answer_age=0.4, written_at=100.0)


class Elsewhere:
    """Where the pictures are made."""

    def __init__(self) -> None:
        self.asked: list[tuple[Form, int]] = []

    def want(self, form: Form, after: int) -> None:
        self.asked.append((form, after))


class Viewer:
    def __init__(self) -> None:
        self.numbers: list[int] = []
        self.data: list[bytes] = []

    def reply(self, picture: Encoded | None) -> None:
        assert picture is not None
        self.numbers.append(picture.number)
        self.data += picture.data


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock(100.0)


@pytest.fixture
def feed(clock: ManualClock) -> RemoteFeed:
    return RemoteFeed("Front door", FakeControls(), clock=clock)


def test_a_picture_is_asked_for_once_however_many_wait_for_it_and_never_unasked(feed: RemoteFeed) -> None:
    elsewhere, first, second = Elsewhere(), Viewer(), Viewer()
    feed.connect(elsewhere.want)
    feed.beat(Stats(), SHOWN, 100.0)
    assert elsewhere.asked == []
    feed.request(PICTURE, 0, first.reply)
    feed.request(PICTURE, 0, second.reply)
    feed.request(DRAWN, 0, second.reply)
    assert elsewhere.asked == [(PICTURE, 0), (DRAWN, 0)]
    feed.answer(PICTURE, 0, Encoded(8, (b"eight",)))
    assert (first.data, second.data) == ([b"eight"], [b"eight"])
    feed.answer(PICTURE, 0, Encoded(9, (b"nobody asked",)))
    assert (first.numbers, second.numbers) == ([8], [8])
    feed.request(PICTURE, 8, first.reply)
    assert elsewhere.asked[2:] == [(PICTURE, 8)]


def test_each_size_is_asked_for_by_itself(feed: RemoteFeed) -> None:
    elsewhere, small, large = Elsewhere(), Viewer(), Viewer()
    feed.connect(elsewhere.want)
    feed.request(PICTURE.within(490), 0, small.reply)
    feed.request(PICTURE, 0, large.reply)
    feed.request(PICTURE.within(500), 0, small.reply)
    assert [(form.kind, form.max_width) for form, _ in elsewhere.asked] == [("picture", 480), ("picture", 1280)]
    feed.answer(PICTURE.within(480), 0, Encoded(1, (b"tile",)))
    assert (small.data, large.data) == ([b"tile", b"tile"], [])


def test_whoever_waits_when_a_pipeline_ends_waits_for_the_next_one(feed: RemoteFeed) -> None:
    first, second, viewer = Elsewhere(), Elsewhere(), Viewer()
    feed.connect(first.want)
    feed.request(PICTURE, 3, viewer.reply)
    feed.disconnect()
    feed.request(LINES, 3, viewer.reply)
    assert first.asked == [(PICTURE, 3)]
    feed.connect(second.want)
    assert second.asked == [(PICTURE, 3), (LINES, 3)]
    feed.answer(PICTURE, 3, Encoded(11, (b"eleven",)))
    assert viewer.data == [b"eleven"]


def test_the_next_pipeline_numbers_beyond_all_that_viewers_know(feed: RemoteFeed) -> None:
    assert feed.numbers_to == 0
    feed.beat(Stats(), SHOWN, 100.0)
    assert feed.numbers_to == 7
    feed.answer(PICTURE, 7, Encoded(9, (b"",), classes=((12, "{}"),)))
    assert feed.numbers_to == 12


def test_a_camera_that_waits_for_its_turn_to_start_is_not_stuck(feed: RemoteFeed, clock: ManualClock) -> None:
    clock.advance(60)
    assert (feed.health.status, feed.health.text) == ("waiting", "waiting for its turn to start")
    feed.connect(Elsewhere().want)
    assert feed.health.text == "waiting for the first picture"
    clock.advance(11)
    assert feed.health.dead


def test_a_camera_that_could_not_be_started_is_stuck(feed: RemoteFeed, clock: ManualClock) -> None:
    feed.disconnect()
    clock.advance(11)
    assert feed.health.dead


def test_what_is_known_of_the_newest_picture_stays_when_the_camera_begins_anew(
    feed: RemoteFeed, clock: ManualClock
) -> None:
    assert (feed.health.status, feed.shown) == ("waiting", None)
    feed.beat(Stats(rendered=7, render_fps=10.0, capture_fps=10.0), SHOWN, 100.0)
    assert (feed.health.status, feed.shown, feed.stats.rendered) == ("live", SHOWN, 7)
    clock.advance(3)
    feed.beat(Stats(source_trouble="rtsp://me:geheim@door: no answer"), None, 103.0)
    assert feed.shown == SHOWN
    assert (feed.health.status, feed.health.text) == ("silent", "camera silent for 3 s: rtsp://***@door: no answer")
    assert [reading.render_fps for reading in feed.history] == [10.0, 0.0]
    feed.beat(Stats(), replace(SHOWN, number=20, written_at=103.1), 103.1)
    clock.advance(11)
    assert feed.health.dead
