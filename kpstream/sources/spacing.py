"""Which frames of a recording are read where few are wanted, and from which key frames they are decoded. Pure."""

from __future__ import annotations

from array import array
from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from itertools import pairwise

from av.packet import Packet
from av.video.stream import VideoStream

from kpstream.sources.survey import Place, holds_a_picture, place_of

_SAME = 1e-6


@dataclass(frozen=True, slots=True)
class Spacing:
    """How far apart the frames are that are wanted."""

    interval: float
    """Seconds, or frames."""
    in_frames: bool = False


@dataclass(frozen=True, slots=True)
class KeyFrame:
    """A frame that can be decoded without any other."""

    stamp: int
    """When it is shown, in units of the stream."""
    dts: int | None
    """When it is decoded; None where the container does not say."""
    place: Place


@dataclass(slots=True)
class FrameTable:
    """All frames of a recording, by its packets."""

    stamps: array[int] = field(default_factory=lambda: array("q"))
    """When they are shown, in units of the stream; in order."""
    keys: list[KeyFrame] = field(default_factory=list)
    """In order of their showing."""


@dataclass(frozen=True, slots=True)
class Group:
    """Frames that are decoded from one key frame on."""

    key: KeyFrame
    wanted: tuple[int, ...]
    """The numbers of those that are wanted, in order."""


def read_table(packets: Iterable[Packet[VideoStream]], zero: int) -> FrameTable | None:
    """Read the packets of a whole file, without decoding one.

    Args:
        packets: In the order of decoding.
        zero: When the first frame is shown, in units of the stream.

    Returns:
        None where the times of the file are no help: they are missing, fall, or stand.
    """
    found, last_dts, keys = FrameTable(), None, []
    for packet in packets:
        pts, dts = packet.pts, packet.dts
        if not packet.size:
            continue
        if pts is None or (dts is not None and last_dts is not None and dts < last_dts):
            return None
        last_dts = last_dts if dts is None else dts
        if pts >= zero and holds_a_picture(packet):
            found.stamps.append(pts)
            if packet.is_keyframe:
                keys.append(KeyFrame(pts, dts, place_of(packet)))
    stamps = sorted(found.stamps)
    if any(one == other for one, other in pairwise(stamps)):
        return None
    found.stamps = array("q", stamps)
    found.keys = sorted(keys, key=lambda key: key.stamp)
    return found if found.keys and found.keys[0].stamp == found.stamps[0] else None


def plan_groups(table: FrameTable, spacing: Spacing, time_base: float) -> list[Group]:
    """Which frames are decoded, from which key frames.

    Args:
        table: All frames.
        spacing: How far apart the wanted ones are.
        time_base: Seconds of one unit of the stream.
    """
    zero = table.stamps[0]
    at = range(len(table.stamps)) if spacing.in_frames else [(stamp - zero) * time_base for stamp in table.stamps]
    key_numbers = [bisect_left(table.stamps, key.stamp) for key in table.keys]
    groups: list[Group] = []
    for number in choose(at, key_numbers, spacing.interval):
        key = table.keys[bisect_right(key_numbers, number) - 1]
        if groups and groups[-1].key is key:
            groups[-1] = Group(key, (*groups[-1].wanted, number))
        else:
            groups.append(Group(key, (number,)))
    return groups


def choose(at: Sequence[float], keys: Sequence[int], interval: float) -> list[int]:
    """One frame for each multiple of the interval: the nearest key frame within half an interval of it.

    Where there is none, the first frame from there on, or the last one before; where no frame is so near, none. Of
    those that are decoded from one key frame the last comes as early as it may: what follows need not be decoded.

    Args:
        at: The place of each frame, growing, from 0.
        keys: The numbers of the key frames, growing.
        interval: In the unit of the places.

    Returns:
        The numbers of the chosen frames, growing.
    """
    chosen: list[int] = []
    targets: list[float] = []
    key_places = [at[key] for key in keys]
    step, free = 0, 0
    while free < len(at) and step * interval <= at[-1] + _SAME:
        target = step * interval
        low, high = target - interval / 2 - _SAME, target + interval / 2 + _SAME
        found = _nearest(keys, key_places, target, free)
        if found is None or not low <= at[found] <= high:
            found = max(free, bisect_left(at, target - _SAME))
            if found == len(at) or at[found] > high:
                found -= 1
        if found >= free and low <= at[found] <= high:
            chosen.append(found)
            targets.append(target)
            free = found + 1
        if free < len(at):
            step = max(step + 1, round(at[free] / interval))  # where the recording pauses there are no frames
    groups = [bisect_right(keys, number) for number in chosen]
    for place, (number, target) in enumerate(zip(chosen, targets, strict=True)):
        is_last = groups[place] != groups[place + 1] if place + 1 < len(groups) else True
        if is_last and number != keys[groups[place] - 1]:
            chosen[place] = min(number, max(chosen[place - 1] + 1, bisect_left(at, target - interval / 2)))
    return chosen


def _nearest(keys: Sequence[int], places: Sequence[float], target: float, free: int) -> int | None:
    """The key frame nearest to a place, of those with this number at least."""
    first = bisect_left(keys, free)
    after = max(first, bisect_left(places, target))
    near = [number for number in (after - 1, after) if first <= number < len(keys)]
    return keys[min(near, key=lambda number: abs(places[number] - target))] if near else None
