"""The event store: what is told to it is there, after whatever happens."""

from __future__ import annotations

import logging
import sqlite3
import threading
from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, cast

import cv2
import numpy as np
import pytest

from kpstream.delivery import EventDatabase, EventQuery, EventRecorder, EventStore, open_to_read, read_from
from kpstream.delivery.event_media import EventMedia
from kpstream.entities import Event, Image, Scene
from kpstream.errors import SinkError, SourceOpenError
from kpstream.events import Angle, Listener, Rule, RuleSet
from kpstream.testing import ManualClock, wait_until
from tests.support.event_store import BEGAN, RULES, ended, events_in, of_hall, opened, scene, stored
from tests.support.source_clips import write_video


class Inverted:
    """Draws so that one sees it."""

    def annotate(self, canvas: Image, scene: Scene) -> None:
        canvas[:] = 255 - canvas


@dataclass
class Disk:
    """One that can be full."""

    total: int = 10_000_000_000
    free: int = 5_000_000_000

    def __call__(self, _: Path) -> Disk:
        return self


def are_ended(store: EventStore, number: int) -> None:
    """Wait until so many events of a store have ended."""
    wait_until(lambda: sum(event.document["state"] == "ended" for event in events_in(store)) == number)


def recorder(store: EventStore, rules: RuleSet = RULES, listeners: Sequence[Listener] = ()) -> EventMedia:
    return of_hall(store, rules, listeners, annotator=Inverted())


def test_an_event_is_there_as_it_was_told_last(tmp_path: Path) -> None:
    event = opened()
    with stored(tmp_path / "new" / "store") as store:
        recorder(store).tell(event, scene())
        wait_until(lambda: len(events_in(store)) == 1)
        (found,) = events_in(store)
        assert found.document["state"] == "opened"

        recorder(store).tell(ended(event), None)
        wait_until(lambda: events_in(store)[0].document["state"] == "ended")

    database = open_to_read(tmp_path / "new" / "store")
    (found,) = database.events()
    database.close()
    assert found.document == ended(event).to_json()
    assert found.at == BEGAN.timestamp()


def test_the_snapshot_is_the_strongest_moment_and_drawn(tmp_path: Path) -> None:
    rules = RuleSet((Rule("hand in press", Angle(("a", "b", "c"), min=30.0)),), {}, {})
    told: list[Event] = []
    with stored(tmp_path) as store:
        of_camera = recorder(store, rules, listeners=[lambda event, _: told.append(event)])
        event = opened(value=40.0)
        of_camera.tell(event, scene(level=10))
        of_camera.tell(replace(event, state="updated", value=90.0), scene(level=55))
        of_camera.tell(replace(event, state="updated", value=60.0), scene(level=200))
        of_camera.tell(ended(replace(event, value=35.0)), scene(level=220))

    name = "snapshots/2026-11-28/e1.jpg"
    assert [event.snapshot for event in told] == [name] * 4
    shown = cv2.imread(str(tmp_path / name))
    assert shown is not None
    assert int(np.median(shown)) == pytest.approx(200, abs=2)
    database = open_to_read(tmp_path)
    (found,) = database.events()
    database.close()
    assert found.document["snapshot"] == name
    assert found.bytes == (tmp_path / name).stat().st_size


def test_a_smaller_value_is_the_stronger_one_where_a_rule_has_only_a_maximum(tmp_path: Path) -> None:
    rules = RuleSet((Rule("hand in press", Angle(("a", "b", "c"), max=30.0)),), {}, {})
    with stored(tmp_path) as store:
        of_camera = recorder(store, rules)
        event = opened(value=25.0)
        of_camera.tell(event, scene(level=10))
        of_camera.tell(replace(event, state="updated", value=5.0), scene(level=55))
        of_camera.tell(replace(event, state="updated", value=28.0), scene(level=200))
    shown = cv2.imread(str(tmp_path / "snapshots/2026-11-28/e1.jpg"))
    assert shown is not None
    assert int(np.median(shown)) == pytest.approx(200, abs=2)


