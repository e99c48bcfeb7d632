"""What stands behind the people: textured planes at several depths, so that a moving camera sees them shift."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt

from walkers.camera import SIZE, Array, Camera
from walkers.paint import Texture, bricks, facade_parts, leaves, mottled, paving

Image = npt.NDArray[np.uint8]
Plane = npt.NDArray[np.float32]
_NEAR, _KERB, _ROAD, _WALL = 1.6, 8.7, 11.4, 13.2
"""Where the pavement, the road, the far pavement and the houses begin, in metres from the camera."""
_SHADE_SCALE = 70


@dataclass(frozen=True)
class Quad:
    """A flat picture in the world."""

    texture: Image
    """BGR, shape ``(height, width, 3)``."""
    cover: Plane | None
    """0 to 1, shape ``(height, width)``; None where it is opaque."""
    corners: Array
    """World points of its upper left, upper right, lower right and lower left corner, shape ``(4, 3)``."""

    def draw(self, picture: Image, camera: Camera) -> None:
        """Draw it into ``picture``, in place."""
        height, width = self.texture.shape[:2]
        matrix = _homography(camera, self.corners, width, height)
        if self.cover is None:
            cv2.warpPerspective(
                self.texture, matrix, SIZE, dst=picture, flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_TRANSPARENT
            )
            return
        pixels, _ = camera.project(self.corners)
        low = np.clip(np.floor(pixels.min(axis=0)), 0, SIZE).astype(int)
        high = np.clip(np.ceil(pixels.max(axis=0)), 0, SIZE).astype(int)
        if (low >= high).any():
            return
        size = (int(high[0] - low[0]), int(high[1] - low[1]))
        matrix = np.array([[1, 0, -low[0]], [0, 1, -low[1]], [0, 0, 1.0]]) @ matrix
        colour = cv2.warpPerspective(self.texture, matrix, size)
        cover = cv2.warpPerspective(self.cover, matrix, size)[..., None]
        part = picture[low[1] : high[1], low[0] : high[0]]
        part[:] = (part * (1 - cover) + colour * cover).astype(np.uint8)


@dataclass(frozen=True)
class Street:
    """Everything that does not move."""

    back: Sequence[Quad]
    """Sky, houses and ground, in drawing order."""
    props: Sequence[tuple[float, Quad]]
    """Trees and lamps with their depths."""

    def backdrop(self, camera: Camera, blots: Sequence[tuple[Array, Array, float]]) -> Image:
        """The empty street as the camera sees it, with what falls on its ground.

        Args:
            camera: Where it is seen from.
            blots: Shadows: two ground points in metres, shape ``(3,)``, and how wide the shadow between them is.
        """
        picture = np.empty((SIZE[1], SIZE[0], 3), np.uint8)
        for quad in self.back:
            quad.draw(picture, camera)
        shade = _ground_shade(camera, blots)
        rows = np.nonzero(shade.any(axis=1))[0]
        if len(rows):
            cut = slice(rows[0], rows[-1] + 1)
            tint = np.array([0.46, 0.54, 0.60], np.float32)
            picture[cut] = (picture[cut] * (1 - shade[cut, :, None] * tint)).astype(np.uint8)
        return picture


def _homography(camera: Camera, corners: Array, width: int, height: int) -> Array:
    pixels, _ = camera.project(corners)
    texture = np.array([[0, 0], [width, 0], [width, height], [0, height]], np.float32) - np.float32(0.5)
    return np.asarray(cv2.getPerspectiveTransform(texture, pixels.astype(np.float32)), np.float64)


def _ground_shade(camera: Camera, blots: Sequence[tuple[Array, Array, float]]) -> Plane:
    """How dark the people's shadows make each pixel, 0 to 1: drawn as a map from above, then seen by the camera."""
    left, right, far = -7.0, 8.0, 10.5
    size = (int((right - left) * _SHADE_SCALE), int((far - _NEAR) * _SHADE_SCALE))
    plan = np.zeros(size[::-1], np.uint8)
    for a, b, wide in blots:
        ends = [((p[[0, 2]] - (left, far)) * (_SHADE_SCALE, -_SHADE_SCALE) * 8).astype(int) for p in (a, b)]
        thick = max(1, round(wide * _SHADE_SCALE))
        cv2.line(plan, tuple(ends[0]), tuple(ends[1]), 255, thick, cv2.LINE_AA, 3)
    soft = cv2.GaussianBlur(plan, (0, 0), 0.022 * _SHADE_SCALE)
    corners = np.array([[left, 0, far], [right, 0, far], [right, 0, _NEAR], [left, 0, _NEAR]])
    seen = cv2.warpPerspective(soft, _homography(camera, corners, *size), SIZE, flags=cv2.INTER_LINEAR)
    return np.asarray(seen / 255, np.float32)


