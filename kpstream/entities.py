"""The words of the house: what flows from the source to the sinks.

A source gives a `Frame`. An endpoint is asked about some of them, under `Filters`, and gives an `Answer`, which with
its times is the frame's `Result`; without one the sample is `Lost`. A tracker makes of results the poses of every
frame: a `Scene`, with the `Stats` of the pipeline and the `Event` objects of the rules, which sinks are given.

Every time is in seconds, as a float. ``pts`` counts from the first frame of the source;
a name that ends in ``_at`` is a reading of the pipeline's monotonic clock.
Every coordinate is in pixels of the source image, origin top left, x to the right.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, fields, replace
from datetime import UTC, datetime
from math import nan
from typing import TYPE_CHECKING, Any, Literal, Protocol, Self

import numpy as np
import numpy.typing as npt

from kpstream.media.frame import Frame as Frame  # noqa: PLC0414 - given on
from kpstream.media.frame import Image as Image  # noqa: PLC0414 - given on
from kpstream.media.frame import Once
from kpstream.skeleton import Skeleton

if TYPE_CHECKING:
    import supervision as sv

Floats = npt.NDArray[np.float32]
Origin = Literal["measured", "predicted", "interpolated"]


@dataclass(frozen=True, slots=True)
class Taken:
    """When and where a recording was taken, as the recording itself says."""

    at: float = nan
    """When its first frame was taken, in seconds since the epoch; NaN where it does not say."""
    time_code: str = ""
    """Of its first frame: hours, minutes, seconds and frames, a ``;`` before those where numbers are dropped."""
    place: str = ""
    """Latitude, longitude and maybe altitude, as ISO 6709 writes them."""


@dataclass(frozen=True, slots=True, eq=False)
class Pose:
    """One object of one moment: its box and its K keypoints."""

    xy: Floats
    """Keypoints, shape ``(K, 2)``. NaN where the endpoint left the keypoint out. K may be 0: a bare box."""
    keypoint_confidence: Floats
    """Shape ``(K,)``, 0 to 1. 0.0 where the endpoint left the keypoint out."""
    xyxy: Floats
    """The box, shape ``(4,)``: x_min, y_min, x_max, y_max."""
    confidence: float
    class_id: int
    class_name: str
    skeleton: Skeleton = field(repr=False)
    """Names and edges of the keypoints; shared by all poses of a class. ``len(skeleton.names) >= K``."""
    tracker_id: int | None = None
    """The same number as long as the tracker follows the same object."""
    origin: Origin = "measured"
    """``measured``: this very frame was answered; ``predicted``: moved on from earlier answers;
    ``interpolated``: between an earlier and a later answer."""
    stale: bool = False
    """Whether the pictures no longer bear out a predicted pose: it may have lost its object."""

    def visible(self, threshold: float) -> npt.NDArray[np.bool_]:
        """Which keypoints may be drawn: confidence at or above ``threshold``, shape ``(K,)``."""
        mask: npt.NDArray[np.bool_] = (self.keypoint_confidence >= max(threshold, 1e-6)) & ~np.isnan(self.xy[:, 0])
        return mask

    def scaled(self, scale: Floats) -> Pose:
        """The pose in a picture whose sides are ``scale`` times as long; shape ``(2,)``, for x and y."""
        xyxy = self.xyxy * np.tile(scale, 2)
        return replace(self, xy=(self.xy * scale).astype(np.float32), xyxy=xyxy.astype(np.float32))


def scaled_poses(poses: tuple[Pose, ...], size: tuple[int, int], to: tuple[int, int]) -> tuple[Pose, ...]:
    """The same poses on a picture of another size.

    Args:
        poses: In pixels of a picture of ``size``.
        size: Its (width, height) in pixels.
        to: That of the other picture.
    """
    scale = np.array([to[0] / size[0], to[1] / size[1]], np.float32)
    return tuple(pose.scaled(scale) for pose in poses)


@dataclass(frozen=True, slots=True)
class Filters:
    """Which poses are used. Sent to the service, and applied on this side, as it ignores some of them."""

    confidence: float = 0.4
    """0 to 1; a pose below it is not used."""
    overlap: float = 0.3
    """0 to 1; of two boxes that overlap more (intersection over union), the endpoint keeps the surer one."""
    classes: tuple[str, ...] = ()
    """Object classes to keep; empty keeps all."""
    keypoint_confidence: float = 0.3
    """0 to 1; a keypoint below it counts as missing."""
    max_detections: int = 300

    def apply(self, poses: Iterable[Pose]) -> tuple[Pose, ...]:
        """The poses that pass, surest first, their unsure keypoints made missing."""
        kept = [
            self._without_unsure_keypoints(pose)
            for pose in poses
            if pose.confidence >= self.confidence and (not self.classes or pose.class_name in self.classes)
        ]
        kept.sort(key=lambda pose: -pose.confidence)
        return tuple(kept[: self.max_detections])

    def _without_unsure_keypoints(self, pose: Pose) -> Pose:
        sure = pose.keypoint_confidence >= self.keypoint_confidence
        if sure.all():
            return pose
        return replace(
            pose,
            xy=np.where(sure[:, None], pose.xy, np.nan).astype(np.float32),
            keypoint_confidence=np.where(sure, pose.keypoint_confidence, 0).astype(np.float32),
        )


@dataclass(frozen=True, slots=True)
class Answer:
    """What the endpoint said to one image, and what it took."""

    poses: tuple[Pose, ...]
    """In pixels of the image that was given to it, in no order; empty when nobody is there."""
    bytes_sent: int = 0
    """Size of the request's body."""
    billed: float = 0.0
    """Seconds of processing that the service says it bills; 0 where it has no price or does not say."""
    credits: float = 0.0
    """Estimated credits that the service asks for it; 0 where it has no price."""


