"""The small grey pictures of the last seconds, in order: what carries points from one moment to another."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import cv2
import numpy as np
import numpy.typing as npt

from kpstream.entities import Frame
from kpstream.tracking.flow import Grey, Mesh
from kpstream.tracking.geometry import Mask, Points, Weights, zeroed
from kpstream.tracking.settings import DEFAULT, TrackerSettings

_THUMB, _FLAT = (32, 18), 4.0


def shrink(image: npt.NDArray[np.uint8], side: int = DEFAULT.small_side) -> Grey:
    """The small grey picture of a BGR image: its longer side has at most ``side`` pixels; never enlarged."""
    height, width = image.shape[:2]
    share = min(1.0, side / max(height, width))
    size = (max(1, round(width * share)), max(1, round(height * share)))
    if share <= 0.5:  # four pixels of the image for each are enough, and reading them all is most of the work
        double = (2 * size[0], 2 * size[1])
        image = np.asarray(cv2.resize(image, double, interpolation=cv2.INTER_NEAREST_EXACT), np.uint8)
    grey = cv2.cvtColor(image, cv2.COLOR_BGR2GRAY)
    return np.asarray(cv2.resize(grey, size, interpolation=cv2.INTER_LINEAR), np.uint8)


def correlation(before: Grey, after: Grey) -> float:
    """How much two pictures have in common at first sight: 1 for the same scene, about 0 across a cut."""
    one, other = (
        cv2.resize(picture, _THUMB, interpolation=cv2.INTER_AREA).astype(float) for picture in (before, after)
    )
    one, other = one - one.mean(), other - other.mean()
    spread = float(np.sqrt((one**2).mean() * (other**2).mean()))
    if spread < _FLAT**2:
        return 1.0
    return float((one * other).mean()) / spread


@dataclass(frozen=True, slots=True, eq=False)
class Picture:
    """One picture, and whether it goes on from the one before it."""

    frame_index: int
    pts: float
    grey: Grey
    scale: tuple[float, float]
    """Small pixels per source pixel, to the right and downwards."""
    is_scene_cut: bool
    """True where nothing of the picture before is seen any more: another scene, another size."""


class FrameHistory:
    """A bounded run of pictures. Each has a number that stays the same while it is kept: the first is 0."""

    def __init__(self, settings: TrackerSettings = DEFAULT) -> None:
        self._settings = settings
        self._kept: deque[Picture] = deque(maxlen=settings.max_frames)
        self._numbers: dict[int, int] = {}
        self._next = 0

    def __repr__(self) -> str:
        return f"<FrameHistory {self._next - len(self._kept)} to {self._next - 1}>"

    def add(self, frame: Frame) -> int:
        """Keep a picture, if it is not kept already, and say its number."""
        known = self._numbers.get(frame.index)
        if known is not None:
            return known
        grey = shrink(frame.image, self._settings.small_side)
        height, width = frame.image.shape[:2]
        last = self._kept[-1] if self._kept else None
        is_scene_cut = (
            last is None or last.grey.shape != grey.shape or correlation(last.grey, grey) < self._settings.same_scene
        )
        if len(self._kept) == self._settings.max_frames:
            del self._numbers[self._kept[0].frame_index]
        scale = (grey.shape[1] / width, grey.shape[0] / height)
        self._kept.append(Picture(frame.index, frame.pts, grey, scale, is_scene_cut))
        self._numbers[frame.index] = self._next
        self._next += 1
        return self._next - 1

    def number(self, frame_index: int) -> int | None:
        """The number of a frame's picture; None where it is not kept."""
        return self._numbers.get(frame_index)

    def is_continuous(self, first: int, last: int) -> bool:
        """Whether points can be moved all the way from one picture to a later one."""
        oldest = self._next - len(self._kept)
        if not oldest <= first <= last < self._next:
            return False
        return not any(self._kept[number - oldest].is_scene_cut for number in range(first + 1, last + 1))

    def sample_edges(self, mesh: Mesh, number: int, points: Points) -> Weights:
        """How the edges of N objects look on a kept picture; see `Mesh.sample_edges`. In pixels of the source."""
        picture = self._kept[number - self._next + len(self._kept)]
        return mesh.sample_edges(picture.grey, (points + 0.5) * np.array(picture.scale, np.float32) - 0.5)

    def move(
        self,
        mesh: Mesh,
        start: int,
        end: int,
        *,
        points: Points,
        velocity: Points,
        hidden: Mask | None = None,
        guess: Points | None = None,
    ) -> Points:
        """Move the points of N objects from one picture to the next one or to the one before.

        Args:
            mesh: What holds the points of each object together.
            start: The number of the picture that the points are in.
            end: The number of a neighbouring picture; `is_continuous` between the two.
            points: Shape ``(N, K, 2)``, in pixels of the source.
            velocity: How far they moved from the picture before, in the same pixels.
            hidden: Edges with something else before them, shape ``(N, E)``.
            guess: How far they may have gone, in the same pixels, if somebody knows.

        Returns:
            The points in the other picture, shape ``(N, K, 2)``, in pixels of the source.
        """
        oldest = self._next - len(self._kept)
        before, after = self._kept[start - oldest], self._kept[end - oldest]
        scale = np.array(before.scale, np.float32)
        small = (points + 0.5) * scale - 0.5
        guess = None if guess is None else guess * scale
        moved = mesh.move(before.grey, after.grey, small, velocity * scale, hidden=hidden, guess=guess)
        return points + moved / scale

    def follow(self, mesh: Mesh, points: Points, numbers: Sequence[int]) -> list[Points]:
        """Move the points of N objects through neighbouring pictures.

        Args:
            mesh: What holds the points of each object together.
            points: Where they are on the first of the pictures, shape ``(N, K, 2)``.
            numbers: The pictures, forwards or backwards; they are continuous.

        Returns:
            The points on each of the pictures.
        """
        spots = [points]
        velocity = np.zeros_like(points)
        for start, end in pairwise(numbers):
            spots.append(self.move(mesh, start, end, points=spots[-1], velocity=velocity))
            velocity = zeroed(spots[-1] - spots[-2])
        return spots
