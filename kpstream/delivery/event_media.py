"""Snapshots and clips of one camera's events: what they are called, which moment is shown, and who writes them."""

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
    """Where the events of one camera go; no call waits."""

    @property
    def folder(self) -> Path:
        """Of the store, to which snapshots and clips are relative."""

    @property
    def counts_zones(self) -> bool:
        """Whether somebody wants to know how many are in each zone."""

    def may_take_picture(self) -> bool:
        """Ask for room for a snapshot, which the next `record` must bring."""

    def record(self, event: Event, snapshot: Snapshot | None) -> None:
        """Take an event that opened, changed or ended, and what encodes its new snapshot, where there is one."""

    def grow(self, event_id: str, size: int) -> None:
        """Note how many bytes a clip of an event takes."""

    def count(self, zone: str, number: int) -> None:
        """Note how many are in a zone."""

    def leave(self) -> None:
        """Note that the camera is watched no more."""


class EventMedia:
    """Gives the events of one camera their snapshots and clips; its `tell` is a listener of a `RuleWatch`.

    For the thread of the pipeline.

    Args:
        records: Where events go.
        rules: The camera's own.
        annotator: Draws the snapshots, in whichever thread encodes them.
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
        """The rules of the camera, which also count who is in its zones, where somebody shows that.

        Once they are finished, the camera is shown no more.
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
        """What writes the clips from now on, to be given every picture of the camera.

        Args:
            frame_rate: Declared frames per second; NaN where nothing is declared.
        """
        longest = max((rule.for_seconds for rule in self._rules.rules), default=0.0)
        rate = Fraction(frame_rate).limit_denominator(1001) if 1 <= frame_rate <= 1000 else Fraction(30)
        self._clips = ClipSink(self._limits, longest_for=longest, frame_rate=rate, on_written=self._records.grow)
        return self._clips

    def _order_clip(self, event: Event) -> None:
        """Begin and end the clip of an event, where somebody writes clips."""
        clips = self._clips
        if clips is None:
            return
        if event.id not in self._clip_names:
            self._clip_names[event.id] = name = media_path("clip", event, self._wall_clock())
            clips.begin(event.id, self._records.folder / name, event.began_pts)
        if event.ended_pts is not None:
            clips.end(event.id, event.ended_pts)

    def _ended(self, event: Event) -> Event:
        """The event with its clip, and with what is known of it forgotten."""
        self._snapshots.pop(event.id, None)
        clip = self._clip_names.pop(event.id, None)
        lasted = (event.ended_pts or 0.0) - event.began_pts + self._limits.pre_roll + self._limits.post_roll
        return replace(event, clip=clip, clip_cut=clip is not None and lasted > self._limits.max_clip)
