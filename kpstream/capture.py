"""The thread that reads the source.

A recorded source is read as fast as frames are taken. From a live source the newest frame wins, and when it is
lost it is opened again, for ever, at most a second apart.
"""

from __future__ import annotations

import random
import threading

from kpstream.channel import Channel, Closed, Deadline
from kpstream.entities import Frame
from kpstream.errors import SourceError
from kpstream.interfaces import Source

READ_AHEAD = 4
"""Frames of recorded video that are decoded before they are asked for: enough to keep both sides busy."""
_LONGEST_PAUSE = 0.9


class Capture:
    """Reads a source on its own thread.

    Args:
        source: An open source; from `start` on only the thread touches it, and closes it.
    """

    def __init__(self, source: Source) -> None:
        self._source = source
        self._thread = threading.Thread(target=self._run, name="kpstream-capture", daemon=True)
        self.frames: Channel[Frame] = Channel(1, drop_oldest=True) if source.is_live else Channel(READ_AHEAD)
        """The frames; closed at the end of the source, or with the error that ended it."""
        self.reconnects = 0
        """How many times a live source was lost and came back."""
        self.trouble = ""
        """What is wrong with the source right now, in words; empty while frames come."""

    def start(self) -> None:
        """Begin to read."""
        self._thread.start()

    def close(self, deadline: Deadline) -> None:
        """Stop reading and release the source; waits for the thread until the deadline. Idempotent."""
        self.frames.close()
        if self._thread.ident is None:
            self._source.close()
        else:
            self._thread.join(deadline.remaining())

    def _run(self) -> None:
        try:
            while (frame := self._read()) is not None:
                self.frames.put(frame)
        except Closed:
            pass
        except BaseException as error:  # noqa: BLE001 - it is raised again in the thread that reads the channel
            self.frames.close(error)
        finally:
            try:
                self._source.close()
            finally:
                self.frames.close()

    def _read(self) -> Frame | None:
        pause, lost = 0.1, False
        while True:
            try:
                if lost:
                    self._source.reopen()
                frame = self._source.read()
            except SourceError as error:
                if not self._source.is_live:
                    raise
                lost, self.trouble = True, f"{error} - trying again"
            else:
                # Only a picture shows that the source is back: some open, and then give nothing.
                self.reconnects += lost
                self.trouble = ""
                return frame
            if self.frames.wait_closed(pause * random.uniform(0.8, 1.0)):
                raise Closed
            pause = min(_LONGEST_PAUSE, pause * 2)

    def __repr__(self) -> str:
        return f"<Capture of {self._source.name}: {self.frames!r}, {self.reconnects} reconnects>"