def test_a_moment_has_a_snapshot_too(tmp_path: Path) -> None:
    with stored(tmp_path) as store:
        recorder(store).tell(ended(opened(), lasted=0.0), scene())
    assert (tmp_path / "snapshots/2026-11-28/e1.jpg").is_file()


def test_what_an_earlier_run_left_open_is_ended_there(tmp_path: Path) -> None:
    with stored(tmp_path) as store:
        recorder(store).tell(opened(), None)
    with stored(tmp_path) as store:
        (found,) = events_in(store)
    document = found.document
    assert (document["state"], document["cut"]) == ("ended", True)
    assert (document["ended_pts"], document["ended_at"]) == (document["opened_pts"], document["opened_at"])


def test_what_an_earlier_run_left_of_a_clip_is_given_to_its_event(tmp_path: Path) -> None:
    with stored(tmp_path) as store:
        for event_id in ("plays", "empty", "none"):
            recorder(store).tell(opened(event_id), None)
    folder = tmp_path / "clips/2026-11-28"
    folder.mkdir(parents=True)
    size = write_video(folder / "plays.mp4", range(10)).stat().st_size
    (folder / "empty.mp4").write_bytes(b"\0\0\0\x18ftyp")
    with stored(tmp_path) as store:
        found = {event.id: (event.document["clip"], event.bytes) for event in events_in(store)}
    assert found == {"plays": ("clips/2026-11-28/plays.mp4", size), "empty": (None, 0), "none": (None, 0)}
    assert not (folder / "empty.mp4").exists()


def test_a_snapshot_whose_writing_did_not_end_is_removed_at_the_next_start(tmp_path: Path) -> None:
    (tmp_path / "snapshots/2026-11-28").mkdir(parents=True)
    part = tmp_path / "snapshots/2026-11-28/e1.part"
    part.write_bytes(b"half")
    with stored(tmp_path):
        assert not part.exists()


def test_arming_outlives_a_restart(tmp_path: Path) -> None:
    armed: dict[str, bool] = {}
    with stored(tmp_path) as store:
        of_camera = EventRecorder(store, RULES, camera="hall")
        of_camera.control(armed.update)
        assert armed == {"hand in press": True, "spare": False}
        of_camera.arm("spare", True)
        of_camera.arm("", False)
        assert armed == {"hand in press": False, "spare": False}
    with stored(tmp_path) as store:
        again: dict[str, bool] = {}
        of_camera = EventRecorder(store, RULES, camera="hall")
        of_camera.control(again.update)
        assert again == {"hand in press": False, "spare": False}
        of_camera.arm("", True)
        assert again == {"hand in press": True, "spare": True}


def test_of_two_who_arm_at_once_the_later_one_is_stored_last() -> None:
    class Store:
        def __init__(self) -> None:
            self.stored: list[bool] = []

        def armed(self, _: str) -> dict[str, bool]:
            return {}

        def arm(self, _camera: str, _rule: str, armed: bool) -> None:
            if armed:
                other.start()
                other.join(0.2)
            self.stored.append(armed)

    store = Store()
    camera = EventRecorder(cast(EventStore, store), RuleSet(), camera="hall")
    other = threading.Thread(target=camera.arm, args=("", False))
    camera.arm("", True)
    other.join()
    assert store.stored[-1] == camera.armed[""]


def test_a_full_disk_is_waited_for_and_told_once(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "kpstream")
    disk = Disk(free=1000)
    with stored(tmp_path, disk_usage=disk) as store:
        for number in range(20):
            recorder(store).tell(opened(f"e{number}"), scene())
        wait_until(lambda: "the disk is full" in store.trouble)
        assert events_in(store) == []
        disk.free = 5_000_000_000
        wait_until(lambda: len(events_in(store)) == 20)
        wait_until(lambda: store.trouble == "")
        recorder(store).tell(opened("later"), scene())
    assert (tmp_path / "snapshots/2026-11-28/later.jpg").is_file()
    assert [record.message.split(":")[0] for record in caplog.records] == [
        "events wait to be stored",
        "events are stored again",
    ]


