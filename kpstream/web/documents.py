"""What is served as JSON: cameras, figures, poses. Numbers are finite or null, and every text is free of secrets."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, fields
from typing import Any

import numpy as np

from kpstream.entities import Pose, Scene, Settings, Stats
from kpstream.events import Reading
from kpstream.options import in_file
from kpstream.redact import redact
from kpstream.sinks.jsonl import scene_object
from kpstream.skeleton import Skeleton
from kpstream.web.camera_feed import CameraFeed
from kpstream.web.figures import PlotPoint
from kpstream.wire.exact import write_skeleton
from kpstream.wire.numbers import decimals


def compact(document: Any) -> bytes:
    """JSON as it goes over the wire."""
    return json.dumps(document, ensure_ascii=False, allow_nan=False, separators=(",", ":")).encode("utf-8", "replace")


def scene_document(scene: Scene) -> dict[str, Any]:
    """One frame and its poses, as the JSON lines have them."""
    return scene_object(scene)


def stats_document(stats: Stats) -> dict[str, Any]:
    """Counts since the start, and rates over the last seconds; all but the troubles."""
    values = {field.name: getattr(stats, field.name) for field in fields(stats)}
    return {
        name: decimals(value) if isinstance(value, float) else value
        for name, value in values.items()
        if not isinstance(value, str)
    }


def camera_document(feed: CameraFeed, viewers: int) -> dict[str, Any]:
    """Everything that is known of one camera but its picture."""
    shown, stats, health, controls = feed.shown, feed.stats, feed.health, feed.controls
    return {
        "name": feed.name,
        "title": feed.title,
        "state": health.status,
        "text": health.text,
        "source_trouble": in_file(redact(stats.source_trouble)),
        "picture_trouble": in_file(redact(stats.picture_trouble)),
        "endpoint_trouble": in_file(redact(stats.endpoint_trouble)),
        "machine_trouble": stats.machine_trouble,
        "size": None if shown is None else list(shown.size),
        "frame_index": None if shown is None else shown.frame_index,
        "poses_in_view": 0 if shown is None else shown.poses_in_view,
        "stale": False if shown is None else shown.stale,
        "picture_age": None if shown is None else decimals(shown.picture_age),
        "answer_age": None if shown is None else decimals(shown.answer_age),
        "stats": stats_document(stats),
        "settings": None if controls is None else _settings_document(controls.settings),
        "recording": None if controls is None else controls.recording,
        "recording_trouble": "" if controls is None else in_file(redact(controls.recording_trouble)),
        "viewers": viewers,
    }


def _settings_document(settings: Settings) -> dict[str, float | None]:
    return {name: decimals(value) for name, value in asdict(settings).items()}


def plot_point_document(point: PlotPoint) -> list[float | int | None]:
    """One point of every plot: shown, captured, asked, picture age, answer age, latency, in flight."""
    measures = (
        point.render_fps, point.capture_fps, point.sample_fps, point.picture_age, point.answer_age, point.latency,
    )  # fmt: skip
    return [*map(decimals, measures), point.in_flight]


class Classes:
    """Numbers for the skeletons of object classes, so that each is sent to a browser once.

    Args:
        numbers_from: The numbers are above this.
    """

    _MOST = 256

    def __init__(self, numbers_from: int = 0) -> None:
        self._numbers: dict[tuple[str, int], tuple[int, Skeleton]] = {}
        self._messages: dict[int, str] = {}
        self._next = numbers_from

    def numbers(self, poses: Sequence[Pose]) -> dict[int, int]:
        """The number of each pose's class, by the place of the pose; the same as long as name and skeleton are."""
        return {place: self._number(pose) for place, pose in enumerate(poses)}

    def message(self, number: int) -> str:
        """What a viewer needs before it can draw poses of the class with this number."""
        return self._messages[number]

    def _number(self, pose: Pose) -> int:
        key = (pose.class_name, id(pose.skeleton))
        found = self._numbers.get(key)
        if found is None or found[1] is not pose.skeleton:
            if len(self._numbers) >= self._MOST:
                self._messages.pop(self._numbers.pop(next(iter(self._numbers)))[0], None)
            self._next += 1
            self._messages[self._next] = compact(_class_document(self._next, pose)).decode()
            # The skeleton is kept with its number: as long as it lives, no other one gets its id.
            found = self._numbers[key] = (self._next, pose.skeleton)
        return found[0]


def _class_document(number: int, pose: Pose) -> dict[str, Any]:
    return {
        "type": "class",
        "number": number,
        "class_id": pose.class_id,
        "name": redact(pose.class_name),
        **write_skeleton(pose.skeleton),
    }


def frame_document(scene: Scene, numbers: Mapping[int, int], readings: tuple[Reading, ...] = ()) -> dict[str, Any]:
    """What goes with a picture to the page: pixels of the source, confidences, and the class by its number.

    Args:
        scene: What is shown.
        numbers: The class number of each pose, by its place in the scene.
        readings: What each rule sees.
    """
    picture_age = scene.rendered_at - scene.frame.captured_at
    return {
        "index": scene.frame.index,
        "size": list(scene.frame.size),
        "stale": scene.stale,
        "picture_age": decimals(picture_age),
        "answer_age": decimals(scene.result_age),
        "poses": [_pose_document(pose, numbers[place]) for place, pose in enumerate(scene.poses)],
        "readings": [_rule_document(reading, scene.frame.pts) for reading in readings],
    }


def _rule_document(reading: Reading, pts: float) -> dict[str, Any]:
    return {
        "rule": reading.rule,
        "ids": list(reading.tracker_ids),
        "truth": reading.truth,
        "for": decimals(max(0.0, pts - reading.since_pts)),
        "open": reading.is_open,
        "value": None if reading.value is None else decimals(reading.value),
    }


def _pose_document(pose: Pose, number: int) -> dict[str, Any]:
    box = [decimals(side) for side in pose.xyxy.tolist()]
    return {
        "class": number,
        "id": pose.tracker_id,
        "confidence": decimals(pose.confidence),
        "stale": pose.stale,
        "box": None if None in box else box,
        "points": _points(pose),
        "origin": pose.origin,
    }


def _points(pose: Pose) -> list[list[float] | None]:
    """x, y and confidence of each keypoint; None where it may not be drawn."""
    rows = np.round(np.column_stack((pose.xy, pose.keypoint_confidence)).astype(np.float64), 2)
    drawn = pose.visible(0.0) & np.isfinite(rows).all(axis=1)
    return [row if there else None for row, there in zip(rows.tolist(), drawn.tolist(), strict=True)]
