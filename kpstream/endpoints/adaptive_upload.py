"""Live pictures at the size that the people in them ask for."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Sequence
from dataclasses import replace

from kpstream.entities import Answer, Filters, Image, Pose, scaled_poses
from kpstream.interfaces import Endpoint
from kpstream.media.frame import BgrPicture, Picture
from kpstream.options import UPLOAD_SIZES

_ENOUGH = 120
"""Pixels of what is sent that somebody should be tall: answers come in whole pixels of it."""
_FALLS_BELOW = 0.8
"""A smaller size is taken only where everybody is clearly large enough in it: or it would go to and fro."""
_MAX_BYTES = 200_000
_REMEMBERED = 10
"""Answers that are remembered; after so many in a row without anybody one picture is sent at the largest size."""


class UploadSize:
    """Chooses how large the next picture is sent, from what earlier answers found. For several threads.

    Args:
        max_bytes: What one request may carry.
    """

    def __init__(self, max_bytes: int = _MAX_BYTES) -> None:
        self._max_bytes = max_bytes
        self._lock = threading.Lock()
        self._size = UPLOAD_SIZES[0]
        self._shares: deque[float | None] = deque(maxlen=_REMEMBERED)
        self._bytes: dict[int, int] = {}

    @property
    def next(self) -> int:
        """The longest side of the next picture, in pixels."""
        with self._lock:
            nobody = len(self._shares) == _REMEMBERED and not any(self._shares)
            if not nobody:
                return self._size
            self._shares.clear()  # one look, then as many answers again
            self._size = UPLOAD_SIZES[0]
            return self._within(UPLOAD_SIZES[-1])

    def note(self, size: int, longest: int, poses: Sequence[Pose], bytes_sent: int) -> None:
        """Take in an answer.

        Args:
            size: The longest side of what was sent.
            longest: The longest side of the camera's picture, in pixels.
            poses: In the camera's pixels.
            bytes_sent: Of the request.
        """
        with self._lock:
            self._bytes[size] = bytes_sent
            extents = [float((pose.xyxy[2:] - pose.xyxy[:2]).max()) for pose in poses]
            self._shares.append(min(extents) / longest if extents else None)
            known = sorted(share for share in self._shares if share)
            if known:
                self._size = self._within(self._fitting(known[len(known) // 4]))

    def _fitting(self, share: float) -> int:
        """The size for people of this share of the picture: the first in which they are tall enough."""
        for size in UPLOAD_SIZES:
            needed = _ENOUGH if size >= self._size else _ENOUGH / _FALLS_BELOW
            if share * size >= needed:
                return size
        return UPLOAD_SIZES[-1]

    def _within(self, size: int) -> int:
        """The largest size up to this one that the bytes allow, by those that were sent."""
        for candidate in reversed([one for one in UPLOAD_SIZES if one <= size]):
            seen = max((one for one in self._bytes if one <= candidate), default=0)
            if not seen or self._bytes[seen] * (candidate / seen) ** 1.6 <= self._max_bytes:
                return candidate
        return UPLOAD_SIZES[0]


class AdaptiveUpload:
    """Sends the pictures of one camera at the size that the people in them ask for.

    Args:
        endpoint: Who is asked; it sends pictures of up to the largest of `UPLOAD_SIZES` as they are.
    """

    def __init__(self, endpoint: Endpoint) -> None:
        self._endpoint = endpoint
        self._size = UploadSize()

    @property
    def name(self) -> str:
        """The endpoint's."""
        return self._endpoint.name

    @property
    def max_rate(self) -> float:
        """The endpoint's."""
        return self._endpoint.max_rate

    @property
    def max_in_flight(self) -> int:
        """The endpoint's."""
        return self._endpoint.max_in_flight

    @property
    def credits_per_request(self) -> float:
        """The endpoint's: the size of a picture costs nothing."""
        return self._endpoint.credits_per_request

    def infer(self, image: Image, filters: Filters = Filters()) -> Answer:
        """Ask about a picture in BGR; otherwise as `infer_picture`."""
        return self.infer_picture(BgrPicture(image), filters)

    def infer_picture(self, picture: Picture, filters: Filters = Filters()) -> Answer:
        """Ask about the picture in the size that earlier answers ask for; blocks. Any thread.

        Raises:
            EndpointError: As from the endpoint.
        """
        size = self._size.next
        small, shown = picture.shrunk(size)
        answer = self._endpoint.infer(small, filters)
        rows, columns = small.shape[:2]
        if (columns, rows) != picture.size:
            answer = replace(answer, poses=scaled_poses(answer.poses, (columns, rows), shown))
        self._size.note(size, max(picture.size), answer.poses, answer.bytes_sent)
        return answer

    def close(self) -> None:
        """Close the endpoint."""
        self._endpoint.close()
