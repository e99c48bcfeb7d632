"""JSON lines of a live view, for weeks: a disk that fails is waited for, and the view goes on."""

from __future__ import annotations

import logging
import shutil
from contextlib import suppress
from math import inf
from pathlib import Path

from kpstream.entities import Image, Scene
from kpstream.errors import SinkError
from kpstream.sinks.jsonl import line_of
from kpstream.sinks.output import WholeWrites, sink_error
from kpstream.sinks.room import LOOK_EVERY, DiskUsage, check_room

_log = logging.getLogger(__name__)


class PausingJsonLines:
    """One JSON object a scene in a file, as `JsonLinesSink` writes it, which pauses as recordings do.

    With a disk that is full, gone or failing it says so, looks again every two seconds of the frames' clock, and goes
    on behind the last line that is whole. So nothing is raised that may pass.

    Args:
        path: The file, created by the first scene; one that is there is replaced.
        disk_usage: Bytes of the disk under a folder, in all and free.
    """

    needs_canvas = False

    def __init__(self, path: str | Path, *, disk_usage: DiskUsage = shutil.disk_usage) -> None:
        self._path = Path(path)
        self._disk_usage = disk_usage
        self._file: WholeWrites | None = None
        self._size: int | None = None
        self._looked_at = -inf
        self._trouble = ""
        self._written = self._dropped = 0
        self._is_closed = False

    @property
    def dropped(self) -> int:
        """How many scenes were left out while it paused."""
        return self._dropped

    @property
    def trouble(self) -> str:
        """Why it pauses, in words for the user; empty while it does not. Any thread."""
        return self._trouble

    def write(self, scene: Scene, canvas: Image) -> None:  # noqa: ARG002 - the picture has no place in JSON
        """Write one line and flush it; blocks. While it pauses the line is left out.

        Raises:
            SinkError: It is closed.
        """
        if self._is_closed:
            raise SinkError(f"{self._path}: nothing more can be written, it is closed")
        now = scene.frame.captured_at
        is_due = not abs(now - self._looked_at) < LOOK_EVERY
        if self._trouble and not is_due:
            self._dropped += 1
            return
        try:
            if is_due:
                self._looked_at = now
                check_room(self._path.parent, reserves=2 if self._trouble else 1, disk_usage=self._disk_usage)
            self._append(line_of(scene))
        except SinkError as error:
            self._pause(error)
        except OSError as error:
            self._pause(sink_error(self._path, error))
        else:
            self._resume()

    def close(self) -> None:
        """Release the file. Idempotent.

        Raises:
            SinkError: The system reports a fault that it held back, or it pauses.
        """
        was_closed, self._is_closed = self._is_closed, True
        try:
            self._release()
        except OSError as error:
            raise sink_error(self._path, error) from None
        if self._trouble and not was_closed:
            raise SinkError(f"at the end {self._trouble}")

    def _append(self, line: bytes) -> None:
        if self._file is None:
            self._file = WholeWrites(self._path, "w" if self._size is None else "a")
            there = self._file.tell()
            self._size = min(self._size or 0, there)  # less where the file is gone with its disk
            if there > self._size:
                self._file.truncate(self._size)  # a piece of a line
        self._file.write(line)
        self._size = (self._size or 0) + len(line)
        self._written += 1

    def _pause(self, error: SinkError) -> None:
        self._dropped += 1
        with suppress(OSError):
            if self._file is not None and self._size is not None:
                self._file.truncate(self._size)
        with suppress(OSError):
            self._release()
        if not self._trouble:
            _log.warning("the JSON lines pause: %s", error)
        self._trouble = f"the JSON lines are paused: {error}"

    def _resume(self) -> None:
        if self._trouble:
            self._trouble = ""
            _log.info("the JSON lines go on: %s", self._path)

    def _release(self) -> None:
        if self._file is not None:
            file, self._file = self._file, None
            file.close()

    def __repr__(self) -> str:
        state = "closed" if self._is_closed else "paused" if self._trouble else "open"
        return f"<PausingJsonLines {self._path} {state}, {self._written} lines, {self._dropped} dropped>"
