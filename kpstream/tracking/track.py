"""One object: what the answers said of it, and the trail that its points have drawn since.

A trail runs from the picture of an answer to the newest one. An answer to an old picture corrects the trail where
it then was, by as much as the trail is to be doubted: points at rest are hardly doubted, which keeps the jitter of
the answers out; points that came a long way are, and the answer counts almost alone.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import lru_cache
from typing import NamedTuple

import numpy as np

from kpstream.entities import Pose
from kpstream.tracking.flow import Mesh, Points, Weights, box_around, shift, widen, zeroed

_NOISE = 0.006  # how far two answers to one picture differ, in diagonals of the box
_STEP, _SLIP = 0.0005, 0.3  # what a step adds to the doubt: in diagonals, and of the way that was gone
_SURPRISE = 3.0  # standard deviations; beyond, the answer is right and the trail is wrong
_LEARN, _FOUND_AT_MOST = 0.15, 0.9
_STAYS = 0.98  # the share of objects that are still there one answer later
_ASTRAY = 0.03  # diagonals; whom no answer confirms is lost at the latest when in doubt by so much
_AT_REST = 0.02  # diagonals; an object that is no further from where an answer found it rests
_RESTS_FOR = 7.0  # seconds for which that is believed without an answer: longer than adaptive sampling pauses
_GLIDE = 0.7  # what is left of a correction, one picture later
_FEW, _ENOUGH = 3, 6  # keypoints; with less than a few a lattice helps, with enough it only gets in the way
_LATTICE = np.array([(x, y) for y in (0.2, 0.5, 0.8) for x in (0.2, 0.5, 0.8)], np.float32)
_LATTICE_EDGES = tuple((i, i + 1) for i in range(8) if i % 3 < 2) + tuple((i, i + 3) for i in range(6))


class Key(NamedTuple):
    """One answered pose."""

    pts: float
    frame_index: int
    pose: Pose


class Spot(NamedTuple):
    """Where the points were on one picture."""

    xy: Points
    """Shape ``(P, 2)``: the keypoints; for an object with too few of them a lattice in its box follows."""
    doubt: Weights
    """The variance of each point, shape ``(P,)``, in square pixels."""


class Bridge(NamedTuple):
    """Where the keypoints of one object are on every picture from one answer to the next."""

    first: int
    """The number of the earlier answer's picture."""
    spots: list[Points]
    """What is followed of the object, each of shape ``(P, 2)``."""

    def joins(self, first: int, last: int) -> bool:
        """Whether it leads from one of these pictures to the other."""
        return (first, last) == (self.first, self.first + len(self.spots) - 1)


@dataclass(slots=True, eq=False)
class Trail:
    """The spots of consecutive pictures."""

    first: int
    """The number of the first spot's picture."""
    spots: list[Spot]

    @property
    def last(self) -> int:
        """The number of the last spot's picture."""
        return self.first + len(self.spots) - 1

    def at(self, number: int) -> Spot | None:
        """The spot on this picture; None where the trail does not lead."""
        return self.spots[number - self.first] if self.first <= number <= self.last else None

    def way(self, number: int) -> Points | None:
        """How far the points moved to this picture from the one before; None where that is not known."""
        here, before = self.at(number), self.at(number - 1)
        if here is None or before is None or here.xy.shape != before.xy.shape:
            return None
        return zeroed(here.xy - before.xy)

    def velocity(self, number: int) -> Points:
        """The same, zero where that is not known."""
        way = self.way(number)
        return np.zeros_like(self.spots[0].xy) if way is None else way

    def narrowed(self, rows: int) -> Trail:
        """The same trail of the first ``rows`` points alone."""
        return Trail(self.first, [Spot(spot.xy[:rows], spot.doubt[:rows]) for spot in self.spots])

    def extend(self, xy: Points, size: float) -> None:
        """Go one picture further; ``size`` is the diagonal of the object's box."""
        way = xy - self.spots[-1].xy
        slip = (_SLIP**2) * (way**2).sum(1) + (_STEP * size) ** 2
        self.spots.append(Spot(xy, (self.spots[-1].doubt + slip).astype(np.float32)))

    def moved(self, number: int, spot: Spot) -> Trail:
        """The same way from this picture on, through another spot on it."""
        old, later = self.spots[number - self.first], self.spots[number - self.first + 1 :]
        if not later:
            return Trail(number, [spot])
        known = ~np.isnan(old.xy[:, :1])
        along, added = np.stack([it.xy for it in later]) - old.xy, np.stack([it.doubt for it in later]) - old.doubt
        if not known.all():
            along = np.where(known, along, np.stack([shift(old.xy, it.xy) for it in later])[:, None])
            added = np.where(known[:, 0], added, np.float32(0))
        return Trail(number, [spot, *map(Spot, spot.xy + along, spot.doubt + added)])


