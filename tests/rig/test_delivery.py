"""Delivery with real parts: a broker that is killed and comes back, and a process that is killed."""

from __future__ import annotations

import gc
import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest
from kill_deliveries import kill_once

from kpstream.delivery import Deliveries, EventRecorder, EventStore
from kpstream.delivery.event_media import EventMedia
from kpstream.delivery.mqtt import Mqtt
from kpstream.delivery.mqtt_connection import Broker
from kpstream.render import PoseAnnotator
from kpstream.testing import wait_until
from tests.rig.parts.broker import Listening, Mosquitto, write_certificates
from tests.support.event_store import RULES, FakeDestination, delivering, ended, opened, scene
from tests.support.ports import own_port

pytestmark = pytest.mark.rig


def mqtt(port: int, folder: Path) -> Mqtt:
    return mqtt_at(Broker("127.0.0.1", port), folder)


def mqtt_at(broker: Broker, folder: Path) -> Mqtt:
    return Mqtt(broker, store=folder, prefix="kpstream", discovery="homeassistant")


@contextmanager
def camera(folder: Path, destination: Mqtt) -> Iterator[tuple[EventMedia, EventRecorder, Deliveries, EventStore]]:
    with delivering(folder, destination) as (store, deliveries):
        recorder = deliveries.recorder(RULES, camera="hall")
        yield EventMedia(recorder, RULES, annotator=PoseAnnotator()), recorder, deliveries, store


def test_every_event_arrives_though_the_broker_is_killed(tmp_path: Path) -> None:
    with Mosquitto(tmp_path / "broker") as broker, Listening(broker.port) as listening:
        with camera(tmp_path / "store", mqtt(broker.port, tmp_path / "store")) as (hall, _, deliveries, _):
            first, second = opened("e1"), opened("e2")
            hall.tell(first, scene())
            wait_until(lambda: listening.events("kpstream/hall/event") == [("e1", "opened")])
            wait_until(lambda: listening.last("kpstream/hall/hand in press/state") == "ON")

            broker.kill()
            hall.tell(ended(first), None)
            hall.tell(second, scene())
            wait_until(lambda: "events wait" in deliveries.figures().queues[0].trouble)
            broker.start()

            wanted = [("e1", "opened"), ("e1", "ended"), ("e2", "opened")]
            wait_until(lambda: list(dict.fromkeys(listening.events("kpstream/hall/event"))) == wanted)
            wait_until(lambda: deliveries.figures().queues[0].depth.count == 0)
            hall.tell(ended(second), None)
            wait_until(lambda: listening.last("kpstream/hall/hand in press/state") == "OFF")
            wait_until(lambda: any(topic.endswith("/snapshot") for topic, _, _ in listening.heard))
        wait_until(lambda: listening.last("kpstream/status") == "offline")
        assert listening.texts("kpstream/status").count("online") >= 2  # said again on every connection
    pictures = [payload for topic, payload, _ in listening.heard if topic == "kpstream/hall/snapshot"]
    assert pictures[-1].startswith(b"\xff\xd8")


def test_home_assistant_is_told_also_when_it_comes_back_and_may_arm(tmp_path: Path) -> None:
    configuration = "homeassistant/device/kpstream_hall/config"
    with Mosquitto(tmp_path / "broker") as broker, Listening(broker.port) as listening:
        with camera(tmp_path / "store", mqtt(broker.port, tmp_path / "store")) as (_, recorder, _, store):
            armed: dict[str, bool] = {}
            recorder.control(armed.update)
            wait_until(lambda: len(listening.texts(configuration)) == 1)
            told = json.loads(listening.texts(configuration)[0])
            assert told["availability_topic"] == "kpstream/status"
            parts = told["components"].values()
            assert sorted(part["platform"] for part in parts) == [
                *("binary_sensor", "binary_sensor", "image", "sensor", "switch")
            ]

            listening.say("homeassistant/status", "online")
            wait_until(lambda: len(listening.texts(configuration)) == 2)

            wait_until(lambda: listening.last("kpstream/hall/armed") == "ON")
            listening.say("kpstream/hall/armed/set", "OFF")
            wait_until(lambda: armed["hand in press"] is False)
            wait_until(lambda: listening.last("kpstream/hall/armed") == "OFF")
            wait_until(lambda: store.armed("hall") == {"": False})
        with Listening(broker.port) as later:  # whoever comes later hears what is retained
            wait_until(lambda: later.last("kpstream/status") == "offline")


