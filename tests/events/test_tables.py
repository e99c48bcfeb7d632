"""Rules as people write them: what is understood, and one line for each fault."""

from __future__ import annotations

import tomllib
from collections.abc import Callable
from datetime import datetime, time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kpstream.events import Count, Distance, Fall, KeypointInZone, LineCrossing, Repetitions, RuleSet, Schedule
from kpstream.events.tables import parse_schedule, read_tables

EVERYTHING = """
[[zone]]
name = "press"
polygon = [[0.4, 0.3], [0.7, 0.3], [0.7, 0.8], [0.4, 0.8]]

[[line]]
name = "gate"
from = [0.5, 1]
to = [0.5, 0.0]

[[rule]]
name = "hand in press"
kind = "keypoint_in_zone"
zone = "press"
keypoints = ["left_wrist", "right_wrist"]
for = "0.5s"
clear = "3s"
cooldown = "0s"
severity = "notice"
classes = ["person"]
armed = false
schedule = ["mon-fri 08:00-18:00"]
cameras = ["hall"]

[[rule]]
name = "through the gate"
kind = "line_crossing"
line = "gate"

[[rule]]
name = "somebody fell"
kind = "fall"

[[rule]]
name = "three wait"
kind = "count"
min = 3

[[rule]]
name = "too near"
kind = "distance"
between = "objects"
max = 0.5

[[rule]]
name = "squats"
kind = "repetitions"
keypoints = ["left_hip", "left_knee", "left_ankle"]
low = 90
high = 160
"""


def nothing(name: str) -> Callable[..., bool | None]:
    raise ValueError(f"there is no function {name}")


def read(text: str) -> tuple[RuleSet, list[str]]:
    return read_tables(tomllib.loads(text), nothing)


def test_every_key_means_what_it_says() -> None:
    rules, faults = read(EVERYTHING)

    assert not faults
    press, gate, fell, three, near, squats = rules.rules
    assert press.condition == KeypointInZone("press", ("left_wrist", "right_wrist"))
    assert (press.for_seconds, press.clear, press.cooldown) == (0.5, 3, 0)
    assert (press.severity, press.classes, press.armed, press.cameras) == ("notice", ("person",), False, ("hall",))
    assert press.schedule == (Schedule(frozenset(range(5)), time(8), time(18)),)
    assert (gate.condition, gate.for_seconds) == (LineCrossing("gate"), 0.2)
    assert (fell.condition, fell.for_seconds, fell.clear, fell.armed) == (Fall(), 1, 2, True)
    assert three.condition == Count(min=3)
    assert near.condition == Distance(max=0.5)
    assert squats.condition == Repetitions(("left_hip", "left_knee", "left_ankle"), 90, 160)
    assert rules.lines["gate"].start == (0.5, 1)


def test_a_camera_has_its_own_rules_alone() -> None:
    rules, _ = read(EVERYTHING)

    assert len(rules.of_camera("hall").rules) == 6
    assert len(rules.of_camera("yard").rules) == 5


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ('[[rule]]\nname = "a"\nkind = "in_zone"\nzone = "x"', "rule a: there is no zone x; there is none"),
        ('[[rule]]\nname = "a"\nkind = "in_zone"', "rule a, zone: it is required"),
        ('[[rule]]\nname = "a"\nkind = "lyin"', "rule a: there is no kind 'lyin'; did you mean lying?"),
        ('[[rule]]\nname = "a"\nkind = ["lying"]', "rule a: there is no kind ['lying']; did you mean lying?"),
        ('[[rule]]\nname = "a"', "rule a: it has no kind; known are in_zone, keypoint_in_zone,"),
        (
            '[[rule]]\nname = "a"\nkind = "lying"\nangel = 50',
            "rule a, angel: there is no such key; did you mean angle?",
        ),
        ('[[rule]]\nname = "a"\nkind = "lying"\nfor = "soon"', "rule a, for: soon is no duration: give one like 90s"),
        ('[[rule]]\nname = "a"\nkind = "lying"\nfor = "-1s"', "rule a, for: -1s is no duration"),
        ('[[rule]]\nname = "a"\nkind = "count"', "rule a: give min, max or both"),
        ('[[rule]]\nname = "a"\nkind = "count"\nmin = 3\nmax = 2', "rule a: min is above max"),
        ('[[rule]]\nname = "a"\nkind = "distance"\nmax = 1', 'rule a: give two keypoints, or between = "objects"'),
        (
            '[[rule]]\nname = "a"\nkind = "lying"\nschedule = ["weekdays"]',
            "rule a: 'weekdays' is no part of a week: write it as 'mon-fri 08:00-18:00'",
        ),
        ('[[rule]]\nname = "a"\nkind = "custom"\ncall = "a.b:c"', "rule a: there is no function a.b:c"),
        ('[[rule]]\nname = "a"\nkind = "custom"\ncall = "os"', "rule a, call: it has another form (MODULE:FUNCTION)"),
        ('[[zone]]\nname = "z"\npolygon = [[0, 0], [1, 1]]', "zone z, polygon: there is something missing in it"),
        ('[[zone]]\nname = "z"\npolygon = [[0, 0], [1, 1], [2, 0]]', "zone z, polygon[2][0]: it must be less than"),
        ('[[line]]\nname = "l"\nfrom = [0, 0]\nto = [0, 0]', "line l: from and to are the same point"),
        ('[rule]\nname = "a"', "rule: write [[rule]] above each"),
        (
            '[[rule]]\nname = "a/b"\nkind = "lying"',
            "rule a/b, name: it has another form (A-Z, a-z, 0-9, spaces and _ . -, ",
        ),
        ("\n".join(['[[rule]]\nname = "a"\nkind = "lying"'] * 2), "rule a: there are two of this name"),
    ],
)
def test_a_fault_is_one_line_that_names_its_place(text: str, fault: str) -> None:
    _, faults = read(text)

    assert len(faults) == 1
    assert faults[0].startswith(fault)


def test_a_fault_hides_no_other() -> None:
    _, faults = read('[[rule]]\nname = "a"\n[[rule]]\nname = "b"\nkind = "in_zone"\nzone = "z"\n[[zone]]\nname = "y"')

    assert len(faults) == 3


@pytest.mark.parametrize(
    ("text", "moment", "covered"),
    [
        ("sat-sun 00:00-24:00", datetime(2026, 11, 28, 23, 59), True),
        ("22:00-06:00", datetime(2026, 11, 28, 5, 0), True),
        ("fri-mon 10:00-11:00", datetime(2026, 11, 29, 10, 0), True),
        ("mon,wed 10:00-11:00", datetime(2026, 11, 29, 10, 0), False),
    ],
)
def test_a_part_of_a_week_is_written_as_people_do(text: str, moment: datetime, *, covered: bool) -> None:
    assert parse_schedule(text).covers(moment) is covered


@given(st.text(max_size=30).filter(lambda text: ":" not in text))
def test_what_is_no_part_of_a_week_is_told_with_how_to_write_one(text: str) -> None:
    with pytest.raises(ValueError, match="mon-fri 08:00-18:00"):
        parse_schedule(text)
