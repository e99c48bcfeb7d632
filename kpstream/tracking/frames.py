"""The small grey pictures of the last seconds, in order: what carries points from one moment to another."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import islice, pairwise

import cv2
import numpy as np
import numpy.typing as npt

from kpstream.entities import Frame
from kpstream.media.frame import Picture as FullPicture
from kpstream.media.frame import as_grey
from kpstream.media.halving import halved
from kpstream.tracking.camera import CameraMotion, camera_motion, displacements
from kpstream.tracking.detail import Pyramid, View, levels_of, make_atlas
from kpstream.tracking.flow import Covered, Grey, Mesh
from kpstream.tracking.geometry import Points, Weights, middles, zeroed
from kpstream.tracking.lighting import in_light, light_change
from kpstream.tracking.settings import DEFAULT, TrackerSettings

_THUMB, _FLAT = (32, 18), 4.0
_LEVELS = np.arange(256)

Thumbnail = npt.NDArray[np.float64]


def shrink(picture: FullPicture, side: int = DEFAULT.small_side) -> Grey:
    """The small grey picture of a full one: its longer side has at most ``side`` pixels; never enlarged."""
    luma = picture.luma
    if luma is None:
        return _shrunk(picture.image, side)
    return as_grey(_shrunk(luma.plane, side), luma.to_grey)


def _shrunk(image: npt.NDArray[np.uint8], side: int) -> Grey:
    """One plane of a BGR image, or of luma, shape ``(height, width)``, made small."""
    height, width = image.shape[:2]
    share = min(1.0, side / max(height, width))
    size = (max(1, round(width * share)), max(1, round(height * share)))
    while min(image.shape[0] - 2 * size[1], image.shape[1] - 2 * size[0]) >= 0:
        image = halved(image)
    grey = image if image.ndim == 2 else cv2.cvtColor(image, cv2.COLOR_BGR2GRAY)
    return np.asarray(cv2.resize(grey, size, interpolation=cv2.INTER_LINEAR), np.uint8)


def thumbnail(picture: Grey) -> Thumbnail:
    """What a picture is at first sight: how light each part is, shape ``(rows, columns)``: grey values."""
    while min(picture.shape[1] - 2 * _THUMB[0], picture.shape[0] - 2 * _THUMB[1]) >= 0:
        picture = halved(picture)  # faster than all at once
    return np.asarray(cv2.resize(picture, _THUMB, interpolation=cv2.INTER_AREA), float)


def correlation(before: Thumbnail, after: Thumbnail) -> float:
    """How much two pictures have in common at first sight: 1 for the same scene, about 0 across a cut."""
    before, after = before - before.mean(), after - after.mean()
    spreads = sorted(float(np.sqrt(np.vdot(it, it) / it.size)) for it in (before, after))
    if spreads[0] * spreads[1] < _FLAT**2:
        return 0.0 if spreads[0] < 1 and spreads[1] > _FLAT else 1.0
    return float(np.vdot(before, after)) / (spreads[0] * spreads[1] * before.size)


@dataclass(slots=True, eq=False)
class Picture:
    """One picture, and whether it goes on from the one before it."""

    frame_index: int
    pts: float
    grey: Grey
    thumbnail: Thumbnail
    """In the light that it is shown in."""
    scale: tuple[float, float]
    """Small pixels per source pixel, to the right and downwards."""
    is_scene_cut: bool
    """True where nothing of the picture before is seen any more: another scene, another size."""
    light: Weights | None = None
    """By which factor each part was lighter than it is shown in ``grey`` and in detail; None for as it was."""
    full: FullPicture | None = None
    """The frame's own, until it is shown: whoever waits to show it holds it, too."""
    pyramid: Pyramid | None = None
    """The full picture, while it is kept."""

    @property
    def is_full(self) -> bool:
        """Whether the full picture is kept."""
        return self.full is not None or self.pyramid is not None

    def detail(self, settings: TrackerSettings) -> Pyramid | None:
        """The full picture; None where it is not kept."""
        if self.pyramid is None and self.full is not None:
            self.pyramid = Pyramid(self.full, settings, self.light)
        return self.pyramid


