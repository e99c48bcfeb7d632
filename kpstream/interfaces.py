"""The Protocols that the parts of the house meet at. A class needs no base class to satisfy one."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Protocol, runtime_checkable

import numpy as np

from kpstream.entities import Answer, Event, Filters, Frame, Image, Pose, Result, Scene
from kpstream.media.frame import Picture


class Source(Protocol):
    """Where frames come from: it is open, is read, and is closed. A lost one never comes back; another is opened.

    Used by one thread at a time.
    """

    @property
    def name(self) -> str:
        """What to call it before users and in files: the reference as given, without any password."""

    @property
    def is_live(self) -> bool:
        """True when the world does not wait: frames that nobody takes are dropped."""

    @property
    def frame_rate(self) -> float:
        """Declared frames per second; NaN where nothing is declared."""

    @property
    def stall_timeout(self) -> float:
        """Seconds without a new picture after which it is taken for lost; infinite where nobody should watch it."""

    def read(self) -> Frame | None:
        """Block for the next frame; None at the end, and ever after.

        Raises:
            SourceReadError: The device or stream failed. Only `close` is left to call.
        """

    def close(self) -> None:
        """Release the device. Idempotent."""


@dataclass(frozen=True, slots=True)
class Opener:
    """Opens a live source, for the first time and whenever it was lost."""

    name: str
    """What to call the source before users, without any password."""
    open: Callable[[], Source] = field(repr=False)  # what it holds may know a password
    """Block until it is open, or raise SourceOpenError. For any thread, also while an earlier call hangs."""


@runtime_checkable
class Reopenable(Source, Protocol):
    """A source that knows how another one is opened in its place."""

    @property
    def opener(self) -> Opener | None:
        """Opens another one in the place of this one; None where that is not possible. Any thread; never waits."""


@runtime_checkable
class Decimating(Source, Protocol):
    """A source that can give fewer pictures than come, and spares what the others would cost as far as it can."""

    def decimate(self, max_fps: float) -> bool:
        """Give at most so many pictures a second from now on, evenly spaced; the index counts the others, too.

        For the thread that reads; never waits.

        Args:
            max_fps: Infinite gives all.

        Returns:
            False where it cannot.
        """


class Endpoint(Protocol):
    """What finds the poses in one image. Used by several threads at once."""

    @property
    def name(self) -> str:
        """What to call it before users: model and host, without any key."""

    @property
    def max_rate(self) -> float:
        """The most requests a second that its owner asks for; infinite where nobody says."""

    @property
    def max_in_flight(self) -> int:
        """How many requests at once are of use."""

    @property
    def credits_per_request(self) -> float:
        """The least credits that an answered request costs; 0 where the service has no price."""

    def infer(self, image: Image, filters: Filters = ...) -> Answer:
        """Block until the endpoint has answered.

        Args:
            image: BGR, shape ``(height, width, 3)``.
            filters: Which poses are wanted. An endpoint that knows none answers with all.

        Raises:
            EndpointUnavailable: Worth asking again, with a newer frame.
            ResponseFormatError: The answer could not be read; worth asking again.
            EndpointRejected: Asking again is useless.
        """

    def close(self) -> None:
        """Give up the requests in flight and the connections. Idempotent; any thread."""


@runtime_checkable
class Sizing(Protocol):
    """An endpoint that chooses how large a picture is sent, and so need not have the whole of it in BGR."""

    def infer_picture(self, picture: Picture, filters: Filters = ...) -> Answer:
        """Block until the endpoint has answered; otherwise as `Endpoint.infer`."""


class Journal(Protocol):
    """What remembers the answers of a recorded job, so that none is asked for twice. For several threads at once."""

    def recall(self, frame_index: int) -> Answer | None:
        """The answer for a frame that was given earlier; None where there is none."""

    def given_up(self, frame_index: int) -> str | None:
        """Why a frame was given up earlier; None where it was not."""

    def note(self, frame_index: int, answer: Answer) -> None:
        """Keep an answer; it outlives the process once this returns.

        Raises:
            SinkError: It could not be written.
        """

    def give_up(self, frame_index: int, reason: str) -> None:
        """Keep that a frame gets no answer of use, so that it is not asked about again.

        Raises:
            SinkError: It could not be written.
        """


class Tracker(Protocol):
    """What knows the poses at any moment. Used by one thread; keeps no clock."""

    @property
    def has_unconfirmed(self) -> bool:
        """Whether an object is still drawn that the last answer did not confirm."""

    def update(self, result: Result) -> tuple[Pose, ...]:
        """Take in a measurement.

        Returns:
            Its poses, in their order, each with the `tracker_id` of the object that it is of.

        Raises:
            ValueError: ``result.pts`` is not after the last one.
        """

    def observe(self, frame: Frame) -> None:
        """Take in a frame as it comes, once, in order; its `predict` may follow much later, when answers are in."""

    def predict(self, frame: Frame) -> tuple[Pose, ...]:
        """The poses on ``frame``: before, between or after the measurements.

        Called once for every frame, in order: the picture itself carries the points on.
        """


class SceneRules(Protocol):
    """What says what happens. Used by one thread."""

    @property
    def is_undecided(self) -> bool:
        """Whether more answers are wanted soon: something may open, or end."""

    def observe(self, scene: Scene) -> tuple[Event, ...]:
        """Take in a scene; scenes come in order.

        Returns:
            The events that are open with it.
        """

    def finish(self) -> None:
        """End what is still open: the input is over. Idempotent."""


class Sink(Protocol):
    """Where scenes go. Used by one thread at a time.

    Nothing is drawn for a sink with an attribute ``needs_canvas`` that is false: its canvas is an empty array. Where it
    wants a drawn picture after all, it asks for `Scene.canvas`.
    """

    def write(self, scene: Scene, canvas: Image) -> None:
        """Take one scene and its drawn image; while it blocks, the next picture waits.

        Args:
            scene: The frame, its poses and the figures.
            canvas: BGR, shape ``(height, width, 3)``, of the frame's size; other sinks share it: never write to it.

        Raises:
            SinkError: It could not be written.
        """

    def close(self) -> None:
        """Flush and release. Idempotent.

        Raises:
            SinkError: What was held back could not be written.
        """


_NO_CANVAS = np.zeros((0, 0, 3), np.uint8)


def needs_canvas(sink: Sink) -> bool:
    """Whether a sink is to be given a drawn picture with each scene."""
    return bool(getattr(sink, "needs_canvas", True))


def write_scene(sink: Sink, scene: Scene) -> None:
    """Give a scene to a sink, drawn only where the sink needs that; blocks as the sink does.

    Raises:
        SinkError: The sink could not write it.
    """
    sink.write(scene, scene.canvas if needs_canvas(sink) else _NO_CANVAS)
