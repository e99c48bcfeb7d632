"""Makes the observations of the rules from a scene or a recorded line. Pure."""

from __future__ import annotations

from collections.abc import Iterator

from kpstream.entities import Pose, Result
from kpstream.events.engine import Observation


def observations_of(
    *,
    pts: float,
    frame_index: int,
    frame_size: tuple[int, int],
    poses: tuple[Pose, ...],
    stale: bool,
    answers: tuple[Result, ...] | None,
    is_answered: bool,
) -> Iterator[Observation]:
    """The observations of one picture, in the order in which the rules take them.

    Args:
        pts: Of the picture, in seconds.
        frame_index: The picture's own.
        frame_size: (width, height) in pixels.
        poses: Those that are drawn on the picture.
        stale: Whether the poses are too old to be trusted.
        answers: In a live view, those that the tracker took in since the picture before; None for recorded video.
        is_answered: Whether the endpoint has answered at all so far.
    """
    for answer in answers or ():
        yield Observation(answer.pts, answer.frame_index, frame_size, measured=answer.poses, is_all=False)
    trusted = () if stale else tuple(pose for pose in poses if pose.origin != "predicted" and not pose.stale)
    others = poses if stale else tuple(pose for pose in poses if pose.origin == "predicted" or pose.stale)
    certain = answers is None and is_answered and not stale
    yield Observation(pts, frame_index, frame_size, measured=trusted, drawn=others, is_answered=certain)
