"""A camera that may still be missing: it is opened by the thread that reads it, not by whoever makes it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from math import inf, nan

from kpstream.entities import Frame
from kpstream.errors import SourceOpenError, SourceReadError
from kpstream.interfaces import Camera, Source


class Deferred:
    """A live source that is opened by the first `read`, or by a later `reopen` where it was missing.

    Args:
        name: What to call it before users, without any password.
        opener: Opens the live source; blocks, and raises SourceOpenError while it is missing.
        patience: Seconds without a picture after which it is taken for lost; infinite where nobody looks after it.
    """

    is_live = True

    def __init__(self, name: str, opener: Callable[[], Source], *, patience: float = inf) -> None:
        self.name = name
        self.patience = patience
        self._opener = opener
        self._source: Source | None = None
        self._closed = False
        self._last: Frame | None = None
        self._before: Frame | None = None  # the last one of the source before this one, until the first of this one
        self._shift = 0, 0.0

    @property
    def frame_rate(self) -> float:
        """What the source declares, in frames per second; NaN until it is open."""
        return nan if self._source is None else self._source.frame_rate

    def read(self) -> Frame | None:
        """Block for the next frame; None at the end, and after `close`.

        Raises:
            SourceReadError: It is not there, or failed.
        """
        if self._closed:
            return None
        if self._source is None:
            try:
                self._source = self._opener()
            except SourceOpenError as error:
                raise SourceReadError(str(error)) from None
        frame = self._source.read()
        if frame is None:
            return None
        if self._before is not None:
            self._shift = self._after(self._before, frame)
            self._before = None
        self._last = replace(frame, index=frame.index + self._shift[0], pts=frame.pts + self._shift[1])
        return self._last

    def reopen(self) -> None:
        """Open it, or open it again, once; blocks.

        Raises:
            SourceOpenError: It is still not there.
        """
        if self._source is None:
            self._source = self._opener()
        else:
            self._source.reopen()

    def successor(self) -> Deferred:
        """Another one in the place of this one, not open yet: index and pts run on. Any thread; never waits."""
        other = Deferred(self.name, self._opener, patience=self.patience)
        source = self._source
        if isinstance(source, Camera):
            other._source, other._shift = source.successor(), self._shift
        else:
            other._before = self._last
        other._last = self._last
        return other

    def close(self) -> None:
        """Release the source. Idempotent; for the thread that reads."""
        self._closed = True
        if self._source is not None:
            self._source.close()

    @staticmethod
    def _after(before: Frame, frame: Frame) -> tuple[int, float]:
        passed = max(1e-3, frame.captured_at - before.captured_at)
        return before.index + 1 - frame.index, before.pts + passed - frame.pts

    def __repr__(self) -> str:
        return f"<Deferred {self.name}: {'not open yet' if self._source is None else repr(self._source)}>"
