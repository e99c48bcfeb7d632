"""A frame, and what it shows: BGR for whoever draws, sends or asks, and luma for whoever compares pictures.

A decoder gives luma and two small planes of colour. The tracker needs the luma alone, so BGR is made only where
somebody asks for it, by whoever asks first.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass, field, fields, replace
from fractions import Fraction
from math import nan
from typing import Generic, Protocol, TypeVar

import cv2
import numpy as np
import numpy.typing as npt

from kpstream.media.shrinking import shrunk
from kpstream.media.sound import SoundBuffer

Image = npt.NDArray[np.uint8]

_T = TypeVar("_T")


class Once(Generic[_T]):
    """What is made when somebody first asks for it; others who ask meanwhile wait until it is there. Any thread."""

    __slots__ = ("_lock", "_made")

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._made: tuple[_T] | None = None

    @property
    def is_made(self) -> bool:
        """Whether it is there."""
        return self._made is not None

    def get(self, make: Callable[[], _T]) -> _T:
        """What was made; ``make`` is called where nothing is there yet, and again after it raised."""
        made = self._made
        if made is None:
            with self._lock:
                made = self._made = self._made or (make(),)
        return made[0]


@dataclass(frozen=True, slots=True, eq=False)
class Luma:
    """How light a picture is, as its decoder gives it. Shared between threads: never written to."""

    plane: npt.NDArray[np.uint8]
    """Shape ``(height, width)``; rows may be padded."""
    to_grey: npt.NDArray[np.uint8] | None = None
    """Grey values, 0 to 255, by the plane's values, shape ``(256,)``; None where the plane has grey values."""


def as_grey(values: Image, to_grey: Image | None) -> Image:
    """The grey values of what was taken or made of a `Luma.plane`, by its `Luma.to_grey`; itself where that is None."""
    return values if to_grey is None else np.asarray(cv2.LUT(values, to_grey), np.uint8)


class Picture(Protocol):
    """The pixels of one frame. Any thread may ask for them; they are shared, and never written to."""

    @property
    def size(self) -> tuple[int, int]:
        """(width, height) in pixels."""

    @property
    def image(self) -> Image:
        """BGR, shape ``(height, width, 3)``; blocks for as long as it takes to make it, where nobody asked before."""

    @property
    def luma(self) -> Luma | None:
        """How light it is; None where only BGR is there."""

    def shrunk(self, longest: int) -> tuple[Image, tuple[int, int]]:
        """A smaller picture, as `kpstream.media.shrinking.shrunk`; blocks for as long as it takes to make it."""


@dataclass(frozen=True, slots=True, eq=False)
class BgrPicture:
    """A picture that its source gave as BGR."""

    image: Image = field(repr=False)
    """Shape ``(height, width, 3)``."""
    luma: None = None

    @property
    def size(self) -> tuple[int, int]:
        """(width, height) in pixels."""
        height, width = self.image.shape[:2]
        return width, height

    def shrunk(self, longest: int) -> tuple[Image, tuple[int, int]]:
        """A smaller picture, and the part of this one that it shows."""
        return shrunk(self.image, longest)


@dataclass(frozen=True, slots=True, eq=False, init=False)
class Frame:
    """One image of the source, and when it was seen.

    Made of its ``image``, a BGR array of shape ``(height, width, 3)``, or of a ``picture`` that makes one when somebody
    asks for it.
    """

    index: int
    """How many frames the source gave before this one. A gap means dropped frames."""
    pts: float
    """Presentation timestamp in seconds: 0.0 for the first frame of the source."""
    captured_at: float
    """When the frame left the source, in seconds of the monotonic clock."""
    picture: Picture
    """What it shows."""
    pixel_aspect: Fraction
    """Width of a pixel of ``image`` by its height, as it is meant to be shown: not 1 where it is anamorphic."""
    decoded_index: int | None
    """How many pictures of the recording could be decoded before this one; None where that is ``index``."""
    stamp: float
    """Its time as its container counts, in seconds: what the sound beside it is timed by. NaN where nothing is told."""
    lap: int
    """How often that time has fallen before: it begins anew in each part of a file that was joined."""
    sound: SoundBuffer | None = field(repr=False)
    """The sound beside the pictures of a live source, this one and others; None where it has none, or gives none."""
    captured_wall: float
    """When it was seen, in seconds since the epoch; NaN where nobody knows, as of a recording."""
    is_damaged: bool
    """Whether a part of the picture did not arrive. It is not asked about; of a live source, ``image`` is the last
    picture that arrived whole."""
    undecoded: int
    """How many pictures between the frame before and this one could not be decoded at all."""
    overrun: int
    """How many pictures between the frame before and this one were wanted, and came too late to be given."""

    def __init__(  # noqa: PLR0917 - they are the fields, in the order in which they have always been given
        self,
        index: int,
        pts: float,
        captured_at: float,
        image: Image | None = None,
        pixel_aspect: Fraction = Fraction(1),
        decoded_index: int | None = None,
        stamp: float = nan,
        lap: int = 0,
        sound: SoundBuffer | None = None,
        captured_wall: float = nan,
        is_damaged: bool = False,
        undecoded: int = 0,
        overrun: int = 0,
        *,
        picture: Picture | None = None,
    ) -> None:
        if image is not None:
            picture = BgrPicture(image)
        if picture is None:
            raise TypeError("a frame is made of an image, or of a picture")
        times = index, pts, captured_at
        rest = pixel_aspect, decoded_index, stamp, lap, sound, captured_wall, is_damaged, undecoded, overrun
        for name, value in zip(_FIELDS, (*times, picture, *rest), strict=True):
            object.__setattr__(self, name, value)

    @property
    def image(self) -> Image:
        """BGR, shape ``(height, width, 3)``. Shared between threads: never written to. Made when first asked for."""
        return self.picture.image

    @property
    def luma(self) -> Luma | None:
        """How light the picture is, without BGR being made; None where only BGR is there."""
        return self.picture.luma

    @property
    def size(self) -> tuple[int, int]:
        """(width, height) in pixels."""
        return self.picture.size

    @property
    def square_size(self) -> tuple[int, int]:
        """(width, height) with which ``image`` is to be shown where pixels are square; never smaller than `size`."""
        width, height = self.size
        aspect = float(self.pixel_aspect)
        return (round(width * aspect), height) if aspect >= 1 else (width, round(height / aspect))

    def showing(self, image: Image) -> Frame:
        """The same frame with another image, BGR."""
        return replace(self, picture=BgrPicture(image))


_FIELDS = tuple(each.name for each in fields(Frame))
