"""Moments: what has happened once it is seen, a line crossed or a movement repeated."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from kpstream.events.moment import Array, Moment, angle_at
from kpstream.events.rules import Line, LineCrossing, Repetitions


@dataclass(frozen=True, slots=True)
class Happening:
    """Something that an object did."""

    body_id: int
    began_pts: float
    """The first moment at which it had been done."""
    value: float | None = None


@dataclass(slots=True)
class _Side:
    side: int = 0
    """On which side of the line the object is known to be: -1 left, 1 right, 0 not known."""
    place: Array = field(default_factory=lambda: np.zeros(2))
    """Where it was when it was last there for sure."""
    other_since: float = np.nan
    """Since when it has been on the other side; NaN while it is not."""
    other_place: Array = field(default_factory=lambda: np.zeros(2))


class CrossingDetector:
    """Finds who went over a line and stays there. Who sways on the line never does.

    Args:
        condition: How far beyond it, and in which direction.
        line: In fractions of the picture.
        for_seconds: How long to stay.
    """

    def __init__(self, condition: LineCrossing, line: Line, for_seconds: float) -> None:
        self._condition = condition
        self._ends = np.asarray([line.start, line.end], float)
        self._for = for_seconds
        self._sides: dict[int, _Side] = {}

    def detect(self, moment: Moment) -> list[Happening]:
        """Who has crossed, as this moment confirms."""
        start, end = self._ends * moment.frame_size
        along = (end - start) / max(float(np.hypot(*(end - start))), 1e-9)
        places = moment.anchors(self._condition.anchor)
        across = along[0] * (places[:, 1] - start[1]) - along[1] * (places[:, 0] - start[0])
        margins = self._condition.margin * moment.heights
        found = []
        for row, body_id in enumerate(moment.ids):
            state = self._sides.setdefault(body_id, _Side())
            side = 0 if abs(across[row]) < margins[row] else int(np.sign(across[row]))
            began = self._step(state, side, places[row], moment.pts, (start, end))
            if began is not None:
                found.append(Happening(body_id, began))
        return found

    def _step(self, state: _Side, side: int, place: Array, pts: float, ends: tuple[Array, Array]) -> float | None:
        if side == 0:  # too near to the line to tell
            state.other_since = np.nan
            return None
        if state.side in {side, 0}:
            state.side, state.place, state.other_since = side, place, np.nan
            return None
        if np.isnan(state.other_since):
            state.other_since, state.other_place = pts, place
        if pts - state.other_since < self._for - 1e-6:
            return None
        began, went_in = state.other_since, side > 0
        over = meets(state.place, state.other_place, *ends)
        state.side, state.place, state.other_since = side, place, np.nan
        wanted = self._condition.direction in {"both", "in" if went_in else "out"}
        return began if over and wanted else None

    def forget(self, body_id: int) -> None:
        """Drop what is remembered of an object."""
        self._sides.pop(body_id, None)


def meets(one: Array, other: Array, start: Array, end: Array) -> bool:
    """Whether the way from one point to another meets a line between its ends."""
    way, line = other - one, end - start
    turn = way[0] * line[1] - way[1] * line[0]
    if abs(turn) < 1e-9:
        return False
    to_start = start - one
    along_line = (to_start[0] * way[1] - to_start[1] * way[0]) / turn
    return bool(0 <= along_line <= 1)


@dataclass(slots=True)
class _Exercise:
    was_high: bool = False
    is_low: bool = False
    count: int = 0


class RepetitionCounter:
    """Counts how often an angle went below one bound and back above another.

    Args:
        condition: The joint and the bounds.
    """

    def __init__(self, condition: Repetitions) -> None:
        self._condition = condition
        self._exercises: dict[int, _Exercise] = {}

    def detect(self, moment: Moment) -> list[Happening]:
        """Who has finished a repetition with this moment; the value is the count so far."""
        first, corner, last = (moment.keypoint(name) for name in self._condition.keypoints)
        degrees = angle_at(first, corner, last)
        found = []
        for row, body_id in enumerate(moment.ids):
            exercise = self._exercises.setdefault(body_id, _Exercise())
            if degrees[row] < self._condition.low:
                exercise.is_low = exercise.is_low or exercise.was_high
            elif degrees[row] > self._condition.high:
                exercise.was_high = True
                if exercise.is_low:
                    exercise.is_low = False
                    exercise.count += 1
                    found.append(Happening(body_id, moment.pts, float(exercise.count)))
        return found

    def forget(self, body_id: int) -> None:
        """Drop what is remembered of an object."""
        self._exercises.pop(body_id, None)
