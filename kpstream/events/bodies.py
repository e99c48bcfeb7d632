"""The objects of one camera: identities that outlive a change of `tracker_id`, and body heights. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from kpstream.entities import Pose
from kpstream.events.moment import Array, Moment

RETURNS_WITHIN = 2.0
"""Seconds within which an object that was lost and returns nearby keeps its identity."""
UPRIGHT = 30.0
"""Degrees of the torso up to which a person counts as upright."""
_NEAR = 1.0
"""Body heights between the places where an object is lost and returns, at the most."""
_SHRINKS = 0.1
"""Share of its height that a body loses a second at the most, because a person walks away."""
_LONGEST_STEP = 1.0
"""Seconds between two pictures that count as seen; longer gaps, as of a frozen camera, count as so long."""


@dataclass(slots=True)
class Body:
    """One object, until it is gone."""

    id: int
    class_name: str
    tracker_ids: tuple[int, ...]
    box: Array
    height: float
    height_at: float
    missing: float = 0.0
    """Seconds of pictures and answers without the object."""
    missed: bool = False
    """Whether an answer came without the object since it was last drawn."""


@dataclass(slots=True)
class Bodies:
    """All objects of one camera that are not gone."""

    _bodies: dict[int, Body] = field(default_factory=dict)
    _by_tracker: dict[int, int] = field(default_factory=dict)
    _next_id: int = 1
    _at: float = float("nan")

    def class_of(self, body_id: int) -> str:
        """The class of an object that is not gone."""
        return self._bodies[body_id].class_name

    def tracker_ids(self, body_id: int) -> tuple[int, ...]:
        """All tracker ids of an object, the first one first; empty for an object that is gone."""
        body = self._bodies.get(body_id)
        return () if body is None else body.tracker_ids

    def identify(self, poses: Sequence[Pose], *, is_all: bool) -> tuple[int, ...]:
        """The identities of poses, in their order; a pose of no known object makes a new one.

        Args:
            poses: Those of one moment.
            is_all: Whether no other object is drawn at that moment; an answer has only the objects that it found.
        """
        here = {self._by_tracker.get(pose.tracker_id, 0) for pose in poses if pose.tracker_id is not None}
        lost = [body for body in self._bodies.values() if body.id not in here and (is_all or body.missing > 0)]
        return tuple(self._identity(pose, lost).id for pose in poses)

    def _identity(self, pose: Pose, lost: list[Body]) -> Body:
        tracker_id = -1 if pose.tracker_id is None else pose.tracker_id
        known = self._by_tracker.get(tracker_id)
        if known is not None and tracker_id >= 0:
            return self._bodies[known]
        body = _returned(pose, lost)
        if body is None:
            body = self._new(pose)
        else:
            lost.remove(body)
        if tracker_id >= 0:
            body.tracker_ids += (tracker_id,)
            self._by_tracker[tracker_id] = body.id
        return body

    def _new(self, pose: Pose) -> Body:
        body = Body(self._next_id, pose.class_name, (), pose.xyxy.astype(float), 0.0, float("nan"))
        self._bodies[body.id] = body
        self._next_id += 1
        return body

    def measure(self, moment: Moment) -> None:
        """Take in the boxes of the objects, and fill in `Moment.heights`."""
        boxes, heights = moment.boxes, np.empty(len(moment.ids))
        rows = zip(moment.ids, boxes, boxes.tolist(), moment.torso.tolist(), strict=True)
        for row, (body_id, box, (left, top, right, bottom), torso) in enumerate(rows):
            body, height = self._bodies[body_id], bottom - top
            if not body.height:
                body.height, body.height_at = max(height, right - left if torso > UPRIGHT else 0.0), moment.pts
            elif not torso > UPRIGHT:  # also where nothing is known of a torso
                shrunk = body.height * (1 - _SHRINKS) ** max(0.0, moment.pts - body.height_at)
                body.height, body.height_at = max(height, shrunk), moment.pts
            body.box = box
            heights[row] = max(body.height, 1.0)
        moment.heights = heights

    def expire(self, pts: float, present: frozenset[int], *, answered: bool) -> list[tuple[int, tuple[int, ...]]]:
        """Forget the objects that have been missing for too long by now.

        Args:
            pts: Of a picture or an answer.
            present: Identities that are drawn or were measured.
            answered: Whether an answer came, too.

        Returns:
            The objects that are gone and forgotten: identities, each with its tracker ids.
        """
        step = pts - self._at
        step = min(step, _LONGEST_STEP) if step > 0 else 0.0
        if not pts <= self._at:
            self._at = pts
        for body in self._bodies.values():
            if body.id in present:
                body.missing, body.missed = 0.0, False
            else:
                body.missing += step
                body.missed = body.missed or answered
        gone = [body for body in self._bodies.values() if body.missed and body.missing >= RETURNS_WITHIN - 1e-6]
        for body in gone:
            del self._bodies[body.id]
            for tracker_id in body.tracker_ids:
                del self._by_tracker[tracker_id]
        return [(body.id, body.tracker_ids) for body in gone]


def _returned(pose: Pose, lost: Sequence[Body]) -> Body | None:
    """The lost object that has returned as this pose: the nearest of its class, if near enough."""
    middle = (pose.xyxy[:2] + pose.xyxy[2:]) / 2
    best, nearest = None, _NEAR
    for body in lost:
        away = float(np.hypot(*(middle - (body.box[:2] + body.box[2:]) / 2))) / max(body.height, 1.0)
        if body.class_name == pose.class_name and away <= nearest:
            best, nearest = body, away
    return best
