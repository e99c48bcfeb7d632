"""A source whose pictures are changed before anybody sees them; all else is the source's own."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from kpstream.entities import Frame
from kpstream.interfaces import Opener, Reopenable, Source


class Altered:
    """A source whose frames are changed by a function.

    Args:
        source: Read and closed by this object from now on.
        alter: Makes the frame that is given of the frame that was read, whose picture it must not write to.
    """

    def __init__(self, source: Source, alter: Callable[[Frame], Frame]) -> None:
        self._source = source
        self._alter = alter

    @property
    def name(self) -> str:
        """The source's."""
        return self._source.name

    @property
    def is_live(self) -> bool:
        """The source's."""
        return self._source.is_live

    @property
    def frame_rate(self) -> float:
        """The source's."""
        return self._source.frame_rate

    @property
    def stall_timeout(self) -> float:
        """The source's."""
        return self._source.stall_timeout

    @property
    def opener(self) -> Opener | None:
        """Opens another source in the place of this one, whose frames are changed alike."""
        inner = self._source.opener if isinstance(self._source, Reopenable) else None
        return None if inner is None else Opener(inner.name, partial(_opened, inner, self._alter))

    def read(self) -> Frame | None:
        """Block for the next frame, changed; None at the end.

        Raises:
            SourceReadError: The device or stream failed.
        """
        frame = self._source.read()
        return None if frame is None else self._alter(frame)

    def close(self) -> None:
        """Close the source. Idempotent."""
        self._source.close()

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self._source!r}>"


def _opened(opener: Opener, alter: Callable[[Frame], Frame]) -> Altered:
    return Altered(opener.open(), alter)
