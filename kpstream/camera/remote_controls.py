"""The settings and the recording of a camera in another process."""

from __future__ import annotations

import threading
from collections.abc import Callable
from itertools import count

from kpstream.camera.link import ChangeReply, ChangeRequest, Heartbeat
from kpstream.camera.settings import CameraSettings
from kpstream.camera.spec import CameraSpec
from kpstream.channel import Channel, Closed
from kpstream.entities import Settings
from kpstream.errors import KpstreamError

_ANSWERS_WITHIN = 5.0
"""Seconds that a camera may take to obey."""


class RemoteControls:
    """What the page can do to a camera; holds over all its processes. Satisfies `kpstream.web.Controls`. Any thread.

    What is asked for while no process runs holds from the next one on.

    Args:
        spec: The camera.
    """

    def __init__(self, spec: CameraSpec) -> None:
        first = CameraSettings.of(spec)
        self._settings = first.settings
        self._wants_recording = first.wants_recording
        self._can_record = spec.recording is not None
        self._lock = threading.Lock()
        self._numbers = count()
        self._asked: dict[int, Channel[str]] = {}
        self._send: Callable[[ChangeRequest], None] | None = None
        self._trouble = ""

    def connect(self, send: Callable[[ChangeRequest], None]) -> None:
        """Send what is asked for to a process from now on; it began with what held until now."""
        with self._lock:
            self._send = send

    def disconnect(self) -> None:
        """The process has ended."""
        with self._lock:
            self._send, self._trouble = None, ""
            for asked in self._asked.values():
                asked.close()
            self._asked.clear()

    def beat(self, beat: Heartbeat) -> None:
        """Take in how the recording goes; what the process does counts, also where it obeyed too late to answer."""
        with self._lock:
            self._trouble = beat.recording_trouble
            if beat.recording is not None and not self._asked:
                self._wants_recording = beat.recording

    def answer(self, reply: ChangeReply) -> None:
        """Take in the answer to a change."""
        with self._lock:
            asked = self._asked.pop(reply.number, None)
        if asked is not None:
            asked.offer(reply.fault)

    @property
    def settings(self) -> Settings:
        """What is wanted."""
        return self._settings

    def apply(self, settings: Settings) -> None:
        """Make these hold from the next frame on."""
        with self._lock:
            self._settings = settings
            if self._send is not None:
                self._send(ChangeRequest(next(self._numbers), settings=settings))

    @property
    def recording(self) -> bool | None:
        """Whether it is being recorded; None where it cannot be."""
        return self._wants_recording if self._can_record else None

    @property
    def recording_trouble(self) -> str:
        """Why the recording pauses, in words for the user; empty where it does not."""
        return self._trouble

    @property
    def wants_recording(self) -> bool:
        """Whether it is to be recorded."""
        return self._wants_recording

    def start_recording(self) -> None:
        """Begin a recording; nothing happens where one is under way. Blocks until the camera obeys.

        Raises:
            KpstreamError: It cannot be recorded.
        """
        self._record(True)

    def stop_recording(self) -> None:
        """End the recording; nothing happens where there is none. Blocks until the camera obeys.

        Raises:
            KpstreamError: It cannot be recorded.
        """
        self._record(False)

    def _record(self, wanted: bool) -> None:
        answer: Channel[str] = Channel(1)
        with self._lock:
            before, self._wants_recording = self._wants_recording, wanted
            if self._send is None:
                return
            number = next(self._numbers)
            self._asked[number] = answer
            self._send(ChangeRequest(number, is_recording=wanted))
        try:
            fault = answer.get(_ANSWERS_WITHIN)
        except TimeoutError:
            fault = "the camera does not answer right now"
        except Closed:  # its process ended: the next one begins with it
            return
        if fault:
            self._wants_recording = before
            raise KpstreamError(fault)