def diagonal(pose: Pose) -> float:
    """The diagonal of the box, at least one pixel."""
    return max(1.0, float(np.hypot(*(pose.xyxy[2:] - pose.xyxy[:2]))))


def points_of(pose: Pose, prior: Points | None = None) -> Points:
    """What is followed of a pose, shape ``(P, 2)``: its keypoints, and a lattice where these are less than three.

    Args:
        pose: An answer.
        prior: What was followed of the object so far; the lattice stays until there are clearly enough keypoints.
    """
    rows, known = len(pose.xy), (~np.isnan(pose.xy[:, 0])).sum()
    if known >= _ENOUGH or (prior is not None and rows and len(prior) == rows):
        return pose.xy
    if known >= _FEW and (prior is None or len(prior) != rows + len(_LATTICE)):
        return pose.xy
    lattice = pose.xyxy[:2] + _LATTICE * (pose.xyxy[2:] - pose.xyxy[:2])
    return np.concatenate([pose.xy, lattice.astype(np.float32)])


def mesh_of(pose: Pose, points: int) -> Mesh:
    """What holds the ``points`` of such a pose together."""
    return _mesh(len(pose.xy), points, pose.skeleton.edges)


@lru_cache(maxsize=32)
def _mesh(keypoints: int, points: int, edges: tuple[tuple[int, int], ...]) -> Mesh:
    bones = [(a, b) for a, b in edges if a < keypoints and b < keypoints]
    if points > keypoints:
        bones += [(a + keypoints, b + keypoints) for a, b in _LATTICE_EDGES]
    return Mesh(points, bones)


def fuse(prior: Spot | None, pose: Pose, quantum: float) -> Spot:
    """What to believe of a picture, from the trail so far and an answer.

    Args:
        prior: The trail's spot on the answered picture; None, or with other points, does not count.
        pose: The answer.
        quantum: The step of the answer's coordinates, in pixels.
    """
    answer = points_of(pose, None if prior is None else prior.xy)
    size = diagonal(pose)
    noise = np.full(len(answer), (_NOISE * size) ** 2 + quantum**2 / 12, np.float32)
    if prior is None or len(prior.xy) != len(answer):
        return Spot(answer, noise)
    surprise = answer - prior.xy
    doubt = np.where((surprise**2).sum(1) > _SURPRISE**2 * (prior.doubt + noise), np.inf, prior.doubt)
    gain = np.where(np.isinf(doubt), 1, prior.doubt / (prior.doubt + noise))
    xy = np.where(np.isnan(surprise), np.where(np.isnan(answer), prior.xy, answer), prior.xy + gain[:, None] * surprise)
    left = np.where(np.isnan(surprise[:, 0]), np.where(np.isnan(answer[:, 0]), prior.doubt, noise), gain * noise)
    return Spot(xy.astype(np.float32), left.astype(np.float32))


