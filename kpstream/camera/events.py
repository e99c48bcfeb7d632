"""What happens before cameras: the rules of each, the one store of events, and what is delivered from it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path

from kpstream.camera.rule_run import make_rule_run
from kpstream.camera.spec import RuleRun
from kpstream.delivery import Deliveries, EventRecorder, EventStore
from kpstream.delivery.arming import Arming
from kpstream.delivery.destination import Destination
from kpstream.entities import Annotator
from kpstream.events import Listener, RuleSet
from kpstream.options import EventsOptions


class CameraArming:
    """The rules of one camera, and which of them may open events. Any thread; nothing here waits.

    Args:
        camera: Its name in events.
        rules: The camera's own.
        recorder: Stores its events, and what is armed; None where nothing is stored.
    """

    def __init__(self, camera: str, rules: RuleSet, recorder: EventRecorder | None) -> None:
        self.camera = camera
        """Its name in events."""
        self.rules = rules
        self.recorder = recorder
        """Stores its events; None where nothing is stored."""
        self._arming = Arming(rules)
        self._apply: Callable[[Mapping[str, bool]], None] = lambda _: None

    def connect(self, apply: Callable[[Mapping[str, bool]], None]) -> None:
        """Have what is armed taken over, by rule, now and whenever that changes, by what watches from now on."""
        self._apply = apply
        if self.recorder is None:
            apply(self._arming.armed_rules)
        else:
            self.recorder.control(apply)

    def disconnect(self) -> None:
        """Nothing watches any more; what is armed stays known."""
        self.connect(lambda _: None)

    @property
    def armed(self) -> Mapping[str, bool]:
        """Whether each rule is armed, by name, and with an empty name the camera; a rule is where both are."""
        return self._arming.states if self.recorder is None else self.recorder.armed

    def arm(self, rule: str, armed: bool) -> None:
        """Arm or disarm a rule, or with an empty name the camera as a whole; a store keeps that over restarts."""
        if self.recorder is not None:
            self.recorder.arm(rule, armed)
        else:
            self._arming.set_armed(rule, armed)
            self._apply(self._arming.armed_rules)


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
        self.options = options
        """How long events are kept, how long clips are, and which time zone holds."""
        self._folder = folder
        self._destinations = tuple(destinations)
        self._listeners = tuple(listeners)
        self.store: EventStore | None = None
        """Where events are kept; None where they are not, and before `open`."""
        self.deliveries: Deliveries | None = None
        """What delivers from the store; None where there is none."""
        self.cameras: dict[str, CameraArming] = {}
        """What was watched last under each camera's name."""
        self._opened = ExitStack()

    def open(self) -> None:
        """Open the store, and begin to deliver what waits in it; blocks.

        Raises:
            SinkError: The store cannot be written.
        """
        if self._folder is None:
            return
        options = self.options
        wants = {each.name: each.wants for each in self._destinations}
        self.store = EventStore(self._folder, keep=options.keep, keep_size=options.keep_size, destinations=wants)
        self.store.open()
        self._opened.callback(self.store.close)
        self.deliveries = Deliveries(self.store, self._destinations)
        self.deliveries.start()
        self._opened.callback(self.deliveries.close)

    def begin(self, rules: RuleSet, camera: str) -> CameraArming:
        """Make what a camera's events are told to from now on, and what is known of it by its name.

        Of a camera without rules its zones and lines are known, and nothing is stored.
        """
        earlier, recorder = self.cameras.get(camera), None
        if self.deliveries is not None and rules.rules:
            recorder = self.deliveries.recorder(rules, camera=camera, listeners=self._listeners)
        elif earlier is not None and earlier.rules == rules:
            return earlier  # nothing else knows what of it is armed
        arming = self.cameras[camera] = CameraArming(camera, rules, recorder)
        return arming

    def forget(self, camera: str) -> None:
        """Know nothing more of a camera that is watched no more."""
        self.cameras.pop(camera, None)

    def make_rule_run(self, rules: RuleSet, camera: str, keypoint_confidence: float, annotator: Annotator) -> RuleRun:
        """Make what shows the pictures of a camera or a video of this process to its rules.

        Args:
            rules: Its own.
            camera: Its name in the events.
            keypoint_confidence: Keypoints below it are not known.
            annotator: Draws its snapshots.
        """
        arming = self.begin(rules, camera)
        run = make_rule_run(
            rules,
            camera,
            self.options,
            keypoint_confidence=keypoint_confidence,
            annotator=annotator,
            records=arming.recorder,
            listeners=self._listeners,
        )
        arming.connect(run.armed.update)
        return run

    def close(self) -> None:
        """Deliver what waits, within seconds, and close the store; blocks. Idempotent."""
        self._opened.close()

    def __repr__(self) -> str:
        return f"<CameraEvents of {', '.join(self.cameras) or 'no camera'}, {self.store!r}>"
