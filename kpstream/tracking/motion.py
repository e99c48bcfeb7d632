"""Where one object's points go, and where they are drawn."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np

from kpstream.entities import Pose
from kpstream.tracking.geometry import Points, diagonal, middles, zeroed
from kpstream.tracking.settings import TrackerSettings
from kpstream.tracking.trajectory import PointState, Trajectory, fuse, points_of


@dataclass(slots=True, eq=False)
class Motion:
    """The trajectories of one object."""

    settings: TrackerSettings = field(repr=False)
    trajectory: Trajectory | None = None
    """The one that is drawn: it leads to the newest picture."""
    retracked: Trajectory | None = None
    """A better one from the newest answer on, until it has been fast-forwarded to the newest picture."""
    last_drawn: Trajectory | None = None
    """Where the points were drawn last: one state."""

    def trajectories(self) -> Iterator[Trajectory]:
        """The trajectories there are, the better one first."""
        yield from (it for it in (self.retracked, self.trajectory) if it is not None)

    def state(self, number: int) -> PointState | None:
        """Where the points were on this picture, by the best trajectory that leads there."""
        state = None if self.retracked is None else self.retracked.at(number)
        return self.trajectory.at(number) if state is None and self.trajectory is not None else state

    def correct(self, pose: Pose, number: int, coordinate_step: float) -> PointState:
        """Take in an answer to an old picture, or to the newest one.

        Args:
            pose: The answer.
            number: The number of its picture.
            coordinate_step: The step of its coordinates, in pixels.

        Returns:
            What is believed of that picture.
        """
        self._narrow(pose)
        base = next((it for it in self.trajectories() if it.at(number) is not None), None)
        prior = None if base is None else base.at(number)
        state = fuse(prior, pose, coordinate_step, self.settings)
        if base is None or prior is None or len(prior.xy) != len(state.xy):
            self.trajectory, self.retracked = None, Trajectory(number, [state])
            return state
        off = np.hypot(*(state.xy - prior.xy).T)
        tracks_again = bool(np.nanmax(off, initial=0) > self.settings.retrack_beyond * diagonal(pose.xyxy))
        drawn = self.trajectory
        if drawn is not None and (old := drawn.at(number)) is not None and len(old.xy) == len(state.xy):
            self.trajectory = drawn.through(number, state)
        if tracks_again:
            self.retracked = Trajectory(number, [state])
        else:
            self.retracked = base.through(number, state) if base is self.retracked else None
        return state

    def restart(self, pose: Pose, number: int) -> PointState:
        """Begin anew from an answer to the newest picture, exactly as it was answered."""
        state = fuse(self.state(number), pose, 0.0, self.settings)
        self.trajectory, self.retracked, self.last_drawn = Trajectory(number, [state]), None, None
        return state

    def demote_stale(self, number: int) -> None:
        """If the trajectory does not lead to this picture, queue it for fast-forwarding."""
        if self.trajectory is not None and self.trajectory.last < number:
            self.trajectory, self.retracked = None, self.retracked or self.trajectory

    def promote(self, number: int) -> None:
        """If the better trajectory has reached this picture, draw it from now on."""
        if self.retracked is not None and self.retracked.last == number:
            self.trajectory, self.retracked = self.retracked, None

    def drop(self) -> None:
        """Forget where the points went: the scene they were in was cut."""
        self.trajectory = self.retracked = None

    def was_drawn(self, number: int) -> bool:
        """Whether the object was drawn on this picture where its trajectory led."""
        return self.last_drawn is not None and self.last_drawn.last == number

    def glide(self, number: int, seconds: float) -> PointState | None:
        """Where to draw the points on the newest picture: what answers correct is made good step by step.

        The motion since the last picture is drawn in full, so that nothing lags.

        Args:
            number: The number of the newest picture.
            seconds: The time since the one before.
        """
        trajectory = self.trajectory or self.retracked
        if trajectory is None:
            return None
        state, before = trajectory.states[-1], trajectory.at(number - 1)
        last = None if self.last_drawn is None else self.last_drawn.at(number - 1)
        if before is not None and last is not None and before.xy.shape == last.xy.shape:
            state = PointState(
                state.xy + np.float32(self.settings.glide_after(seconds)) * zeroed(last.xy - before.xy), state.variance
            )
        self.last_drawn = Trajectory(number, [state]) if trajectory.last == number else None
        return state

    def uncertainty(self) -> float:
        """Standard deviation of the newest points, in pixels; 0 where there are none."""
        newest = self.trajectory or self.retracked
        return 0.0 if newest is None else float(np.sqrt(middles(newest.states[-1].variance[None, :, None])[0, 0]))

    def newest_points(self) -> Points | None:
        """The newest points of the trajectory that is drawn."""
        return None if self.trajectory is None else self.trajectory.states[-1].xy

    def _narrow(self, pose: Pose) -> None:
        """Let the lattice go where an answer gives enough keypoints."""

        def narrowed(trajectory: Trajectory | None) -> Trajectory | None:
            if trajectory is None:
                return None
            points = trajectory.states[0].xy
            if len(points_of(pose, self.settings, points)) == len(points):
                return trajectory
            return trajectory.narrowed(len(pose.xy))

        self.trajectory, self.retracked = narrowed(self.trajectory), narrowed(self.retracked)
        self.last_drawn = narrowed(self.last_drawn)