def test_what_cannot_be_written_is_lost_alone(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    def fail(_: EventDatabase) -> None:
        raise UnicodeEncodeError("utf-8", "\ud800", 0, 1, "surrogates not allowed")

    with stored(tmp_path) as store:
        assert not store.write(fail)
        recorder(store).tell(opened(), scene())
        wait_until(lambda: len(events_in(store)) == 1)
    assert caplog.text.count("an event is not stored") == 1
    caplog.clear()  # no other test may log an error


def test_a_disk_that_fills_up_while_faults_are_sorted_out_has_nothing_written_twice(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    def begin(_: EventDatabase) -> None:
        begun.set()
        may_end.wait(20)

    def fail(_: EventDatabase) -> None:
        raise sqlite3.IntegrityError

    rooms = [Disk(), Disk(), Disk(), Disk(), Disk(free=1000)]  # the first, all others at once, and each of them alone
    begun, may_end = threading.Event(), threading.Event()
    with stored(tmp_path, disk_usage=lambda _: rooms.pop(0) if rooms else Disk()) as store:
        store.write(begin, 0.0)
        begun.wait(20)
        recorder(store).tell(opened("e1"), scene())
        store.write(fail, 0.0)
        recorder(store).tell(ended(opened("e2")), scene())
        may_end.set()
        wait_until(lambda: bool(store.trouble))
    with closing(open_to_read(tmp_path)) as database:
        found = [(event.id, event.document["state"], event.bytes) for event in database.events()]
    sizes = [(tmp_path / f"snapshots/2026-11-28/{name}.jpg").stat().st_size for name in ("e1", "e2")]
    assert found == [("e1", "opened", sizes[0]), ("e2", "ended", sizes[1])]
    assert caplog.text.count("an event is not stored") == 1
    caplog.clear()


def test_too_many_for_a_full_disk_are_counted_and_nobody_waits(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    disk = Disk(free=1000)
    with stored(tmp_path, disk_usage=disk) as store:
        of_camera = recorder(store)
        of_camera.tell(opened(), None)
        wait_until(lambda: bool(store.trouble))
        for number in range(10_100):
            of_camera.tell(opened(f"x{number}"), None)
        assert store.lost == 100
        disk.free = 5_000_000_000
        wait_until(lambda: len(events_in(store)) == 10_001)
    assert sum("too many events wait" in record.message for record in caplog.records) == 1


def test_the_newest_of_many_are_given_in_order(tmp_path: Path) -> None:
    with stored(tmp_path) as store:
        of_camera = recorder(store)
        for number in range(9000):
            of_camera.tell(ended(opened(f"e{number:05}", after=float(number))), None)
        wait_until(lambda: len(events_in(store)) == 9000)
        newest = events_in(store, EventQuery(camera="hall", limit=50))
    assert [event.id for event in newest] == [f"e{number:05}" for number in range(8950, 9000)]


def test_what_is_too_old_goes_but_for_what_is_kept(tmp_path: Path) -> None:
    day = 86400.0
    clock = ManualClock(0.0)
    with stored(tmp_path, keep=30 * day, clock=clock, wall_clock=lambda: BEGAN.timestamp() + clock()) as store:
        of_camera = recorder(store)
        for number, (name, began) in enumerate((("open", 5.0), ("kept", 5.0), ("old", 5.0), ("new", 20.0))):
            event = opened(name, after=began * day)
            clock.advance(began * day - clock())
            of_camera.tell(event, scene())
            if name == "kept":
                store.mark("kept", keep=True, seen=True)
            if name != "open":
                of_camera.tell(ended(event), None)
            are_ended(store, number)
        clock.advance(20 * day)
        wait_until(lambda: len(events_in(store)) == 3)
        left = {event.id: event for event in events_in(store)}
    assert left.keys() == {"kept", "open", "new"}
    assert (left["kept"].seen, left["kept"].false_alarm) == (True, False)
    assert {path.stem for path in tmp_path.rglob("*.jpg")} == {"kept", "open", "new"}


def test_what_takes_too_much_room_goes_the_oldest_first(tmp_path: Path) -> None:
    clock = ManualClock(0.0)
    with stored(tmp_path, keep_size=2500, clock=clock) as store:
        of_camera = recorder(store)
        for number in range(6):
            event = opened(f"e{number}", after=float(number))
            of_camera.tell(event, scene())
            of_camera.tell(ended(event), None)
            if number == 0:
                store.mark("e0", keep=True)
                wait_until(lambda: [event.keep for event in events_in(store)] == [True])
        wait_until(lambda: len(events_in(store)) == 6)
        size = events_in(store)[0].bytes
        clock.advance(61.0)
        wait_until(lambda: len(events_in(store)) < 6)
        left = [event.id for event in events_in(store)]
    stays = 2500 // size
    assert left == ["e0", *(f"e{number}" for number in range(7 - stays, 6))]


def test_a_clock_that_is_set_removes_nothing(tmp_path: Path) -> None:
    clock, wall = ManualClock(0.0), ManualClock(BEGAN.timestamp())
    with stored(tmp_path, keep=3600.0, clock=clock, wall_clock=wall) as store:
        recorder(store).tell(ended(opened()), None)
        wait_until(lambda: len(events_in(store)) == 1)
        wall.advance(40 * 86400.0)
        clock.advance(61.0)
        recorder(store).tell(ended(opened("e2", after=40 * 86400.0)), None)
        wait_until(lambda: len(events_in(store)) == 2)


def test_a_clock_that_is_years_ahead_from_the_start_has_ten_minutes_to_be_set(tmp_path: Path) -> None:
    day, clock = 86400.0, ManualClock(0.0)
    wall = ManualClock(BEGAN.timestamp())
    with stored(tmp_path, wall_clock=wall) as store:
        recorder(store).tell(ended(opened("too old")), None)
        wait_until(lambda: len(events_in(store)) == 1)
        wall.advance(5 * day)
        recorder(store).tell(ended(opened("good", after=5 * day)), None)
        wait_until(lambda: len(events_in(store)) == 2)
    wall.advance(400 * day)
    with stored(tmp_path, keep=4 * day, clock=clock, wall_clock=wall) as store:
        clock.advance(300.0)
        for _ in range(2):  # with the second one, what follows upon the first has been done
            assert store.write(lambda _: None, 60.0)
        assert {event.id for event in events_in(store)} == {"too old", "good"}
        wall.advance(-400 * day)
        clock.advance(301.0)
        wait_until(lambda: [event.id for event in events_in(store)] == ["good"])


def test_what_is_too_old_goes_at_once_where_there_is_no_room(tmp_path: Path) -> None:
    clock, wall, disk = ManualClock(0.0), ManualClock(BEGAN.timestamp()), Disk()
    with stored(tmp_path, wall_clock=wall) as store:
        recorder(store).tell(ended(opened("too old")), None)
        wait_until(lambda: len(events_in(store)) == 1)
    wall.advance(400 * 86400.0)
    with stored(tmp_path, keep=86400.0, clock=clock, wall_clock=wall, disk_usage=disk) as store:
        for _ in range(2):  # with the second one, what follows upon the first has been done
            assert store.write(lambda _: None, 60.0)
        assert [event.id for event in events_in(store)] == ["too old"]
        disk.free = 1000
        clock.advance(61.0)
        recorder(store).tell(opened("new"), None)
        wait_until(lambda: events_in(store) == [])
        disk.free = 5_000_000_000
    assert [event.id for event in read_from(tmp_path, EventDatabase.events)] == ["new"]


def test_events_of_a_clock_that_was_wrong_go_in_their_turn(tmp_path: Path) -> None:
    day, clock, wall = 86400.0, ManualClock(0.0), ManualClock(BEGAN.timestamp())
    with stored(tmp_path) as store:
        recorder(store).tell(ended(opened("future", after=3650 * day)), None)
        wait_until(lambda: len(events_in(store)) == 1)
    with stored(tmp_path, keep=30 * day, clock=clock, wall_clock=wall) as store:
        recorder(store).tell(ended(opened("before it was set", after=-15000 * day)), None)
        are_ended(store, 2)
        clock.advance(5 * day)
        recorder(store).tell(ended(opened("new", after=5 * day)), None)
        are_ended(store, 3)
        clock.advance(26 * day)
        wait_until(lambda: [event.id for event in events_in(store)] == ["new"])


def test_what_stays_costs_the_retention_no_reading(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    day, clock, connect, steps = 86400.0, ManualClock(0.0), sqlite3.connect, 0

    def count() -> int:
        nonlocal steps
        steps += threading.current_thread().name == "kpstream-event-store"
        return 0

    def counted(*values: Any, **more: Any) -> sqlite3.Connection:
        connection: sqlite3.Connection = connect(*values, **more)
        connection.set_progress_handler(count, 100)
        return connection

    with stored(tmp_path) as store:
        recorder(store).tell(ended(opened("old")), None)
        for number in range(500):
            recorder(store).tell(ended(opened(f"e{number}", after=day)), None)
        are_ended(store, 501)
    monkeypatch.setattr(sqlite3, "connect", counted)
    with stored(tmp_path, keep=2 * day, clock=clock, wall_clock=lambda: BEGAN.timestamp() + day + clock()) as store:
        clock.advance(1.1 * day)
        wait_until(lambda: store.read(EventDatabase.count) == (500, 0))
    assert steps < 20  # of a hundred instructions each, of which five hundred rows take more


def test_only_one_program_writes_to_a_store(tmp_path: Path) -> None:
    with stored(tmp_path), pytest.raises(SinkError, match="another kpstream stores its events there"):
        EventStore(tmp_path).open()
    with stored(tmp_path):
        pass


def test_a_store_of_a_newer_kpstream_is_refused_in_one_line(tmp_path: Path) -> None:
    with stored(tmp_path):
        pass
    connection = sqlite3.connect(tmp_path / "events.db")
    connection.execute("PRAGMA user_version = 99")
    connection.close()

    with pytest.raises(SinkError, match=r"a newer kpstream wrote it \(form 99, this one knows \d+\)") as refusal:
        EventStore(tmp_path).open()
    assert "\n" not in str(refusal.value)
    with pytest.raises(SourceOpenError, match="a newer kpstream wrote it"):
        open_to_read(tmp_path)


def test_what_is_no_database_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "events.db").write_text("nothing of the kind" * 100)
    with pytest.raises(SinkError, match=r"events\.db is damaged \(file is not a database\)"):
        EventStore(tmp_path).open()
    with pytest.raises(SourceOpenError, match=r"events\.db is damaged \(file is not a database\)"):
        open_to_read(tmp_path)


def test_a_database_that_is_damaged_behind_its_beginning_is_one_line(tmp_path: Path) -> None:
    with stored(tmp_path):
        pass
    path = tmp_path / "events.db"
    page = 4096
    path.write_bytes(path.read_bytes()[:page] + b"\xee" * (path.stat().st_size - page))
    with pytest.raises(SourceOpenError, match=r"events\.db is damaged \(database disk image is malformed\)"):
        read_from(tmp_path, lambda database: database.count())


@pytest.mark.parametrize(
    ("lock", "said"), [("folder", "is a folder"), ("other file", r"is damaged \(file is not a database\)")]
)
def test_a_lock_that_cannot_be_had_is_one_line(tmp_path: Path, lock: str, said: str) -> None:
    if lock == "folder":
        (tmp_path / "events.lock").mkdir()
    else:
        (tmp_path / "events.lock").write_text("nothing of the kind" * 100)
    with pytest.raises(SinkError, match=rf"events\.lock:? {said}"):
        EventStore(tmp_path).open()


def test_a_folder_without_a_store_is_one_line(tmp_path: Path) -> None:
    with pytest.raises(SourceOpenError, match="there is no event store in it"):
        open_to_read(tmp_path)


def test_a_store_can_be_read_while_it_is_written_and_afterwards(tmp_path: Path) -> None:
    with stored(tmp_path) as store:
        recorder(store).tell(ended(opened()), None)
        wait_until(lambda: len(events_in(store)) == 1)
    database = open_to_read(tmp_path)
    try:
        assert database.count() == (1, 0)
    finally:
        database.close()
