"""Objects at their own scale: pieces of the full picture for those that are small in the small one.

A person who is 130 pixels tall on 1080p is 22 pixels tall in the small picture, with limbs of two pixels. Such an
object is tracked in a piece of the full picture, halved as often as it takes to make the object of middling size.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate, pairwise
from math import ceil, log2
from typing import NamedTuple

import cv2
import numpy as np

from kpstream.media.frame import Picture, as_grey
from kpstream.media.halving import halved
from kpstream.tracking.flow import Grey
from kpstream.tracking.geometry import Points, Weights, zeroed
from kpstream.tracking.lighting import in_light
from kpstream.tracking.settings import TrackerSettings


class View(NamedTuple):
    """A picture as large as an object asks for."""

    plane: Grey
    scale: tuple[float, float]
    """Its pixels per pixel of the source, to the right and downwards."""
    to_grey: Grey | None
    """Grey values by those of the plane, shape ``(256,)``; None where these are grey."""


class Pyramid:
    """A picture's luma at full size, or a half or quarter of it where that is too large, and its halves.

    Args:
        picture: The full picture.
        settings: What is too large.
        light: By which factor each part is lighter than it is to be shown; None to show it as it is.
    """

    def __init__(self, picture: Picture, settings: TrackerSettings, light: Weights | None = None) -> None:
        self._first = max(0, ceil(log2(max(picture.size) / settings.detail_side)))
        to_grey = None if picture.luma is None else picture.luma.to_grey
        plane = _copied(picture, self._first)
        if light is not None:
            plane, to_grey = in_light(as_grey(plane, to_grey), light), None
        self._views = [View(plane, (0.5**self._first, 0.5**self._first), to_grey)]

    def view(self, level: int) -> View:
        """The picture halved ``level`` times, or the finest that there is."""
        place = max(0, level - self._first)
        while len(self._views) <= place:
            plane, (across, down), to_grey = self._views[-1]
            self._views.append(View(halved(plane), (across / 2, down / 2), to_grey))
        return self._views[place]


def _copied(picture: Picture, halvings: int) -> Grey:
    """A copy of a picture's luma, or its grey where it has none, which does not keep the picture."""
    image = picture.image if picture.luma is None else picture.luma.plane
    if halvings:
        size = (picture.size[0] >> halvings, picture.size[1] >> halvings)
        image = np.asarray(cv2.resize(image, size, interpolation=cv2.INTER_NEAREST), np.uint8)
    if picture.luma is None:
        return np.asarray(cv2.cvtColor(image, cv2.COLOR_BGR2GRAY), np.uint8)
    return image.copy()


@dataclass(frozen=True, slots=True, eq=False)
class Atlas:
    """Pieces of pairs of pictures, one below the other: N objects can be tracked in one stroke."""

    before: Grey
    after: Grey
    scale: Points
    """Pixels of the atlas per pixel of the source, shape ``(N, 1, 2)``."""
    origin: Points
    """What is added after scaling, shape ``(N, 1, 2)``."""
    shift: Points
    """How far each piece of the second picture was moved along with its object, shape ``(N, 1, 2)``."""

    def points(self, points: Points) -> Points:
        """Points of the source, shape ``(N, K, 2)``, in pixels of the atlas."""
        return (points + np.float32(0.5)) * self.scale - np.float32(0.5) + self.origin

    def ways(self, ways: Points) -> Points:
        """Displacements in the source, shape ``(N, K, 2)``, in pixels of the atlas."""
        return ways * self.scale - self.shift

    def source_ways(self, ways: Points) -> Points:
        """Displacements in the atlas in pixels of the source."""
        return (ways + self.shift) / self.scale


def levels_of(points: Points, settings: TrackerSettings) -> list[int]:
    """How often the picture is halved for each object, so that it is of middling size; 0 for a small one.

    Args:
        points: Shape ``(N, K, 2)``, in pixels of the source.
        settings: What middling is.
    """
    if not points.shape[1]:
        return [0] * len(points)
    sides = (np.fmax.reduce(points, axis=1) - np.fmin.reduce(points, axis=1)).max(1).tolist()
    # NaN is larger than nothing
    return [ceil(log2(side / settings.detail_object)) if side > settings.detail_object else 0 for side in sides]


def make_atlas(views: Sequence[tuple[View, View]], points: Points, moves: Points, settings: TrackerSettings) -> Atlas:
    """Cut out N objects.

    Args:
        views: Of each object the picture that its points are in, and the one that they go to, of the same size.
        points: Shape ``(N, K, 2)``, in pixels of the source. What is farther outside of the picture than that is
            large is not cut out: no answer makes this large.
        moves: About how far each object goes, shape ``(N, 2)``, in the same pixels.
        settings: How much there is around each object.
    """
    scales = np.array([before.scale for before, _ in views], np.float32)
    limits = np.array([before.plane.shape[::-1] for before, _ in views], np.float32)
    ends = np.array([edge.reduce(points, axis=1, initial=np.nan) for edge in (np.fmin, np.fmax)]) * scales
    low, high = np.minimum(np.maximum(zeroed(ends), -limits), 2 * limits)
    margins = settings.detail_margin * (high - low).max(1, keepdims=True) + 8
    corners, shifts = np.floor(low - margins), np.rint(moves * scales)
    sizes = (np.ceil(high - low + 2 * margins).astype(int) + 1).tolist()
    width, rows = max(across for across, _ in sizes), [0, *accumulate(down for _, down in sizes)]
    before, after = (np.empty((rows[-1], width), np.uint8) for _ in range(2))
    places = zip(
        views, pairwise(rows), corners.astype(int).tolist(), (corners + shifts).astype(int).tolist(), strict=True
    )
    for (first, second), (top, bottom), here, there in places:
        before[top:bottom] = _cut(first, here, (width, bottom - top))
        after[top:bottom] = _cut(second, there, (width, bottom - top))
    origins = -corners
    origins[:, 1] += rows[:-1]
    return Atlas(before, after, scales[:, None], origins[:, None], shifts[:, None])


def _cut(view: View, corner: Sequence[int], size: tuple[int, int]) -> Grey:
    """A piece of a picture in grey; at the picture's border it goes on."""
    return as_grey(_piece(view.plane, corner, size), view.to_grey)


def _piece(plane: Grey, corner: Sequence[int], size: tuple[int, int]) -> Grey:
    (x, y), (width, height) = corner, size
    left, right = min(max(0, x), plane.shape[1] - 1), max(min(x + width, plane.shape[1]), 1)
    top, bottom = min(max(0, y), plane.shape[0] - 1), max(min(y + height, plane.shape[0]), 1)
    right, bottom = max(right, left + 1), max(bottom, top + 1)
    piece = plane[top:bottom, left:right]
    if piece.shape == (height, width):
        return piece
    before = max(0, top - y), max(0, left - x)
    after = height - before[0] - piece.shape[0], width - before[1] - piece.shape[1]
    if min(*before, *after) < 0:  # wholly outside: one pixel's worth of border, everywhere
        return np.full((height, width), piece[0, 0], np.uint8)
    bordered = cv2.copyMakeBorder(piece, before[0], after[0], before[1], after[1], cv2.BORDER_REPLICATE)
    return np.asarray(bordered, np.uint8)
