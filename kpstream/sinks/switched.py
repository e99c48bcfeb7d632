"""A recording that is started and stopped by hand."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable

from kpstream.entities import Image, Scene
from kpstream.errors import SinkError
from kpstream.sinks.segments import SegmentedVideo

_log = logging.getLogger(__name__)


class SwitchedRecording:
    """A sink that records between `start` and `stop`, each time into new files.

    Those two never wait, not even for a disk that hangs: the next `write` does what they ask for. `write` and `close`
    are for one thread, everything else for any.

    Args:
        make: A recording that has written nothing yet; called in the thread that writes.
    """

    needs_canvas = False
    """While it records, it asks for the drawn picture itself, in the thread that writes."""

    def __init__(self, make: Callable[[], SegmentedVideo]) -> None:
        self._make = make
        self._lock = threading.Lock()
        self._starts = 0
        self._wanted = False
        self._closed = False
        self._sink_start = 0
        self._sink: SegmentedVideo | None = None

    @property
    def recording(self) -> bool:
        """Whether pictures are recorded from the next one on; `trouble` tells where that cannot be."""
        return self._wanted

    @property
    def trouble(self) -> str:
        """Why the recording pauses, in words for the user; empty while it does not."""
        sink = self._sink
        return "" if sink is None or not self._wanted else sink.trouble

    def start(self) -> None:
        """Record into a new file, from the next picture on; without effect while it records, or once it is closed."""
        with self._lock:
            if not self._wanted and not self._closed:
                self._wanted = True
                self._starts += 1

    def stop(self) -> None:
        """Record no more. What is written plays at once; the file is made whole with the next picture."""
        with self._lock:
            self._wanted = False

    def write(self, scene: Scene, canvas: Image) -> None:  # noqa: ARG002 - drawn only while it records
        """Record one picture, where that is asked for; blocks as `SegmentedVideo.write` does.

        Raises:
            UsageError: The recording's settings are none that it knows.
            SinkError: It is closed.
        """
        if self._closed:
            raise SinkError("the recording: nothing more can be written, it is closed")
        with self._lock:
            wanted = self._starts if self._wanted else 0
        if self._sink is not None and self._sink_start != wanted:
            self._end_stopped()
        if not wanted:
            return
        if self._sink is None:
            self._sink, self._sink_start = self._make(), wanted
        self._sink.write(scene, scene.canvas)

    def close(self) -> None:
        """Record no more, and make the last file whole; blocks. Idempotent.

        Raises:
            SinkError: As from `SegmentedVideo.close`, of a recording that was not stopped before.
        """
        with self._lock:
            was_wanted, self._wanted = self._wanted, False
            self._closed = True
        if was_wanted:
            self._end()
        else:
            self._end_stopped()

    def _end_stopped(self) -> None:
        """End what nobody wants to go on: what is wrong with the disk is logged."""
        try:
            self._end()
        except SinkError as error:
            _log.warning("%s", error)

    def _end(self) -> None:
        if self._sink is not None:
            sink, self._sink = self._sink, None
            sink.close()

    def __repr__(self) -> str:
        state = "closed" if self._closed else "recording" if self._wanted else "stopped"
        return f"<SwitchedRecording {state}: {self._sink!r}>"
