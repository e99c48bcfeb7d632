"""Decoded pictures, upright and in BGR.

FFmpeg's filters convert: they know every pixel format, the colour matrix and the range, they turn a picture while it
is still small, and they keep their buffers. A fresh buffer for each picture costs more than the conversion itself
(2.5 against 0.6 ms of CPU at 1768x994, for the pages that the kernel has to clear).
"""

from __future__ import annotations

import struct
from typing import cast

from av.error import FFmpegError
from av.filter import Graph
from av.filter.context import FilterContext
from av.sidedata.sidedata import SideDataContainer
from av.video.frame import VideoFrame

from kpstream.entities import Image
from kpstream.errors import SourceReadError

_CONVERTIBLE = {0, 1, 2, 4, 5, 6, 7, 9}
"""Colour matrices (AVColorSpace) that FFmpeg's scaler knows."""
_UNSPECIFIED = 2
_Kind = tuple[int, int, str, int, int, int]


class Converter:
    """Turns pictures of one stream into BGR arrays; what changes in the middle of a stream is followed."""

    def __init__(self) -> None:
        self._kind: _Kind | None = None
        self._entry: FilterContext | None = None
        self._exit: FilterContext | None = None
        self._graph: Graph | None = None

    def __call__(self, picture: VideoFrame) -> Image:
        """The picture as its author meant it to be seen.

        Returns:
            BGR, shape ``(height, width, 3)``. Rows may be padded: contiguous within a row, not always between rows.

        Raises:
            SourceReadError: FFmpeg cannot convert this form of pixels.
        """
        if picture.colorspace not in _CONVERTIBLE:
            picture.colorspace = _UNSPECIFIED  # colours that are a little wrong are better than none
        kind = (
            picture.width,
            picture.height,
            picture.format.name,
            picture.colorspace,
            picture.color_range,
            picture.rotation,
        )
        try:
            if kind != self._kind:
                self._build(kind, upright(picture))
            assert self._entry is not None
            assert self._exit is not None
            self._entry.push(picture)
            return cast(Image, cast(VideoFrame, self._exit.pull()).to_ndarray())
        except FFmpegError:
            raise SourceReadError(f"cannot show pictures of {picture.format.name} pixels") from None

    def _build(self, kind: _Kind, turns: list[tuple[str, str]]) -> None:
        width, height, form, matrix, colour_range, _ = kind
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
        graph.link_nodes(entry, *between, graph.add("scale"), graph.add("format", "pix_fmts=bgr24"), way_out)
        graph.configure()
        self._graph, self._entry, self._exit, self._kind = graph, entry, way_out, kind


def upright(picture: VideoFrame) -> list[tuple[str, str]]:
    """The filters, each with its arguments, that undo how the camera was held, by the picture's display matrix."""
    for data in cast(SideDataContainer, picture.side_data):
        if data.type.name == "DISPLAYMATRIX":
            return turns(struct.unpack("<9i", bytes(data)))
    return []


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
