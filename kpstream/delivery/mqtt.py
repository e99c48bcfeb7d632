"""Events for an MQTT broker, and cameras as devices of Home Assistant."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

from kpstream.delivery.backoff import Backoff
from kpstream.delivery.home_assistant import OFF, ON, ONLINE, Topics
from kpstream.delivery.mqtt_connection import LONGEST_RECONNECT_DELAY, Broker, MqttConnection
from kpstream.delivery.outbox import Delivery, Document
from kpstream.delivery.retained import Message, RetainedState
from kpstream.delivery.selection import InOrder
from kpstream.entities import Event, Scene
from kpstream.events import Listener, RuleSet

_FIRST_BACKOFF = 1.0


class Mqtt:
    """Delivers events to a broker. Satisfies `Destination` and `Follower`.

    Every new connection publishes again all that the broker retains: that kpstream is online, the devices of Home
    Assistant, and the state of each camera.

    Args:
        broker: Where it is.
        store: The folder of the store, where the snapshots are.
        prefix: The first levels of all topics.
        discovery: The first levels of Home Assistant's own topics; empty announces no device.
    """

    def __init__(self, broker: Broker, *, store: Path, prefix: str, discovery: str) -> None:
        self._store = store
        self._prefix = prefix
        self._status = f"{prefix}/status"
        self._discovery_status = f"{discovery}/status" if discovery else None
        self.name = f"mqtt {broker.host}:{broker.port} {prefix}"
        self.policy = InOrder()
        self.backoff = Backoff(_FIRST_BACKOFF, LONGEST_RECONNECT_DELAY)
        self._lock = threading.RLock()  # over the state, and the order of the messages about it
        self._state = RetainedState(prefix, discovery)
        self._arm: dict[str, Callable[[bool], None]] = {}
        self._connection = MqttConnection(
            broker,
            status=self._status,
            subscriptions=[f"{prefix}/+/armed/set", *filter(None, [self._discovery_status])],
            on_connect=self._publish_all,
            on_message=self._handle_message,
        )

    def wants(self, document: Document) -> bool:  # noqa: ARG002 - it wants all
        """Every state of every event."""
        return True

    def follow(self, camera: str, rules: RuleSet, arm: Callable[[bool], None], *, armed: bool) -> Listener:
        """Announce a camera; never waits. Any thread.

        Args:
            camera: The camera's name.
            rules: The camera's own.
            arm: Arms and disarms the camera; called in the thread of the connection.
            armed: Whether the camera is armed.

        Returns:
            The listener that the camera's events are given to.
        """
        with self._lock:
            self._arm[camera] = arm
            self._publish(self._state.add(camera, rules, armed=armed))
        return self.tell

    def leave(self, camera: str) -> None:
        """Publish nothing more of a camera, until it is followed again; never waits. Any thread."""
        with self._lock:
            self._arm.pop(camera, None)
            self._state.remove(camera)

    def tell(self, event: Event, scene: Scene | None) -> None:  # noqa: ARG002 - the snapshot comes from the store
        """Publish whether an event of a rule is open; never waits. Any thread."""
        with self._lock:
            self._publish(self._state.observe(event))

    def count(self, camera: str, zone: str, number: int) -> None:
        """Publish how many people are in a zone; never waits. Any thread."""
        with self._lock:
            self._publish(self._state.count(camera, zone, number))

    def show_armed(self, camera: str, armed: bool) -> None:
        """Publish whether a camera is armed; never waits. Any thread."""
        with self._lock:
            self._publish(self._state.set_armed(camera, armed))

    def open(self) -> None:
        """Start to connect, and to connect again whenever the connection is lost; never waits."""
        self._connection.open()

    def send(self, deliveries: Sequence[Delivery]) -> None:
        """Publish each event and its snapshot, and block until the broker has the event, for some seconds.

        Raises:
            Unavailable: There is no connection, or the broker does not acknowledge the event.
        """
        self._connection.wait_connected()
        for delivery in deliveries:
            document = delivery.document
            topics = Topics(self._prefix, str(document["camera"]))
            text = json.dumps(document, separators=(",", ":"), ensure_ascii=False)
            self._connection.publish(delivery.id, topics.event, text)
            if document["snapshot"] and document["state"] != "updated":
                path = self._store / document["snapshot"]
                with self._lock:
                    self._state.set_snapshot(topics.camera, path)
                self._publish_file(topics.snapshot, path)

    def close(self) -> None:
        """Say "offline" and end the connection; blocks for some seconds at most. Idempotent."""
        self._connection.close()

    def _publish(self, messages: Iterable[Message]) -> None:
        """Publish what has changed; without a connection the next one publishes everything."""
        for message in messages:
            self._connection.publish_retained(message.topic, message.payload)

    def _publish_file(self, topic: str, path: Path) -> None:
        try:
            self._connection.publish_retained(topic, path.read_bytes())
        except OSError:  # the retention may have removed it
            return

    def _publish_all(self) -> None:
        self._connection.publish_retained(self._status, ONLINE)
        with self._lock:
            self._publish(self._state.messages())
            snapshots = self._state.snapshots()
        for topic, path in snapshots:  # without the lock, for the disk may be slow
            self._publish_file(topic, path)

    def _handle_message(self, topic: str, text: str) -> None:
        if topic == self._discovery_status:
            if text == ONLINE:
                self._publish_all()
            return
        if text.upper() not in {ON, OFF}:
            return
        with self._lock:
            arming = [self._arm[camera] for camera in self._state.cameras_armed_by(topic)]
        for arm in arming:
            arm(text.upper() == ON)

    def __repr__(self) -> str:
        return f"<Mqtt {self.name}, {self._connection!r}>"