def test_a_killed_kpstream_is_offline_by_its_will(tmp_path: Path) -> None:
    code = (
        "import sys,time; from pathlib import Path; from kpstream.delivery.mqtt import Broker, Mqtt;"
        "broker = Broker('127.0.0.1', int(sys.argv[1]));"
        "Mqtt(broker, store=Path('.'), prefix='kpstream', discovery='').open(); time.sleep(600)"
    )
    with Mosquitto(tmp_path / "broker") as broker, Listening(broker.port) as listening:
        process = subprocess.Popen([sys.executable, "-c", code, str(broker.port)])
        wait_until(lambda: listening.last("kpstream/status") == "online")
        process.kill()
        process.wait()
        wait_until(lambda: listening.last("kpstream/status") == "offline")


# the library leaves the socket of a handshake that failed to the garbage collector
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_user_password_and_certificate_are_checked(tmp_path: Path) -> None:
    ca, certificate, key = write_certificates(tmp_path)
    subprocess.run(["mosquitto_passwd", "-b", "-c", str(tmp_path / "users"), "me", "right-password"], check=True)
    (tmp_path / "users").chmod(0o644)
    options = ["allow_anonymous false", f"password_file {tmp_path}/users"]
    options += [f"cafile {ca}", f"certfile {certificate}", f"keyfile {key}"]
    with Mosquitto(tmp_path / "broker", *options) as broker:
        right = {"tls": True, "user": "me", "password": "right-password", "ca": ca}
        at = {"host": "localhost", "port": broker.port}
        for wrong, said in (
            ({"password": "wrong-password"}, "it refuses the connection (not authorized)"),
            ({"ca": None}, "its certificate is not trusted"),
        ):
            made = mqtt_at(Broker(**at | right | wrong), tmp_path)  # type: ignore[arg-type]
            with camera(tmp_path / "store", made) as (hall, _, deliveries, _):
                hall.tell(opened(), None)
                wait_until(lambda: said in deliveries.figures().queues[0].trouble)  # noqa: B023
                assert "password" not in deliveries.figures().queues[0].trouble
        with camera(tmp_path / "store", mqtt_at(Broker(**at | right), tmp_path)) as (_, _, deliveries, _):  # type: ignore[arg-type]
            wait_until(lambda: deliveries.figures().queues[0].depth.count == 0)
    gc.collect()  # or those sockets would be found during another test


def test_a_broker_that_is_not_there_holds_nothing_up(tmp_path: Path) -> None:
    with camera(tmp_path / "store", mqtt(own_port(), tmp_path)) as (hall, _, deliveries, _):
        hall.tell(opened(), None)
        wait_until(lambda: "it cannot be reached (Connection refused)" in deliveries.figures().queues[0].trouble)


@pytest.mark.parametrize("seed", range(2))
def test_nothing_is_lost_by_a_kill_between_an_event_and_its_delivery(seed: int, tmp_path: Path) -> None:
    had, missing = kill_once(seed, tmp_path)
    assert had
    assert not missing


def test_a_disk_that_is_really_full_is_waited_for(tmp_path: Path) -> None:
    at = tmp_path / "drive"
    at.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=8m", "kpstream-test", str(at)], check=True)
    try:
        destination = FakeDestination()
        with delivering(at / "store", destination) as (store, _):
            store.put(opened("before").to_json())
            wait_until(lambda: len(destination.sent) == 1)
            filler = at / "filler"
            with suppress(OSError), filler.open("wb", buffering=0) as file:
                while True:
                    file.write(bytes(4096))
            for number in range(200):
                store.put(opened(f"e{number}").to_json())
            wait_until(lambda: "the disk is full" in store.trouble)
            assert len(destination.sent) == 1
            filler.unlink()
            wait_until(lambda: len(destination.sent) == 201)
        assert [name for name, _ in destination.sent] == ["before", *(f"e{number}" for number in range(200))]
    finally:
        subprocess.run(["umount", "--lazy", str(at)], check=True)
