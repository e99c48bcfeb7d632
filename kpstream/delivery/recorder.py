"""One camera's side of the store: its events, and what of it is armed, for those who show its present state."""

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
        listeners: Told after the store.
    """

    def __init__(self, store: EventStore, rules: RuleSet, *, camera: str, listeners: Sequence[Listener] = ()) -> None:
        self._store = store
        self._camera = camera
        self._rules = rules
        self._listeners = list(listeners)
        self._followers: list[Follower] = []
        self._arming = Arming(rules, store.armed(camera))
        self._apply: Callable[[Mapping[str, bool]], None] = lambda _: None
        self._lock = threading.Lock()  # over what is armed

    def add(self, follower: Follower) -> None:
        """Have a destination show the state of the camera; call this before the first `tell`."""
        self._followers.append(follower)
        self._listeners.append(
            follower.follow(self._camera, self._rules, lambda armed: self.arm("", armed), armed=self._arming.camera)
        )

    @property
    def folder(self) -> Path:
        """Of the store, to which snapshots and clips are relative."""
        return self._store.folder

    @property
    def counts_zones(self) -> bool:
        """Whether somebody shows how many are in each zone."""
        return bool(self._followers)

    def may_take_picture(self) -> bool:
        """Ask for room for a snapshot, which the next `record` must bring; never waits."""
        return self._store.may_take_picture()

    def record(self, event: Event, snapshot: Snapshot | None) -> None:
        """Store an event that opened, changed or ended; never waits.

        Args:
            event: As of now, with the names of its snapshot and its clip.
            snapshot: Encodes its picture, in the thread of the store; None where that stays as it is.
        """
        self._store.put(event.to_json(), snapshot)
        for listener in self._listeners:
            listener(event, None)

    def grow(self, event_id: str, size: int) -> None:
        """Note how many bytes more an event takes beside the database; never waits."""
        self._store.grow(event_id, size)

    def count(self, zone: str, number: int) -> None:
        """Let it be shown how many are in a zone."""
        for follower in self._followers:
            follower.count(self._camera, zone, number)

    def leave(self) -> None:
        """Let the camera be shown no more, until another recorder of it is made."""
        for follower in self._followers:
            follower.leave(self._camera)

    def control(self, apply: Callable[[Mapping[str, bool]], None]) -> None:
        """Have what is armed taken over, by rule, now and whenever somebody says something else; any thread."""
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
