"""What happens before cameras: the rules of each, the one store of events, and what is delivered from it."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path

from kpstream.camera.spec import CameraSpec, Watch
from kpstream.delivery import Deliveries, EventRecorder, EventStore
from kpstream.delivery.arming import Arming
from kpstream.delivery.destination import Destination
from kpstream.entities import Annotator
from kpstream.events import Listener, Reading, RuleSet, RuleWatch
from kpstream.options import EventsOptions
from kpstream.render import PoseAnnotator
from kpstream.sinks.clips import ClipLimits

_log = logging.getLogger("kpstream")


class WatchedCamera:
    """What the rules of one camera see, and which of them may open events. Any thread; nothing here waits.

    Args:
        rules: The camera's own.
        watch: Shows them its pictures.
        recorder: Stores its events, and what is armed; None where nothing is stored.
    """

    def __init__(self, rules: RuleSet, watch: RuleWatch, recorder: EventRecorder | None) -> None:
        self.rules = rules
        self._watch = watch
        self._recorder = recorder
        self._arming = Arming(rules)

    @property
    def readings(self) -> tuple[Reading, ...]:
        """What each rule sees right now."""
        return self._watch.readings

    @property
    def armed(self) -> Mapping[str, bool]:
        """Whether each rule is armed, by name, and with an empty name the camera; a rule is where both are."""
        return self._arming.states if self._recorder is None else self._recorder.armed

    def arm(self, rule: str, armed: bool) -> None:
        """Arm or disarm a rule, or with an empty name the camera as a whole; a store keeps that over restarts."""
        if self._recorder is not None:
            self._recorder.arm(rule, armed)
        else:
            self._arming.set_armed(rule, armed)
            self._arming.apply(self._watch.armed)


class CameraEvents:
    """Watches cameras, keeps what happens in one store, where there is one, and delivers it from there.

    Args:
        options: How long events are kept, how long clips are, and which time zone holds.
        folder: Of the store; None for none.
        destinations: What is delivered to; closed with this.
        listeners: Told of every event, too.
    """

    def __init__(
        self,
        options: EventsOptions,
        folder: Path | None = None,
        destinations: Sequence[Destination] = (),
        listeners: Sequence[Listener] = (),
    ) -> None:
        self._options = options
        self._folder = folder
        self._destinations = tuple(destinations)
        self._listeners = tuple(listeners)
        self._limits = ClipLimits(options.pre_roll, options.post_roll, options.max_clip)
        self.store: EventStore | None = None
        """Where events are kept; None where they are not, and before `open`."""
        self.deliveries: Deliveries | None = None
        """What delivers from the store; None where there is none."""
        self.cameras: dict[str, WatchedCamera] = {}
        """What was watched last under each camera's name."""
        self._opened = ExitStack()

    def open(self) -> None:
        """Open the store, and begin to deliver what waits in it; blocks.

        Raises:
            SinkError: The store cannot be written.
        """
        if self._folder is None:
            return
        options = self._options
        wants = {each.name: each.wants for each in self._destinations}
        self.store = EventStore(self._folder, keep=options.keep, keep_size=options.keep_size, destinations=wants)
        self.store.open()
        self._opened.callback(self.store.close)
        self.deliveries = Deliveries(self.store, self._destinations)
        self.deliveries.start()
        self._opened.callback(self.deliveries.close)

    def watch(self, rules: RuleSet, camera: str, keypoint_confidence: float, annotator: Annotator) -> Watch:
        """Watch a camera or a video from now on.

        Args:
            rules: Its own.
            camera: Its name in the events.
            keypoint_confidence: Keypoints below it are not known.
            annotator: Draws its snapshots.
        """
        recorder = None
        if self.deliveries is not None:
            recorder = self.deliveries.recorder(
                rules, camera=camera, annotator=annotator, listeners=self._listeners, limits=self._limits
            )
        watch = RuleWatch(
            rules,
            camera=camera,
            listeners=self._listeners if recorder is None else [recorder.tell],
            on_fault=lambda fault: _log.warning("%s", fault),
            timezone=self._options.timezone,
            keypoint_confidence=keypoint_confidence,
        )
        self.cameras[camera] = WatchedCamera(rules, watch, recorder)
        if recorder is None:
            return Watch(watch)
        recorder.control(watch.armed)
        return Watch(recorder.followed(watch), recorder.make_clips)

    def watch_camera(self, spec: CameraSpec) -> Watch | None:
        """Watch a camera from now on, as its spec says; None where it has no rules."""
        if not spec.rules.rules:
            return None
        annotator = PoseAnnotator(draw=spec.drawing.parts, thickness=spec.drawing.thickness)
        return self.watch(spec.rules, spec.name, spec.model.keypoint_confidence, annotator)

    def close(self) -> None:
        """Deliver what waits, within seconds, and close the store; blocks. Idempotent."""
        self._opened.close()

    def __repr__(self) -> str:
        return f"<CameraEvents of {', '.join(self.cameras) or 'no camera'}, {self.store!r}>"
