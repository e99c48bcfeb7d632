"""What an MQTT broker retains of the cameras: their devices, switches, rules and counts. Pure."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

from kpstream.delivery.home_assistant import OFF, ON, Topics, device
from kpstream.entities import Event
from kpstream.events import INSTANT_KINDS, RuleSet


class Message(NamedTuple):
    """A value that the broker retains."""

    topic: str
    payload: str | bytes


@dataclass(slots=True)
class _Camera:
    topics: Topics
    rules: RuleSet
    armed: bool
    open_events: dict[str, set[str]] = field(default_factory=dict)
    """The identities of the events that have not ended, by rule."""
    counts: dict[str, int] = field(default_factory=dict)
    """How many people are in each zone."""
    snapshot: Path | None = None

    def armed_message(self) -> Message:
        return Message(self.topics.armed, ON if self.armed else OFF)

    def rule_message(self, rule: str) -> Message:
        return Message(self.topics.state(rule), ON if self.open_events.get(rule) else OFF)

    def count_message(self, zone: str) -> Message:
        return Message(self.topics.count(zone), str(self.counts[zone]))


class RetainedState:
    """The present state of all cameras, and the messages that bring a broker up to it. For one thread at a time.

    A change of a camera that was not added, or was removed, gives no message.

    Args:
        prefix: The first levels of all topics.
        discovery: The first levels of Home Assistant's own topics; empty announces no device.
    """

    def __init__(self, prefix: str, discovery: str) -> None:
        self._prefix = prefix
        self._discovery = discovery
        self._cameras: dict[str, _Camera] = {}

    def add(self, name: str, rules: RuleSet, *, armed: bool) -> list[Message]:
        """Add a camera, or replace it.

        Args:
            name: The camera's.
            rules: The camera's own.
            armed: Whether the camera is armed.

        Returns:
            All that is retained of the camera.
        """
        camera = self._cameras[name] = _Camera(Topics(self._prefix, name), rules, armed)
        return self._messages_of(camera)

    def remove(self, name: str) -> None:
        """Forget a camera; what the broker retains of it stays."""
        self._cameras.pop(name, None)

    def observe(self, event: Event) -> list[Message]:
        """Take in an event; the messages say whether an event of its rule is open.

        An event without a duration turns its rule on and off again.
        """
        camera = self._cameras.get(event.camera)
        if camera is None:
            return []
        messages = []
        open_events = camera.open_events.setdefault(event.rule, set())
        if event.kind in INSTANT_KINDS:
            messages.append(Message(camera.topics.state(event.rule), ON))
        elif event.state == "ended":
            open_events.discard(event.id)
        else:
            open_events.add(event.id)
        if event.state != "updated":
            messages.append(camera.rule_message(event.rule))
        return messages

    def count(self, name: str, zone: str, number: int) -> list[Message]:
        """Take in how many people are in a zone of a camera."""
        camera = self._cameras.get(name)
        if camera is None:
            return []
        camera.counts[zone] = number
        return [camera.count_message(zone)]

    def set_armed(self, name: str, armed: bool) -> list[Message]:
        """Take in whether a camera is armed."""
        camera = self._cameras.get(name)
        if camera is None:
            return []
        camera.armed = armed
        return [camera.armed_message()]

    def set_snapshot(self, name: str, path: Path) -> None:
        """Take in where the newest snapshot of a camera lies; it is published by whoever reads the file."""
        camera = self._cameras.get(name)
        if camera is not None:
            camera.snapshot = path

    def messages(self) -> list[Message]:
        """All that is retained of all cameras, but for their snapshots."""
        return [message for camera in self._cameras.values() for message in self._messages_of(camera)]

    def snapshots(self) -> list[tuple[str, Path]]:
        """The topic and the file of each camera's newest snapshot."""
        return [
            (camera.topics.snapshot, camera.snapshot)
            for camera in self._cameras.values()
            if camera.snapshot is not None
        ]

    def cameras_armed_by(self, topic: str) -> list[str]:
        """The cameras that a message on a topic arms and disarms; names that differ may share a topic."""
        return [name for name, camera in self._cameras.items() if camera.topics.set_armed == topic]

    def _messages_of(self, camera: _Camera) -> list[Message]:
        messages = []
        if self._discovery:
            topic, payload = device(camera.topics, camera.rules)
            messages.append(Message(f"{self._discovery}/{topic}", json.dumps(payload, separators=(",", ":"))))
        messages.append(camera.armed_message())
        messages += [camera.rule_message(rule.name) for rule in camera.rules.rules]
        messages += [camera.count_message(zone) for zone in camera.counts]
        return messages
