"""The rules of one camera beside its pictures, in the process that has them."""

from __future__ import annotations

import logging
from collections.abc import Sequence

from kpstream.camera.spec import CameraSpec, Watch
from kpstream.delivery.event_media import EventMedia, Records
from kpstream.entities import Annotator
from kpstream.events import Listener, RuleSet, RuleWatch
from kpstream.options import EventsOptions
from kpstream.render import PoseAnnotator
from kpstream.sinks.clips import ClipLimits

_log = logging.getLogger("kpstream")


class PictureWatch:
    """Shows the pictures of a camera or a video to its rules, and gives what they say its snapshots and clips.

    Args:
        rules: Its own.
        camera: Its name in the events.
        options: How long clips are, and which time zone holds.
        keypoint_confidence: Keypoints below it are not known.
        annotator: Draws its snapshots.
        records: Where its events go; None keeps none, and makes no snapshots and clips.
        listeners: Told of every event where none are kept.
    """

    def __init__(
        self,
        rules: RuleSet,
        camera: str,
        options: EventsOptions,
        *,
        keypoint_confidence: float,
        annotator: Annotator,
        records: Records | None,
        listeners: Sequence[Listener] = (),
    ) -> None:
        limits = ClipLimits(options.pre_roll, options.post_roll, options.max_clip)
        media = None if records is None else EventMedia(records, rules, annotator=annotator, limits=limits)
        self.rule_watch = RuleWatch(
            rules,
            camera=camera,
            listeners=listeners if media is None else [media.tell],
            on_fault=lambda fault: _log.warning("%s", fault),
            timezone=options.timezone,
            keypoint_confidence=keypoint_confidence,
        )
        """What they see, and which of them may open events."""
        shown, make_clips = (
            (self.rule_watch, None) if media is None else (media.counted(self.rule_watch), media.make_clips)
        )
        self.watch = Watch(shown, make_clips, lambda: self.rule_watch.readings)
        """What a camera is assembled with."""

    @classmethod
    def of(cls, spec: CameraSpec, options: EventsOptions, records: Records | None) -> PictureWatch:
        """Watch a camera as its spec says."""
        return cls(
            spec.rules,
            spec.name,
            options,
            keypoint_confidence=spec.model.keypoint_confidence,
            annotator=PoseAnnotator(draw=spec.drawing.parts, thickness=spec.drawing.thickness),
            records=records,
        )
