"""Rules on the page: what they are, what they see, what of them is armed, and where their zones lie."""

from __future__ import annotations

import json
import struct
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import time
from math import inf
from typing import Any
from zoneinfo import ZoneInfo

import httpx
import pytest

from kpstream.camera.events import CameraArming, CameraEvents
from kpstream.errors import UsageError
from kpstream.events import Absence, Angle, InZone, Line, Reading, Rule, RuleSet, Schedule, Zone
from kpstream.options import EventsOptions
from kpstream.web import PageRules
from kpstream.web.rule_documents import bounds, schedule_text
from tests.support.web_page import Camera, client_of, served, socket_of

NEVER = Schedule(frozenset(), time(8), time(18))
RULES = RuleSet(
    (
        Rule("in the press", InZone("press"), schedule=(NEVER,)),
        Rule("elbow", Angle(("a", "b", "c"), min=30.0), severity="notice", armed=False),
    ),
    {"press": Zone("press", ((0.4, 0.3), (0.7, 0.3), (0.7, 0.8)), cameras=("hall",))},
    {"gate": Line("gate", (0.5, 1.0), (0.5, 0.0))},
)
PATH = "/api/cameras/front-door"


def arming(rules: RuleSet = RULES) -> CameraArming:
    return CameraEvents(EventsOptions()).begin(rules, "hall")


@contextmanager
def asked(rules: PageRules | None, *others: Camera, **options: Any) -> Iterator[httpx.Client]:
    with served(Camera(), *others, rules=rules, **options) as page, client_of(page) as client:
        yield client


def test_the_rules_of_a_camera_are_told() -> None:
    with asked(PageRules({"Front door": arming()}.get, ZoneInfo("Europe/Berlin"))) as client:
        assert client.get("/api/site").json()["rules"] is True
        found = client.get(f"{PATH}/rules").json()
        assert (found["camera"], found["armed"], found["timezone"]) == ("hall", True, "Europe/Berlin")
        press, elbow = found["rules"]
        assert (press["kind"], press["zone"], press["min"], press["scheduled"]) == ("in_zone", "press", None, False)
        assert (elbow["armed"], elbow["severity"], elbow["scheduled"]) == (False, "notice", True)
        assert (elbow["min"], elbow["max"], elbow["unit"]) == (30.0, None, "degrees")
        assert found["zones"][0] == {
            "name": "press",
            "polygon": [[0.4, 0.3], [0.7, 0.3], [0.7, 0.8]],
            "cameras": ["hall"],
        }
        assert found["lines"][0] == {"name": "gate", "from": [0.5, 1.0], "to": [0.5, 0.0], "cameras": []}
        assert found["editable"] is False


@pytest.mark.parametrize(
    ("days", "start", "end", "text"),
    [
        (range(7), time(22), time(6), "22:00-06:00"),
        (range(5), time(8), time(18), "mon-fri 08:00-18:00"),
        ((5, 6), time(0), time(0), "sat,sun 00:00-24:00"),
        ((0, 2), time(8), time(9), "mon,wed 08:00-09:00"),
    ],
)
def test_a_schedule_reads_as_in_the_file(days: range | tuple[int, ...], start: time, end: time, text: str) -> None:
    from kpstream.events.tables import parse_schedule

    schedule = Schedule(frozenset(days), start, end)
    assert schedule_text(schedule) == text
    assert parse_schedule(text) == schedule


def test_what_has_no_bounds_has_none() -> None:
    assert bounds(Absence()) == {"min": None, "max": None, "unit": ""}
    assert bounds(Angle(("a", "b", "c"), min=-inf, max=3.0))["max"] == 3.0


def test_rules_and_cameras_are_armed_and_disarmed() -> None:
    camera = arming()
    with asked(PageRules(lambda _: camera)) as client:
        answer = client.patch(f"{PATH}/rules", json={"rule": "elbow", "armed": True})
        assert [rule["armed"] for rule in answer.json()["rules"]] == [True, True]
        assert client.patch(f"{PATH}/rules", json={"armed": False}).json()["armed"] is False
        assert camera.armed == {"": False, "in the press": True, "elbow": True}
        for wrong in ({}, {"armed": 1}, {"rule": "nobody's", "armed": True}, {"rule": 3, "armed": True}, {"rate": 3}):
            assert client.patch(f"{PATH}/rules", json=wrong).status_code == 422, wrong


def test_a_camera_without_rules_says_so() -> None:
    for rules in (None, PageRules(lambda _: None)):
        with asked(rules) as client:
            assert client.get(f"{PATH}/rules").json()["rules"] == []
            assert client.patch(f"{PATH}/rules", json={"armed": True}).status_code == 409
            assert client.get("/api/cameras/nobody/rules").status_code == 404


def test_before_a_camera_without_rules_its_first_zone_is_drawn_and_there_is_nothing_to_arm() -> None:
    written = list[tuple[Zone, ...]]()
    camera = arming(RuleSet())
    zone = {"name": "door", "polygon": [[0, 0], [1, 0], [1, 1]]}
    with asked(PageRules(lambda _: camera, edit=lambda zones, _: written.append(zones))) as client:
        found = client.get(f"{PATH}/rules").json()
        assert (found["camera"], found["rules"], found["editable"]) == ("hall", [], True)
        assert client.put(f"{PATH}/shapes", json={"zones": [zone]}).json()["written"] is True
        assert [each.name for zones in written for each in zones] == ["door"]
        assert client.patch(f"{PATH}/rules", json={"armed": False}).status_code == 409


