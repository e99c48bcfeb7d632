"""Which pictures of a stream are wanted where fewer are shown than come. No clock, no I/O."""

from __future__ import annotations

from collections import deque
from itertools import pairwise
from math import floor, inf

_REMEMBERED = 16
_BEHIND_A_LINE = 0.02
"""Where the first picture lies, in lines: not on one, for times are rounded."""


class Decimation:
    """Chooses so many pictures a second, as evenly as the times of a stream allow.

    A picture is chosen by its own time alone, so that it can be judged before it is decoded, and pictures may come in
    the order of decoding: lines divide the time of the stream, ``max_fps`` of them a second, and a picture is wanted
    where a line lies between the picture that is shown before it and itself. When that one is shown is a guess where
    pictures come in the order of decoding, so no line has two.

    Args:
        max_fps: Pictures a second; infinite wants all.
    """

    def __init__(self, max_fps: float = inf) -> None:
        self._max_fps = max_fps
        self._recent: deque[float] = deque(maxlen=_REMEMBERED)
        self._anchor = 0.0, _BEHIND_A_LINE  # a time, and how many lines were passed then
        self._crossed: deque[int] = deque(maxlen=_REMEMBERED)  # the lines for which a picture was chosen

    @property
    def max_fps(self) -> float:
        """Pictures a second that are wanted; the next picture follows what is set."""
        return self._max_fps

    @max_fps.setter
    def max_fps(self, rate: float) -> None:
        if rate != self._max_fps and self._recent:
            at = self._recent[-1]
            self._anchor = at, _BEHIND_A_LINE if self._max_fps == inf else self._passed(at) % 1.0
            self._crossed.clear()
        self._max_fps = rate

    def wants(self, at: float, step: float | None = None) -> bool:
        """Whether a picture is wanted.

        Args:
            at: When it is shown, in seconds of any origin. Each picture of the stream is judged once.
            step: Seconds since the last one before it that can be shown; 0 where it cannot be shown itself. None where
                all can be.
        """
        if not self._recent:
            self._anchor = at, _BEHIND_A_LINE
        elif at < min(self._recent):
            self._crossed.clear()  # time begins anew
        self._recent.append(at)
        if self._max_fps == inf or len(self._recent) == 1:
            return True
        before = self._shown_before(at) if step is None else at - step
        line = floor(self._passed(at))
        if line <= floor(self._passed(before)) or line in self._crossed:
            return False
        self._crossed.append(line)
        return True

    def _passed(self, at: float) -> float:
        """How many lines were passed at a time."""
        since, passed = self._anchor
        return passed + (at - since) * self._max_fps

    def _shown_before(self, at: float) -> float:
        """When the picture before that of ``at`` is shown."""
        ordered = sorted(self._recent)
        if ordered == list(self._recent):
            return ordered[-2]
        steps = sorted(after - before for before, after in pairwise(ordered))
        return at - steps[len(steps) // 2]  # they come in the order of decoding: the one before may come behind it
