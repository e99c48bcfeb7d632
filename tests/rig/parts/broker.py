"""A real MQTT broker, and somebody who listens to all that it has."""

from __future__ import annotations

import datetime
import json
import ssl
import subprocess
import threading
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from paho.mqtt.client import Client, MQTTMessage
from paho.mqtt.enums import CallbackAPIVersion

from kpstream.testing import wait_until
from tests.support.ports import answers, own_port


class Mosquitto:
    """The broker, which can be killed and come back at the same port with what it had kept.

    Args:
        folder: For its files.
        options: More lines of its configuration.
    """

    def __init__(self, folder: Path, *options: str) -> None:
        folder.mkdir(exist_ok=True)
        self.port = own_port()
        self._configuration = folder / "mosquitto.conf"
        self._configuration.write_text(
            "\n".join(
                [
                    f"listener {self.port} 127.0.0.1",
                    "user root",
                    "persistence true",
                    f"persistence_location {folder}/",
                    "autosave_interval 1",
                    "autosave_on_changes true",
                    *(options or ["allow_anonymous true"]),
                    "",
                ]
            )
        )
        self._process: subprocess.Popen[bytes] | None = None
        self.start()

    def start(self) -> None:
        self._process = subprocess.Popen(
            ["/usr/sbin/mosquitto", "-c", str(self._configuration)],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )

        wait_until(lambda: answers(self.port), 60)

    def kill(self) -> None:
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.kill()


class Listening:
    """A client that hears everything, and comes back when the broker does."""

    def __init__(self, port: int, *, user: str | None = None, password: str | None = None, ca: Path | None = None):
        self.heard: list[tuple[str, bytes, bool]] = []
        """Topic, payload, and whether it was retained."""
        self._client = Client(CallbackAPIVersion.VERSION2, client_id="listening", clean_session=False)
        if user is not None:
            self._client.username_pw_set(user, password)
        if ca is not None:
            self._client.tls_set(ca_certs=str(ca), tls_version=ssl.PROTOCOL_TLS_CLIENT)
        self._client.reconnect_delay_set(1, 1)
        self._client.on_message = self._hear
        self._ready = threading.Event()
        self._client.on_subscribe = lambda *_: self._ready.set()
        self._client.on_connect = lambda client, *_: client.subscribe("#", qos=1)
        self._client.connect_async("127.0.0.1", port)
        self._client.loop_start()
        assert self._ready.wait(60)

    def _hear(self, _client: Client, _data: Any, message: MQTTMessage) -> None:
        self.heard.append((message.topic, bytes(message.payload), message.retain))

    def texts(self, topic: str) -> list[str]:
        """All that was heard of a topic, in order."""
        return [payload.decode() for name, payload, _ in list(self.heard) if name == topic]

    def last(self, topic: str) -> str | None:
        """What was heard last of a topic."""
        return next(iter(self.texts(topic)[::-1]), None)

    def events(self, topic: str) -> list[tuple[str, str]]:
        """Event and state of all that was heard there."""
        documents = [json.loads(text) for text in self.texts(topic)]
        return [(document["event"], document["state"]) for document in documents]

    def say(self, topic: str, text: str) -> None:
        self._client.publish(topic, text, qos=1)

    def close(self) -> None:
        self._client.disconnect()
        self._client.loop_stop()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()


def write_certificates(folder: Path) -> tuple[Path, Path, Path]:
    """A certificate of its own for 127.0.0.1: the authority's, the server's and its key."""
    now = datetime.datetime.now(datetime.UTC)
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "kpstream test")])

    def certificate(key: Any, issuer_key: Any, subject: x509.Name, *, is_authority: bool) -> bytes:
        builder = (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(name)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - datetime.timedelta(days=1))
            .not_valid_after(now + datetime.timedelta(days=1))
            .add_extension(x509.BasicConstraints(ca=is_authority, path_length=None), critical=True)
            .add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), critical=False)
        )
        return builder.sign(issuer_key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM)

    authority, server = ec.generate_private_key(ec.SECP256R1()), ec.generate_private_key(ec.SECP256R1())
    of_server = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost")])
    files = {
        "ca.pem": certificate(authority, authority, name, is_authority=True),
        "server.pem": certificate(server, authority, of_server, is_authority=False),
        "server.key": server.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        ),
    }
    for file, data in files.items():
        (folder / file).write_bytes(data)
    return folder / "ca.pem", folder / "server.pem", folder / "server.key"
