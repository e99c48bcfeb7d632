"""Events on the page: what programs ask of the store, and what they are told as it happens."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest

from kpstream.delivery import EventStore
from kpstream.delivery.destination import Unavailable
from kpstream.entities import Event
from kpstream.testing import wait_until
from kpstream.web.event_stream import EventStream
from tests.support.event_store import BEGAN, FakeDestination, delivering, ended, events_in, opened, stored
from tests.support.web_page import Camera, client_of, is_passed_on_at_once, served


@contextmanager
def shown(folder: Path, *destinations: FakeDestination, **options: Any) -> Iterator[tuple[EventStore, httpx.Client]]:
    """A store, and somebody who asks the page about it."""
    camera = Camera()
    camera.show()
    with (
        delivering(folder, *destinations) as (store, deliveries),
        served(camera, deliveries=deliveries, **options) as page,
        client_of(page) as client,
    ):
        yield store, client


def keep(store: EventStore, *events: Event) -> None:
    """Store events, and wait until they are."""
    for event in events:
        store.put(event.to_json())
    wait_until(lambda: {event.id for event in events} <= {each.id for each in events_in(store)})


def ids(answer: httpx.Response) -> list[str]:
    assert answer.status_code == 200, answer.text
    return [event["event"] for event in answer.json()["events"]]


def test_events_are_listed_the_newest_first_and_can_be_chosen(tmp_path: Path) -> None:
    with shown(tmp_path) as (store, client):
        keep(
            store,
            opened("e1"),
            opened("e2", after=10, rule="fell", severity="notice"),
            opened("e3", after=20, camera="yard"),
        )
        listed = client.get("/api/events")
        assert ids(listed) == ["e3", "e2", "e1"]
        assert listed.json()["events"][-1] == opened("e1").to_json() | {
            "seen": False,
            "false_alarm": False,
            "keep": False,
        }
        assert (listed.json()["next"], listed.json()["unseen"]) == (None, 3)
        assert listed.json()["cameras"] == ["hall", "yard"]
        assert listed.json()["rules"] == ["fell", "hand in press"]
        assert client.get("/api/site").json()["events"] is True
        for query, found in (
            ({"camera": "hall"}, ["e2", "e1"]),
            ({"rule": "fell"}, ["e2"]),
            ({"severity": "notice"}, ["e2"]),
            ({"since": (BEGAN + timedelta(seconds=5)).isoformat()}, ["e3", "e2"]),
            ({"before": "2026-11-28T06:20:11.250Z"}, ["e1"]),
            ({"camera": "", "rule": "", "severity": "", "since": "", "before": ""}, ["e3", "e2", "e1"]),
            ({"camera": "nobody's"}, []),
        ):
            assert ids(client.get("/api/events", params=query)) == found, query
        raw = client.get("/api/events?since=2026-11-28T06:20:11+00:00")  # a plus sign, as many write it
        assert ids(raw) == ["e3", "e2"]


def test_a_long_list_is_given_page_after_page_without_a_gap(tmp_path: Path) -> None:
    with shown(tmp_path) as (store, client):
        keep(store, *(opened(f"e{number}", after=number // 4) for number in range(11)))  # several began at once
        found, following = list[str](), ""
        while following is not None:
            answer = client.get("/api/events", params={"limit": 3, "before": following})
            found += ids(answer)
            following = answer.json()["next"]
        assert sorted(found) == sorted({*found})
        assert len(found) == 11
        assert found == ids(client.get("/api/events"))


@pytest.mark.parametrize(
    "query",
    [
        "limit=0",
        "limit=501",
        "limit=x",
        "limit=-1",
        "since=yesterday",
        "since=9999999-11-28",
        "before=~",
        "before=x~e1",
        "severity=grave",
        "seen=perhaps",
    ],
)
def test_what_cannot_be_asked_for_is_one_clear_line(tmp_path: Path, query: str) -> None:
    with shown(tmp_path) as (_, client):
        answer = client.get(f"/api/events?{query}")
        assert answer.status_code == 422
        assert query.partition("=")[0] in answer.json()["error"]


def test_what_people_say_of_an_event_is_kept(tmp_path: Path) -> None:
    with shown(tmp_path) as (store, client):
        keep(store, opened("e1"), opened("e2"))
        answer = client.patch("/api/events/e1", json={"seen": True, "false_alarm": True})
        assert (answer.status_code, answer.json()["seen"], answer.json()["keep"]) == (200, True, False)
        client.patch("/api/events/e1", json={"keep": True, "false_alarm": False})
        about = client.get("/api/events/e1").json()
        assert (about["seen"], about["false_alarm"], about["keep"]) == (True, False, True)
        assert client.get("/api/events").json()["unseen"] == 1
        assert ids(client.get("/api/events?seen=false")) == ["e2"]
        assert client.get("/api/events/nothing").status_code == 404
        assert client.patch("/api/events/nothing", json={"seen": True}).status_code == 404


@pytest.mark.parametrize(
    ("body", "status"),
    [(b"", 422), (b"{}", 422), (b"[]", 400), (b'{"seen": 1}', 422), (b'{"rule": "x"}', 422), (b'{"seen": null}', 422)],
)
def test_what_cannot_be_said_of_an_event_is_refused(tmp_path: Path, body: bytes, status: int) -> None:
    with shown(tmp_path) as (store, client):
        keep(store, opened())
        answer = client.patch("/api/events/e1", content=body)
        assert answer.status_code == status
        assert answer.json()["error"]


def test_clip_and_snapshot_are_given_whole_or_in_parts(tmp_path: Path) -> None:
    files = "snapshots/2026-11-28/e1.jpg", "clips/2026-11-28/e1.mp4"
    with shown(tmp_path) as (store, client):
        keep(store, replace(ended(opened()), snapshot=files[0], clip=files[1]), opened("e2"))
        assert client.get("/api/events/e1/clip.mp4").status_code == 404  # not written yet
        for path in files:
            (tmp_path / path).parent.mkdir(parents=True)
            (tmp_path / path).write_bytes(b"0123456789")
        assert client.get("/api/events/e1/snapshot.jpg").headers["content-type"] == "image/jpeg"
        assert client.get("/api/events/e1/clip.mp4").content == b"0123456789"
        part = client.get("/api/events/e1/clip.mp4", headers={"range": "bytes=2-4"})
        assert (part.status_code, part.content) == (206, b"234")
        assert part.headers["content-type"] == "video/mp4"
        assert client.get("/api/events/e2/snapshot.jpg").json()["error"]


@pytest.mark.parametrize("path", ["../e1.mp4", "/etc/passwd", "clips/../../e1.mp4", "clips/other.mp4"])
def test_no_file_but_those_of_the_event_is_given(tmp_path: Path, path: str) -> None:
    (tmp_path / "e1.mp4").write_bytes(b"not of the store")
    with shown(tmp_path / "store") as (store, client):
        keep(store, replace(ended(opened()), clip=path))
        assert client.get("/api/events/e1/clip.mp4").status_code == 404


class Listener:
    """Reads server-sent events."""

    def __init__(self, client: httpx.Client, **headers: str) -> None:
        self._stream = client.stream("GET", "/api/events/stream", headers=headers)

    def __enter__(self) -> Listener:
        answer = self._stream.__enter__()
        assert is_passed_on_at_once(answer.headers)
        self._lines = answer.iter_lines()
        assert next(self._lines) == "retry: 2000"
        return self

    def __exit__(self, *_: object) -> None:
        self._stream.__exit__(None, None, None)

    def change(self) -> tuple[str, dict[str, Any]]:
        """The next change: its number and the event."""
        found = dict[str, str]()
        for line in self._lines:
            name, _, value = line.partition(": ")
            if name in {"id", "data"}:
                found[name] = value
            if len(found) == 2:
                return found["id"], json.loads(found["data"])
        raise AssertionError("the stream has ended")

    def ends(self) -> bool:
        """Wait for the end."""
        return all("data" not in line for line in self._lines)


def test_every_change_is_told_as_it_is_stored(tmp_path: Path) -> None:
    with shown(tmp_path) as (store, client):
        keep(store, opened("before"))
        with Listener(client) as listener:
            store.put(opened("e1").to_json())
            assert listener.change()[1]["event"] == "e1"
            store.put(ended(opened("e1")).to_json())
            number, event = listener.change()
            assert (event["event"], event["state"], event["seen"]) == ("e1", "ended", False)
            store.mark("e1", seen=True)
            assert listener.change()[1]["seen"] is True
        store.put(opened("e2").to_json())
        with Listener(client, **{"last-event-id": number}) as listener:  # it was away meanwhile
            assert [listener.change()[1]["event"] for _ in range(2)] == ["e1", "e2"]


@pytest.mark.parametrize("last", ["x", "-1", "99999", "9" * 40])
def test_who_names_a_change_that_never_was_is_told_what_comes(tmp_path: Path, last: str) -> None:
    with shown(tmp_path) as (store, client):
        keep(store, opened("before"))
        with Listener(client, **{"last-event-id": last}) as listener:
            store.put(opened("e1").to_json())
            assert listener.change()[1]["event"] == "e1"


def test_who_listens_is_told_now_and_then_that_nothing_happens(tmp_path: Path) -> None:
    async def messages(stream: EventStream) -> list[bytes]:
        changes = stream.changes(None)
        return [await anext(changes) for _ in range(3)]

    with stored(tmp_path) as store:
        assert asyncio.run(messages(EventStream(store, keep_alive=0.01)))[1:] == [b": still here\n\n"] * 2


def test_the_stream_ends_with_the_page(tmp_path: Path) -> None:
    with (
        delivering(tmp_path) as (_, deliveries),
        served(Camera(), deliveries=deliveries) as page,
        client_of(page) as client,
        Listener(client) as listener,
    ):
        page.close()
        assert listener.ends()


def test_where_no_events_are_kept_each_route_says_so() -> None:
    with served(Camera()) as page, client_of(page) as client:
        assert client.get("/api/site").json()["events"] is False
        for path in ("", "/stream", "/e1", "/e1/clip.mp4", "/e1/snapshot.jpg"):
            answer = client.get(f"/api/events{path}")
            assert (answer.status_code, "no events are kept" in answer.json()["error"]) == (404, True)


def test_events_are_for_those_who_know_the_token(tmp_path: Path) -> None:
    with shown(tmp_path, token="a-token-of-the-page") as (store, client):
        keep(store, opened())
        for path in ("", "/stream", "/e1", "/e1/clip.mp4"):
            assert client.get(f"/api/events{path}").status_code == 401
        own = {"authorization": "Bearer a-token-of-the-page"}
        assert client.get("/api/events", headers=own).status_code == 200
        foreign = own | {"origin": "https://elsewhere.example"}
        assert client.patch("/api/events/e1", json={"seen": True}, headers=foreign).status_code == 403


def test_metrics_and_health_tell_of_the_store_and_of_what_is_delivered(tmp_path: Path) -> None:
    destination = FakeDestination([Unavailable("nobody answers")] * 1000)
    with shown(tmp_path, destination) as (store, client):
        keep(store, opened("e1"), opened("e2", rule="fell"), opened("e3", rule="fell"))
        keep(store, ended(opened("e1")))

        def value(name: str, **labels: str) -> float:
            wanted = ",".join(f'{key}="{text}"' for key, text in labels.items())
            start = f"kpstream_{name}{{{wanted}}} " if labels else f"kpstream_{name} "
            lines = client.get("/metrics").text.splitlines()
            return next(float(line.removeprefix(start)) for line in lines if line.startswith(start))

        wait_until(lambda: value("events_open") == 2)
        assert value("events_total", camera="hall", rule="hand in press") == 1
        assert value("events_total", camera="hall", rule="fell") == 2
        assert value("events_stored") == 3
        assert value("outbox_depth", destination="fake") == 4
        assert value("oldest_undelivered_seconds") > 0
        assert value("events_delivered_total", destination="fake") == 0
        wait_until(lambda: value("delivery_failures_total", destination="fake") > 0)
        health = client.get("/healthz")
        assert (health.status_code, health.json()["status"]) == (200, "degraded")
        assert health.json()["events"] == {
            "state": "degraded",
            "troubles": ["fake: events wait to be delivered: nobody answers"],
        }
