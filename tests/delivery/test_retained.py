"""What a broker is brought up to: the state of each camera, as retained messages."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from kpstream.delivery.retained import Message, RetainedState
from tests.support.event_store import RULES, ended, opened

RULE = "kpstream/hall/hand in press/state"


@pytest.fixture
def state() -> RetainedState:
    state = RetainedState("kpstream", "")
    state.add("hall", RULES, armed=True)
    return state


def test_a_rule_is_on_until_its_last_event_has_ended(state: RetainedState) -> None:
    first, second = opened("e1"), opened("e2")
    told = [state.observe(event) for event in (first, second, ended(first), ended(second))]
    assert told == [[Message(RULE, "ON")], [Message(RULE, "ON")], [Message(RULE, "ON")], [Message(RULE, "OFF")]]


def test_an_event_without_a_duration_turns_its_rule_on_and_off(state: RetainedState) -> None:
    crossed = opened(kind="line_crossing", state="ended")
    assert state.observe(crossed) == [Message(RULE, "ON"), Message(RULE, "OFF")]


def test_everything_is_there_to_be_said_again(state: RetainedState) -> None:
    state.observe(opened())
    state.count("hall", "press", 2)
    state.set_armed("hall", False)
    state.set_snapshot("hall", Path("a.jpg"))
    assert dict(state.messages()) == {
        "kpstream/hall/armed": "OFF",
        RULE: "ON",
        "kpstream/hall/spare/state": "OFF",
        "kpstream/hall/press/count": "2",
    }
    assert state.snapshots() == [("kpstream/hall/snapshot", Path("a.jpg"))]


def test_devices_are_announced_below_home_assistants_own_prefix() -> None:
    topic, payload = RetainedState("kpstream", "homeassistant").add("hall", RULES, armed=True)[0]
    assert topic == "homeassistant/device/kpstream_hall/config"
    assert json.loads(payload)["availability_topic"] == "kpstream/status"


def test_of_a_camera_that_has_left_nothing_is_said(state: RetainedState) -> None:
    state.remove("hall")
    assert state.observe(opened()) == state.count("hall", "press", 1) == state.set_armed("hall", True) == []
    assert state.messages() == []


def test_cameras_whose_names_share_a_topic_are_armed_together(state: RetainedState) -> None:
    state.add("a/b", RULES, armed=True)
    state.add("a_b", RULES, armed=True)
    assert state.cameras_armed_by("kpstream/a_b/armed/set") == ["a/b", "a_b"]
    assert state.cameras_armed_by("kpstream/hall/armed") == []
