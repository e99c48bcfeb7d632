"""Forward from the answers to the newest picture: trajectories are advanced, late answers fast-forwarded."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from itertools import accumulate, takewhile
from math import ceil
from typing import NamedTuple

import numpy as np

from kpstream.entities import Frame, Pose
from kpstream.tracking.appearance import EdgeSample, misfits
from kpstream.tracking.flow import Covered, Mesh
from kpstream.tracking.geometry import Points, Weights, is_inside, middles
from kpstream.tracking.occlusion import contested, hidden, learn_edges, overlapping
from kpstream.tracking.track import Memory, Track
from kpstream.tracking.trajectory import Trajectory, mesh_of


class _Leg(NamedTuple):
    """The way of one object from a picture to the next one, or to the next but one."""

    track: Track
    trajectory: Trajectory
    """The one that it extends."""
    start: int
    """The number of the picture where it begins."""
    end: int
    points: Points
    """Where it begins, shape ``(P, 2)``."""
    steady: Points
    """How far the points moved on the leg before, shape ``(P, 2)``; zero where nobody knows."""
    drawn: Points | None
    """How far the trajectory that is drawn goes on this leg; None where that is not known."""


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
        goals = self._goals(moving, number)
        legs: list[_Leg] = []
        for track in moving:  # who is there by a better trajectory in a moment needs no step of the one that is drawn
            drawn = track.motion.trajectory
            if drawn is not None and drawn.last < number and goals.get(track.tracker_id, 0) < number:
                legs += self._legs(track, drawn, number)
        while True:
            for track in moving:
                retracked, goal = track.motion.retracked, goals.get(track.tracker_id, 0)
                if retracked is not None and retracked.last < goal:
                    legs += self._legs(track, retracked, goal)
            if not legs:
                break
            self._go(legs)
            legs = []
        for track in self._memory.tracks:
            track.motion.promote(number)
        self._compare(number)

    def learn(self, owners: Sequence[Track], number: int) -> None:
        """Learn what those look like whom an answer just found."""
        boxes = np.array([owner.pose.xyxy for owner in owners])
        for track, others in zip(owners, ~np.eye(len(owners), dtype=bool), strict=True):
            state = track.motion.state(number)
            assert state is not None
            mesh = mesh_of(track.pose, len(state.xy), self._settings)
            (seen,) = self._seen(mesh, number, [(track, state.xy)])
            (covered,) = contested(state.xy[None], mesh, boxes, others[None])
            track.appearance.edges = learn_edges(track.appearance.edges, seen, covered, self._settings)
            track.appearance.answered_edges = seen

    def pose(self, track: Track, frame: Frame, number: int) -> Pose | None:
        """The pose after the last answer; None where the object is not drawn."""
        memory = self._memory
        last = track.keyframes[-1].pts
        unseen = [at for at, _ in takewhile(lambda answer: answer[0] > last, reversed(memory.answered))][::-1]
        if unseen and not self._is_tolerated(track, frame.pts, unseen):
            return None
        if frame.pts in unseen and not track.motion.was_drawn(number - 1):
            return None  # every picture is answered: there is nothing to be seen but what the answers say
        newest = track.motion.trajectory or track.motion.retracked
        if newest is not None and not memory.frames.is_continuous(newest.last, number):
            return None  # another scene, or a picture that shows nothing
        state = track.motion.glide(number, memory.frames.seconds(number))
        if state is None:
            return None
        fresh_for = memory.fresh_for
        if frame.pts - memory.answered[-1][0] > fresh_for:
            track.rest(frame.pts)
        pose = track.pose_of(state, frame.pts, fresh_for)
        if not is_inside(pose.xyxy, frame.size):
            return None
        risk = track.risk(frame.pts, memory.frames.longest_step(number if newest is None else newest.first, number))
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
            if track.appearance.answered_edges is None:
                answered = [(track, trajectory.states[0].xy)]
                (track.appearance.answered_edges,) = self._seen(mesh, trajectory.first, answered)
            if len(track.appearance.answered_edges) == len(mesh.edges):
                by_mesh.setdefault(mesh, []).append((track, state.xy))
        for mesh, members in by_mesh.items():
            seen = np.array(self._seen(mesh, number, members))
            answered_edges = np.array([track.appearance.answered_edges for track, _ in members])
            lengths = mesh.lengths(np.array([xy for _, xy in members]))
            found = misfits(seen, answered_edges, lengths, self._settings).tolist()
            for (track, _), misfit in zip(members, found, strict=True):
                track.appearance.misfit = max(track.appearance.misfit, misfit)

    def _seen(self, mesh: Mesh, number: int, objects: Sequence[tuple[Track, Points]]) -> list[Weights]:
        """How the edges of objects look on a picture, each of shape ``(E, 3)``; what was sampled last is kept."""
        found = [track.appearance.sampled_at(number, xy) for track, xy in objects]
        new = [row for row, edges in enumerate(found) if edges is None]
        if new:
            points = np.array([objects[row][1] for row in new])
            for row, edges in zip(new, self._memory.frames.sample_edges(mesh, number, points), strict=True):
                found[row] = edges
                objects[row][0].appearance.sampled = EdgeSample(number, objects[row][1], edges)
        return [edges for edges in found if edges is not None]

    def _is_tolerated(self, track: Track, pts: float, unseen: Sequence[float]) -> bool:
        """Whether an object that the last answers did not confirm is still taken to be there."""
        return track.belief() >= self._settings.min_existence or pts <= (track.keyframes[-1].pts + unseen[0]) / 2

    def _goals(self, tracks: Sequence[Track], number: int) -> dict[int, int]:
        """The picture up to which each re-tracked object is fast-forwarded within this frame, by the track's id."""
        behind = [(t, it) for t in tracks if (it := t.motion.retracked) is not None and it.last < number]
        budget = self._settings.fast_forward_within(self._memory.frames.seconds(number))
        steps = ceil(budget / (3 + len(behind)))
        pictures = steps if len(behind) < self._settings.crowd else 2 * steps
        return {track.tracker_id: min(number, trajectory.last + pictures) for track, trajectory in behind}

    def _legs(self, track: Track, trajectory: Trajectory, goal: int) -> list[_Leg]:
        """The next leg of a trajectory on its way to a picture; none, and no trajectory, where the scene was cut.

        A re-tracked trajectory lies near the one that is drawn, and goes much the same way.
        """
        last, xy, drawn = trajectory.last, trajectory.states[-1].xy, track.motion.trajectory
        if not self._memory.frames.is_continuous(last, goal):
            if self._memory.frames.is_lost(last, goal):
                track.motion.drop()
            return []
        stride = 1 if trajectory is drawn else self._stride(last, goal)
        way = None if drawn is None else drawn.displacement(last + stride, stride)
        if way is not None and way.shape != xy.shape:
            way = None
        return [_Leg(track, trajectory, last, last + stride, xy, stride * trajectory.velocity(last), way)]

    def _stride(self, first: int, goal: int) -> int:
        """Pictures that re-tracked objects go in one step: two for a crowd, where that is hardly any time."""
        settings = self._settings
        behind = sum(track.motion.retracked is not None for track in self._memory.tracks)
        if behind < settings.crowd or first + 2 > goal:
            return 1
        return 2 if self._seconds(first, first + 2) <= settings.stride_within else 1

    def _go(self, legs: Sequence[_Leg]) -> None:
        """Extend trajectories by their next legs."""
        by_mesh: dict[Mesh, list[_Leg]] = {}
        for leg in legs:
            by_mesh.setdefault(mesh_of(leg.track.pose, len(leg.points), self._settings), []).append(leg)
        for mesh, members in by_mesh.items():
            points = np.array([leg.points for leg in members])
            covered = self._covered(mesh, members, points)
            steady = np.array([leg.steady for leg in members])
            times = [self._seconds(leg.start, leg.end) for leg in members]
            answered = np.array(
                [leg.track.answered_motion(points.shape[1], time) for leg, time in zip(members, times, strict=True)]
            )
            is_hidden = covered.hidden.all(1) & bool(len(mesh.edges))
            by_answers = is_hidden | ~steady.any((1, 2))  # the latter have just begun, from an answer
            if by_answers.any():
                steady[by_answers] = middles(answered[by_answers])[:, None]
            known = [answer if leg.drawn is None else leg.drawn for leg, answer in zip(members, answered, strict=True)]
            ways = self._memory.frames.move(
                mesh,
                [(leg.start, leg.end) for leg in members],
                points=points,
                steady=steady,
                guesses=[answered] if all(leg.drawn is None for leg in members) else [np.array(known), answered],
                covered=covered,
            )
            for leg, way in zip(members, ways, strict=True):
                self._extend(leg, way)

    def _extend(self, leg: _Leg, way: Points) -> None:
        """Extend a trajectory by a leg."""
        start, drawn = leg.trajectory.states[-1].xy, leg.track.motion.trajectory
        if leg.end - leg.start == 2:
            middle = start + way / 2
            if leg.drawn is not None and drawn is not None:  # on a way like that of the one that is drawn
                middle += (drawn.velocity(leg.end - 1) - drawn.velocity(leg.end)) / 2
            leg.trajectory.extend(middle.astype(np.float32), leg.track.size, self._settings)
        leg.trajectory.extend(start + way, leg.track.size, self._settings)

    def _seconds(self, first: int, last: int) -> float:
        """The time from one picture to a later one."""
        return sum(self._memory.frames.seconds(number) for number in range(first + 1, last + 1))

    def _covered(self, mesh: Mesh, legs: Sequence[_Leg], points: Points) -> Covered:
        """Which edges have, or may have, another object before them where the legs begin."""
        covered = Covered.none(len(legs), mesh)
        if len(self._memory.tracks) < 2:
            return covered
        for number in {leg.start for leg in legs}:
            places, boxes = self._boxes(number)
            others = overlapping(boxes)
            owners = {row: places[leg.track.tracker_id] for row, leg in enumerate(legs) if leg.start == number}
            rows = [row for row, place in owners.items() if others[place].any()]
            if not rows:
                continue
            seen = self._seen(mesh, number, [(legs[row].track, legs[row].points) for row in rows])
            known = [legs[row].track.appearance.known_edges(len(mesh.edges)) for row in rows]
            doubtful = contested(points[rows], mesh, boxes, others[[owners[row] for row in rows]])
            covered.contested[rows] = doubtful
            covered.hidden[rows] = hidden(
                mesh,
                points[rows],
                seen=np.array(seen),
                known=np.array(known),
                doubtful=doubtful,
                settings=self._settings,
            )
        return covered

    def _boxes(self, number: int) -> tuple[dict[int, int], Points]:
        """The boxes of T tracks on a picture, shape ``(T, 4)``, and the place of each among them by the track's id."""
        states = [(track, track.motion.state(number)) for track in self._memory.tracks]
        known = [(track, state.xy) for track, state in states if state is not None]
        points, begins = np.concatenate([xy for _, xy in known]), [0, *accumulate(len(xy) for _, xy in known[:-1])]
        corners = np.concatenate([edge.reduceat(points, begins) for edge in (np.fmin, np.fmax)], axis=1)
        places = {track.tracker_id: place for place, (track, _) in enumerate(known)}
        return places, corners + np.array([track.appearance.margins for track, _ in known])
