"""Detects what begins and ends at once: a line is crossed, a movement is repeated. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from math import dist, isnan, nan

from kpstream.events.moment import Moment
from kpstream.events.rules import Line, LineCrossing, Point, Repetitions


@dataclass(frozen=True, slots=True)
class Happening:
    """Something that an object did."""

    body_id: int
    began_pts: float
    """The pts of the first moment after it."""
    value: float | None = None


@dataclass(slots=True)
class _Side:
    side: int = 0
    """The side of the line on which the object is: -1 left, 1 right, 0 unknown."""
    place: Point = (0.0, 0.0)
    """Where the object last was clearly on that side, in pixels."""
    other_since: float = nan
    """The pts since which the object is on the other side; NaN while it is not."""
    other_place: Point = (0.0, 0.0)


class CrossingDetector:
    """Detects objects that cross a line and stay beyond it; swaying on the line is no crossing.

    Args:
        condition: How far beyond the line an object must be, and in which direction it must go.
        line: In fractions of the picture.
        for_seconds: How long the object must stay beyond the line, in seconds.
    """

    def __init__(self, condition: LineCrossing, line: Line, for_seconds: float) -> None:
        self._condition = condition
        self._ends = (line.start, line.end)
        self._for = for_seconds
        self._sides: dict[int, _Side] = {}

    def detect(self, moment: Moment) -> list[Happening]:
        """The crossings that this moment confirms."""
        start, end = ((x * moment.frame_size[0], y * moment.frame_size[1]) for x, y in self._ends)
        length = max(dist(start, end), 1e-9)
        right, down = (end[0] - start[0]) / length, (end[1] - start[1]) / length
        places = moment.anchors(self._condition.anchor).tolist()
        found = []
        for body_id, (x, y), height in zip(moment.ids, places, moment.heights.tolist(), strict=True):
            across = right * (y - start[1]) - down * (x - start[0])
            side = 0 if abs(across) < self._condition.margin * height or not across else 1 if across > 0 else -1
            state = self._sides.setdefault(body_id, _Side())
            began = self._step(state, side, (x, y), moment.pts, (start, end))
            if began is not None:
                found.append(Happening(body_id, began))
        return found

    def _step(self, state: _Side, side: int, place: Point, pts: float, ends: tuple[Point, Point]) -> float | None:
        if side == 0:  # too near to the line to tell
            state.other_since = nan
            return None
        if state.side in {side, 0}:
            state.side, state.place, state.other_since = side, place, nan
            return None
        if isnan(state.other_since):
            state.other_since, state.other_place = pts, place
        if pts - state.other_since < self._for - 1e-6:
            return None
        began, went_in = state.other_since, side > 0
        over = meets(state.place, state.other_place, *ends)
        state.side, state.place, state.other_since = side, place, nan
        wanted = self._condition.direction in {"both", "in" if went_in else "out"}
        return began if over and wanted else None

    def forget(self, body_id: int) -> None:
        """Forget an object."""
        self._sides.pop(body_id, None)


def meets(one: Point, other: Point, start: Point, end: Point) -> bool:
    """Whether the way from one point to another, on the other side of a line, meets the line between its ends."""
    way, line = (other[0] - one[0], other[1] - one[1]), (end[0] - start[0], end[1] - start[1])
    turn = way[0] * line[1] - way[1] * line[0]
    if abs(turn) < 1e-9:
        return False
    along_line = ((start[0] - one[0]) * way[1] - (start[1] - one[1]) * way[0]) / turn
    return 0 <= along_line <= 1


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
        """The repetitions that end with this moment; the value is the count so far."""
        found = []
        for body_id, degrees in zip(moment.ids, moment.angle(self._condition.keypoints).tolist(), strict=True):
            exercise = self._exercises.setdefault(body_id, _Exercise())
            if degrees < self._condition.low:
                exercise.is_low = exercise.is_low or exercise.was_high
            elif degrees > self._condition.high:
                exercise.was_high = True
                if exercise.is_low:
                    exercise.is_low = False
                    exercise.count += 1
                    found.append(Happening(body_id, moment.pts, float(exercise.count)))
        return found

    def forget(self, body_id: int) -> None:
        """Forget an object."""
        self._exercises.pop(body_id, None)
