"""One camera's side of the store: its events, its arming, and the destinations that show its state."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from kpstream.delivery.arming import Arming
from kpstream.delivery.destination import Follower
from kpstream.delivery.store import EventStore, Snapshot
from kpstream.entities import Event
from kpstream.events import Listener, RuleSet


class EventRecorder:
    """Stores the events of one camera; satisfies `kpstream.delivery.event_media.Records`.

    Args:
        store: The open store that is written to.
        rules: The camera's own.
        camera: The camera's name in the events.
        listeners: Given each event after the store.
    """

    def __init__(self, store: EventStore, rules: RuleSet, *, camera: str, listeners: Sequence[Listener] = ()) -> None:
        self._store = store
        self._camera = camera
        self._rules = rules
        self._listeners = list(listeners)
        self._followers: list[Follower] = []
        self._arming = Arming(rules, store.armed(camera))
        self._apply: Callable[[Mapping[str, bool]], None] = lambda _: None
        self._lock = threading.Lock()  # over what is armed, and the order in which it is stored and shown

    def add(self, follower: Follower) -> None:
        """Have a destination show the state of the camera; call this before the first `tell`."""
        self._followers.append(follower)
        self._listeners.append(
            follower.follow(self._camera, self._rules, lambda armed: self.arm("", armed), armed=self._arming.camera)
        )

    @property
    def folder(self) -> Path:
        """The store's folder, to which snapshots and clips are relative."""
        return self._store.folder

    @property
    def counts_zones(self) -> bool:
        """Whether a destination shows the counts of the zones."""
        return bool(self._followers)

    def may_take_picture(self) -> bool:
        """Reserve memory for a snapshot, which the caller must give to the next `record`; never waits."""
        return self._store.may_take_picture()

    def record(self, event: Event, snapshot: Snapshot | None) -> None:
        """Store an event that opened, changed or ended; never waits.

        Args:
            event: As of now, with the names of its snapshot and its clip.
            snapshot: Encodes the new snapshot, in the thread of the store; None leaves the old one.
        """
        self._store.put(event.to_json(), snapshot)
        for listener in self._listeners:
            listener(event, None)

    def grow(self, event_id: str, size: int) -> None:
        """Add to the bytes that an event takes beside the database; never waits."""
        self._store.grow(event_id, size)

    def count(self, zone: str, number: int) -> None:
        """Have the destinations show the number of people in a zone; never waits."""
        for follower in self._followers:
            follower.count(self._camera, zone, number)

    def leave(self) -> None:
        """Have the destinations show the camera no more, until it is followed again; never waits."""
        for follower in self._followers:
            follower.leave(self._camera)

    def control(self, apply: Callable[[Mapping[str, bool]], None]) -> None:
        """Call ``apply`` with which rules may open events, by name, now and after each `arm`. Any thread."""
        with self._lock:
            self._apply = apply
            apply(self._arming.armed_rules)

    @property
    def armed(self) -> dict[str, bool]:
        """Whether each rule is armed by itself, by name; an empty name is the camera. Any thread."""
        return self._arming.states

    def arm(self, rule: str, armed: bool) -> None:
        """Arm or disarm a rule, or with an empty name the camera; kept over restarts. Never waits. Any thread."""
        with self._lock:
            self._arming.set_armed(rule, armed)
            self._apply(self._arming.armed_rules)
            self._store.arm(self._camera, rule, armed)
            if not rule:
                for follower in self._followers:
                    follower.show_armed(self._camera, armed)
