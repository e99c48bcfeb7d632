"""Poses between two answers that are both known.

A straight line is enough over a few frames. Over half a second a leg swings out and back, and the pictures know
about it: the points of the earlier answer are followed up to the later one, and the other way round. How far they
miss the other side says how much they are to be trusted.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from kpstream.entities import Pose
from kpstream.tracking.flow import Points, between, box_around, widen
from kpstream.tracking.frames import Pictures
from kpstream.tracking.track import Bridge, Key, diagonal, mesh_of, points_of

_AT_REST = 0.02  # diagonals; for who moves less between two answers the straight line is enough
_BEST = 0.01  # diagonals; no way is trusted to be better
_STRAIGHT = 0.1  # what the straight line counts beside the pictures

Pair = tuple[Key, Key]
"""The answers to one object before and after."""


def ends(pair: Pair) -> tuple[Points, Points]:
    """The keypoints of both sides; what one side alone knows has moved along with the others."""
    rows = max(len(key.pose.xy) for key in pair)
    start, end = (widen(key.pose.xy, rows) for key in pair)
    return between(start, end, 0), between(start, end, 1)


def moves(pair: Pair) -> bool:
    """Whether following the pictures between two answers is of use for this object."""
    start, end = ends(pair)
    return bool(np.nanmax(np.hypot(*(end - start).T), initial=0) > _AT_REST * diagonal(pair[0].pose))


def build(pictures: Pictures, pairs: Sequence[Pair], first: int, last: int) -> list[Bridge]:
    """Bridges for objects with one mesh that were answered on the same two pictures.

    Args:
        pictures: Hold every picture from the first to the last, without a cut.
        pairs: The answers to each object.
        first: The number of the earlier answer's picture.
        last: The number of the later one's.
    """
    start, end = (np.stack(side) for side in zip(*map(ends, pairs), strict=True))
    mesh = mesh_of(pairs[0][1].pose, start.shape[1])
    forth = pictures.follow(mesh, start, range(first, last + 1))
    back = pictures.follow(mesh, end, range(last, first - 1, -1))[::-1]
    best = _BEST * np.array([[diagonal(before.pose)] for before, _ in pairs], np.float32)
    trust = [1 / (_length(miss) ** 2 + best**2) for miss in (forth[-1] - end, back[0] - start, end - start)]
    spots = []
    for number, (ahead, behind) in enumerate(zip(forth, back, strict=True)):
        share = number / (last - first)
        ways = (
            ahead + share * (end - forth[-1]),
            behind + (1 - share) * (start - back[0]),
            (1 - share) * start + share * end,
        )
        weights = np.stack([(1 - share) * trust[0], share * trust[1], _STRAIGHT * trust[2]])[..., None]
        mean = (weights * np.stack(ways)).sum(0) / weights.sum(0)
        spots.append(mean.astype(np.float32))
    return [Bridge(first, [spot[i] for spot in spots]) for i in range(len(pairs))]


def pose_between(pair: Pair, pts: float, xy: Points | None) -> Pose:
    """The pose between two answers: its keypoints as given, or on the straight way."""
    before, after = pair
    share = (pts - before.pts) / (after.pts - before.pts)
    start, end = ends(pair)
    straight = between(start, end, share)
    xy = straight if xy is None else xy
    confidence = [widen(key.pose.keypoint_confidence, len(xy), 0.0) for key in pair]
    nearer = before.pose if share < 0.5 else after.pose
    box = (1 - share) * before.pose.xyxy + share * after.pose.xyxy
    if not np.isnan(xy).all():
        box = box + box_around(xy) - box_around(straight)
    return nearer.but(
        xy=xy,
        keypoint_confidence=((1 - share) * confidence[0] + share * confidence[1]).astype(np.float32),
        xyxy=box.astype(np.float32),
        confidence=(1 - share) * before.pose.confidence + share * after.pose.confidence,
        skeleton=after.pose.skeleton,
        origin="interpolated",
    )


def arrival(pictures: Pictures, pose: Pose, first: int, last: int) -> Bridge:
    """The way of an object back from the first answer that finds it to the one before, which does not.

    Args:
        pictures: Hold every picture from the first to the last, without a cut.
        pose: The answer that finds it.
        first: The number of the picture on which it was not found.
        last: The number of the one on which it was.
    """
    points = points_of(pose)
    spots = pictures.follow(mesh_of(pose, len(points)), points[None], range(last, first - 1, -1))
    return Bridge(first, [spot[0] for spot in reversed(spots)])


def arrived(pose: Pose, bridge: Bridge, number: int) -> Pose:
    """The pose on a picture that its arrival leads over."""
    xy = bridge.spots[number - bridge.first]
    box = pose.xyxy + box_around(xy) - box_around(bridge.spots[-1])
    return pose.but(xy=xy[: len(pose.xy)], xyxy=box.astype(np.float32), origin="interpolated")


def comes_in(pose: Pose, bridge: Bridge, size: tuple[int, int]) -> float:
    """The number of the picture on which an object arrives: from over the edge, or else half of the way back.

    Args:
        pose: The answer that finds it.
        bridge: Its arrival.
        size: The frame's (width, height).
    """
    numbers = range(bridge.first, bridge.first + len(bridge.spots))
    outside = [number for number in numbers if not is_inside(arrived(pose, bridge, number).xyxy, size)]
    return outside[-1] + 1 if outside else (numbers[0] + numbers[-1]) / 2


def is_inside(box: Points, size: tuple[int, int]) -> bool:
    """Whether the middle of a box, shape ``(4,)``, is in a picture of this (width, height)."""
    across, down = box[0] + box[2], box[1] + box[3]
    return bool(0 <= across <= 2 * size[0] and 0 <= down <= 2 * size[1])


def _length(ways: Points) -> Points:
    length: Points = np.hypot(ways[..., 0], ways[..., 1])
    return length
