"""A connection to an MQTT broker, which paho's thread makes, and makes again whenever it is lost."""

from __future__ import annotations

import ssl
import sys
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
from kpstream.delivery.destination import Unavailable
from kpstream.delivery.home_assistant import OFFLINE

LONGEST_RECONNECT_DELAY = 30
"""Seconds between two tries to connect, at the most."""
_PORTS = {"mqtt": 1883, "mqtts": 8883}
_KEEPALIVE = 30
_CONNECTS_WITHIN = 5.0
_ACKNOWLEDGES_WITHIN = 10.0
_LEAVES_WITHIN = 2.0


@dataclass(frozen=True, slots=True)
class Broker:
    """Where a broker is, and how kpstream logs in to it."""

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


class MqttConnection:
    """A connection that comes back by itself.

    Args:
        broker: Where it leads.
        status: The topic on which the broker says "offline" when the connection is lost.
        subscriptions: Topics that every new connection subscribes to.
        on_connect: Called in the connection's thread whenever it is made.
        on_message: Called in the connection's thread with the topic and the text of each message.
    """

    def __init__(
        self,
        broker: Broker,
        *,
        status: str,
        subscriptions: Sequence[str],
        on_connect: Callable[[], None],
        on_message: Callable[[str, str], None],
    ) -> None:
        self._broker = broker
        self._status = status
        self._subscriptions = subscriptions
        self._on_connect, self._on_message = on_connect, on_message
        self._connected: Channel[None] = Channel(1)
        self._reason = "it cannot be reached"
        self._unacknowledged: dict[int, MQTTMessageInfo] = {}
        self._client: Client | None = None

    @property
    def is_connected(self) -> bool:
        """Whether there is a connection right now. Any thread."""
        client = self._client
        return client is not None and client.is_connected()

    def open(self) -> None:
        """Start the thread that connects, and connects again whenever the connection is lost; never waits."""
        self._client = self._new_client()
        self._client.loop_start()

    def wait_connected(self) -> None:
        """Block until there is a connection, for some seconds at most.

        Raises:
            Unavailable: There is none; the text says why.
        """
        deadline = Deadline(_CONNECTS_WITHIN)
        while not self.is_connected:
            if not deadline.remaining():
                raise Unavailable(f"{self._broker.host}: {self._reason}")
            try:
                self._connected.get(deadline.remaining())
            except TimeoutError:
                continue

    def publish(self, number: int, topic: str, payload: str) -> None:
        """Publish a message, and block until the broker acknowledges it, for some seconds at most.

        Args:
            number: The message's own. What was not acknowledged is sent again by paho, so a message that is published
                a second time is only waited for.
            topic: Where to.
            payload: The text.

        Raises:
            Unavailable: The broker does not acknowledge it.
        """
        info = self._unacknowledged.get(number)
        if info is None:
            client = self._client
            assert client is not None, "it is not open"
            info = self._unacknowledged[number] = client.publish(topic, payload, qos=1)
        if not _wait(info, _ACKNOWLEDGES_WITHIN):
            raise Unavailable(f"{self._broker.host}: it does not acknowledge")
        del self._unacknowledged[number]

    def publish_retained(self, topic: str, payload: str | bytes) -> None:
        """Publish a value that the broker retains; never waits, and does nothing without a connection. Any thread."""
        client = self._client
        if client is not None and client.is_connected():
            client.publish(topic, payload, qos=1, retain=True)

    def close(self) -> None:
        """Say "offline", end the connection and its thread; blocks for some seconds at most. Idempotent."""
        client, self._client = self._client, None
        if client is None:
            return
        if client.is_connected():
            _wait(client.publish(self._status, OFFLINE, qos=1, retain=True), _LEAVES_WITHIN)
        client.disconnect()
        client.loop_stop()

    def _new_client(self) -> Client:
        broker = self._broker
        client = Client(CallbackAPIVersion.VERSION2, client_id=f"kpstream-{uuid4().hex[:12]}")
        if broker.user is not None:
            client.username_pw_set(broker.user, broker.password)
        if broker.tls:
            client.tls_set(ca_certs=None if broker.ca is None else str(broker.ca), tls_version=ssl.PROTOCOL_TLS_CLIENT)
        client.will_set(self._status, OFFLINE, qos=1, retain=True)
        client.reconnect_delay_set(1, LONGEST_RECONNECT_DELAY)
        client.on_connect = self._handle_connect
        client.on_connect_fail = self._handle_connect_fail
        client.on_disconnect = self._handle_disconnect
        client.on_message = self._handle_message
        client.connect_async(broker.host, broker.port, keepalive=_KEEPALIVE)
        return client

    def _handle_connect(
        self, client: Client, _data: object, _flags: ConnectFlags, reason: ReasonCode, _properties: Properties | None
    ) -> None:
        if reason.is_failure:
            self._reason = f"it refuses the connection ({str(reason).lower()})"
            return
        self._reason = "the connection is lost"
        client.subscribe([(topic, 1) for topic in self._subscriptions])
        self._on_connect()
        self._connected.offer(None)

    def _handle_connect_fail(self, _client: Client, _data: object) -> None:
        error = sys.exception()  # paho calls from the handler that caught it
        self._reason = f"it cannot be reached ({_cause(error)})"

    def _handle_disconnect(
        self,
        _client: Client,
        _data: object,
        _flags: DisconnectFlags,
        reason: ReasonCode,
        _properties: Properties | None,
    ) -> None:
        if not self._reason.startswith("it refuses"):
            self._reason = f"the connection is lost ({str(reason).lower()})"

    def _handle_message(self, _client: Client, _data: object, message: MQTTMessage) -> None:
        self._on_message(message.topic, message.payload.decode(errors="replace").strip())

    def __repr__(self) -> str:
        return f"<MqttConnection {self._broker.host}, {'' if self.is_connected else 'not '}connected>"


def _cause(error: BaseException | None) -> str:
    """Why a connection failed, in a few words."""
    if isinstance(error, ssl.SSLCertVerificationError):
        return f"its certificate is not trusted: {error.verify_message}"
    return str(getattr(error, "strerror", None) or type(error).__name__)


def _wait(info: MQTTMessageInfo, seconds: float) -> bool:
    """Whether the broker acknowledged a message within so many seconds."""
    try:
        info.wait_for_publish(seconds)
        return info.is_published()
    except (RuntimeError, ValueError):  # paho could not send it at all
        return False
