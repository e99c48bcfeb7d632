"""Decoded pictures made smaller plane by plane, before anything is converted."""

from __future__ import annotations

from typing import cast

import numpy as np
import numpy.typing as npt
from av.video.frame import VideoFrame
from av.video.plane import VideoPlane

from kpstream.media.shrinking import Shrinking, shrinking

_FORMS = {"yuv420p", "yuvj420p"}
"""Forms of pixels with a plane of luma and two of colour, of half its sides."""
_COLOUR = 2


def shrinking_of(decoded: VideoFrame, longest: int) -> Shrinking | None:
    """How a decoded picture is made smaller, as `kpstream.media.shrinking.shrinking`; None where it cannot be here."""
    if decoded.format.name not in _FORMS or any(plane.line_size < plane.width for plane in decoded.planes):
        return None
    how = shrinking((decoded.width, decoded.height), longest, step=_COLOUR)
    return None if how is None or any(side % _COLOUR for side in how.size) else how


def small_of(decoded: VideoFrame, how: Shrinking) -> VideoFrame:
    """The small picture, in the form and the colours of the decoded one.

    Args:
        decoded: As it was coded.
        how: What `shrinking_of` said.
    """
    small = VideoFrame(*how.size, decoded.format.name)
    for number, (plane, target) in enumerate(zip(decoded.planes, small.planes, strict=True)):
        _pixels(target)[:] = how.of(_pixels(plane), _COLOUR if number else 1)
    small.colorspace, small.color_range = decoded.colorspace, decoded.color_range
    small.color_primaries, small.color_trc = decoded.color_primaries, decoded.color_trc
    return small


def _pixels(plane: VideoPlane) -> npt.NDArray[np.uint8]:
    """A view of a plane, shape ``(height, width)``."""
    rows = np.frombuffer(cast(memoryview, plane), np.uint8).reshape(-1, plane.line_size)
    return rows[: plane.height, : plane.width]
