"""Forward from the answers to the newest picture: trajectories are advanced, late answers fast-forwarded."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from itertools import takewhile

import numpy as np

from kpstream.entities import Frame, Pose
from kpstream.tracking.flow import Mesh
from kpstream.tracking.geometry import Mask, Points, is_inside, middles
from kpstream.tracking.occlusion import contested, hidden, learn_edges, overlapping
from kpstream.tracking.track import Memory, Track
from kpstream.tracking.trajectory import Trajectory, mesh_of

_Moving = tuple[Track, Trajectory, Points | None]
"""A track, the trajectory to extend, and the way of the one that is drawn, where that is known."""


class Forward:
    """Brings every object from its answers to the newest picture."""

    def __init__(self, memory: Memory) -> None:
        self._memory = memory
        self._settings = memory.settings

    def advance(self, number: int, pts: float) -> None:
        """Bring the trajectories to the newest picture; those that are far behind take several frames."""
        moving = [track for track in self._memory.tracks if track.keyframes[-1].pts < pts]
        for track in moving:
            track.motion.demote_stale(number - 1)
        drawn = [(track, track.motion.trajectory) for track in moving]
        self._step([(track, it) for track, it in drawn if it is not None and it.last == number - 1], number)
        self._fast_forward(moving, number)
        for track in self._memory.tracks:
            track.motion.promote(number)
        self._compare(number)

    def learn(self, owners: Sequence[Track], number: int) -> None:
        """Learn what those look like whom an answer just found."""
        for track in owners:
            others = [other.pose.xyxy for other in owners if other is not track]
            state = track.motion.state(number)
            assert state is not None
            mesh = mesh_of(track.pose, len(state.xy), self._settings)
            seen = self._memory.frames.sample_edges(mesh, number, state.xy[None])[0]
            covered = contested(state.xy, mesh, others)
            track.appearance.edges = learn_edges(track.appearance.edges, seen, covered, self._settings)

    def pose(self, track: Track, frame: Frame, number: int) -> Pose | None:
        """The pose after the last answer; None where the object is not drawn."""
        memory = self._memory
        last = track.keyframes[-1].pts
        unseen = [at for at, _ in takewhile(lambda answer: answer[0] > last, reversed(memory.answered))][::-1]
        if unseen and not self._is_tolerated(track, frame.pts, unseen):
            return None
        if frame.pts in unseen and not track.motion.was_drawn(number - 1):
            return None  # every picture is answered: there is nothing to be seen but what the answers say
        state = track.motion.glide(number, memory.frames.seconds(number))
        if state is None:
            return None
        if frame.pts - memory.answered[-1][0] > memory.fresh_for:
            track.rest(frame.pts)
        pose = track.pose_of(state, frame.pts, memory.fresh_for)
        if not is_inside(pose.xyxy, frame.size):
            return None
        risk = track.risk()
        trust = min(1.0, max(0.0, 1 + self._settings.sure_below - risk))
        return replace(pose, confidence=pose.confidence * trust, stale=risk > 1)

    def _compare(self, number: int) -> None:
        """Note how much what is under each object differs from what was there when it was last answered."""
        by_mesh: dict[Mesh, list[tuple[Track, Points]]] = {}
        for track in self._memory.tracks:
            trajectory = track.motion.trajectory
            state = None if trajectory is None else trajectory.at(number)
            if trajectory is None or state is None or number == trajectory.first:
                continue
            mesh = mesh_of(track.pose, len(state.xy), self._settings)
            by_mesh.setdefault(mesh, []).append((track, state.xy))
            if track.appearance.answered_edges is None:
                answered = trajectory.states[0].xy[None]
                seen = self._memory.frames.sample_edges(mesh, trajectory.first, answered)
                track.appearance.answered_edges = seen[0]
        for mesh, members in by_mesh.items():
            points = np.array([xy for _, xy in members])
            seen = self._memory.frames.sample_edges(mesh, number, points)
            for (track, xy), edges in zip(members, seen, strict=True):
                track.appearance.compare(edges, mesh.lengths(xy), self._settings)

    def _is_tolerated(self, track: Track, pts: float, unseen: Sequence[float]) -> bool:
        """Whether an object that the last answers did not confirm is still taken to be there."""
        return track.belief() >= self._settings.min_existence or pts <= (track.keyframes[-1].pts + unseen[0]) / 2

    def _fast_forward(self, tracks: Sequence[Track], number: int) -> None:
        """Bring re-tracked objects through the pictures since their answer, as far as one frame's budget goes."""
        budget = self._settings.fast_forward_within(self._memory.frames.seconds(number))
        while budget > 0:
            behind = [(t, t.motion.retracked) for t in tracks if t.motion.retracked is not None]
            behind = [(track, trajectory) for track, trajectory in behind if trajectory.last < number]
            if not behind:
                return
            first = min(trajectory.last for _, trajectory in behind)
            batch = [(track, trajectory) for track, trajectory in behind if trajectory.last == first]
            self._step(batch, first + self._stride(len(batch), first, number))
            budget -= 3 + len(batch)

    def _stride(self, objects: int, first: int, number: int) -> int:
        """Pictures that re-tracked objects go in one step: two for a crowd, where that is hardly any time."""
        frames = self._memory.frames
        if objects < self._settings.crowd or first + 2 > number or not frames.is_continuous(first, first + 2):
            return 1
        return 2 if frames.seconds(first + 1) + frames.seconds(first + 2) <= self._settings.stride_within else 1

    def _step(self, batch: Sequence[tuple[Track, Trajectory]], number: int) -> None:
        """Extend trajectories to a picture, from one or two pictures before."""
        if not batch:
            return
        frames, last = self._memory.frames, batch[0][1].last
        stride = number - last
        if not frames.is_continuous(last, number):
            for track, _ in batch:
                track.motion.drop()
            return
        seconds = frames.seconds(number) + (frames.seconds(number - 1) if stride == 2 else 0)
        for (mesh, is_known), members in self._by_mesh(batch, number, stride).items():
            tracks, trajectories, drawn = zip(*members, strict=True)
            points = np.array([trajectory.states[-1].xy for trajectory in trajectories])
            hidden = self._hidden(mesh, tracks, points, last)
            steady = stride * np.array([trajectory.velocity(last) for trajectory in trajectories])
            answered = np.array([track.answered_motion(points.shape[1], seconds) for track in tracks])
            is_hidden = hidden.all(1) & bool(len(mesh.edges))
            steady[is_hidden] = middles(answered[is_hidden])[:, None]
            ways = frames.move(
                mesh,
                last,
                number,
                points=points,
                steady=steady,
                guesses=[np.array(drawn), answered] if is_known else [answered],
                hidden=hidden,
            )
            for track, trajectory, xy in zip(tracks, trajectories, points + ways, strict=True):
                if stride == 2:
                    middle = (trajectory.states[-1].xy + xy) / 2
                    if is_known and track.motion.trajectory is not None:  # on a way like that of the one that is drawn
                        first_half = track.motion.trajectory.velocity(number - 1)
                        middle += (first_half - track.motion.trajectory.velocity(number)) / 2
                    trajectory.extend(middle.astype(np.float32), track.size, self._settings)
                trajectory.extend(xy, track.size, self._settings)

    def _by_mesh(
        self, batch: Iterable[tuple[Track, Trajectory]], number: int, stride: int
    ) -> dict[tuple[Mesh, bool], list[_Moving]]:
        """What can be moved together: by its mesh, and by whether the way of the trajectory that is drawn is known.

        A re-tracked trajectory lies near the one that is drawn, and goes much the same way.
        """
        kinds: dict[tuple[Mesh, bool], list[_Moving]] = {}
        for track, trajectory in batch:
            drawn, xy = track.motion.trajectory, trajectory.states[-1].xy
            way = None if drawn is None else drawn.displacement(number, stride)
            kind = mesh_of(track.pose, len(xy), self._settings), way is not None and way.shape == xy.shape
            kinds.setdefault(kind, []).append((track, trajectory, way))
        return kinds

    def _hidden(self, mesh: Mesh, tracks: Sequence[Track], points: Points, number: int) -> Mask:
        """Which edges of these tracks have another object before them on a picture, shape ``(N, E)``."""
        boxes = self._boxes(number) if len(self._memory.tracks) > 1 else {}
        others = [overlapping(track.tracker_id, boxes) if boxes else [] for track in tracks]
        if not any(others):
            return np.zeros((len(tracks), len(mesh.edges)), bool)
        covered = np.zeros((len(tracks), len(mesh.edges)), bool)
        rows = [row for row, near in enumerate(others) if near]
        seen = self._memory.frames.sample_edges(mesh, number, points[rows])
        for row, now in zip(rows, seen, strict=True):
            known, near = tracks[row].appearance.edges, others[row]
            covered[row] = hidden(mesh, points[row], seen=now, known=known, others=near, settings=self._settings)
        return covered

    def _boxes(self, number: int) -> dict[int, Points]:
        """The boxes of all tracks on a picture, by their ids."""
        states = [(track, track.motion.state(number)) for track in self._memory.tracks]
        known = [(track, state.xy) for track, state in states if state is not None]
        if not known:
            return {}
        points, begins = np.concatenate([xy for _, xy in known]), np.cumsum([0] + [len(xy) for _, xy in known])
        corners = np.hstack([edge.reduceat(points, begins[:-1]) for edge in (np.fmin, np.fmax)])
        return {
            track.tracker_id: box + track.appearance.margins for (track, _), box in zip(known, corners, strict=True)
        }