class FrameHistory:
    """A bounded run of pictures. Each has a number that stays the same while it is kept: the first is 0."""

    def __init__(self, settings: TrackerSettings = DEFAULT) -> None:
        self._settings = settings
        self._kept: deque[Picture] = deque(maxlen=settings.max_frames)
        self._numbers: dict[int, int] = {}
        self._next = 0
        self._cameras: dict[int, CameraMotion] = {}

    def __repr__(self) -> str:
        return f"<FrameHistory {self._next - len(self._kept)} to {self._next - 1}>"

    def add(self, frame: Frame) -> int:
        """Keep a picture, if it is not kept already, and say its number."""
        known = self._numbers.get(frame.index)
        if known is not None:
            return known
        grey = shrink(frame.picture, self._settings.small_side)
        width, height = frame.size
        last = self._kept[-1] if self._kept else None
        thumb = thumbnail(grey)
        before = None if last is None or last.grey.shape != grey.shape else self._predecessor(last, thumb)
        light = None if before is None else self._light(before, grey, thumb)
        if light is not None:
            grey, thumb = in_light(grey, light), thumb / light
        is_scene_cut = before is None or not self._is_same_scene(before, thumb)
        if len(self._kept) == self._settings.max_frames:
            del self._numbers[self._kept[0].frame_index]
        scale = (grey.shape[1] / width, grey.shape[0] / height)
        self._kept.append(Picture(frame.index, frame.pts, grey, thumb, scale, is_scene_cut, light, frame.picture))
        self._numbers[frame.index] = self._next
        self._next += 1
        return self._next - 1

    def _predecessor(self, last: Picture, seen: Thumbnail) -> Picture:
        """The picture from which a new one goes on: the last, or the one before some that show something else.

        What a lost packet has spoilt is then shown as the last good picture, and no scene was cut.
        """
        if self._is_same_scene(last, seen):
            return last
        recent = list(islice(reversed(self._kept), self._settings.max_spoilt + 1))
        for place, (spoilt, good) in enumerate(pairwise(recent)):
            if not spoilt.is_scene_cut or good.grey.shape != last.grey.shape or not self._is_same_scene(good, seen):
                continue
            for back, picture in enumerate(recent[: place + 1]):
                picture.grey, picture.thumbnail, picture.light = good.grey, good.thumbnail, good.light
                picture.full, picture.pyramid, picture.scale = good.full, good.pyramid, good.scale
                picture.is_scene_cut = False
                self._cameras.pop(self._next - 1 - back, None)
            return good
        return last

    def _is_same_scene(self, picture: Picture, seen: Thumbnail) -> bool:
        return correlation(picture.thumbnail, seen) >= self._settings.same_scene

    def _light(self, before: Picture, grey: Grey, seen: Thumbnail) -> Weights | None:
        """By which factor each part of a picture is lighter than in the light that another is shown in."""
        settings, levels = self._settings, before.thumbnail.mean() / max(1.0, seen.mean())
        change = light_change(before.thumbnail, seen, settings)
        if change is None and abs(levels - 1) > settings.light_jump:  # perhaps the camera has moved, too
            alike = cv2.convertScaleAbs(grey, alpha=levels)
            a, b, *shift = camera_motion(halved(before.grey), halved(np.asarray(alike)), settings).scaled(2)
            way = np.array([[1 + a, -b, shift[0]], [b, 1 + a, shift[1]]], np.float32)
            moved = cv2.warpAffine(before.grey, way, grey.shape[::-1], borderMode=cv2.BORDER_REPLICATE)
            change = light_change(thumbnail(np.asarray(moved, np.uint8)), seen, settings)
        return None if change is None else 1 + np.float32(settings.light_stays) * (change - 1)

    def show(self, number: int, *, keeps_detail: bool) -> None:
        """Note that a picture is shown now: what is older is of use only for late answers.

        What is kept in full never depends on how far frames are observed ahead.

        Args:
            number: The picture's.
            keeps_detail: Whether it is kept in full for a while: where an object is small in the small picture.
        """
        shown, place = self._picture(number), number - self._next + len(self._kept)
        shown.pyramid = shown.detail(self._settings) if keeps_detail else None
        shown.full = None
        for picture in islice(reversed(self._kept), len(self._kept) - place, None):
            if picture.pts < shown.pts - self._settings.detail_seconds:
                if not picture.is_full:
                    break
                picture.pyramid = None
            picture.full = None
        if len(self._cameras) > 2 * self._settings.max_frames:
            oldest = self._next - len(self._kept)
            self._cameras = {number: motion for number, motion in self._cameras.items() if number > oldest}

    def number(self, frame_index: int) -> int | None:
        """The number of a frame's picture; None where it is not kept."""
        return self._numbers.get(frame_index)

    def is_continuous(self, first: int, last: int) -> bool:
        """Whether points can be moved all the way from one picture to a later one."""
        oldest = self._next - len(self._kept)
        if not oldest <= first <= last < self._next:
            return False
        return not any(self._kept[number - oldest].is_scene_cut for number in range(first + 1, last + 1))

    def is_lost(self, first: int, last: int) -> bool:
        """Whether points cannot be moved from one picture to a later one, and no picture to come will change that."""
        return not self.is_continuous(first, max(first, min(last, self._next - 1 - self._settings.max_spoilt)))

    def sample_edges(self, mesh: Mesh, number: int, points: Points) -> Weights:
        """How the edges of N objects look on a kept picture; see `Mesh.sample_edges`. In pixels of the source."""
        picture, seen = self._picture(number), np.empty((len(points), len(mesh.edges), 3), np.float32)
        rows: dict[int | None, list[int]] = {}
        for row, level in enumerate(levels_of(points, self._settings)):
            rows.setdefault(level if self._shows_more(picture, picture, level) else None, []).append(row)
        for wanted, some in rows.items():
            plane, sides, to_grey = self._view(picture, wanted)
            scale = np.array(sides, np.float32)
            values = mesh.sample_edges(plane, (points[some] + np.float32(0.5)) * scale - np.float32(0.5))
            seen[some] = values if to_grey is None else np.interp(values, _LEVELS, to_grey)
        return seen

    def move(
        self,
        mesh: Mesh,
        legs: Sequence[tuple[int, int]],
        *,
        points: Points,
        steady: Points,
        guesses: Sequence[Points] = (),
        covered: Covered | None = None,
    ) -> Points:
        """Move the points of N objects, each from one picture to another one nearby.

        Args:
            mesh: What holds the points of each object together.
            legs: Of each object the number of the picture that its points are in, and of the one to which they are
                moved; `is_continuous` between the two.
            points: Shape ``(N, K, 2)``, in pixels of the source.
            steady: How far they moved from the picture before, in the same pixels.
            guesses: How far they may have gone, in the same pixels; see `Mesh.move`.
            covered: Edges with something else before them; none if None.

        Returns:
            Displacements in pixels of the source.
        """
        if not len(points):
            return points
        pairs = {leg: (self._picture(leg[0]), self._picture(leg[1])) for leg in set(legs)}
        levels = [
            level if self._shows_more(*pairs[leg], level) else None
            for leg, level in zip(legs, levels_of(points, self._settings), strict=True)
        ]
        unknown, steady = np.isnan(points), steady.copy()
        background = self._background(legs, points)
        # What is near is seen well enough to be found by flow, whatever the camera does.
        if far := [row for row, level in enumerate(levels) if level is not None]:
            earlier = [(2 * start - end, start) for start, end in (legs[row] for row in far)]
            steady[far] = self._with_camera(earlier, points[far], steady[far], background[far])
        guess = guesses[0] if guesses else steady
        atlas = make_atlas(
            [
                (self._view(pairs[leg][0], level), self._view(pairs[leg][1], level))
                for leg, level in zip(legs, levels, strict=True)
            ],
            points,
            middles(np.where(unknown, np.float32(np.nan), guess)),
            self._settings,
        )
        times = {leg: max(1.0, 30 * abs(after.pts - before.pts)) for leg, (before, after) in pairs.items()}
        steady, background, *guesses = atlas.ways(np.array([steady, background, *guesses]))
        moved = mesh.move(
            atlas.before,
            atlas.after,
            atlas.points(points),
            steady,
            guesses=guesses,
            covered=covered,
            steps=np.array([times[leg] for leg in legs], np.float32),
            background=background,
        )
        return np.where(unknown, np.float32(0), atlas.source_ways(moved))

    def _view(self, picture: Picture, level: int | None) -> View:
        """The picture halved so often, or the small one."""
        pyramid = None if level is None else picture.detail(self._settings)
        return View(picture.grey, picture.scale, None) if level is None or pyramid is None else pyramid.view(level)

    def _background(self, legs: Sequence[tuple[int, int]], points: Points) -> Points:
        """How far the camera moves what is behind N objects, each from one picture to another, shape ``(N, K, 2)``."""
        motions = {leg: self._camera(*leg) for leg in set(legs)}
        return displacements([motions[leg] for leg in legs], zeroed(points))

    def _with_camera(
        self, earlier: Sequence[tuple[int, int]], points: Points, steady: Points, background: Points
    ) -> Points:
        """The steady motion of N objects in the world, on the legs before, as the camera shows it now."""
        by_camera = background - self._background(earlier, points - steady)
        is_known = (steady != 0).any((1, 2), keepdims=True)
        return np.where(is_known, steady + by_camera, background)

    def _camera(self, start: int, end: int) -> CameraMotion:
        """The camera's motion over one or two pictures, in pixels of the source; none where one is not kept."""
        if abs(end - start) == 2:
            middle = (start + end) // 2
            return self._camera(start, middle).then(self._camera(middle, end))
        later, oldest = max(start, end), self._next - len(self._kept)
        if min(start, end) < oldest or later >= self._next or self._picture(later).is_scene_cut:
            return CameraMotion()
        if later not in self._cameras:
            first, second = self._picture(later - 1), self._picture(later)
            found = camera_motion(halved(first.grey), halved(second.grey), self._settings)
            self._cameras[later] = found.scaled(2 / first.scale[0])
        motion = self._cameras[later]
        return motion if end > start else motion.inverse()

    def _shows_more(self, before: Picture, after: Picture, level: int) -> bool:
        """Whether both full pictures are kept, and show an object larger than the small ones do."""
        are_kept = before.is_full and after.is_full
        return are_kept and bool(0.5**level > self._settings.detail_gain * before.scale[0])

    def _picture(self, number: int) -> Picture:
        return self._kept[number - self._next + len(self._kept)]

    def seconds(self, number: int) -> float:
        """The time from the picture before to this one; 0 for the first."""
        if number <= self._next - len(self._kept):
            return 0.0
        return self._picture(number).pts - self._picture(number - 1).pts

    def longest_step(self, first: int, last: int) -> float:
        """The longest time between two pictures on the way from one to a later one, at least before the last."""
        newest = self._next - 1
        pictures = islice(reversed(self._kept), newest - last, newest - min(first, last - 1) + 1)
        return max((later.pts - before.pts for later, before in pairwise(pictures)), default=0.0)

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
            spots.append(spots[-1] + self.move(mesh, [(start, end)] * len(points), points=spots[-1], steady=velocity))
            velocity = zeroed(spots[-1] - spots[-2])
        return spots
