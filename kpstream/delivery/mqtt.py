"""Events for an MQTT broker, and cameras as devices of Home Assistant."""

from __future__ import annotations

import json
import ssl
import sys
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit
from uuid import uuid4

from paho.mqtt.client import Client, ConnectFlags, DisconnectFlags, MQTTMessage, MQTTMessageInfo
from paho.mqtt.enums import CallbackAPIVersion
from paho.mqtt.properties import Properties
from paho.mqtt.reasoncodes import ReasonCode

from kpstream.channel import Channel, Deadline
from kpstream.delivery.backoff import Backoff
from kpstream.delivery.destination import MOMENTS, Unavailable
from kpstream.delivery.home_assistant import OFF, OFFLINE, ON, ONLINE, Topics, device
from kpstream.delivery.outbox import Delivery, Document
from kpstream.delivery.selection import InOrder
from kpstream.entities import Event, Scene
from kpstream.events import Listener, RuleSet

_PORTS = {"mqtt": 1883, "mqtts": 8883}
_FIRST_BACKOFF, _LONGEST_BACKOFF = 1.0, 30.0
_KEEPALIVE = 30
_CONNECTS_WITHIN = 5.0
_ACKNOWLEDGES_WITHIN = 10.0
_LEAVES_WITHIN = 2.0


@dataclass(frozen=True, slots=True)
class Broker:
    """Where a broker is, and who asks it."""

    host: str
    port: int
    tls: bool = False
    user: str | None = field(default=None, repr=False)
    password: str | None = field(default=None, repr=False)
    ca: Path | None = None
    """A file with the certificate that the broker's is signed by; None trusts whom the system trusts."""

    @classmethod
    def at(cls, url: str, **more: Any) -> Broker:
        """The broker at ``mqtt://HOST[:PORT]`` or ``mqtts://HOST[:PORT]``.

        Raises:
            ValueError: It is no such address; the text does not repeat it.
        """
        try:
            parts = urlsplit(url)
            host, port = parts.hostname, parts.port
        except ValueError:
            parts, host, port = urlsplit(""), None, None
        if parts.scheme not in _PORTS or not host or parts.path.strip("/") or parts.query:
            raise ValueError("it is no broker: give mqtt://HOST:1883 or mqtts://HOST:8883")
        if parts.username is not None or parts.password is not None:
            raise ValueError("user and password never stand in it: user_env and password_env name their variables")
        return cls(host, port or _PORTS[parts.scheme], parts.scheme == "mqtts", **more)


@dataclass(slots=True)
class _Camera:
    """What is published of a camera, so that it can be said again."""

    topics: Topics
    rules: RuleSet
    arm: Callable[[bool], None]
    armed: bool
    going_on: dict[str, set[str]] = field(default_factory=dict)
    """The events that go on, by rule."""
    counts: dict[str, int] = field(default_factory=dict)
    snapshot: Path | None = None

    def state(self, rule: str) -> str:
        return ON if self.going_on.get(rule) else OFF


