"""Makes the timestamps of a live stream into seconds that only grow, as fast as the world's. No clock, no I/O.

A camera's own timestamps are even where the arrival is not: a network delays one picture more than the next. But their
clock may be untrue: some cameras count each picture for 1/25 s although at night they give twelve a second, others
run fast, are set, or stand. So the steps are the camera's, and their speed in the long run is the arrival's.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass

_SHORTEST_STEP = 0.001
_WINDOW = 4.0
"""Seconds of pictures by which the camera's clock is judged."""
_FEWEST = 12
"""Pictures in that window at least."""
_JUDGED_AFTER = 2.0
"""Seconds of arrival that must have passed before the clock is judged."""
_MEASURE_EVERY = 0.2
_TRUE = 0.08
"""The share by which a clock may run wrong and still be taken as it is; the drift that comes of it is undone slowly."""
_DRIFT_ALLOWED = 0.1
"""Seconds between timestamps and arrival that are not worth undoing."""
_UNDONE_WITHIN = 5.0
"""Seconds to undo a drift in."""
_MOST_UNDONE = 0.3
"""Seconds a second: the picture then runs 30 % too fast or too slowly."""
_MAX_EARLY = 0.5
"""Seconds that one timestamp may run ahead of the arrival and still be believed."""
_MAX_BURST = 2.0
"""The same in the first seconds: a server may begin with pictures that it kept."""
_STAYS_EARLY = 0.25
"""Seconds that pictures may stay ahead of the arrival. What was held up before the first one came says no more than how
late that one was: the rest is a drift like any other."""
_MAX_LATE = 10.0
"""Seconds that timestamps may fall behind; more than a connection can hold back."""


@dataclass(frozen=True, slots=True)
class _Picture:
    stamp: float
    arrived: float
    counted: float
    """Its time by the timestamps alone, at the speed that was found for them."""

    @property
    def delay(self) -> float:
        return self.arrived - self.counted


class LiveClock:
    """Turns the timestamps of one live stream into pts: 0.0 for its first picture, growing from then on.

    Timestamps that are missing, fall or run far ahead of the arrival are not believed: such a picture has the time of
    its arrival, and the next ones count on from there.
    """

    def __init__(self) -> None:
        self._pictures: deque[_Picture] = deque()
        self._last: float | None = None
        self._last_arrived = 0.0
        self._counted = 0.0
        self._undone = 0.0  # the drift that was undone: what the pts are ahead of what is counted
        self._speed = 1.0
        self._pull = 0.0
        self._first_delay = 0.0
        self._usual_delay: float | None = None
        self._measured_at = 0.0

    @property
    def speed(self) -> float:
        """Seconds that pass while the camera's clock counts one; 1 where that clock is taken for true."""
        return self._speed

    def pts(self, stamp: float | None, arrived: float) -> float:
        """The pts of the next picture, in seconds.

        Args:
            stamp: Its own timestamp, in seconds of any origin; None where it has none.
            arrived: When it came, in seconds after the first one.
        """
        if self._last is None:
            self._first_delay, pts = arrived, 0.0
        else:
            step = self._believed_step(stamp, arrived, self._last)
            if step is None:
                pts = max(self._last + _SHORTEST_STEP, arrived - self._delay)
                self._pictures.clear()
                self._counted = pts - self._undone
            else:
                self._counted += step
                self._undone += step * self._pull
                pts = max(self._last + _SHORTEST_STEP, self._counted + self._undone)
        self._last, self._last_arrived = pts, arrived
        if stamp is not None:
            self._pictures.append(_Picture(stamp, arrived, self._counted))
            self._measure()
        else:
            self._pictures.clear()
        return pts

    @property
    def _delay(self) -> float:
        """Seconds from a picture's pts to its arrival where nothing holds it up."""
        return self._first_delay if self._usual_delay is None else self._usual_delay

    def _believed_step(self, stamp: float | None, arrived: float, last: float) -> float | None:
        """How far the timestamps say that time went on; None where they are not believed."""
        if stamp is None or not self._pictures or stamp <= self._pictures[-1].stamp:
            return None
        step = (stamp - self._pictures[-1].stamp) * self._speed
        due = arrived - self._delay
        if self._usual_delay is None:
            is_ahead = last + step > max(last, due) + _MAX_BURST
        else:
            is_ahead = step > arrived - self._last_arrived + _MAX_EARLY and last + step > due + _MAX_EARLY
        is_far = abs(last + step - due) > _MAX_LATE
        return None if is_ahead or is_far else step

    def _measure(self) -> None:
        """Judge the camera's clock by the last seconds, and how far the pts have drifted from the arrival."""
        pictures, newest = self._pictures, self._pictures[-1]
        while (
            len(pictures) > _FEWEST
            and pictures[0].counted < newest.counted - _WINDOW
            and pictures[1].arrived < newest.arrived - _JUDGED_AFTER
        ):
            pictures.popleft()
        if newest.arrived - self._measured_at < _MEASURE_EVERY:
            return
        self._measured_at = newest.arrived
        if len(pictures) >= _FEWEST and newest.arrived - pictures[0].arrived >= _JUDGED_AFTER:
            self._judge()
        if self._usual_delay is not None:
            drift = min(picture.delay for picture in pictures) - self._undone - self._usual_delay
            wanted = 0.0 if abs(drift) < _DRIFT_ALLOWED else drift / _UNDONE_WITHIN
            self._pull = min(_MOST_UNDONE, max(-_MOST_UNDONE, wanted))

    def _judge(self) -> None:
        pictures = self._pictures
        first, newest = pictures[0], pictures[-1]
        half = (first.arrived + newest.arrived) / 2
        middle = next(picture for picture in pictures if picture.arrived >= half)
        if middle is newest:  # a long pause, and one picture behind it
            return
        speeds = [_speed_between(first, middle), _speed_between(middle, newest)]
        whole = _speed_between(first, newest)
        if abs(speeds[0] - speeds[1]) > 2 * _TRUE * whole:
            return  # the network's doing: a clock runs wrong all the time
        if abs(whole - 1) < _TRUE:
            whole = 1.0
        if self._usual_delay is None:
            is_true = whole == 1.0
            usual = min(picture.delay for picture in pictures) if is_true else self._first_delay
            self._usual_delay = max(usual, -_STAYS_EARLY)
        if abs(whole - self._speed) > _TRUE * self._speed:
            self._speed = whole
            self._pictures = deque([newest])
        else:
            self._speed += 0.2 * (whole - self._speed)


def _speed_between(before: _Picture, after: _Picture) -> float:
    return (after.arrived - before.arrived) / (after.stamp - before.stamp)
