"""Where events are delivered to."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import time
from pathlib import Path
from typing import Annotated

from kpstream.entities import Severity
from kpstream.options.declared import Option
from kpstream.options.units import parse_duration

_VARIABLE = r"^[A-Za-z_][A-Za-z0-9_]*$"
_HOURS = re.compile(r"([01]?\d|2[0-3]):([0-5]\d)\s*-\s*([01]?\d|2[0-3]):([0-5]\d)")


def parse_hours(text: str) -> tuple[time, time]:
    """A part of each day, as ``22:00-06:00``.

    Raises:
        ValueError: It is none, or ends when it begins.
    """
    found = _HOURS.fullmatch(str(text).strip())
    numbers = [] if found is None else [int(digits) for digits in found.groups()]
    if numbers[:2] == numbers[2:]:
        raise ValueError(f"{text!s:.40} is no part of a day: write it as 22:00-06:00")
    return time(numbers[0], numbers[1]), time(numbers[2], numbers[3])


@dataclass(frozen=True)
class MqttOptions:
    """The MQTT broker that events are published at."""

    url: Annotated[str, Option("The broker, as mqtt://HOST:1883 or mqtts://HOST:8883.")]
    user_env: Annotated[
        str | None, Option("Name of the environment variable that holds the user.", pattern=_VARIABLE)
    ] = None
    password_env: Annotated[
        str | None, Option("Name of the environment variable that holds the password.", pattern=_VARIABLE)
    ] = None
    ca: Annotated[Path | None, Option("A file with the certificate that the broker's is signed by.")] = None
    prefix: Annotated[str, Option("What all topics begin with.", pattern=r"^[^+#$/\x00][^+#\x00]*$")] = "kpstream"
    discovery: Annotated[
        str, Option("Where Home Assistant looks for devices; '' announces none.", pattern=r"^[^+#\x00]*$")
    ] = "homeassistant"


@dataclass(frozen=True)
class WebhookOptions:
    """An address that is sent every event."""

    url: Annotated[str | None, Option("The address.")] = None
    url_env: Annotated[
        str | None, Option("Name of the environment variable that holds the address.", pattern=_VARIABLE)
    ] = None
    secret_env: Annotated[
        str | None,
        Option("Name of the environment variable that holds the secret of the signature.", pattern=_VARIABLE),
    ] = None
    private: Annotated[bool, Option("Whether it may be a private or local address.")] = False


@dataclass(frozen=True)
class NotifyOptions:
    """People who are told, through Apprise."""

    url_env: Annotated[str, Option("Name of the environment variable that holds Apprise's address.", pattern=_VARIABLE)]
    severity: Annotated[Severity | None, Option("Only events that are so severe.")] = None
    quiet: Annotated[
        tuple[time, time] | None, Option("Hours without a message, as 22:00-06:00.", parse=parse_hours)
    ] = None


@dataclass(frozen=True)
class RunOptions:
    """A program that is given every event that opens or ends."""

    command: Annotated[tuple[str, ...], Option("The program and its arguments, a list.")]
    timeout: Annotated[float, Option("How long it may take, as 10s.", parse=parse_duration)] = 10.0
