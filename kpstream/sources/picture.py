"""Decoded pictures, upright and in BGR, where somebody asks for that; and their luma as it comes.

FFmpeg's filters convert: they know every pixel format, the colour matrix and the range, they turn a picture while it
is still small, and they keep their buffers. A fresh buffer for each picture costs more than the conversion itself
(2.5 against 0.6 ms of CPU at 1768x994, for the pages that the kernel has to clear).
"""

from __future__ import annotations

import os
import struct
import tempfile
import threading
from collections.abc import Callable, Iterable
from math import cos, radians, sin
from pathlib import Path
from typing import Any, cast

import numpy as np
from av.error import FFmpegError
from av.filter import Graph
from av.filter.context import FilterContext
from av.sidedata.sidedata import SideData, SideDataContainer, Type
from av.video.frame import VideoFrame

from kpstream.errors import SourceReadError
from kpstream.media.frame import Image, Luma, Once, Picture
from kpstream.media.shrinking import Shrinking, shrunk
from kpstream.sources.small_planes import shrinking_of, small_of
from kpstream.sources.tone_map import CURVES, Curve, cube_of

_MATRICES = {0, 1, 2, 4, 5, 6, 7, 9}
_PRIMARIES = {1, 2, *range(4, 13), 22}
_TRANSFERS = {1, 2, *range(4, 9), *range(11, 19)}
_RANGES = {0, 1, 2}
"""What FFmpeg's scaler knows of AVColorSpace, AVColorPrimaries, AVColorTransferCharacteristic and AVColorRange."""
_UNSPECIFIED, _UNSPECIFIED_RANGE = 2, 0
_RGB, _FULL_RANGE = 0, 2
_WITH_LUMA = {
    *(f"yuv{full}{planes}p" for full in ("", "j") for planes in ("411", "420", "422", "440", "444")),
    *("nv12", "nv16", "nv21", "nv24", "nv42"),
}
"""Forms of pixels whose first plane is luma, a byte a pixel."""
_LIMITED_TO_GREY = np.clip(np.rint((np.arange(256) - 16) * (255 / 219)), 0, 255).astype(np.uint8)
"""Grey values by those of luma that is 16 where it is black and 235 where it is white."""
_Kind = tuple[int, int, str, int, int, int, int]


class Converter:
    """Makes pictures of what the decoder of one stream gives; what changes in the middle of a stream is followed."""

    def __init__(self) -> None:
        self._kind: _Kind | None = None
        self._conversion: _Conversion | None = None

    def __call__(self, decoded: VideoFrame) -> Picture:
        """The picture as its author meant it to be seen, converted to BGR when somebody asks for that.

        The first one of a kind is converted at once, so that what cannot be converted fails here.

        Raises:
            SourceReadError: FFmpeg cannot convert this form of pixels.
        """
        _forget_unknown_colours(decoded)
        kind = (
            decoded.width,
            decoded.height,
            decoded.format.name,
            decoded.colorspace,
            decoded.color_range,
            decoded.rotation,
            decoded.color_trc,
        )
        if self._conversion is None or kind != self._kind:
            self._conversion, self._kind = _Conversion(kind, decoded), kind
        return _Decoded(decoded, self._conversion)


class _Conversion:
    """Turns pictures of one kind into BGR arrays. Any thread, one at a time.

    Args:
        kind: What they have in common.
        first: One of them, which is converted here.

    Raises:
        SourceReadError: FFmpeg cannot convert them.
    """

    def __init__(self, kind: _Kind, first: VideoFrame) -> None:
        _, _, form, matrix, colour_range, _, transfer = kind
        self._lock = threading.Lock()
        turned = upright(first)
        try:
            self._graph, self._entry, self._exit = _graph_of(kind, turned)
        except FFmpegError:
            raise SourceReadError(_no_way_from(first)) from None
        height, width = self.bgr(first).shape[:2]
        self.size = width, height
        """(width, height) of the upright picture."""
        self.is_plain = transfer not in CURVES and not turned
        """Whether nothing happens to a picture but that it becomes BGR."""
        self._small, self._small_lock = Converter(), threading.Lock()
        self.has_luma = self.is_plain and form in _WITH_LUMA and matrix != _RGB
        """Whether the first plane of a picture is what `Luma` is made of."""
        self.to_grey = None if form.startswith("yuvj") or colour_range == _FULL_RANGE else _LIMITED_TO_GREY
        """As `Luma.to_grey`."""

    def bgr(self, decoded: VideoFrame) -> Image:
        """The upright picture, BGR. Rows may be padded: contiguous within a row, not always between rows."""
        try:
            with self._lock:
                self._entry.push(decoded)
                converted = cast(VideoFrame, self._exit.pull())
            return cast(Image, converted.to_ndarray())
        except FFmpegError:
            raise SourceReadError(_no_way_from(decoded)) from None

    def small_bgr(self, decoded: VideoFrame, how: Shrinking) -> Image:
        """A small picture, BGR, of one that is plain."""
        small = small_of(decoded, how)
        with self._small_lock:
            picture = self._small(small)
        return picture.image


