"""The rules of one camera beside its pictures, in the process that has them."""

from __future__ import annotations

import logging
from collections.abc import Sequence

from kpstream.camera.spec import CameraSpec, RuleRun
from kpstream.delivery.event_media import EventMedia, Records
from kpstream.entities import Annotator
from kpstream.events import Listener, RuleSet, RuleWatch
from kpstream.options import EventsOptions
from kpstream.render import PoseAnnotator
from kpstream.sinks.clips import ClipLimits

_log = logging.getLogger("kpstream")


def make_rule_run(
    rules: RuleSet,
    camera: str,
    options: EventsOptions,
    *,
    keypoint_confidence: float,
    annotator: Annotator,
    records: Records | None,
    listeners: Sequence[Listener] = (),
) -> RuleRun:
    """Make what shows the pictures of a camera or a video to its rules, and gives events their snapshots and clips.

    Args:
        rules: Its own.
        camera: Its name in the events.
        options: How long clips are, and which time zone holds.
        keypoint_confidence: Keypoints below it are not known.
        annotator: Draws its snapshots.
        records: Where its events go; None keeps none, and makes no snapshots and clips.
        listeners: Told of every event where none are kept.
    """
    limits = ClipLimits(options.pre_roll, options.post_roll, options.max_clip)
    media = None if records is None else EventMedia(records, rules, annotator=annotator, limits=limits)
    watch = RuleWatch(
        rules,
        camera=camera,
        listeners=listeners if media is None else [media.tell],
        on_fault=lambda fault: _log.warning("%s", fault),
        timezone=options.timezone,
        keypoint_confidence=keypoint_confidence,
    )
    shown, make_clips = (watch, None) if media is None else (media.counted(watch), media.make_clips)
    return RuleRun(shown, watch.armed, make_clips, lambda: watch.readings)


def make_camera_rule_run(spec: CameraSpec, options: EventsOptions, records: Records | None) -> RuleRun:
    """Make the same of a camera as its spec says."""
    return make_rule_run(
        spec.rules,
        spec.name,
        options,
        keypoint_confidence=spec.model.keypoint_confidence,
        annotator=PoseAnnotator(draw=spec.drawing.parts, thickness=spec.drawing.thickness),
        records=records,
    )