@dataclass(slots=True, eq=False)
class Track:
    """One object, and where the answers and the pictures since have found it."""

    tracker_id: int
    pose: Pose
    """The answer that the trails follow."""
    keys: deque[Key] = field(default_factory=lambda: deque(maxlen=512))
    """Answered poses in order: the last ones before the newest frame, and all after it."""
    shown: Trail | None = None
    """The trail that is drawn: it leads to the newest picture."""
    redone: Trail | None = None
    """A better trail from the newest answer on, as long as it has not caught up with the newest picture."""
    look: Weights | None = None
    """How its edges look where nothing is before them, shape ``(E, 3)``."""
    drawn: Trail | None = None
    """Where the points were drawn last: one spot."""
    bridge: Bridge | None = None
    """The way between the last answer before the newest frame and the first one after it."""
    slack: Points | None = None
    """How far the points were drawn last from that way, shape ``(K, 2)``, where the later answer came half-way."""
    margins: Points = field(default_factory=lambda: np.zeros(4, np.float32))
    """What the box adds around the points, shape ``(4,)``."""
    seen: Weights = field(default_factory=lambda: np.zeros(0, np.float32))
    """Pts at which an answer last gave each keypoint, shape ``(K,)``."""
    strength: Weights = field(default_factory=lambda: np.zeros(0, np.float32))
    """The confidence that it then gave, shape ``(K,)``."""
    found: float = 0.7
    """How often an answer to a picture with this object in it finds it, as of late."""
    presence: float = 1.0
    """How likely it is still there, after the answers that did not confirm it."""
    missed: int = 0
    """How many answers did not confirm it since the last one that did."""
    known_at: float = -np.inf
    """Pts up to which it is known to be there: of the last answer that found it, or later if it has rested since."""

    def around(self, pts: float) -> tuple[Key | None, Key | None]:
        """The last key at or before ``pts`` and the first one after it."""
        before = None
        for key in self.keys:
            if key.pts > pts:
                return before, key
            before = key
        return before, None

    def forget(self, pts: float) -> None:
        """Drop the keys that no later frame needs."""
        while len(self.keys) > 2 and self.keys[2].pts <= pts:
            self.keys.popleft()

    def confirm(self, pts: float) -> None:
        """Take note that an answer found it: what it missed before, it missed in vain."""
        self.presence, self.missed, self.known_at = 1.0, 0, pts
        self.found += _LEARN * (1 - self.found)

    def miss(self, pts: float) -> None:
        """Take note that an answer did not find it: it left, or the model overlooked it as it does sometimes."""
        self.missed += 1
        self.known_at = max(self.keys[-1].pts, min(self.known_at, pts))
        stays = _STAYS * self.presence
        overlooked = stays * (1 - min(self.found, _FOUND_AT_MOST))
        self.presence = overlooked / (overlooked + 1 - stays)
        self.found -= _LEARN * self.found * self.presence

    def rest(self, pts: float) -> None:
        """While no answer comes: an object that has not moved since the last one is still there."""
        trail, answer = self.shown, self.pose.xyxy - self.margins
        if self.missed or trail is None or pts > self.keys[-1].pts + _RESTS_FOR:
            return
        if np.nanmax(np.abs(box_around(trail.spots[-1].xy) - answer), initial=0) <= _AT_REST * diagonal(self.pose):
            self.known_at = pts

    def trust(self) -> float:
        """How likely it is still there and where it is thought to be.

        Once overlooked, everybody is taken to be there; then who moves is soon lost, and who rests is not.
        """
        trail = self.shown or self.redone
        if trail is None or self.missed < 2:
            return self.presence
        astray = float(np.sqrt(np.nanmedian(trail.spots[-1].doubt))) / diagonal(self.pose)
        return self.presence * max(0.0, 1 - astray / _ASTRAY)

    def trails(self) -> Iterator[Trail]:
        """The trails there are, the better one first."""
        yield from (trail for trail in (self.redone, self.shown) if trail is not None)

    def spot(self, number: int) -> Spot | None:
        """Where it was on this picture, by the best trail that leads there."""
        return next((spot for trail in self.trails() if (spot := trail.at(number)) is not None), None)

    def correct(self, key: Key, number: int, quantum: float, redo: float) -> None:
        """Take in an answer to an old picture, or to the newest one.

        Args:
            key: The answer.
            number: The number of its picture.
            quantum: The step of its coordinates, in pixels.
            redo: By how many diagonals a trail may be moved; beyond, it is gone again from the answer on.
        """
        self._narrow(key.pose)
        base = next((trail for trail in self.trails() if trail.at(number) is not None), None)
        prior = None if base is None else base.at(number)
        spot = fuse(prior, key.pose, quantum)
        self._remember(key, spot)
        if base is None or prior is None or len(prior.xy) != len(spot.xy):
            self.shown, self.redone = None, Trail(number, [spot])
            return
        off = np.hypot(*(spot.xy - prior.xy).T)
        gone_again = bool(np.nanmax(off, initial=0) > redo * diagonal(key.pose))
        shown = self.shown
        if shown is not None and (old := shown.at(number)) is not None and len(old.xy) == len(spot.xy):
            self.shown = shown.moved(number, spot)
        if gone_again:
            self.redone = Trail(number, [spot])
        else:
            self.redone = base.moved(number, spot) if base is self.redone else None

    def _narrow(self, pose: Pose) -> None:
        """Let the lattice go where an answer gives enough keypoints."""
        for name in ("shown", "redone", "drawn"):
            trail: Trail | None = getattr(self, name)
            if trail is not None and len(points_of(pose, trail.spots[0].xy)) < len(trail.spots[0].xy):
                setattr(self, name, trail.narrowed(len(pose.xy)))

    def restart(self, key: Key, number: int) -> None:
        """Begin anew from an answer to the newest picture, exactly as it was answered."""
        spot = fuse(self.spot(number), key.pose, 0.0)
        self._remember(key, spot)
        self.shown, self.redone = Trail(number, [spot]), None
        self.drawn = self.slack = None

    def hurry(self, number: int) -> None:
        """Leave a trail that has not come to this picture to those that catch up."""
        if self.shown is not None and self.shown.last < number:
            self.shown, self.redone = None, self.redone or self.shown

    def was_carried(self, number: int) -> bool:
        """Whether it was drawn on this picture where its trail led it."""
        return self.drawn is not None and self.drawn.last == number

    def eased(self, pose: Pose) -> Pose:
        """The pose, on its way from where it was drawn last to where it should be."""
        if self.slack is None:
            return pose
        slack = self.slack = (_GLIDE * self.slack).astype(np.float32)
        return pose.but(xy=pose.xy + slack, xyxy=pose.xyxy + np.tile(np.median(slack, axis=0), 2).astype(np.float32))

    def drop_trails(self) -> None:
        """Forget where the points went: the picture they were in has gone."""
        self.shown = self.redone = None

    def _remember(self, key: Key, spot: Spot) -> None:
        self.pose = pose = key.pose
        rows = len(pose.xy)
        self.seen, self.strength = widen(self.seen, rows, -1e9)[:rows], widen(self.strength, rows, 0.0)[:rows]
        given = ~np.isnan(pose.xy[:, 0])
        self.seen[given], self.strength[given] = key.pts, pose.keypoint_confidence[given]
        self.margins = pose.xyxy - box_around(spot.xy)

    def glide(self, number: int) -> Spot | None:
        """Where to draw the points on the newest picture: what answers correct is made good step by step.

        The motion since the last picture is drawn in full, so that nothing lags.
        """
        trail = self.shown or self.redone
        if trail is None:
            return None
        spot, before = trail.spots[-1], trail.at(number - 1)
        last = None if self.drawn is None else self.drawn.at(number - 1)
        if before is not None and last is not None and before.xy.shape == last.xy.shape:
            spot = Spot(spot.xy + _GLIDE * zeroed(last.xy - before.xy), spot.doubt)
        self.drawn = Trail(number, [spot]) if trail.last == number else None
        return spot

    def pose_at(self, spot: Spot, pts: float, fresh_for: float, fades_within: float) -> Pose:
        """The pose that a spot stands for: what is old fades.

        Args:
            spot: Where the points are.
            pts: The moment.
            fresh_for: Seconds for which what an answer said counts in full.
            fades_within: Seconds in which it then fades to nothing.
        """
        pose = self.pose
        rows = len(pose.xy)
        rested = self.known_at - self.keys[-1].pts
        age = pts - self.seen[:rows] - rested - fresh_for
        strength = self.strength[:rows] * np.clip(1 - age / fades_within, 0, 1)
        xy = spot.xy[:rows].copy()
        xy[strength <= 0] = np.nan
        strength[np.isnan(xy[:, 0])] = 0
        fade = float(np.clip(1 - (pts - self.known_at - fresh_for) / fades_within, 0, 1))
        return pose.but(
            xy=xy,
            keypoint_confidence=strength.astype(np.float32),
            xyxy=(box_around(spot.xy) + self.margins).astype(np.float32),
            confidence=pose.confidence * fade,
            tracker_id=self.tracker_id,
            origin="predicted",
        )
