"""The newest pictures of a camera as they were encoded, so that a clip can begin before what it shows. Pure."""

from __future__ import annotations

from collections import deque

from kpstream.sinks.h264 import CodedPicture


class PacketRing:
    """Holds whole groups of pictures, each of which begins with one that stands by itself.

    Args:
        seconds: How far it reaches back at least, once there is so much.
        max_bytes: What it may hold together; then it reaches back less far.
    """

    def __init__(self, seconds: float, max_bytes: int) -> None:
        self._seconds = seconds
        self._max_bytes = max_bytes
        self._groups: deque[list[CodedPicture]] = deque()
        self._bytes = 0

    @property
    def bytes(self) -> int:
        """What it holds."""
        return self._bytes

    def add(self, picture: CodedPicture) -> None:
        """Add the next picture; one that nothing can be shown with is left out."""
        if self._groups and picture.pts <= self._groups[-1][-1].pts:
            self.clear()  # time has gone back: nothing before it belongs to what follows
        if picture.is_keyframe:
            self._groups.append([])
        elif not self._groups:
            return
        self._groups[-1].append(picture)
        self._bytes += len(picture.data)
        while len(self._groups) > 1 and self._is_too_much(picture.pts):
            self._bytes -= sum(len(each.data) for each in self._groups.popleft())

    def since(self, pts: float) -> list[CodedPicture]:
        """The pictures from the group that holds a moment on; all where it does not reach back so far."""
        first = 0
        for number, group in enumerate(self._groups):
            if group[0].pts <= pts:
                first = number
        return [picture for group in list(self._groups)[first:] for picture in group]

    def clear(self) -> None:
        """Forget all of it."""
        self._groups.clear()
        self._bytes = 0

    def _is_too_much(self, now: float) -> bool:
        return self._groups[1][0].pts <= now - self._seconds or self._bytes > self._max_bytes
