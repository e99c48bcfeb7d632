"""The tracker: every pose at any moment, before, between and after the answers.

The rules that hold here: no clock, no I/O, one thread. Time is the pts of frames and results. A frame that was
answered is given back exactly as answered. Everything that is kept is bounded.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Sequence
from itertools import pairwise
from statistics import median

import numpy as np

from kpstream.entities import Frame, Pose, Result
from kpstream.tracking.association import match, outline
from kpstream.tracking.flow import Mesh, Points, shift, widen, zeroed
from kpstream.tracking.frames import Mask, Pictures
from kpstream.tracking.interpolation import (
    Pair,
    arrival,
    arrived,
    build,
    comes_in,
    ends,
    is_inside,
    moves,
    pose_between,
)
from kpstream.tracking.occlusion import around, contested, hidden, learned
from kpstream.tracking.track import Key, Track, Trail, diagonal, mesh_of

_THERE = 0.3  # how likely somebody must be there to be drawn without being confirmed
_UPLOAD_SIDE = 640  # what a picture's longer side has at the endpoint, whose answers are whole pixels of it
_REDO = 0.04
_JUDGED_EVERY = 0.19  # seconds
_TARDY = 0.1  # seconds by which an answer may come later than the ones before it
_CATCH_UP = 28  # what catching up may cost in one frame: 3 for a picture and 1 for every object


class Tracker:
    """Follows every object through the answers and knows its pose on every frame.

    An answer to a picture that was shown already (live) is brought to the newest one through the pictures in
    between. Between two answers (recorded) poses are interpolated. Which of the two it is follows from the order of
    the calls alone.

    Args:
        patience: Seconds for which an object that no answer confirms any more keeps its `tracker_id`, and for
            which poses go on when answers stop.
    """

    def __init__(self, *, patience: float = 1.0) -> None:
        self._patience = patience
        self._tracks: list[Track] = []
        self._pictures = Pictures()
        self._answered: deque[tuple[float, int]] = deque(maxlen=512)
        self._next_id = 1
        self._shown: tuple[float, int] | None = None
        self._judged_at = -np.inf
        self._lag = 0.0
        self._quantum = 1.0
        self.has_unconfirmed = False
        """Whether an object is still drawn that the last answer did not confirm."""

    def __repr__(self) -> str:
        return f"<Tracker {len(self._tracks)} tracks, {self._next_id - 1} ids given, {self._pictures!r}>"

    def look(self, frame: Frame) -> None:
        """See a frame ahead of its `predict`; what lies between two answers is then followed from both sides."""
        self._pictures.add(frame)

    def update(self, result: Result) -> None:
        """Take in a measurement.

        Raises:
            ValueError: ``result.pts`` is not after the last one.
        """
        if self._answered and result.pts <= self._answered[-1][0]:
            raise ValueError(f"the result at {result.pts} s comes after the one at {self._answered[-1][0]} s")
        shown = -np.inf if self._shown is None else self._shown[0]
        late = result.pts <= shown
        self._lag = shown - result.pts if late else 0.0
        number = self._pictures.number(result.frame_index)
        self._answered.append((result.pts, result.frame_index))
        owners = self._owners(result, late=late)
        self._judge(result.pts, [track for track in self._tracks if track not in owners])
        for pose, track in zip(result.poses, owners, strict=True):
            key = Key(result.pts, result.frame_index, pose.but(tracker_id=track.tracker_id, origin="measured"))
            track.keys.append(key)
            track.confirm(result.pts)
            if late and number is not None:
                track.correct(key, number, self._quantum, _REDO)
        if late and number is not None:
            self._learn(owners, number)

    def predict(self, frame: Frame) -> tuple[Pose, ...]:
        """The poses on ``frame``: before, between or after the measurements.

        Called once for every frame, in order: the picture itself carries the points on.
        """
        last, number = self._shown, self._pictures.add(frame)
        self._quantum = max(1.0, max(frame.size) / _UPLOAD_SIDE)
        self._shown = (frame.pts, number)
        self._retire(frame.pts)
        self._go_on(number, frame.pts)
        poses = [self._pose(track, frame, number, last) for track in self._tracks]
        drawn = [(track, pose) for track, pose in zip(self._tracks, poses, strict=True) if pose is not None]
        self.has_unconfirmed = any(track.missed for track, _ in drawn)
        return tuple(pose for _, pose in drawn)

    # who is who

    def _owners(self, result: Result, *, late: bool) -> list[Track]:
        """The track of each pose of a result, new where there was none."""
        places = [self._places(track, result, late=late) for track in self._tracks]
        pairs = match(places, result.poses)
        known = list(self._tracks)
        return [known[pairs[i]] if i in pairs else self._new_track(pose) for i, pose in enumerate(result.poses)]

    def _places(self, track: Track, result: Result, *, late: bool) -> list[Pose]:
        """Where a track may be on the picture of a result; nowhere if it ended before."""
        last, pts = track.keys[-1], result.pts
        start, number = (self._pictures.number(index) for index in (last.frame_index, result.frame_index))
        cut = start is not None and number is not None and not self._pictures.goes_on(start, number)
        if cut or pts - track.known_at > self._life():
            return []
        if number is not None and late:
            spots = [trail.at(number) for trail in track.trails()]
            poses = [track.pose_at(spot, pts, np.inf, 1.0) for spot in spots if spot is not None]
            if poses:
                return poses
        places = [last.pose]
        if len(track.keys) > 1:
            before = track.keys[-2]
            rows = max(len(key.pose.xy) for key in (before, last)) + 2
            way = shift(widen(outline(before.pose), rows), widen(outline(last.pose), rows))
            way *= (pts - last.pts) / (last.pts - before.pts)
            places.append(last.pose.but(xy=last.pose.xy + way, xyxy=last.pose.xyxy + np.tile(way, 2)))
        return places

    def _judge(self, pts: float, missed: Sequence[Track]) -> None:
        """Note who was not found. Answers close together overlook the same: they count once."""
        if pts - self._judged_at >= _JUDGED_EVERY:
            self._judged_at = pts
            for track in missed:
                track.miss(pts)

    def _new_track(self, pose: Pose) -> Track:
        track = Track(self._next_id, pose)
        self._next_id += 1
        self._tracks.append(track)
        return track

    def _retire(self, pts: float) -> None:
        limit = pts - self._life() - self._lag
        self._tracks = [track for track in self._tracks if track.known_at >= limit]
        for track in self._tracks:
            track.forget(pts)

    def _gap(self) -> float:
        """Seconds between two answers, as of late."""
        times = [pts for pts, _ in self._answered]
        gaps = [after - before for before, after in pairwise(times[-6:])]
        return median(gaps) if gaps else 0.0

    def _life(self) -> float:
        """Seconds from one answer that finds somebody to when they are given up, if it came at once."""
        return self._patience + self._gap() + _TARDY

    # from picture to picture

    def _go_on(self, number: int, pts: float) -> None:
        """Bring the trails to the newest picture; those that have far to go over several frames."""
        moving = [track for track in self._tracks if track.keys[-1].pts < pts]
        for track in moving:
            track.hurry(number - 1)
        self._step([(t, t.shown) for t in moving if t.shown is not None and t.shown.last == number - 1], number)
        left = _CATCH_UP
        while left > 0:
            behind = [(t, t.redone) for t in moving if t.redone is not None and t.redone.last < number]
            if not behind:
                break
            first = min(trail.last for _, trail in behind)
            batch = [(track, trail) for track, trail in behind if trail.last == first]
            self._step(batch, first + 1)
            left -= 3 + len(batch)
        for track in self._tracks:
            if track.redone is not None and track.redone.last == number:
                track.shown, track.redone = track.redone, None

    def _learn(self, owners: Sequence[Track], number: int) -> None:
        """Learn how those look whom an answer just found."""
        for track in owners:
            others = [other.pose.xyxy for other in owners if other is not track]
            spot = track.spot(number)
            assert spot is not None
            mesh = mesh_of(track.pose, len(spot.xy))
            seen = self._pictures.look(mesh, number, spot.xy[None])[0]
            track.look = learned(track.look, seen, contested(spot.xy, mesh, others))

    def _boxes(self, number: int) -> dict[int, Points]:
        """The boxes of all tracks on a picture, by their ids."""
        spots = [(track, spot) for track in self._tracks if (spot := track.spot(number)) is not None]
        if not spots:
            return {}
        points, begins = np.concatenate([spot.xy for _, spot in spots]), np.cumsum([0] + [len(s.xy) for _, s in spots])
        corners = np.hstack([edge.reduceat(points, begins[:-1]) for edge in (np.fmin, np.fmax)])
        return {track.tracker_id: box + track.margins for (track, _), box in zip(spots, corners, strict=True)}

    def _step(self, batch: Iterable[tuple[Track, Trail]], number: int) -> None:
        """Extend trails that end at the picture before this one."""
        batch = list(batch)
        if not batch:
            return
        if not self._pictures.goes_on(number - 1, number):
            for track, _ in batch:
                track.drop_trails()
            return
        for (mesh, is_known), members in self._alike(batch, number).items():
            tracks, trails, ways = zip(*members, strict=True)
            points = np.stack([trail.spots[-1].xy for trail in trails])
            moved = self._pictures.move(
                mesh,
                number - 1,
                number,
                points=points,
                velocity=np.stack([trail.velocity(number - 1) for trail in trails]),
                hidden=self._covered(mesh, tracks, points, number - 1),
                guess=np.stack(ways) if is_known else None,
            )
            for track, trail, xy in zip(tracks, trails, moved, strict=True):
                trail.extend(xy, diagonal(track.pose))

    def _alike(
        self, batch: Iterable[tuple[Track, Trail]], number: int
    ) -> dict[tuple[Mesh, bool], list[tuple[Track, Trail, Points | None]]]:
        """What can be moved in one stroke: by its mesh, and by whether the way of the trail that is drawn is known.

        A trail that is gone again lies near the one that is drawn, and goes much the same way.
        """
        kinds: dict[tuple[Mesh, bool], list[tuple[Track, Trail, Points | None]]] = {}
        for track, trail in batch:
            way, xy = None if track.shown is None else track.shown.way(number), trail.spots[-1].xy
            kind = mesh_of(track.pose, len(xy)), way is not None and way.shape == xy.shape
            kinds.setdefault(kind, []).append((track, trail, way))
        return kinds

    def _covered(self, mesh: Mesh, tracks: Sequence[Track], points: Points, number: int) -> Mask:
        """Which edges of these tracks have another object before them on a picture, shape ``(N, E)``."""
        boxes = self._boxes(number) if len(self._tracks) > 1 else {}
        others = [around(track.tracker_id, boxes) if boxes else [] for track in tracks]
        if not any(others):
            return np.zeros((len(tracks), len(mesh.edges)), bool)
        seen = self._pictures.look(mesh, number, points)
        rows = zip(tracks, points, seen, others, strict=True)
        return np.stack([hidden(mesh, xy, seen=how, look=track.look, others=near) for track, xy, how, near in rows])

    # the pose on a frame

    def _pose(self, track: Track, frame: Frame, number: int, last: tuple[float, int] | None) -> Pose | None:
        before, after = track.around(frame.pts)
        if before is not None and before.frame_index == frame.index:
            track.restart(before, number)
            return before.pose
        if before is not None and after is not None:
            return self._bridged(track, (before, after), frame, last)
        if after is not None:
            return self._arriving(track, after, frame, number)
        return self._carried(track, frame, number)

    def _bridged(self, track: Track, pair: Pair, frame: Frame, last: tuple[float, int] | None) -> Pose | None:
        """Between two answers; where the later one came in the middle of the way, without a jump."""
        pose = self._crossing(track, pair, frame.pts, self._pictures.number(frame.index))
        carried = None if last is None or track.drawn is None else track.drawn.at(last[1])
        if carried is not None and last is not None and last[0] > pair[0].pts:
            begun = self._crossing(track, pair, *last)
            rows = min(len(begun.xy), len(carried.xy))
            track.slack = zeroed(widen(carried.xy[:rows] - begun.xy[:rows], len(begun.xy)))
        track.drawn = None
        return track.eased(pose)

    def _crossing(self, track: Track, pair: Pair, pts: float, here: int | None) -> Pose:
        """Through the pictures where they were seen ahead, or on the straight way."""
        first, last = (self._pictures.number(key.frame_index) for key in pair)
        if first is None or here is None or last is None or not first < here < last or not moves(pair):
            return pose_between(pair, pts, None).but(tracker_id=track.tracker_id)
        if track.bridge is None or not track.bridge.joins(first, last):
            if not self._pictures.goes_on(first, last):
                side = pair[0] if self._pictures.goes_on(first, here) else pair[1]
                return side.pose.but(origin="interpolated")
            self._build(pair, first, last)
        assert track.bridge is not None
        return pose_between(pair, pts, track.bridge.spots[here - first])

    def _arriving(self, track: Track, after: Key, frame: Frame, number: int) -> Pose | None:
        """Before the first answer that finds an object: from where it comes in, or half of the way back."""
        absent = max((answer for answer in self._answered if answer[0] < after.pts), default=(after.pts, -1))
        first, last = (self._pictures.number(index) for index in (absent[1], after.frame_index))
        if first is None or last is None or number < first or not self._pictures.goes_on(first, last):
            return after.pose.but(origin="interpolated") if frame.pts >= (absent[0] + after.pts) / 2 else None
        if track.bridge is None or not track.bridge.joins(first, last):
            track.bridge = arrival(self._pictures, after.pose, first, last)
        if number < comes_in(after.pose, track.bridge, frame.size):
            return None
        return arrived(after.pose, track.bridge, number)

    def _build(self, pair: Pair, first: int, last: int) -> None:
        """Bridges for all that were answered on these two frames, in few strokes."""
        wanted: dict[Mesh, list[tuple[Track, Pair]]] = {}
        for track in self._tracks:
            before, after = track.around(pair[0].pts)
            if before is None or after is None or (before.pts, after.pts) != (pair[0].pts, pair[1].pts):
                continue
            if moves((before, after)):
                mesh = mesh_of(after.pose, len(ends((before, after))[0]))
                wanted.setdefault(mesh, []).append((track, (before, after)))
        for group in wanted.values():
            bridges = build(self._pictures, [keys for _, keys in group], first, last)
            for (track, _), bridge in zip(group, bridges, strict=True):
                track.bridge = bridge

    def _carried(self, track: Track, frame: Frame, number: int) -> Pose | None:
        unseen = [at for at, _ in self._answered if at > track.keys[-1].pts]
        if unseen and not self._tolerated(track, frame.pts, unseen):
            return None
        if frame.pts in unseen and not track.was_carried(number - 1):
            return None  # every picture is answered: there is nothing to be seen but what the answers say
        spot = track.glide(number)
        if spot is None:
            return None
        fresh = self._lag + self._gap() + _TARDY
        if frame.pts - self._answered[-1][0] > fresh:
            track.rest(frame.pts)
        pose = track.pose_at(spot, frame.pts, fresh, self._patience)
        return pose if is_inside(pose.xyxy, frame.size) else None

    def _tolerated(self, track: Track, pts: float, unseen: Sequence[float]) -> bool:
        """Whether an object that the last answers did not confirm is still taken to be there."""
        return track.trust() >= _THERE or pts <= (track.keys[-1].pts + unseen[0]) / 2
