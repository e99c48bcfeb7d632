"""What a file says of where events are kept and delivered to, with the secrets that it names found."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import time
from pathlib import Path
from typing import Any

from kpstream.delivery.cloud_events import secret_of
from kpstream.delivery.destination import Destination
from kpstream.delivery.mqtt import Mqtt
from kpstream.delivery.mqtt_connection import Broker
from kpstream.delivery.notify import Notify, apprise_send
from kpstream.delivery.program import Program
from kpstream.delivery.selection import QuietHours
from kpstream.delivery.webhook import Webhook, check_webhook_url
from kpstream.entities import Severity
from kpstream.errors import UsageError
from kpstream.options import EventsOptions, MqttOptions, NotifyOptions, RunOptions, WebhookOptions
from kpstream.paths import is_file
from kpstream.redact import remember
from kpstream.serving.dialing import Dialer
from kpstream.site_file.fault_log import FaultLog
from kpstream.site_file.sections import read_events_sections


@dataclass(frozen=True, slots=True)
class WebhookPlan:
    """An address that is sent every event."""

    url: str = field(repr=False)
    secret: bytes | None = field(default=None, repr=False)
    private: bool = False


@dataclass(frozen=True, slots=True)
class NotifyPlan:
    """People who are told."""

    url: str = field(repr=False)
    severity: Severity | None = None
    quiet: tuple[time, time] | None = None


@dataclass(frozen=True, slots=True)
class MqttPlan:
    """A broker."""

    broker: Broker
    prefix: str
    discovery: str


@dataclass(frozen=True, slots=True)
class DeliveryPlan:
    """Where events are kept, and where they are delivered to."""

    events: EventsOptions = field(default_factory=EventsOptions)
    mqtt: MqttPlan | None = None
    webhooks: tuple[WebhookPlan, ...] = ()
    notify: tuple[NotifyPlan, ...] = ()
    programs: tuple[RunOptions, ...] = ()

    @property
    def delivers(self) -> bool:
        """Whether events are delivered anywhere."""
        return bool(self.mqtt or self.webhooks or self.notify or self.programs)

    def folder(self, named: Path | None) -> Path | None:
        """Where the store is.

        Args:
            named: What the command line says.

        Returns:
            None where there is none.

        Raises:
            UsageError: There is none, and events are to be delivered.
        """
        folder = named or self.events.folder
        if folder is None and self.delivers:
            raise UsageError("what is delivered is kept until it arrives: add `event_store` FOLDER, or [events] folder")
        return folder

    def destinations(self, store: Path) -> list[Destination]:
        """All of them, not connected yet.

        Args:
            store: The folder of the store.

        Raises:
            UsageError: Something to deliver with is not installed.
        """
        made: list[Destination] = [
            Webhook(each.url, secret=each.secret, dialer=Dialer(allow_private=each.private)) for each in self.webhooks
        ]
        if self.mqtt is not None:
            made.append(Mqtt(self.mqtt.broker, store=store, prefix=self.mqtt.prefix, discovery=self.mqtt.discovery))
        zone = self.events.timezone
        for each in self.notify:
            quiet = None if each.quiet is None else QuietHours(*each.quiet, zone)
            send = apprise_send(each.url)
            made.append(Notify(send, address=each.url, store=store, severity=each.severity, quiet=quiet, timezone=zone))
        made += [Program(each.command, store=store, timeout=each.timeout) for each in self.programs]
        return made


def read_delivery(document: Mapping[str, Any], folder: Path) -> tuple[DeliveryPlan, list[str]]:
    """What a file of rules says of it.

    Args:
        document: The tables of the file.
        folder: Where it lies; its paths count from there.

    Returns:
        The plan, only of use without faults; and a line for each fault.
    """
    sections, lines = read_events_sections(document)
    faults = FaultLog(folder)
    plan = plan_delivery(sections, faults)
    return plan, [*lines, *faults.lines]


def plan_delivery(sections: Mapping[str, Any], faults: FaultLog) -> DeliveryPlan:
    """What the sections of a file say of it; only of use without faults."""
    events = dict(sections.get("events", {}))
    if events.get("folder"):
        events["folder"] = faults.path(events["folder"])
    plan = DeliveryPlan(
        EventsOptions(**events),
        None if "mqtt" not in sections else _mqtt(sections["mqtt"], faults),
        tuple(_each(sections, "webhook", _webhook, faults)),
        tuple(_each(sections, "notify", _notify, faults)),
        tuple(RunOptions(**{**run, "command": tuple(run["command"])}) for run in sections.get("run", ())),
    )
    for kind, all_of_it in (("webhook", plan.webhooks), ("notify", plan.notify), ("run", plan.programs)):
        if len(set(all_of_it)) < len(all_of_it):
            faults.add(kind, "two are the same")
    return plan


def _each(
    sections: Mapping[str, Any], kind: str, read: Callable[[Mapping[str, Any], str, FaultLog], Any], faults: FaultLog
) -> Iterator[Any]:
    for number, written in enumerate(sections.get(kind, ()), 1):
        found = read(written, f"{kind} {number}, ", faults)
        if found is not None:
            yield found


def _mqtt(written: Mapping[str, Any], faults: FaultLog) -> MqttPlan | None:
    options = MqttOptions(**{key: value for key, value in written.items() if key != "ca"})
    user = _secret("[mqtt] user_env", options.user_env, faults) or None
    password = _secret("[mqtt] password_env", options.password_env, faults) or None
    ca = faults.path(written["ca"]) if written.get("ca") else None
    if password is not None and user is None:
        faults.add("[mqtt] password_env", "a password goes with a user: give user_env, too")
    if ca is not None and not is_file(ca):
        faults.add("[mqtt] ca", f"{ca}: there is no such file")
    broker = faults.check("[mqtt] url", lambda: Broker.at(options.url, user=user, password=password, ca=ca))
    return None if broker is None else MqttPlan(broker, options.prefix, options.discovery)


def _webhook(written: Mapping[str, Any], place: str, faults: FaultLog) -> WebhookPlan | None:
    options = WebhookOptions(**written)
    if (options.url is None) == (options.url_env is None):
        faults.add(f"{place}url", "give this or url_env, one of them")
        return None
    key = "url" if options.url_env is None else "url_env"
    url = options.url or _secret(f"{place}url_env", options.url_env, faults)
    secret = _secret(f"{place}secret_env", options.secret_env, faults)
    if url:
        faults.check(f"{place}{key}", lambda: check_webhook_url(url))
    remember("" if options.url_env is None else url)
    signs = faults.check(f"{place}secret_env", lambda: secret_of(secret)) if secret else None
    return WebhookPlan(url, signs, options.private)


def _notify(written: Mapping[str, Any], place: str, faults: FaultLog) -> NotifyPlan:
    options = NotifyOptions(**written)
    url = faults.variable(f"{place}url_env", options.url_env)
    remember(url)
    if url:
        try:
            apprise_send(url)
        except UsageError as error:
            faults.lines.append(f"{place}{error}")
    return NotifyPlan(url, options.severity, options.quiet)


def _secret(place: str, name: str | None, faults: FaultLog) -> str:
    """The value of a variable; empty where none is named or set."""
    return "" if name is None else faults.variable(place, name)