class Mqtt:
    """A broker, on a connection that comes back by itself, in a thread of the library. Satisfies `Destination`.

    On every connection it says again all that is retained: that it is there, what Home Assistant is told, what goes on.

    Args:
        broker: Where it is.
        store: The folder of the store, where the snapshots are.
        prefix: What all topics begin with.
        discovery: What Home Assistant's own topics begin with; empty tells it nothing.
    """

    def __init__(
        self, broker: Broker, *, store: Path, prefix: str = "kpstream", discovery: str = "homeassistant"
    ) -> None:
        self._broker = broker
        self._store = store
        self._prefix = prefix
        self._discovery = discovery
        self.name = f"mqtt {broker.host}:{broker.port} {prefix}"
        self.policy = InOrder()
        self.backoff = Backoff(_FIRST_BACKOFF, _LONGEST_BACKOFF)
        self._lock = threading.RLock()  # over the cameras
        self._cameras: dict[str, _Camera] = {}
        self._status = f"{prefix}/status"
        self._connected: Channel[None] = Channel(1)
        self._reason = "it cannot be reached"
        self._sent: dict[int, MQTTMessageInfo] = {}
        self._client: Client | None = None

    def wants(self, document: Document) -> bool:  # noqa: ARG002 - it wants all
        """Every state of every event."""
        return True

    def follow(self, camera: str, rules: RuleSet, arm: Callable[[bool], None], *, armed: bool) -> Listener:
        """Announce a camera; never waits. Any thread.

        Args:
            camera: Its name.
            rules: Its own.
            arm: Arms and disarms it; called in the thread of the connection.
            armed: Whether it is armed.

        Returns:
            What is to be told its events.
        """
        with self._lock:
            self._cameras[camera] = _Camera(Topics(self._prefix, camera), rules, arm, armed)
            self._say(self._cameras[camera])
        return self.tell

    def leave(self, camera: str) -> None:
        """Say nothing more of a camera, until it is followed again; never waits. Any thread."""
        with self._lock:
            self._cameras.pop(camera, None)

    def tell(self, event: Event, scene: Scene | None) -> None:  # noqa: ARG002 - the picture follows from the store
        """Publish whether an event of its rule goes on; never waits. Any thread."""
        with self._lock:
            camera = self._cameras.get(event.camera)
            if camera is None:
                return
            going_on = camera.going_on.setdefault(event.rule, set())
            if event.kind in MOMENTS:
                self._publish(camera.topics.state(event.rule), ON)
            elif event.state == "ended":
                going_on.discard(event.id)
            else:
                going_on.add(event.id)
            if event.state != "updated":
                self._publish(camera.topics.state(event.rule), camera.state(event.rule))

    def count(self, camera: str, zone: str, number: int) -> None:
        """Publish how many are in a zone; never waits. Any thread."""
        with self._lock:
            known = self._cameras.get(camera)
            if known is not None:
                known.counts[zone] = number
                self._publish(known.topics.count(zone), str(number))

    def show_armed(self, camera: str, armed: bool) -> None:
        """Publish whether a camera is armed; never waits. Any thread."""
        with self._lock:
            known = self._cameras.get(camera)
            if known is not None:
                known.armed = armed
                self._publish(known.topics.armed, ON if armed else OFF)

    def open(self) -> None:
        """Begin to connect, and to connect again whenever the connection is lost; never waits."""
        self._client = self._made()
        self._client.loop_start()

    def send(self, deliveries: Sequence[Delivery]) -> None:
        """Publish each event, and its snapshot, and wait until the broker has it; blocks, for seconds.

        Raises:
            Unavailable: There is no connection, or the broker did not take it.
        """
        client = self._connection()
        for delivery in deliveries:
            self._deliver(client, delivery)

    def close(self) -> None:
        """Say that kpstream is gone, and end the connection. Idempotent."""
        client, self._client = self._client, None
        if client is None:
            return
        if client.is_connected():
            gone = client.publish(self._status, OFFLINE, qos=1, retain=True)
            _wait(gone, _LEAVES_WITHIN)
        client.disconnect()
        client.loop_stop()

    def _connection(self) -> Client:
        client = self._client
        assert client is not None
        deadline = Deadline(_CONNECTS_WITHIN)
        while not client.is_connected():
            if not deadline.remaining():
                raise Unavailable(f"{self._broker.host}: {self._reason}")
            try:
                self._connected.get(deadline.remaining())
            except TimeoutError:
                continue
        return client

    def _deliver(self, client: Client, delivery: Delivery) -> None:
        document = delivery.document
        topics = Topics(self._prefix, str(document["camera"]))
        info = self._sent.get(delivery.id)  # the library still has what was not acknowledged, and sends it again
        if info is None:
            payload = json.dumps(document, separators=(",", ":"), ensure_ascii=False)
            info = self._sent[delivery.id] = client.publish(topics.event, payload, qos=1)
        if not _wait(info, _ACKNOWLEDGES_WITHIN):
            raise Unavailable(f"{self._broker.host}: it does not acknowledge")
        del self._sent[delivery.id]
        if document["snapshot"] and document["state"] != "updated":
            self._show(topics, self._store / document["snapshot"])

    def _show(self, topics: Topics, snapshot: Path) -> None:
        with self._lock:
            camera = self._cameras.get(topics.camera)
            if camera is not None:
                camera.snapshot = snapshot
        try:
            self._publish(topics.snapshot, snapshot.read_bytes())
        except OSError:
            return

    def _publish(self, topic: str, payload: str | bytes) -> None:
        """Publish a retained value; without a connection it is left for the next one, which says everything again."""
        client = self._client
        if client is not None and client.is_connected():
            client.publish(topic, payload, qos=1, retain=True)

    def _say(self, camera: _Camera) -> None:
        """Say all that is retained of a camera, but for its snapshot."""
        topics = camera.topics
        if self._discovery:
            topic, payload = device(topics, camera.rules)
            self._publish(f"{self._discovery}/{topic}", json.dumps(payload, separators=(",", ":")))
        self._publish(topics.armed, ON if camera.armed else OFF)
        for rule in camera.rules.rules:
            self._publish(topics.state(rule.name), camera.state(rule.name))
        for zone, number in camera.counts.items():
            self._publish(topics.count(zone), str(number))

    def _say_all(self) -> None:
        self._publish(self._status, ONLINE)
        with self._lock:
            for camera in self._cameras.values():
                self._say(camera)
            snapshots = [(camera.topics, camera.snapshot) for camera in self._cameras.values()]
        for topics, snapshot in snapshots:  # without the lock, for the disk may take its time
            if snapshot is not None:
                self._show(topics, snapshot)

    def _made(self) -> Client:
        """A client whose thread will connect, and connect again, for ever."""
        broker = self._broker
        client = Client(CallbackAPIVersion.VERSION2, client_id=f"kpstream-{uuid4().hex[:12]}")
        if broker.user is not None:
            client.username_pw_set(broker.user, broker.password)
        if broker.tls:
            client.tls_set(ca_certs=None if broker.ca is None else str(broker.ca), tls_version=ssl.PROTOCOL_TLS_CLIENT)
        client.will_set(self._status, OFFLINE, qos=1, retain=True)
        client.reconnect_delay_set(1, int(_LONGEST_BACKOFF))
        client.on_connect = self._on_connect
        client.on_connect_fail = self._on_connect_fail
        client.on_disconnect = self._on_disconnect
        client.on_message = self._on_message
        client.connect_async(broker.host, broker.port, keepalive=_KEEPALIVE)
        return client

    def _on_connect(
        self, client: Client, _data: object, _flags: ConnectFlags, reason: ReasonCode, _properties: Properties | None
    ) -> None:
        if reason.is_failure:
            self._reason = f"it refuses the connection ({str(reason).lower()})"
            return
        self._reason = "the connection is lost"
        wanted = [(f"{self._prefix}/+/armed/set", 1)]
        if self._discovery:
            wanted.append((f"{self._discovery}/status", 1))
        client.subscribe(wanted)
        self._say_all()
        self._connected.offer(None)

    def _on_disconnect(
        self,
        _client: Client,
        _data: object,
        _flags: DisconnectFlags,
        reason: ReasonCode,
        _properties: Properties | None,
    ) -> None:
        if not self._reason.startswith("it refuses"):
            self._reason = f"the connection is lost ({str(reason).lower()})"

    def _on_connect_fail(self, _client: Client, _data: object) -> None:
        error = sys.exception()  # the library calls from where it catches it
        self._reason = f"it cannot be reached ({_words(error)})"

    def _on_message(self, _client: Client, _data: object, message: MQTTMessage) -> None:
        text = message.payload.decode(errors="replace").strip()
        if self._discovery and message.topic == f"{self._discovery}/status":
            if text == ONLINE:
                self._say_all()
            return
        if text.upper() not in {ON, OFF}:
            return
        with self._lock:
            known = [camera for camera in self._cameras.values() if camera.topics.set_armed == message.topic]
        for camera in known:
            camera.arm(text.upper() == ON)

    def __repr__(self) -> str:
        return f"<Mqtt {self.name}, {'connected' if self._client and self._client.is_connected() else 'not connected'}>"


def _words(error: BaseException | None) -> str:
    """Why a connection failed, in a few words."""
    if isinstance(error, ssl.SSLCertVerificationError):
        return f"its certificate is not trusted: {error.verify_message}"
    return str(getattr(error, "strerror", None) or type(error).__name__)


def _wait(info: MQTTMessageInfo, seconds: float) -> bool:
    """Whether the broker acknowledged a message within so many seconds."""
    try:
        info.wait_for_publish(seconds)
        return info.is_published()
    except (RuntimeError, ValueError):  # it could not be sent at all
        return False
