"""What the page may change of a camera while it runs, and how its pipeline follows."""

from __future__ import annotations

import threading
from dataclasses import replace
from typing import Protocol

from kpstream.dispatch.sampling import Sampling
from kpstream.entities import Settings
from kpstream.errors import UsageError
from kpstream.pipeline import Pipeline
from kpstream.sinks.switched import SwitchedRecording


class Rated(Sampling, Protocol):
    """A sampling whose rate can be changed."""

    rate: float


class CameraControls:
    """The settings and the recording of one camera; satisfies `kpstream.web.Controls`. Any thread.

    Args:
        settings: What holds at first.
        recording: Whether it is recorded from the start.
    """

    def __init__(self, settings: Settings, *, recording: bool = False) -> None:
        self._settings = settings
        self._wants_recording = recording
        self._recording: SwitchedRecording | None = None
        self._lock = threading.Lock()  # over what is wanted and what is told to follow

    def record_with(self, recording: SwitchedRecording) -> None:
        """Start and stop this from now on; it begins if the one before was recording."""
        with self._lock:
            self._recording = recording
            if self._wants_recording:
                recording.start()

    @property
    def settings(self) -> Settings:
        """What is wanted; the pipeline follows with its next frame."""
        return self._settings

    def apply(self, settings: Settings) -> None:
        """Make these hold from the next frame on."""
        self._settings = settings

    @property
    def recording(self) -> bool | None:
        """Whether it is being recorded; None where it cannot be."""
        return None if self._recording is None else self._wants_recording

    @property
    def recording_trouble(self) -> str:
        """Why the recording pauses, in words for the user; empty where it does not."""
        return "" if self._recording is None else self._recording.trouble

    def start_recording(self) -> None:
        """Begin a recording; nothing happens where one is under way.

        Raises:
            UsageError: It cannot be recorded.
        """
        with self._lock:
            self._needed().start()
            self._wants_recording = True

    def stop_recording(self) -> None:
        """End the recording; nothing happens where there is none.

        Raises:
            UsageError: It cannot be recorded.
        """
        with self._lock:
            self._needed().stop()
            self._wants_recording = False

    def _needed(self) -> SwitchedRecording:
        if self._recording is None:
            raise UsageError("this camera has nowhere to be recorded to")
        return self._recording


class Follower:
    """Makes a pipeline follow its camera's settings. For the thread of its loop.

    Args:
        controls: Whose settings.
        sampling: Gets the rate.
        pipeline: Gets the rate, for its requests in flight, and the thresholds.
    """

    def __init__(self, controls: CameraControls, sampling: Rated, pipeline: Pipeline) -> None:
        self._controls = controls
        self._sampling = sampling
        self._pipeline = pipeline
        self._done: Settings | None = None

    def follow(self) -> None:
        """Take over what has changed; to be called once a frame."""
        settings = self._controls.settings
        if settings is self._done:
            return
        self._done = settings
        self._sampling.rate = self._pipeline.rate = settings.rate
        self._pipeline.filters = replace(
            self._pipeline.filters,
            confidence=settings.confidence,
            keypoint_confidence=settings.keypoint_confidence,
        )
