"""Whole pictures out of interlaced ones."""

from __future__ import annotations

from collections import deque
from typing import cast

from av.error import FFmpegError
from av.filter import Graph
from av.filter.context import FilterContext
from av.video.frame import VideoFrame

_AGAIN = (BlockingIOError, EOFError)
"""What FFmpeg says where the next picture is still to come, or none comes any more."""


class Deinterlacer:
    """Gives the pictures that it is fed, those that are interlaced made whole; as many as it is fed, in order.

    It needs the picture after an interlaced one, and so holds one picture back from the first interlaced one on.
    """

    def __init__(self) -> None:
        self._kind: tuple[int, int, str] | None = None
        self._entry: FilterContext | None = None
        self._exit: FilterContext | None = None
        self._graph: Graph | None = None
        self._given: deque[VideoFrame] = deque()  # what went in and did not come out: it knows its times

    def feed(self, picture: VideoFrame) -> list[VideoFrame]:
        """Take in a picture; returns those that are whole now."""
        kind = picture.width, picture.height, picture.format.name
        if self._graph is None and not picture.interlaced_frame:
            return [picture]
        done: list[VideoFrame] = []
        if kind != self._kind:
            done = self.flush()
            self._build(picture)
            self._kind = kind
        assert self._entry is not None
        self._given.append(picture)
        try:
            self._entry.push(picture)
        except FFmpegError:  # a form of pixels that cannot be made whole
            self._graph, self._kind = None, None
            return [*done, *self._rest()]
        return [*done, *self._pull()]

    def flush(self) -> list[VideoFrame]:
        """The pictures that are still held back; the next one that is fed begins anew."""
        if self._graph is None or self._entry is None:
            return []
        try:
            self._entry.push(None)
            done = self._pull()
        except FFmpegError:
            done = []
        self._graph, self._kind = None, None
        return [*done, *self._rest()]

    def forget(self) -> None:
        """Drop what is held back: reading goes on elsewhere."""
        self._graph, self._kind = None, None
        self._given.clear()

    def _rest(self) -> list[VideoFrame]:
        rest = list(self._given)
        self._given.clear()
        return rest

    def _pull(self) -> list[VideoFrame]:
        assert self._exit is not None
        done = []
        while self._given:
            try:
                whole = cast(VideoFrame, self._exit.pull())
            except _AGAIN:
                break
            given = self._given.popleft()
            whole.pts, whole.dts = given.pts, given.dts
            if given.time_base is not None:  # a decoder that is flushed by itself does not know the stream's
                whole.time_base = given.time_base
            done.append(whole)
        return done

    def _build(self, picture: VideoFrame) -> None:
        graph = Graph()
        graph.threads = 1
        entry = graph.add(
            "buffer",
            video_size=f"{picture.width}x{picture.height}",
            pix_fmt=picture.format.name,
            time_base=str(picture.time_base or "1/1000"),
            colorspace=str(picture.colorspace),
            range=str(picture.color_range),
        )
        way_out = graph.add("buffersink")
        graph.link_nodes(entry, graph.add("bwdif", "mode=send_frame:deint=interlaced"), way_out)
        graph.configure()
        self._graph, self._entry, self._exit = graph, entry, way_out