class _Decoded:
    """A picture that is converted when somebody asks; what its decoder gave is kept beside it, for its luma."""

    def __init__(self, decoded: VideoFrame, conversion: _Conversion) -> None:
        self.size = conversion.size
        self.luma = _luma_of(decoded, conversion.to_grey) if conversion.has_luma else None
        self._decoded = decoded
        self._conversion = conversion
        self._image = Once[Image]()

    @property
    def image(self) -> Image:
        return self._image.get(lambda: self._conversion.bgr(self._decoded))

    def shrunk(self, longest: int) -> tuple[Image, tuple[int, int]]:
        converts = self._conversion.is_plain and not self._image.is_made
        how = shrinking_of(self._decoded, longest) if converts else None
        return (
            shrunk(self.image, longest) if how is None else (self._conversion.small_bgr(self._decoded, how), how.shown)
        )


def _luma_of(decoded: VideoFrame, to_grey: Image | None) -> Luma | None:
    """A view of the first plane, which keeps the decoded picture; None where its rows are stored bottom up."""
    plane = decoded.planes[0]
    if plane.line_size < decoded.width:
        return None
    rows = np.frombuffer(cast(memoryview, plane), np.uint8).reshape(-1, plane.line_size)
    return Luma(rows[: decoded.height, : decoded.width], to_grey)


def _no_way_from(decoded: VideoFrame) -> str:
    return f"cannot show pictures of {decoded.format.name} pixels"


def _graph_of(kind: _Kind, turns: list[tuple[str, str]]) -> tuple[Graph, FilterContext, FilterContext]:
    """The filters that convert pictures of a kind, with where these go in and come out."""
    width, height, form, matrix, colour_range, _, transfer = kind
    graph = Graph()
    graph.threads = 1  # a picture is converted in less time than it takes to wake a second thread
    entry = graph.add(
        "buffer",
        video_size=f"{width}x{height}",
        pix_fmt=form,
        time_base="1/1",  # nobody asks the graph for times
        colorspace=str(matrix),
        range=str(colour_range),
    )
    way_out = graph.add("buffersink")
    between = [graph.add(name, arguments) for name, arguments in turns]
    if transfer in CURVES:
        between += [graph.add("scale"), graph.add("format", "pix_fmts=gbrp12le"), _table(graph, CURVES[transfer])]
    graph.link_nodes(entry, *between, graph.add("scale"), graph.add("format", "pix_fmts=bgr24"), way_out)
    graph.configure()
    return graph, entry, way_out


def _table(graph: Graph, curve: Curve) -> FilterContext:
    """The filter that makes colours of high dynamic range ordinary ones."""
    handle, path = tempfile.mkstemp(suffix=".cube")
    try:
        with os.fdopen(handle, "w") as file:
            file.write(cube_of(curve))
        return graph.add("lut3d", file=path)
    finally:
        Path(path).unlink()


def _forget_unknown_colours(picture: VideoFrame) -> None:
    """Colours that are a little wrong are better than none."""
    if picture.colorspace not in _MATRICES:
        picture.colorspace = _UNSPECIFIED
    if picture.color_primaries not in _PRIMARIES:
        picture.color_primaries = _UNSPECIFIED
    if picture.color_trc not in _TRANSFERS:
        picture.color_trc = _UNSPECIFIED
    if picture.color_range not in _RANGES:
        picture.color_range = _UNSPECIFIED_RANGE


_side_data = cast("Callable[[VideoFrame], SideDataContainer]", SideDataContainer)
"""What is said beside a picture. The picture's own `side_data` makes a circle with it, which holds all buffers of its
decoder until garbage is collected: some megabytes each time that a camera comes back."""


def upright(
    picture: VideoFrame, side_data: Callable[[VideoFrame], Iterable[SideData]] = _side_data
) -> list[tuple[str, str]]:
    """The filters, each with its arguments, that undo how the camera was held, by the picture's display matrix."""
    try:
        found = [bytes(data) for data in side_data(picture) if data.type is Type.DISPLAYMATRIX]
    except (ValueError, LookupError):  # the rotation is always there; only mirrors are not in it
        return turns(_matrix_of(picture.rotation))
    return turns(struct.unpack("<9i", found[0][:36])) if found and len(found[0]) >= 36 else []


def _matrix_of(rotation: int) -> tuple[int, ...]:
    """The display matrix of a picture that is turned by so many degrees, counter-clockwise."""
    sine, cosine = round(sin(radians(rotation))), round(cos(radians(rotation)))
    return cosine, -sine, 0, sine, cosine, 0, 0, 0, 1


def _unnamed(kind: type[Type], number: Any) -> Type:
    """A member for a kind of side data that PyAV has no name for."""
    member = object.__new__(kind)
    member._name_, member._value_ = f"UNNAMED_{number}", number
    return member


# PyAV wraps all side data of a picture at once, and fails at the first kind that only a newer FFmpeg knows.
Type._missing_ = classmethod(_unnamed)  # type: ignore[assignment, method-assign]


def turns(matrix: tuple[int, ...]) -> list[tuple[str, str]]:
    """The filters that put a display matrix into effect: quarter turns and mirrors, in any combination.

    Args:
        matrix: Nine numbers, row by row; a point (x, y) is shown at (x m0 + y m3, x m1 + y m4), y downwards.
    """
    x_to_x, x_to_y, y_to_x, y_to_y = matrix[0], matrix[1], matrix[3], matrix[4]
    if abs(x_to_y) > abs(x_to_x):
        if (x_to_y > 0) == (y_to_x > 0):  # a turn and a mirror
            return [("transpose", "dir=cclock_flip" if x_to_y > 0 else "dir=clock_flip")]
        return [("transpose", "dir=clock" if x_to_y > 0 else "dir=cclock")]
    mirrors = (("hflip", x_to_x), ("vflip", y_to_y))
    return [(name, "") for name, factor in mirrors if factor < 0]
