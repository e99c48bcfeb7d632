"""The tracker: every pose at any moment, before, between and after the answers.

The rules that hold here: no clock, no I/O, one thread. Time is the pts of frames and results. A frame that was
answered is given back exactly as answered. Everything that is kept is bounded.
"""

from __future__ import annotations

from dataclasses import replace

from kpstream.entities import Frame, Pose, Result
from kpstream.tracking.association import Association
from kpstream.tracking.detail import levels_of
from kpstream.tracking.forward import Forward
from kpstream.tracking.interpolation import Interpolation
from kpstream.tracking.settings import DEFAULT, TrackerSettings
from kpstream.tracking.track import Keyframe, Memory, Track


class Tracker:
    """Follows every object through the answers and knows its pose on every frame.

    An answer to a picture that was shown already (live) is brought to the newest one through the pictures in
    between. Between two answers (recorded) poses are interpolated. Which of the two it is follows from the order of
    the calls alone.
    """

    def __init__(self, settings: TrackerSettings = DEFAULT) -> None:
        self.has_unconfirmed = False
        """Whether an object is still drawn that the last answer did not confirm."""
        self._memory = Memory(settings)
        self._association = Association(self._memory)
        self._forward = Forward(self._memory)
        self._interpolation = Interpolation(self._memory)

    def __repr__(self) -> str:
        tracks, ids = len(self._memory.tracks), self._association.ids_given
        return f"<Tracker {tracks} tracks, {ids} ids given, {self._memory.frames!r}>"

    def observe(self, frame: Frame) -> None:
        """Take in a frame ahead of its `predict`; between two answers, its picture then shows the way."""
        self._memory.frames.add(frame)

    def update(self, result: Result) -> tuple[Pose, ...]:
        """Take in a measurement.

        Returns:
            Its poses, in their order, each with the number of the object that it is of.

        Raises:
            ValueError: ``result.pts`` is not after the last one.
        """
        memory = self._memory
        if memory.answered and result.pts <= memory.answered[-1][0]:
            raise ValueError(f"the result at {result.pts} s comes after the one at {memory.answered[-1][0]} s")
        late = memory.shown is not None and result.pts <= memory.shown[0]
        memory.lag = memory.shown[0] - result.pts if late and memory.shown is not None else 0.0
        memory.note_answer(result.pts, result.frame_index)
        number = memory.frames.number(result.frame_index)
        measured = []
        owned = self._association.assign(result, late=late)
        for answered, (track, own) in zip(result.poses, owned, strict=True):
            measured.append(replace(answered, tracker_id=track.tracker_id, origin="measured"))
            keyframe = Keyframe(result.pts, result.frame_index, replace(own, tracker_id=track.tracker_id))
            track.answer(keyframe)
            if late and number is not None:
                track.correct(keyframe, number, memory.coordinate_step)
        if late and number is not None:
            self._forward.learn([track for track, _ in owned], number)
        return tuple(measured)

    def predict(self, frame: Frame) -> tuple[Pose, ...]:
        """The poses on ``frame``: before, between or after the measurements.

        Called once for every frame, in order: the picture itself carries the points on.
        """
        memory = self._memory
        last, number = memory.shown, memory.frames.add(frame)
        memory.frames.show(number, keeps_detail=any(self._is_small(track, frame) for track in memory.tracks))
        memory.coordinate_step = max(1.0, max(frame.size) / memory.settings.upload_side)
        memory.shown = (frame.pts, number)
        self._association.retire(frame.pts)
        self._forward.advance(number, frame.pts)
        poses = [self._pose(track, frame, number, last) for track in memory.tracks]
        drawn = [(track, pose) for track, pose in zip(memory.tracks, poses, strict=True) if pose is not None]
        self.has_unconfirmed = any(track.presence.misses for track, _ in drawn)
        return tuple(pose for _, pose in drawn)

    def _is_small(self, track: Track, frame: Frame) -> bool:
        """Whether the full picture shows an object larger than the small one."""
        settings = self._memory.settings
        scale = min(1.0, settings.small_side / max(frame.size))
        return bool(0.5 ** levels_of(track.pose.xy[None], settings)[0] > settings.detail_gain * scale)

    def _pose(self, track: Track, frame: Frame, number: int, last: tuple[float, int] | None) -> Pose | None:
        before, after = track.neighbours(frame.pts)
        if before is not None and before.frame_index == frame.index:
            track.restart(before, number)
            return before.pose
        if before is not None and after is not None:
            return self._interpolation.between(track, (before, after), frame, last)
        if after is not None:
            return self._interpolation.entering(track, after, frame, number)
        return self._forward.pose(track, frame, number)
