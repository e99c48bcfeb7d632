"""Snapshots and clips of one camera's events: their names, the scenes that become snapshots, and the sink of clips."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace
from fractions import Fraction
from functools import partial
from pathlib import Path
from typing import Protocol

from kpstream.delivery.media import StrongestMoment, media_path
from kpstream.delivery.snapshot import encode_snapshot
from kpstream.delivery.store import Snapshot
from kpstream.delivery.zone_counts import ZoneCounts
from kpstream.entities import Annotator, Event, Scene
from kpstream.events import RuleSet
from kpstream.interfaces import SceneRules
from kpstream.sinks.clips import ClipLimits, ClipSink


class Records(Protocol):
    """Takes the events of one camera; no call waits."""

    @property
    def folder(self) -> Path:
        """The store's folder, to which snapshots and clips are relative."""

    @property
    def counts_zones(self) -> bool:
        """Whether the counts of the zones are shown anywhere."""

    def may_take_picture(self) -> bool:
        """Reserve memory for a snapshot, which the caller must give to the next `record`; False where there is none."""

    def record(self, event: Event, snapshot: Snapshot | None) -> None:
        """Take an event that opened, changed or ended; ``snapshot`` encodes its new snapshot, None leaves the last."""

    def grow(self, event_id: str, size: int) -> None:
        """Add to the bytes that an event takes beside the database."""

    def count(self, zone: str, number: int) -> None:
        """Take the number of people in a zone."""

    def leave(self) -> None:
        """Note that the camera's rules are finished."""


class EventMedia:
    """Gives the events of one camera their snapshots and clips. Give its `tell` to a `RuleWatch` as a listener.

    For the thread of the pipeline.

    Args:
        records: Takes the events.
        rules: The camera's own.
        annotator: Draws the snapshots, in the thread that encodes them.
        limits: How long clips are.
        wall_clock: Seconds since the epoch.
    """

    def __init__(
        self,
        records: Records,
        rules: RuleSet,
        *,
        annotator: Annotator,
        limits: ClipLimits = ClipLimits(),
        wall_clock: Callable[[], float] = time.time,
    ) -> None:
        self._records = records
        self._rules = rules
        self._annotator = annotator
        self._limits = limits
        self._wall_clock = wall_clock
        self._strongest = StrongestMoment(rules)
        self._snapshots: dict[str, str] = {}
        self._clip_names: dict[str, str] = {}
        self._clips: ClipSink | None = None

    def counted(self, rules: SceneRules) -> SceneRules:
        """Wrap the camera's rules, so that `records` gets the counts of its zones, where they are shown anywhere.

        When the rules are finished, `Records.leave` is called.
        """
        records = self._records
        if not records.counts_zones:
            return rules
        return ZoneCounts(rules, self._rules.zones, records.count, records.leave)

    def tell(self, event: Event, scene: Scene | None) -> None:
        """Take an event that opened, changed or ended; never waits."""
        is_shown = scene is not None and self._strongest.is_reached(event) and self._records.may_take_picture()
        if is_shown and event.id not in self._snapshots:
            self._snapshots[event.id] = media_path("snapshot", event, self._wall_clock())
        event = replace(event, snapshot=self._snapshots.get(event.id))
        self._order_clip(event)
        if event.state == "ended":
            event = self._ended(event)
        snapshot = None
        if is_shown and scene is not None:
            snapshot = partial(encode_snapshot, replace(scene, annotator=self._annotator))
        self._records.record(event, snapshot)

    def make_clips(self, frame_rate: float) -> ClipSink:
        """Make the sink that writes the clips from now on; give it every picture of the camera.

        Args:
            frame_rate: Declared frames per second; NaN where nothing is declared.
        """
        longest = max((rule.for_seconds for rule in self._rules.rules), default=0.0)
        rate = Fraction(frame_rate).limit_denominator(1001) if 1 <= frame_rate <= 1000 else Fraction(30)
        self._clips = ClipSink(self._limits, longest_for=longest, frame_rate=rate, on_written=self._records.grow)
        return self._clips

    def _order_clip(self, event: Event) -> None:
        """Begin and end the clip of an event, where `make_clips` was called."""
        clips = self._clips
        if clips is None:
            return
        if event.id not in self._clip_names:
            self._clip_names[event.id] = name = media_path("clip", event, self._wall_clock())
            clips.begin(event.id, self._records.folder / name, event.began_pts)
        if event.ended_pts is not None:
            clips.end(event.id, event.ended_pts)

    def _ended(self, event: Event) -> Event:
        """Add the clip's name to an event that ended, and forget the names of its files."""
        self._snapshots.pop(event.id, None)
        clip = self._clip_names.pop(event.id, None)
        lasted = (event.ended_pts or 0.0) - event.began_pts + self._limits.pre_roll + self._limits.post_roll
        return replace(event, clip=clip, clip_cut=clip is not None and lasted > self._limits.max_clip)
