"""A source whose pictures are changed before anybody sees them; all else is the source's own."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from kpstream.entities import Frame
from kpstream.interfaces import Decimating, Opener, Reopenable, Source
from kpstream.media.frame import Image, Luma, Once, Picture
from kpstream.media.shrinking import shrunk


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

    def decimate(self, max_fps: float) -> bool:
        """Let the source give fewer frames; False where it cannot."""
        return isinstance(self._source, Decimating) and self._source.decimate(max_fps)

    def close(self) -> None:
        """Close the source. Idempotent."""
        self._source.close()

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self._source!r}>"


class AlteredPicture:
    """A picture that is changed when somebody asks for it. Any thread.

    Args:
        picture: What it is made of.
        size: (width, height) of what is made.
        alter: Makes the changed image of BGR, and of luma alike, neither of which it must write to; any thread.
    """

    def __init__(self, picture: Picture, size: tuple[int, int], alter: Callable[[Image], Image]) -> None:
        self.size = size
        self._picture = picture
        self._alter = alter
        self._image = Once[Image]()
        self._luma = Once[Luma | None]()

    @property
    def image(self) -> Image:
        """BGR, changed."""
        return self._image.get(lambda: self._alter(self._picture.image))

    @property
    def luma(self) -> Luma | None:
        """How light it is, changed alike; None where the picture has none."""
        return self._luma.get(self._altered_luma)

    def shrunk(self, longest: int) -> tuple[Image, tuple[int, int]]:
        """A smaller picture, and the part of this one that it shows."""
        return shrunk(self.image, longest)

    def _altered_luma(self) -> Luma | None:
        luma = self._picture.luma
        return None if luma is None else Luma(self._alter(luma.plane), luma.to_grey)


def _opened(opener: Opener, alter: Callable[[Frame], Frame]) -> Altered:
    return Altered(opener.open(), alter)