@dataclass(frozen=True, slots=True)
class Result:
    """What the endpoint answered for one sampled frame."""

    frame_index: int
    pts: float
    poses: tuple[Pose, ...]
    captured_at: float = nan
    sent_at: float = nan
    received_at: float = nan

    @property
    def latency(self) -> float:
        """Seconds from the sending of the frame to the arrival of its result."""
        return self.received_at - self.sent_at


@dataclass(frozen=True, slots=True)
class Lost:
    """A sample that got no answer."""

    frame_index: int
    reason: str = ""


Outcome = Result | Lost


def _counter(text: str, metric: str = "", *, unit: str = "", start: Any = 0) -> Any:
    """A field of `Counts`.

    Args:
        text: What is counted, in a sentence.
        metric: Its name in figures for Prometheus; empty where it stands in none.
        unit: Of the metric.
        start: Zero.
    """
    return field(default=start, metadata={"help": text, "metric": metric, "unit": unit})


@dataclass(frozen=True, slots=True)
class Counts:
    """What was counted since the start."""

    captured: int = _counter("Frames that the source gave and the loop took.", "frames_captured")
    rendered: int = _counter("Frames that were shown, with their poses.", "frames_shown")
    dropped: int = _counter("Frames that the source gave and nobody took.", "frames_dropped")
    requests: int = _counter("Requests that were sent to the endpoint.", "requests")
    answered: int = _counter("Requests that were answered.", "requests_answered")
    lost: int = _counter("Requests that got no answer.", "requests_lost")
    given_up: int = _counter("Frames of recorded video that got no answer of use in any of their tries.")
    stale: int = _counter("Answers that came after a newer one.", "answers_stale")
    damaged: int = _counter("Pictures that arrived damaged, or could not be decoded.", "pictures_corrupt")
    reconnects: int = _counter("Times that the source was lost and came back.", "source_reconnects")
    bytes_sent: int = _counter("Bytes of request bodies that were sent.", "request_bytes", unit="bytes")
    recalled: int = _counter("Answers that the journal of an earlier run had; they took no request.")
    billed: float = _counter("Seconds of processing that the service said it bills.", start=0.0)
    credits: float = _counter("Estimated credits of the hosted service that were spent.", "credits", start=0.0)

    def __add__(self, earlier: Counts) -> Self:
        """The same, with what was counted earlier on top."""
        return replace(self, **{f.name: getattr(self, f.name) + getattr(earlier, f.name) for f in fields(Counts)})


