"""What may be changed about a camera while it runs."""

from __future__ import annotations

import threading

from kpstream.camera.spec import CameraSpec
from kpstream.entities import Settings
from kpstream.errors import UsageError
from kpstream.sinks.switched import SwitchedRecording


class CameraSettings:
    """The settings and the recording of one camera, which it follows while it runs. Any thread.

    Satisfies `kpstream.web.Controls`.

    Args:
        settings: What holds at first.
        recording: Whether it is recorded from the start.
    """

    def __init__(self, settings: Settings, *, recording: bool = False) -> None:
        self._settings = settings
        self._wants_recording = recording
        self._recording: SwitchedRecording | None = None
        self._lock = threading.Lock()  # over what is wanted and the recording that follows

    @classmethod
    def of(cls, spec: CameraSpec) -> CameraSettings:
        """Those that a camera begins with."""
        filters = spec.model.filters
        settings = Settings(spec.requests.max_rate, filters.confidence, filters.keypoint_confidence)
        return cls(settings, recording=spec.recording is not None and spec.recording.starts)

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
    def wants_recording(self) -> bool:
        """Whether it is to be recorded, once it can be."""
        return self._wants_recording

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
