"""The outbox: every event arrives at every destination, in order, whatever happens in between."""

from __future__ import annotations

import sqlite3
import threading
from dataclasses import replace
from pathlib import Path

import pytest

from kpstream.delivery.backoff import Backoff
from kpstream.delivery.destination import Gone, Refused, Unavailable
from kpstream.testing import ManualClock, wait_until
from tests.support.event_store import FakeDestination, delivering, ended, events_in, opened, stored

EVENT = opened()


def test_every_state_arrives_in_order(tmp_path: Path) -> None:
    destination = FakeDestination()
    with delivering(tmp_path, destination) as (store, deliveries):
        store.put(EVENT.to_json())
        wait_until(lambda: len(destination.sent) == 1)
        store.put(replace(EVENT, state="updated", value=3.0).to_json())
        wait_until(lambda: len(destination.sent) == 2)
        store.put(ended(EVENT).to_json())
        wait_until(lambda: len(destination.sent) == 3)
        wait_until(lambda: deliveries.figures().queues[0].depth.count == 0)
        figures = deliveries.figures()
    assert destination.sent == [("e1", "opened"), ("e1", "updated"), ("e1", "ended")]
    assert destination.is_closed
    assert (figures.events, figures.open) == (1, 0)
    assert (figures.queues[0].delivered, figures.queues[0].failed) == (3, 0)