@dataclass(frozen=True, slots=True)
class Stats(Counts):
    """How the pipeline is doing: counts since its start, rates over the last seconds, and what is wrong right now."""

    capture_fps: float = nan
    render_fps: float = nan
    sample_fps: float = nan
    in_flight: int = 0
    latency: float = nan
    """Median of `Result.latency`; NaN before the first result."""
    source_trouble: str = ""
    """What is wrong with the source right now, in words for the user; empty while frames come."""
    picture_trouble: str = ""
    """What is wrong with the pictures that come, in words for the user; empty while they are whole."""
    endpoint_trouble: str = ""
    """What is wrong with the endpoint right now, in words for the user; empty while it answers."""
    requests_left: int | None = None
    """What is left of the budget; None where there is none."""
    asked_fps: float = nan
    """Frames a second that a live source is to show: what it gives, at most what is wanted of it. `render_fps` are
    shown."""
    machine_trouble: str = ""
    """What the machine cannot show, in words for the user; empty while it shows what is asked."""

    @property
    def trouble(self) -> str:
        """What is wrong right now, the source first; empty when all is well."""
        return self.source_trouble or self.picture_trouble or self.endpoint_trouble or self.machine_trouble


@dataclass(frozen=True, slots=True)
class Settings:
    """What can be changed while a camera runs."""

    rate: float
    """The most requests per second of video."""
    confidence: float
    """Poses below it are left out, 0 to 1."""
    keypoint_confidence: float
    """Keypoints below it are left out, 0 to 1."""


EventState = Literal["opened", "updated", "ended"]
Severity = Literal["alert", "notice"]


@dataclass(frozen=True, slots=True)
class Event:
    """What a rule says has happened, as of now."""

    id: str
    state: EventState
    rule: str
    kind: str
    severity: Severity
    camera: str
    tracker_ids: tuple[int, ...]
    """Whom it is about; empty where it is about all together."""
    class_name: str | None
    value: float | None
    """Degrees, a number, body heights or body heights a second, by the rule's kind; None where it has none."""
    began_pts: float
    """The first true moment."""
    opened_pts: float
    """The first moment that confirmed it."""
    ended_pts: float | None
    """The last true moment; None while it goes on."""
    frame_index: int
    """The frame of `opened_pts`; once it has ended, of `ended_pts`."""
    zone: str | None = None
    began_at: datetime | None = None
    """Wall clock of `began_pts`, UTC; None where no wall clock is known."""
    opened_at: datetime | None = None
    ended_at: datetime | None = None
    snapshot: str | None = None
    clip: str | None = None
    cut: bool = False
    """Whether the end of the input ended it."""
    clip_cut: bool = False
    """Whether the clip ends before the event, for it would be too long."""

    def to_json(self) -> dict[str, Any]:
        """The object that is written, stored and delivered."""
        document = {
            "event": self.id,
            "state": self.state,
            "rule": self.rule,
            "kind": self.kind,
            "severity": self.severity,
            "camera": self.camera,
            "tracker_ids": list(self.tracker_ids),
            "class": self.class_name,
            "value": None if self.value is None else round(self.value, 3),
            "began_at": _utc(self.began_at),
            "opened_at": _utc(self.opened_at),
            "ended_at": _utc(self.ended_at),
            "began_pts": round(self.began_pts, 6),
            "opened_pts": round(self.opened_pts, 6),
            "ended_pts": None if self.ended_pts is None else round(self.ended_pts, 6),
            "frame_index": self.frame_index,
            "zone": self.zone,
            "snapshot": self.snapshot,
            "clip": self.clip,
        }
        marks = {"cut": self.cut, "clip_cut": self.clip_cut}
        return {**document, **{name: True for name, holds in marks.items() if holds}}


