"""The MQTT topics of a camera, and its device in Home Assistant. Pure.

Source: https://www.home-assistant.io/integrations/mqtt/#device-discovery-payload
"""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from typing import Any

from kpstream import __version__
from kpstream.events import RuleSet

ON, OFF = "ON", "OFF"
ONLINE, OFFLINE = "online", "offline"
_WILD = re.compile(r"[+#/\x00]")
_NO_IDENTITY = re.compile(r"[^A-Za-z0-9_-]")


def level(name: str) -> str:
    """Make a name one level of a topic: what separates levels or is a wild card becomes ``_``."""
    return _WILD.sub("_", name)


def identity(*names: str) -> str:
    """An identity for Home Assistant, of letters, digits, ``_`` and ``-``; different names give different ones."""
    plain = "_".join(_NO_IDENTITY.sub("_", name) for name in names)
    if plain == "_".join(names):
        return plain
    return f"{plain}_{hashlib.sha256('/'.join(names).encode()).hexdigest()[:6]}"


@dataclass(frozen=True, slots=True)
class Topics:
    """The topics of one camera.

    Args:
        prefix: The first levels of all topics.
        camera: The camera's name.
    """

    prefix: str
    camera: str

    @property
    def status(self) -> str:
        """Whether kpstream runs: online, offline."""
        return f"{self.prefix}/status"

    @property
    def event(self) -> str:
        """Each event, as JSON."""
        return self._of("event")

    @property
    def snapshot(self) -> str:
        """The newest snapshot, as JPEG."""
        return self._of("snapshot")

    @property
    def armed(self) -> str:
        """Whether the camera is armed: ON, OFF."""
        return self._of("armed")

    @property
    def set_armed(self) -> str:
        """Commands that arm and disarm the camera: ON, OFF."""
        return self._of("armed/set")

    def state(self, rule: str) -> str:
        """Whether an event of a rule is open: ON, OFF."""
        return self._of(f"{level(rule)}/state")

    def count(self, zone: str) -> str:
        """How many people are in a zone."""
        return self._of(f"{level(zone)}/count")

    def _of(self, rest: str) -> str:
        return f"{self.prefix}/{level(self.camera)}/{rest}"


def device(topics: Topics, rules: RuleSet) -> tuple[str, dict[str, Any]]:
    """Describe a camera as a device of Home Assistant.

    Args:
        topics: The camera's.
        rules: The camera's own.

    Returns:
        The topic below Home Assistant's own prefix, and the payload.
    """
    name = identity(topics.prefix, topics.camera)
    parts: dict[str, dict[str, Any]] = {
        "armed": {
            "platform": "switch",
            "name": "Armed",
            "icon": "mdi:shield-check",
            "state_topic": topics.armed,
            "command_topic": topics.set_armed,
        },
        "snapshot": {
            "platform": "image",
            "name": "Last event",
            "image_topic": topics.snapshot,
            "content_type": "image/jpeg",
        },
    }
    for rule in rules.rules:
        part = {"platform": "binary_sensor", "name": rule.name, "state_topic": topics.state(rule.name)}
        parts[identity("rule", rule.name)] = part
    for zone in rules.zones:
        parts[identity("zone", zone)] = {
            "platform": "sensor",
            "name": f"In {zone}",
            "state_topic": topics.count(zone),
            "state_class": "measurement",
            "icon": "mdi:account-group",
        }
    for key, part in parts.items():
        part["unique_id"] = f"{name}_{key}"
    payload = {
        "device": {"identifiers": [name], "name": topics.camera, "manufacturer": "kpstream", "sw_version": __version__},
        "origin": {"name": "kpstream", "sw_version": __version__},
        "availability_topic": topics.status,
        "components": parts,
    }
    return f"device/{name}/config", payload