def test_what_a_destination_does_not_take_is_tried_again_in_order(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    destination = FakeDestination([Unavailable("it is away"), Unavailable("it is away"), ValueError("odd")])
    with delivering(tmp_path, destination) as (store, deliveries):
        for number in range(3):
            store.put(opened(f"e{number}").to_json())
        wait_until(lambda: len(destination.sent) == 3)
        (queue,) = deliveries.figures().queues
    assert destination.sent == [("e0", "opened"), ("e1", "opened"), ("e2", "opened")]
    assert (queue.failed, queue.trouble) == (3, "")
    assert sum("events wait to be delivered: it is away" in record.message for record in caplog.records) == 1


def test_a_destination_that_cannot_begin_is_tried_again(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    destination = FakeDestination(open_fails=[OSError("no certificate"), OSError("no certificate")])
    with delivering(tmp_path, destination) as (store, deliveries):
        store.put(EVENT.to_json())
        wait_until(lambda: len(destination.sent) == 1)
        assert deliveries.figures().queues[0].trouble == ""
    assert "events wait to be delivered: no certificate" in caplog.text


def test_nothing_is_lost_over_a_restart(tmp_path: Path) -> None:
    away = FakeDestination([Unavailable("away")] * 1000, backoff=Backoff(60.0, 60.0))
    with delivering(tmp_path, away) as (store, deliveries):
        store.put(EVENT.to_json())
        store.put(ended(EVENT).to_json())
        wait_until(lambda: deliveries.figures().queues[0].depth.count == 2)
        wait_until(lambda: deliveries.figures().queues[0].failed == 1)
        assert deliveries.figures().oldest_undelivered(now=4e9) > 1e8
        assert deliveries.figures().oldest_undelivered(now=0.0) == 0.0
    back = FakeDestination()
    with delivering(tmp_path, back):
        wait_until(lambda: len(back.sent) == 2)
    assert away.sent == []
    assert back.sent == [("e1", "opened"), ("e1", "ended")]


def test_what_was_open_at_a_crash_is_delivered_as_ended(tmp_path: Path) -> None:
    with stored(tmp_path) as store:
        store.put(EVENT.to_json())
    destination = FakeDestination()
    with delivering(tmp_path, destination):
        wait_until(lambda: destination.sent == [("e1", "ended")])


def test_one_destination_does_not_delay_another(tmp_path: Path) -> None:
    hold = threading.Event()
    slow, quick = FakeDestination(name="slow", hold=hold), FakeDestination(name="quick")
    with delivering(tmp_path, slow, quick) as (store, _):
        for number in range(5):
            store.put(opened(f"e{number}").to_json())
        wait_until(lambda: len(quick.sent) == 5)
        assert slow.sent == []
        hold.set()
        wait_until(lambda: len(slow.sent) == 5)


def test_a_message_that_is_refused_again_and_again_does_not_stop_the_queue(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    destination = FakeDestination([Refused("it is wrong")] * 8)
    with delivering(tmp_path, destination) as (store, deliveries):
        store.put(opened("bad").to_json())
        store.put(opened("good").to_json())
        wait_until(lambda: destination.sent == [("good", "opened")])
        assert deliveries.figures().queues[0].failed == 8
    assert "an event is not delivered: it is wrong" in caplog.text


def test_a_destination_that_is_gone_is_left_alone_also_by_the_next_run(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    destination = FakeDestination([Gone("it answers 410")])
    with delivering(tmp_path, destination) as (store, deliveries):
        store.put(EVENT.to_json())
        wait_until(lambda: "nothing more is delivered" in deliveries.figures().queues[0].trouble)
        wait_until(lambda: deliveries.figures().queues[0].depth.count == 0)
    again = FakeDestination()
    with delivering(tmp_path, again) as (store, deliveries):
        store.put(opened("e2").to_json())
        wait_until(lambda: len(events_in(store)) == 2)
        assert deliveries.figures().queues == ()
        assert store.read(lambda database: database.outbox.depths()) == {}
    assert again.sent == []
    assert "nothing is delivered there any more: it answers 410" in caplog.text


def test_an_old_change_that_still_waits_is_not_delivered(tmp_path: Path) -> None:
    hold = threading.Event()
    destination = FakeDestination(hold=hold)
    with delivering(tmp_path, destination) as (store, _):
        store.put(EVENT.to_json())
        for value in (1.0, 2.0, 3.0):
            store.put(replace(EVENT, state="updated", value=value).to_json())
        store.put(ended(EVENT).to_json())
        wait_until(lambda: len(events_in(store)) == 1 and events_in(store)[0].document["state"] == "ended")
        hold.set()
        wait_until(lambda: destination.sent[-1:] == [("e1", "ended")])
    assert destination.sent == [("e1", "opened"), ("e1", "ended")]


def test_after_days_only_the_last_state_of_each_event_is_delivered(tmp_path: Path) -> None:
    away = FakeDestination([Unavailable("away")] * 1000, backoff=Backoff(60.0, 60.0))
    with delivering(tmp_path, away, wall_clock=lambda: 1e9) as (store, _):
        for number in range(300):
            event = opened(f"e{number:03}")
            store.put(event.to_json())
            store.put(ended(event).to_json())
        store.put(opened("open").to_json())
    back = FakeDestination()
    with delivering(tmp_path, back):
        wait_until(lambda: len(back.sent) == 301)
    assert back.sent == [*((f"e{number:03}", "ended") for number in range(300)), ("open", "ended")]


def test_a_clock_that_is_set_back_an_hour_holds_nothing_up(tmp_path: Path) -> None:
    wall, destination = ManualClock(1e9), FakeDestination()
    with delivering(tmp_path, destination, wall_clock=wall, keep=3600.0) as (store, deliveries):
        store.put(EVENT.to_json())
        wait_until(lambda: len(destination.sent) == 1)
        wall.advance(-3600.0)
        store.put(ended(EVENT).to_json())
        store.put(opened("e2", began_at=None, opened_at=None).to_json())
        wait_until(lambda: len(destination.sent) == 3)
        assert deliveries.figures().oldest_undelivered(wall()) == 0.0
        assert len(events_in(store)) == 2


def test_an_older_store_gets_its_outbox(tmp_path: Path) -> None:
    with stored(tmp_path) as store:
        store.put(ended(EVENT).to_json())
        store.arm("hall", "", False)
    connection = sqlite3.connect(tmp_path / "events.db")
    connection.executescript(
        "DROP INDEX event_changed; DROP INDEX event_unseen; DROP TABLE change; ALTER TABLE event DROP COLUMN changed;"
        "DROP TABLE delivery; DROP TABLE destination; PRAGMA user_version = 1"
    )
    connection.close()

    destination = FakeDestination()
    with delivering(tmp_path, destination) as (store, _):
        store.put(opened("e2").to_json())
        wait_until(lambda: destination.sent == [("e2", "opened")])
        assert [event.id for event in events_in(store)] == ["e1", "e2"]
        assert store.armed("hall") == {"": False}