def _utc(moment: datetime | None) -> str | None:
    if moment is None:
        return None
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


class Annotator(Protocol):
    """Draws one thing of a scene."""

    def annotate(self, canvas: Image, scene: Scene) -> None:
        """Draw on ``canvas``, BGR of the frame's size, in place."""


@dataclass(frozen=True, slots=True)
class Scene:
    """One frame, and the poses at that frame's pts. What annotators and sinks are given."""

    frame: Frame
    poses: tuple[Pose, ...]
    stats: Stats = field(repr=False, default=Stats())
    """How the pipeline was doing; of a live view up to a tenth of a second before."""
    result_frame_index: int | None = None
    """The newest sampled frame whose answer was used; None before the first."""
    result_age: float = nan
    """``frame.pts`` minus the pts of that frame: 0 when measured on this frame, NaN before the first answer."""
    stale: bool = False
    """True when the newest answer is too old for the poses to be trusted, or when all of them are stale."""
    rendered_at: float = nan
    answers: tuple[Result, ...] | None = None
    """Of a live source the answers that were used since the scene before, their poses with `tracker_id`; None of a
    recorded one, whose poses themselves are measured or lie between two answers."""
    events: tuple[Event, ...] = ()
    """What the rules say goes on with this picture."""
    source: str = ""
    """The source's name, safe to show."""
    annotator: Annotator | None = field(default=None, repr=False)
    _drawn: Once[Image] = field(default_factory=Once, init=False, repr=False, compare=False)

    @property
    def canvas(self) -> Image:
        """The drawn picture as all sinks share it, never to be written to; drawn when somebody first asks for it."""
        return self.frame.image if self.annotator is None else self._drawn.get(self.draw)

    def rendered(self, at: float) -> Scene:
        """The same scene with the same canvas, and another `rendered_at`."""
        scene = replace(self, rendered_at=at)
        object.__setattr__(scene, "_drawn", self._drawn)
        return scene

    def draw(self) -> Image:
        """An annotated copy of the picture, BGR, in the source's size."""
        canvas = self.frame.image.copy()
        if self.annotator is not None:
            self.annotator.annotate(canvas, self)
        return canvas

    def detections(self) -> sv.Detections:
        """The poses' boxes as supervision's type, with ``tracker_id`` and ``data["class_name"]``."""
        import supervision as sv

        if not self.poses:
            return sv.Detections.empty()
        ids = [-1 if pose.tracker_id is None else pose.tracker_id for pose in self.poses]
        return sv.Detections(
            xyxy=np.stack([pose.xyxy for pose in self.poses]).astype(np.float32),
            confidence=np.array([pose.confidence for pose in self.poses], np.float32),
            class_id=np.array([pose.class_id for pose in self.poses], int),
            tracker_id=np.array(ids, int),
            data={"class_name": np.array([pose.class_name for pose in self.poses])},
        )

    def key_points(self) -> sv.KeyPoints:
        """The poses' keypoints as supervision's type; a missing one is (0, 0) with confidence 0, as it expects."""
        import supervision as sv

        if not self.poses:
            return sv.KeyPoints.empty()
        width = max(len(pose.xy) for pose in self.poses)
        xy = np.zeros((len(self.poses), width, 2), np.float32)
        confidence = np.zeros((len(self.poses), width), np.float32)
        for row, pose in enumerate(self.poses):
            xy[row, : len(pose.xy)] = np.nan_to_num(pose.xy)
            confidence[row, : len(pose.xy)] = pose.keypoint_confidence
        return sv.KeyPoints(
            xy=xy,
            keypoint_confidence=confidence,
            class_id=np.array([pose.class_id for pose in self.poses], int),
            data={"class_name": np.array([pose.class_name for pose in self.poses])},
        )


def box_of(xy: Sequence[float]) -> Floats:
    """A box from centre x, centre y, width and height, as the wire gives it: x_min, y_min, x_max, y_max."""
    x, y, width, height = xy
    return np.array([x - width / 2, y - height / 2, x + width / 2, y + height / 2], np.float32)
