"""Topics, what Home Assistant is told of a camera, and how many are in its zones."""

from __future__ import annotations

import numpy as np
import pytest

from kpstream.delivery.home_assistant import Topics, device, identity
from kpstream.delivery.mqtt_connection import Broker
from kpstream.delivery.zone_counts import ZoneCounts
from kpstream.entities import Event, Frame, Pose, Scene
from kpstream.events import InZone, Rule, RuleSet, Zone
from kpstream.testing.fakes import SQUARE

ZONES = {"left": Zone("left", ((0.0, 0.0), (0.5, 0.0), (0.5, 1.0), (0.0, 1.0)))}


def test_names_become_levels_of_topics() -> None:
    topics = Topics("site/one", "hall")
    assert topics.status == "site/one/status"
    assert topics.event == "site/one/hall/event"
    assert topics.state("hand in press") == "site/one/hall/hand in press/state"
    assert topics.count("a/b#+") == "site/one/hall/a_b__/count"
    assert topics.set_armed == "site/one/hall/armed/set"


def test_identities_are_plain_and_differ() -> None:
    assert identity("kpstream", "hall") == "kpstream_hall"
    assert identity("Tür 1") != identity("Tur 1") != identity("T_r 1")
    assert identity("Tür 1").replace("_", "").isascii()


def test_a_camera_is_a_device_with_a_part_for_each_rule_and_zone() -> None:
    rules = RuleSet((Rule("hand in press", InZone("left")),), ZONES, {})
    topic, told = device(Topics("kpstream", "hall"), rules)
    assert topic == "device/kpstream_hall/config"
    parts = told["components"]
    assert {key: (part["platform"], part.get("state_topic")) for key, part in parts.items()} == {
        "armed": ("switch", "kpstream/hall/armed"),
        "snapshot": ("image", None),
        identity("rule", "hand in press"): ("binary_sensor", "kpstream/hall/hand in press/state"),
        "zone_left": ("sensor", "kpstream/hall/left/count"),
    }
    assert parts["armed"]["command_topic"] == "kpstream/hall/armed/set"
    assert len({part["unique_id"] for part in parts.values()}) == 4


@pytest.mark.parametrize(
    ("url", "wanted"),
    [
        ("mqtt://broker", Broker("broker", 1883)),
        ("mqtts://broker", Broker("broker", 8883, tls=True)),
        ("mqtt://[::1]:2000/", Broker("::1", 2000)),
    ],
)
def test_a_broker_by_its_address(url: str, wanted: Broker) -> None:
    assert Broker.at(url) == wanted


@pytest.mark.parametrize(
    "url", ["http://broker", "broker", "mqtt://", "mqtt://broker/x", "mqtt://me:pw@broker", "mqtt://[1"]
)
def test_what_is_no_broker_is_told_without_repeating_it(url: str) -> None:
    with pytest.raises(ValueError, match=r"it is no broker|never stand in it") as raised:
        Broker.at(url)
    assert "pw" not in str(raised.value)


class Rules:
    is_undecided = False

    def observe(self, scene: Scene) -> tuple[Event, ...]:
        return ()

    def finish(self) -> None:
        pass


def scene(pts: float, *x: float, stale: bool = False, answered: bool = True) -> Scene:
    frame = Frame(0, pts, pts, np.zeros((100, 200, 3), np.uint8))
    none = np.zeros((0, 2), np.float32)
    poses = tuple(
        Pose(none, none[:, 0], np.array([at - 5, 10, at + 5, 90], np.float32), 1.0, 0, "person", SQUARE) for at in x
    )
    return Scene(frame, poses, stale=stale, result_frame_index=0 if answered else None)


def test_what_follows_the_rules_ends_with_them() -> None:
    ends: list[bool] = []
    ZoneCounts(Rules(), {}, lambda *_: None, lambda: ends.append(True)).finish()
    assert ends == [True]


def test_who_stands_in_a_zone_is_counted_once_a_second_and_told_when_it_changes() -> None:
    told: list[tuple[str, int]] = []
    rules = ZoneCounts(Rules(), ZONES, lambda zone, number: told.append((zone, number)))
    for each in (
        scene(0.0, 50.0, answered=False),
        scene(0.1, 50.0, 150.0),
        scene(0.2),
        scene(1.2, 50.0, 60.0),
        scene(2.3, 50.0, 60.0),
        scene(3.4, stale=True),
        scene(0.5),
    ):
        assert rules.observe(each) == ()
    assert told == [("left", 1), ("left", 2), ("left", 0)]