def build(seed: int) -> Street:
    """Draw all the street's textures; takes about a second."""
    rng = np.random.default_rng(seed)
    back = [_sky(rng), _houses(rng), _ground(rng)]
    props = [(8.95, _tree(rng, x, 8.95)) for x in (-5.3, 1.15, 6.2)]
    props += [(8.8, _lamp(rng, x, 8.8)) for x in (-2.6, 4.1)]
    return Street(back, sorted(props, key=lambda item: -item[0]))


def _upright(
    texture: npt.NDArray[np.floating], cover: Plane | None, *, x: float, z: float, width: float, low: float, high: float
) -> Quad:
    """Stand a picture of any number type, BGR 0 to 255, on the ground or above it."""
    corners = np.array([[x, high, z], [x + width, high, z], [x + width, low, z], [x, low, z]])
    if cover is not None:
        cover = np.asarray(cover, np.float32)
    return Quad(texture.clip(0, 255).astype(np.uint8), cover, corners)


def _sky(rng: np.random.Generator) -> Quad:
    height, width = 360, 720
    fall = np.linspace(0, 1, height, dtype=np.float32)[:, None, None]
    sky = (1 - fall) * np.array([222, 178, 132], np.float32) + fall * np.array([236, 224, 208], np.float32)
    clouds = np.clip(mottled(rng, (height, width), (160, 70, 30)) * 0.8 - 0.2, 0, 1)[..., None]
    sky = sky + 0.8 * clouds * (246 - sky)
    hill = 250 - 26 * mottled(rng, (1, width), (200, 80, 24))[0]
    green = np.array([112, 132, 118]) + 16 * mottled(rng, (height, width), (9, 4))[..., None]
    sky = np.where((np.arange(height)[:, None] > hill)[..., None], green, sky)
    return _upright(sky, None, x=-60, z=55, width=120, low=-20, high=40)


def _houses(rng: np.random.Generator) -> Quad:
    wide, high, scale = 28.0, 8.4, 70
    wall = Texture.blank(wide, high, scale)
    bricks(wall, rng, 0.0, 8.6, (92, 104, 148))
    wall.rectangle(8.6, 0, 9.2, high, (0, 0, 0))
    wall.noisy(rng, 9.2, 17.6, (176, 198, 208), 7)
    wall.noisy(rng, 17.6, 28.0, (158, 150, 138), 6)
    facade_parts(wall, rng)
    image = cv2.GaussianBlur(wall.image, (0, 0), 1.1)
    image = 0.86 * image + 0.14 * np.array([206, 200, 192])
    cover = np.ones(image.shape[:2], np.float32)
    cover[:, int(8.6 * scale) : int(9.2 * scale)] = 0
    cover = np.asarray(cv2.GaussianBlur(cover, (0, 0), 1.0), np.float32)
    return _upright(image, cover, x=-14, z=_WALL, width=wide, low=0, high=high)


