"""What a live view showed against what was there: pure arithmetic over lines, the camera's log and the truth."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from scoring import Array, Line, drawn_pose, errors, mean, people_in_view

Log = Sequence[tuple[int, float]]
"""What the camera sent: ``(frame, seconds)``, in order; a position in it is a picture's number."""
RATE = 5.0
"""Requests per second of video of the ideal client that merely holds its newest answer."""
_SKIP = 1.0
"""Seconds at the start of a run that are not scored; one latency more until an answer can be there."""


@dataclass(frozen=True)
class Live:
    """A live run; NaN where there was nothing to measure. Errors are percent of a person's box diagonal."""

    shown: float
    """Pictures shown a second."""
    age: tuple[float, float]
    """p50 and p95 of the time from the camera to the display, in seconds."""
    error: float
    """Mean distance of drawn keypoints from the true ones of the picture that is shown."""
    held: float
    """The same, over the same frames, for an ideal client that draws its newest answer as it came."""
    lag: float
    """Mean distance of the drawn keypoints on display from where they are in the scene at that moment."""
    held_lag: float
    """The same for the ideal client that holds its newest answer."""
    missing: float
    """Share of the people in view of the shown pictures for whom nothing is drawn."""
    pictures: int

    @property
    def ratio(self) -> float:
        """``error`` in shares of ``held``."""
        return self.error / self.held if self.held else math.nan

    @property
    def lag_ratio(self) -> float:
        """``lag`` in shares of ``held_lag``."""
        return self.lag / self.held_lag if self.held_lag else math.nan


def drawn_poses(line: Line) -> list[Array]:
    """The keypoints of each pose of a line, shape ``(17, 2)``, NaN where not drawn."""
    return [drawn_pose(pose) for pose in line["poses"]]


def newest_answer(index: int, frame_rate: float, latency: float, rate: float = RATE) -> int:
    """The newest frame whose answer an ideal client has on this one; negative before the first."""
    return int((index - math.ceil(latency * frame_rate)) // (step := max(1, round(frame_rate / rate))) * step)


def held_errors(truth: Mapping[str, Any], index: int, latency: float) -> list[float]:
    """`errors` of the ideal client that holds its newest answer."""
    newest = newest_answer(index, truth["frame_rate"], latency)
    was = [np.array(one["keypoints"], float)[:, :2] for one in truth["frames"][newest]] if newest >= 0 else []
    return errors(was, people_in_view(truth["frames"][index]))


def percentile(values: Sequence[float], which: float) -> float:
    """A percentile, 0 to 100; NaN of nothing."""
    return float(np.percentile(values, which)) if len(values) else math.nan


def numbered(frames: Sequence[int | None], log: Log) -> list[int]:
    """Which picture of the camera's each shown one is: a clip that repeats sends its frames more than once.

    Args:
        frames: The clip's frame that each shown picture says it is, in the order shown; None where it cannot be read.
        log: What the camera sent.

    Returns:
        Positions in ``log``, never falling; -1 where it is unknown.
    """
    numbers, at = [], 0
    for frame in frames:
        later = next((n for n in range(at, len(log)) if log[n][0] == frame), None)
        numbers.append(-1 if later is None else later)
        at = at if later is None else later
    return numbers


def live(
    lines: Sequence[Line],
    numbers: Sequence[int],
    log: Log,
    truth: Mapping[str, Any],
    latency: float,
    *,
    seconds: float = 0.0,
) -> Live:
    """Score a live run.

    Args:
        lines: What was shown: ``rendered_at`` and ``poses``.
        numbers: Which of the camera's pictures each line showed, see `numbered`.
        log: What the camera sent.
        truth: The clip's poses.
        latency: The endpoint's.
        seconds: How long the run was to be at the least; what ended early showed nothing for the rest of it.

    Returns:
        The score. Rates and ages are over the whole run but its first second; errors over the clip's first pass,
        because where it begins again everybody jumps.
    """
    shown = [(n, line) for n, line in zip(numbers, lines, strict=True) if n >= 0]
    pictures = len({n for n, _ in shown})
    if pictures < 2:
        nothing = math.nan
        return Live(0.0, (nothing, nothing), nothing, nothing, nothing, nothing, nothing, len(shown))
    first = shown[0][1]["rendered_at"]
    span = max(log[-1][1] - first, shown[-1][1]["rendered_at"] - first, seconds)
    ages = [line["rendered_at"] - log[n][1] for n, line in shown if line["rendered_at"] >= first + _SKIP]
    settled = (_SKIP + latency) * truth["frame_rate"]
    passed = _first_pass(log)
    people = [people_in_view(frame) for frame in truth["frames"]]
    scored = [(log[n][0], drawn_poses(line)) for n, line in shown if n < passed and log[n][0] >= settled]
    scene = [(f, drawn) for f, drawn in _on_display(shown, log[:passed], 1 / truth["frame_rate"]) if f >= settled]
    found = [error for frame, drawn in scored for error in errors(drawn, people[frame])]
    return Live(
        shown=(pictures - 1) / span,
        age=(percentile(ages, 50), percentile(ages, 95)),
        error=mean(found),
        held=mean(error for frame, _ in scored for error in held_errors(truth, frame, latency)),
        lag=mean(error for frame, drawn in scene for error in errors(drawn, people[frame])),
        held_lag=mean(error for frame, _ in scene for error in held_errors(truth, frame, latency)),
        missing=sum(map(math.isnan, found)) / len(found) if found else math.nan,
        pictures=len(shown),
    )


def _first_pass(log: Log) -> int:
    """How many pictures the camera sent before the clip began again."""
    return next((n for n in range(1, len(log)) if log[n][0] < log[n - 1][0]), len(log))


def _on_display(shown: Sequence[tuple[int, Line]], log: Log, interval: float) -> Iterable[tuple[int, list[Array]]]:
    """For each frame of the scene the poses on display when its time is over; nothing before the first picture."""
    at = -1
    for frame, sent_at in log:
        while at + 1 < len(shown) and shown[at + 1][1]["rendered_at"] <= sent_at + interval:
            at += 1
        if at >= 0:
            yield frame, drawn_poses(shown[at][1])
