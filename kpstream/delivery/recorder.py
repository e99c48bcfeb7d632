"""One camera's side of the store: its events with the names of their pictures, and what of it is armed."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, MutableMapping, Sequence
from dataclasses import replace
from fractions import Fraction

from kpstream.delivery.arming import Arming
from kpstream.delivery.destination import Follower
from kpstream.delivery.media import StrongestMoment, media_path
from kpstream.delivery.store import EventStore
from kpstream.delivery.zone_counts import ZoneCounts
from kpstream.entities import Annotator, Event, Scene
from kpstream.events import Listener, RuleSet
from kpstream.interfaces import SceneRules
from kpstream.sinks.clips import ClipLimits, ClipSink


class EventRecorder:
    """Stores the events of one camera; its `tell` is a listener of a `RuleWatch`.

    Args:
        store: Where to; open.
        rules: The camera's own.
        camera: Its name in the events.
        annotator: Draws the snapshots, in the thread of the store.
        listeners: Told after the store, of events that name their snapshots.
        limits: How long clips are.
        wall_clock: Seconds since the epoch.
    """

    def __init__(
        self,
        store: EventStore,
        rules: RuleSet,
        *,
        camera: str,
        annotator: Annotator,
        listeners: Sequence[Listener] = (),
        limits: ClipLimits = ClipLimits(),
        wall_clock: Callable[[], float] = time.time,
    ) -> None:
        self._store = store
        self._camera = camera
        self._annotator = annotator
        self._rules = rules
        self._listeners = list(listeners)
        self._followers: list[Follower] = []
        self._wall_clock = wall_clock
        self._strongest = StrongestMoment(rules)
        self._limits = limits
        self._snapshots: dict[str, str] = {}
        self._clip_names: dict[str, str] = {}
        self._clips: ClipSink | None = None
        self._arming = Arming(rules, store.armed(camera))
        self._armed: MutableMapping[str, bool] = {}
        self._lock = threading.Lock()  # over what is armed

    def add(self, follower: Follower) -> None:
        """Let a destination show the present state of the camera; call this before any event is told."""
        self._followers.append(follower)
        self._listeners.append(
            follower.follow(self._camera, self._rules, lambda armed: self.arm("", armed), armed=self._arming.camera)
        )

    def followed(self, rules: SceneRules) -> SceneRules:
        """The rules of the camera, which also count who is in its zones for the destinations that show it.

        These stop showing the camera when the rules are finished.
        """
        if not self._followers:
            return rules
        return ZoneCounts(rules, self._rules.zones, self._count, self._leave)

    def _leave(self) -> None:
        for follower in self._followers:
            follower.leave(self._camera)

    def _count(self, zone: str, number: int) -> None:
        for follower in self._followers:
            follower.count(self._camera, zone, number)

    def tell(self, event: Event, scene: Scene | None) -> None:
        """Store an event that opened, changed or ended; never waits. For the thread of the pipeline."""
        is_shown = scene is not None and self._strongest.is_reached(event) and self._store.may_take_picture()
        if is_shown and event.id not in self._snapshots:
            self._snapshots[event.id] = media_path("snapshot", event, self._wall_clock())
        event = replace(event, snapshot=self._snapshots.get(event.id))
        self._order_clip(event)
        if event.state == "ended":
            event = self._ended(event)
        picture = replace(scene, annotator=self._annotator) if is_shown and scene is not None else None
        self._store.put(event.to_json(), picture)
        for listener in self._listeners:
            listener(event, scene)

    def make_clips(self, frame_rate: float) -> ClipSink:
        """What writes the clips from now on, to be given every picture of the camera.

        Args:
            frame_rate: Declared frames per second; NaN where nothing is declared.
        """
        longest = max((rule.for_seconds for rule in self._rules.rules), default=0.0)
        rate = Fraction(frame_rate).limit_denominator(1001) if 1 <= frame_rate <= 1000 else Fraction(30)
        self._clips = ClipSink(self._limits, longest_for=longest, frame_rate=rate, on_written=self._store.grow)
        return self._clips

    def _order_clip(self, event: Event) -> None:
        """Begin and end the clip of an event, where somebody writes clips."""
        clips = self._clips
        if clips is None:
            return
        if event.id not in self._clip_names:
            self._clip_names[event.id] = name = media_path("clip", event, self._wall_clock())
            clips.begin(event.id, self._store.folder / name, event.began_pts)
        if event.ended_pts is not None:
            clips.end(event.id, event.ended_pts)

    def _ended(self, event: Event) -> Event:
        """The event with its clip, and with what is known of it forgotten."""
        self._snapshots.pop(event.id, None)
        clip = self._clip_names.pop(event.id, None)
        lasted = (event.ended_pts or 0.0) - event.began_pts + self._limits.pre_roll + self._limits.post_roll
        return replace(event, clip=clip, clip_cut=clip is not None and lasted > self._limits.max_clip)

    def control(self, armed: MutableMapping[str, bool]) -> None:
        """Let what was said about arming hold in a `RuleWatch.armed`, from now on; any thread."""
        with self._lock:
            self._armed = armed
            self._arming.apply(armed)

    @property
    def armed(self) -> dict[str, bool]:
        """Whether each rule is armed by itself, by name, and with an empty name the camera; any thread."""
        return self._arming.states

    def arm(self, rule: str, armed: bool) -> None:
        """Arm or disarm a rule, or with an empty name the camera as a whole; holds over restarts. Any thread."""
        with self._lock:
            self._arming.set_armed(rule, armed)
            self._arming.apply(self._armed)
        self._store.arm(self._camera, rule, armed)
        if not rule:
            for follower in self._followers:
                follower.show_armed(self._camera, armed)