def _ground(rng: np.random.Generator) -> Quad:
    scale, left, right = 105, -9.0, 10.0
    ground = Texture.blank(right - left, _WALL - _NEAR, scale)
    paving(ground, rng, _WALL - _KERB, _WALL - _NEAR, side=0.62, paint=(150, 160, 166))
    paving(ground, rng, 0.0, _WALL - _ROAD, side=0.45, paint=(152, 158, 162))
    ground.noisy_rows(rng, _WALL - _ROAD, _WALL - _KERB, (98, 94, 92), 8)
    for z in (_KERB, _ROAD - 0.16):
        ground.rectangle(0, _WALL - z - 0.16, right - left, _WALL - z, (176, 182, 186))
    middle = _WALL - (_KERB + _ROAD) / 2
    for x in np.arange(0.3, right - left, 2.4):
        ground.rectangle(x, middle - 0.06, x + 1.2, middle + 0.06, (196, 200, 200))
    lit = 1 + 0.06 * mottled(rng, ground.image.shape, (400, 140))
    for x in (-5.3, 1.15, 6.2):
        crown = leaves(
            rng,
            ground.image.shape[:2],
            ((x + 2.6 - left) * scale, (_WALL - 9.9) * scale),
            radius=2.1 * scale,
            size=0.07,
        )
        lit *= 1 - 0.28 * cv2.GaussianBlur(crown, (0, 0), 5)
    image = (ground.image * lit[..., None]).clip(0, 255).astype(np.uint8)
    return Quad(image, None, np.array([[left, 0, _WALL], [right, 0, _WALL], [right, 0, _NEAR], [left, 0, _NEAR]]))


def _tree(rng: np.random.Generator, x: float, z: float) -> Quad:
    scale, wide, high = 95, 4.6, 6.4
    tree = Texture.blank(wide, high, scale)
    height, width = tree.image.shape[:2]
    up = np.linspace(0, 1, 40)
    middle, thick = width / 2 + 0.10 * scale * np.sin(3 * up + x), (0.15 - 0.06 * up) * scale
    rows = height - up * 3.9 * scale
    outline = np.concatenate([np.c_[middle - thick, rows], np.c_[middle + thick, rows][::-1]])
    stem = np.zeros((height, width), np.uint8)
    cv2.fillPoly(stem, [np.round(outline * 16).astype(np.int32)], 255, cv2.LINE_AA, 4)
    trunk = cv2.GaussianBlur(stem, (0, 0), 0.7).astype(np.float32) / np.float32(255)
    across = np.linspace(1.15, 0.65, width, dtype=np.float32)[None, :, None]
    bark = (np.array([62, 78, 92]) + 14 * mottled(rng, (height, width), (16, 5))[..., None]) * across
    image, cover = bark, trunk
    for shade, count in ((0.60, 1500), (0.82, 1300), (1.05, 1000), (1.28, 600)):
        lift = 0.12 * (shade - 0.6) * scale
        crown = leaves(
            rng, (height, width), (width / 2 - lift, 2.1 * scale - lift), radius=1.95 * scale, size=0.042, count=count
        )
        green = np.array([52, 108, 84]) * shade + 10 * mottled(rng, (height, width), (6, 3))[..., None]
        image = image * (1 - crown[..., None]) + green * crown[..., None]
        cover = np.maximum(cover, crown)
    return _upright(image, cover, x=x - wide / 2, z=z, width=wide, low=0, high=high)


def _lamp(rng: np.random.Generator, x: float, z: float) -> Quad:
    scale, wide, high = 110, 0.9, 4.3
    lamp = Texture.blank(wide, high, scale)
    cover = np.zeros(lamp.image.shape[:2], np.float32)
    lamp.image[:] = (52, 54, 50)
    lamp.image[:, : lamp.image.shape[1] // 2] = (78, 80, 74)
    middle = wide / 2
    for box in ((middle - 0.045, 0.4, middle + 0.045, high), (middle - 0.09, high - 0.7, middle + 0.09, high),
                (middle - 0.20, 0.0, middle + 0.20, 0.07), (middle - 0.15, 0.07, middle + 0.15, 0.45)):  # fmt: skip
        left, top, right, bottom = (round(value * scale) for value in box)
        cover[top:bottom, left:right] = 1
    lamp.rectangle(middle - 0.12, 0.09, middle + 0.12, 0.42, (214, 226, 232))
    image = lamp.image + 5 * mottled(rng, cover.shape, (6,))[..., None]
    cover = np.asarray(cv2.GaussianBlur(cover, (0, 0), 0.8), np.float32)
    return _upright(image, cover, x=x - middle, z=z, width=wide, low=0, high=high)
