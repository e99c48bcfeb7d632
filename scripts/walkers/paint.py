"""Walls, windows, paving and leaves, painted in metres on flat textures."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt

Image = npt.NDArray[np.uint8]
Plane = npt.NDArray[np.float32]
Paint = tuple[int, int, int]
"""BGR, 0 to 255."""
Box = tuple[float, float, float, float]
"""Left, top, width and height in metres."""


def mottled(rng: np.random.Generator, shape: tuple[int, ...], sizes: Sequence[int]) -> Plane:
    """Soft noise of about -1 to 1 in patches of these sizes in pixels, the large ones strongest; 2D, ``shape``."""
    height, width = shape[:2]
    total = np.zeros((height, width), np.float32)
    weight = 0.0
    for size in sizes:
        coarse = rng.standard_normal((height // size + 3, width // size + 3)).astype(np.float32)
        grown = cv2.resize(coarse, None, fx=size, fy=size, interpolation=cv2.INTER_CUBIC)
        share = size**0.35
        total += share * grown[size // 2 : size // 2 + height, size // 2 : size // 2 + width]
        weight += share**2
    return np.asarray(total / np.float32(weight**0.5 * 1.4))


@dataclass(frozen=True)
class Texture:
    """A flat picture with a scale; places on it are metres from its upper left corner."""

    image: Image
    scale: int
    """Pixels a metre."""

    @classmethod
    def blank(cls, width: float, height: float, scale: int) -> Texture:
        """Make an empty one of this size in metres."""
        return cls(np.zeros((round(height * scale), round(width * scale), 3), np.uint8), scale)

    def rectangle(self, left: float, top: float, right: float, bottom: float, paint: Paint) -> None:
        """Fill a rectangle."""
        corners = [(round(x * self.scale), round(y * self.scale)) for x, y in ((left, top), (right, bottom))]
        cv2.rectangle(self.image, corners[0], (corners[1][0] - 1, corners[1][1] - 1), paint, -1)

    def noisy(self, rng: np.random.Generator, left: float, right: float, paint: Paint, strength: float) -> None:
        """Fill full columns with plaster."""
        part = self.image[:, round(left * self.scale) : round(right * self.scale)]
        part[:] = self._plaster(rng, part.shape, paint, strength)

    def noisy_rows(self, rng: np.random.Generator, top: float, bottom: float, paint: Paint, strength: float) -> None:
        """Fill full rows with asphalt."""
        part = self.image[round(top * self.scale) : round(bottom * self.scale)]
        part[:] = self._plaster(rng, part.shape, paint, strength)

    @staticmethod
    def _plaster(rng: np.random.Generator, shape: tuple[int, ...], paint: Paint, strength: float) -> Image:
        rough = mottled(rng, shape, (120, 40, 3, 2))[..., None]
        return np.asarray((np.array(paint) + strength * rough).clip(0, 255).astype(np.uint8))


def bricks(wall: Texture, rng: np.random.Generator, left: float, right: float, paint: Paint) -> None:
    """Fill full columns with a brick wall."""
    wall.noisy(rng, left, right, (150, 158, 164), 5)
    high = wall.image.shape[0] / wall.scale
    for row, y in enumerate(np.arange(0, high, 0.10)):
        for x in np.arange(left - 0.14 * (row % 2), right, 0.28):
            tone = float(rng.normal(1.0, 0.07))
            blue, green, red = (round(min(255.0, value * tone)) for value in paint)
            wall.rectangle(max(left, x), y, min(right, x + 0.26), y + 0.085, (blue, green, red))


def paving(ground: Texture, rng: np.random.Generator, top: float, bottom: float, *, side: float, paint: Paint) -> None:
    """Cover full rows with slabs of this side length."""
    scale, width = ground.scale, ground.image.shape[1]
    first, last = round(top * scale), round(bottom * scale)
    ground.noisy_rows(rng, top, bottom, (112, 118, 122), 5)
    rough = mottled(rng, (last - first, width), (60, 12, 3, 2))[..., None]
    slabs = ground.image[first:last].astype(np.float32)
    for row, y in enumerate(np.arange(0, bottom - top, side)):
        for x in np.arange(-side * (row % 2) / 2, width / scale, side):
            tone = np.array(paint, np.float32) * np.float32(rng.normal(1.0, 0.028))
            low, high = round(y * scale) + 1, round((y + side) * scale) - 1
            slabs[low:high, max(0, round(x * scale) + 1) : round((x + side) * scale) - 1] = tone
    ground.image[first:last] = (slabs + 6 * rough).clip(0, 255).astype(np.uint8)


def leaves(
    rng: np.random.Generator,
    shape: tuple[int, int],
    middle: tuple[float, float],
    *,
    radius: float,
    size: float,
    count: int = 700,
) -> Plane:
    """Where the leaves of a round crown are, in pixels: 0 to 1, shape ``shape``."""
    cover = np.zeros(shape, np.uint8)
    angles, far = rng.uniform(0, 2 * np.pi, count), radius * np.sqrt(rng.uniform(0, 1, count))
    for angle, away, big in zip(angles, far, rng.uniform(0.5, 1.5, count), strict=True):
        x, y = middle[0] + away * np.cos(angle), middle[1] + 0.78 * away * np.sin(angle)
        cv2.circle(cover, (round(8 * x), round(8 * y)), round(8 * size * radius * big * 0.6), 255, -1, cv2.LINE_AA, 3)
    return np.asarray(cover / 255, np.float32)


def facade_parts(wall: Texture, rng: np.random.Generator) -> None:
    """Put windows, doors, shop fronts, awnings and planters on the three houses."""
    floor = wall.image.shape[0] / wall.scale
    for x in (0.9, 3.1, 5.3, 7.1):
        _window(wall, rng, (x, floor - 6.2, 1.05, 1.75), (214, 220, 222))
    for x in (0.9, 3.1, 6.4):
        _window(wall, rng, (x, floor - 2.9, 1.2, 1.7), (214, 220, 222))
    _door(wall, 4.9, floor, (74, 92, 44))
    wall.rectangle(0.0, floor - 3.55, 8.6, floor - 3.40, (168, 172, 174))

    for x in (9.9, 11.9, 13.9, 15.9):
        _window(wall, rng, (x, floor - 6.4, 0.95, 1.9), (118, 96, 70))
    _shop(wall, rng, 9.7, 13.4, (72, 60, 52))
    _awning(wall, 9.6, 13.5, floor - 3.05, ((64, 72, 178), (226, 230, 232)))
    _door(wall, 14.0, floor, (112, 78, 52))
    _window(wall, rng, (15.6, floor - 2.7, 1.4, 1.6), (118, 96, 70))

    for x in (18.3, 20.4, 22.5, 24.6, 26.4):
        _window(wall, rng, (x, floor - 6.3, 1.35, 1.9), (92, 88, 84))
    _shop(wall, rng, 18.4, 22.6, (88, 78, 62))
    _awning(wall, 18.3, 22.7, floor - 3.05, ((104, 132, 74), (222, 228, 226)))
    _door(wall, 23.3, floor, (60, 70, 150))
    _shop(wall, rng, 24.8, 27.6, (88, 78, 62))
    for x in (2.2, 9.35, 13.5, 17.9, 22.75, 24.5):
        _planter(wall, rng, x, floor)


def _glass(wall: Texture, rng: np.random.Generator, box: Box) -> None:
    x, y, w, h = (round(value * wall.scale) for value in box)
    fall = np.linspace(1, 0, h, dtype=np.float32)[:, None, None]
    pane = np.array([84, 74, 62], np.float32) + fall * np.array([66, 56, 44], np.float32)
    sheen = np.clip(mottled(rng, (h, w), (max(8, w // 3),)), -1, 1)[..., None]
    room = wall.image[y : y + h, x : x + w]
    room[:] = (pane + 16 * sheen).clip(0, 255).astype(np.uint8)[: room.shape[0], : room.shape[1]]


def _window(wall: Texture, rng: np.random.Generator, box: Box, frame: Paint) -> None:
    x, y, wide, high = box
    wall.rectangle(x - 0.09, y - 0.09, x + wide + 0.09, y + high + 0.05, frame)
    _glass(wall, rng, box)
    if rng.uniform() < 0.6:
        wall.rectangle(x, y, x + 0.24 * wide, y + high, (186, 192, 194))
        wall.rectangle(x + 0.76 * wide, y, x + wide, y + high, (180, 186, 188))
    wall.rectangle(x + wide / 2 - 0.03, y, x + wide / 2 + 0.03, y + high, frame)
    wall.rectangle(x, y + 0.38 * high, x + wide, y + 0.38 * high + 0.05, frame)
    wall.rectangle(x - 0.15, y + high + 0.05, x + wide + 0.15, y + high + 0.14, (190, 194, 196))
    wall.rectangle(x - 0.15, y + high + 0.14, x + wide + 0.15, y + high + 0.18, (104, 106, 108))


def _door(wall: Texture, x: float, floor: float, paint: Paint) -> None:
    dark: Paint = (paint[0] * 3 // 4, paint[1] * 3 // 4, paint[2] * 3 // 4)
    wall.rectangle(x - 0.12, floor - 2.5, x + 1.12, floor, (196, 200, 202))
    wall.rectangle(x, floor - 2.4, x + 1.0, floor, paint)
    for top, bottom in ((2.25, 1.45), (1.30, 0.75), (0.62, 0.12)):
        wall.rectangle(x + 0.14, floor - top, x + 0.86, floor - bottom, dark)
    wall.rectangle(x + 0.88, floor - 1.15, x + 0.93, floor - 1.0, (120, 190, 210))


def _shop(wall: Texture, rng: np.random.Generator, left: float, right: float, frame: Paint) -> None:
    floor = wall.image.shape[0] / wall.scale
    wall.rectangle(left - 0.1, floor - 3.3, right + 0.1, floor - 0.02, frame)
    panes = max(2, round((right - left) / 1.3))
    wide = (right - left) / panes
    for pane in range(panes):
        x = left + pane * wide + 0.05
        _glass(wall, rng, (x, floor - 2.7, wide - 0.1, 2.2))
        for _ in range(5):
            goods = x + float(rng.uniform(0.05, max(0.06, wide - 0.5)))
            top = floor - 0.5 - float(rng.uniform(0.25, 0.8))
            blue, green, red = (int(value) for value in rng.integers(60, 170, 3))
            wall.rectangle(goods, top, goods + float(rng.uniform(0.12, 0.35)), floor - 0.5, (blue, green, red))
    wall.rectangle(left, floor - 3.2, right, floor - 2.8, (frame[0] + 40, frame[1] + 40, frame[2] + 40))


def _awning(wall: Texture, left: float, right: float, top: float, paints: tuple[Paint, Paint]) -> None:
    stripes = round((right - left) / 0.3)
    wide = (right - left) / stripes
    for stripe in range(stripes):
        x, paint = left + stripe * wide, paints[stripe % 2]
        wall.rectangle(x, top, x + wide, top + 0.55, paint)
        dark: Paint = (paint[0] * 4 // 5, paint[1] * 4 // 5, paint[2] * 4 // 5)
        wall.rectangle(x, top + 0.55, x + wide, top + 0.75, dark)
    low = wall.image[round((top + 0.75) * wall.scale) : round((top + 1.25) * wall.scale)]
    low = low[:, round(left * wall.scale) : round(right * wall.scale)]
    low[:] = (low * np.linspace(0.55, 1, len(low), dtype=np.float32)[:, None, None]).astype(np.uint8)


def _planter(wall: Texture, rng: np.random.Generator, x: float, floor: float) -> None:
    for _ in range(130):
        away = rng.normal(0, (0.16, 0.17))
        at = (round((x + 0.25 + away[0]) * wall.scale), round((floor - 0.72 + away[1]) * wall.scale))
        tone = float(rng.uniform(0.6, 1.35))
        green = (round(48 * tone), round(104 * tone), round(72 * tone))
        cv2.circle(wall.image, at, int(rng.integers(2, 6)), green, -1, cv2.LINE_AA)
    wall.rectangle(x - 0.02, floor - 0.55, x + 0.52, floor, (92, 112, 150))
    wall.rectangle(x - 0.05, floor - 0.58, x + 0.55, floor - 0.48, (104, 126, 166))