def test_where_the_page_may_not_write_it_gives_zones_and_lines_as_toml() -> None:
    shapes = {
        "zones": [{"name": "press", "polygon": [[0.1, 0.25], [1, 0], [0.333333, 1]]}],
        "lines": [{"name": "new", "from": [0, 0], "to": [1, 1]}],
    }
    with asked(PageRules(lambda _: arming()), Camera("two")) as client:
        answer = client.put(f"{PATH}/shapes", json=shapes)
    assert answer.json() == {
        "written": False,
        "toml": '[[zone]]\nname = "press"\npolygon = [[0.1, 0.25], [1.0, 0.0], [0.3333, 1.0]]\ncameras = ["hall"]\n'
        '\n[[line]]\nname = "new"\nfrom = [0.0, 0.0]\nto = [1.0, 1.0]\ncameras = ["hall"]\n',
    }


def test_where_the_page_may_write_it_does_and_says_why_it_cannot() -> None:
    written = list[tuple[Any, ...]]()

    def edit(zones: tuple[Zone, ...], lines: tuple[Line, ...]) -> None:
        written.append((zones, lines))
        if lines:
            raise UsageError("site.toml: it cannot be written")

    zone = {"name": "door", "polygon": [[0, 0], [1, 0], [1, 1]]}
    with asked(PageRules(lambda _: arming(), edit=edit)) as client:
        assert client.put(f"{PATH}/shapes", json={"zones": [zone]}).json()["written"] is True
        assert written == [((Zone("door", ((0, 0), (1, 0), (1, 1))),), ())]
        line = {"name": "gate", "from": [0, 0], "to": [1, 1]}
        refused = client.put(f"{PATH}/shapes", json={"lines": [line]})
        assert (refused.status_code, refused.json()["error"]) == (409, "site.toml: it cannot be written")
        foreign = client.put(f"{PATH}/shapes", json={"zones": [zone]}, headers={"origin": "https://elsewhere.example"})
        assert (foreign.status_code, len(written)) == (403, 2)


def test_what_two_draw_at_once_is_written_one_after_the_other() -> None:
    heard = list[str]()

    def put(client: httpx.Client, name: str) -> None:
        client.put(f"{PATH}/shapes", json={"zones": [{"name": name, "polygon": [[0, 0], [1, 0], [1, 1]]}]})

    def edit(zones: tuple[Zone, ...], _: tuple[Line, ...]) -> None:
        heard.append(f"begin {zones[0].name}")
        if zones[0].name == "door":
            other.start()
            other.join(0.2)
        heard.append(f"end {zones[0].name}")

    with asked(PageRules(lambda _: arming(), edit=edit)) as client:
        other = threading.Thread(target=put, args=(client, "gate"))
        put(client, "door")
        other.join()
    assert heard == ["begin door", "end door", "begin gate", "end gate"]


@pytest.mark.parametrize(
    "shapes",
    [
        {},
        {"zones": []},
        {"zones": 3},
        {"zones": [3]},
        {"zones": [{"name": "a", "polygon": [[0, 0], [1, 1]]}]},
        {"zones": [{"name": "a", "polygon": [[0, 0], [1, 1], [0, 1.1]]}]},
        {"zones": [{"name": 'a"\n[[run]]', "polygon": [[0, 0], [1, 1], [0, 1]]}]},
        {"zones": [{"name": "a", "polygon": [[0, 0], [1, 1], [0, 1]], "cameras": []}]},
        {"lines": [{"name": "a", "from": [0, 0], "to": [0, 0]}]},
        {"rules": [{"name": "a", "kind": "custom", "call": "os:system"}]},
        {"zones": [{"name": "a", "polygon": [[0, 0], [1, 1], [0, 1]]}], "run": []},
    ],
)
def test_what_is_no_zone_and_no_line_is_refused(shapes: dict[str, Any]) -> None:
    def edit(*_: Any) -> None:
        raise AssertionError("nothing may be written")

    with asked(PageRules(lambda _: arming(), edit=edit)) as client:
        answer = client.put(f"{PATH}/shapes", json=shapes)
        assert answer.status_code == 422
        assert answer.json()["error"]


def test_what_rules_see_comes_with_the_picture() -> None:
    camera = Camera()
    camera.feed.readings = lambda: (Reading("elbow", (1,), (3,), True, 12.0, True, 33.25),)
    camera.show()
    with served(camera) as page, socket_of(page, "/ws/cameras/front-door") as socket:
        socket.send("more")
        while isinstance(data := socket.recv(10), str):
            pass
    (length,) = struct.unpack_from(">I", data)
    (reading,) = json.loads(data[4 : 4 + length])["readings"]
    assert reading == {"rule": "elbow", "ids": [3], "truth": True, "for": 0.0, "open": True, "value": 33.25}
