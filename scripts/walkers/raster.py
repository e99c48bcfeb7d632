"""From solids to shaded pixels: each part's exact outline and depth, joined, lit and shadowed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt

from walkers.body import Part
from walkers.camera import Array, Camera

Plane = npt.NDArray[np.float32]
Pixels = npt.NDArray[np.intp]
FAR = np.float32(-1e6)
SUN = np.array([-0.56, 0.70, -0.45]) / np.linalg.norm([-0.56, 0.70, -0.45])
"""Where the light comes from, in the world."""
_SUN_COLOUR = np.array([0.56, 0.66, 0.72], np.float32)
_SKY = np.array([0.62, 0.57, 0.53], np.float32)
_BOUNCE = np.array([0.20, 0.24, 0.27], np.float32)
_FOLDS_SIDE = 256
_NEVER = np.float32(1e9)
_SHIFTS = ((-0.33, -0.11), (0.11, 0.33), (0.22, -0.22))
"""Where in the pixel each instant of an exposure looks, so that edges come out smooth."""


@dataclass(frozen=True)
class Solid:
    """A part as the camera sees it: pixels right, pixels down, and as many towards the camera."""

    a: Plane
    b: Plane
    radius_a: float
    radius_b: float
    squash: Plane
    front: Plane
    scale: float
    """Pixels a metre."""
    reach: float
    """No point of it is farther from its axis, in pixels."""
    part: Part


@dataclass(frozen=True)
class Layer:
    """A rendered person: colour times coverage, coverage and depth over a rectangle of the picture."""

    left: int
    top: int
    colour: Plane
    """BGR, 0 to 1, premultiplied, shape ``(height, width, 3)``."""
    cover: Plane
    """0 to 1, shape ``(height, width)``."""
    depth: Plane
    """At the moment of the truth: pixels towards the camera from `root`; `FAR` where nobody is."""
    root: float
    """The person's distance from the camera in metres."""


def solids(parts: Sequence[Part], camera: Camera, root: Array) -> list[Solid]:
    """Project the parts of someone whose middle is at ``root``."""
    view = np.diag([1.0, 1.0, -1.0]) @ camera.rotation
    _, middle = camera.project(root)
    ends = np.array([[part.a, part.b] for part in parts])
    pixels, depths = camera.project(ends)
    towards = (float(middle) - depths) * camera.focal / float(middle)
    ends = np.concatenate([pixels, towards[..., None]], axis=-1).astype(np.float32)
    found = []
    for part, (a, b), near in zip(parts, ends, depths, strict=True):
        radius_a, radius_b = np.array([part.radius_a, part.radius_b]) * camera.focal / near
        squash = view @ part.shape.squash @ view.T
        reach = max(radius_a, radius_b) * part.shape.thickest + 1
        front, scale = (view @ part.front).astype(np.float32), camera.focal / float(middle)
        found.append(Solid(a, b, radius_a, radius_b, squash.astype(np.float32), front, scale, reach, part))
    return found


def bounds(shapes: Sequence[Solid], margin: int = 5) -> tuple[int, int, int, int]:
    """The rectangle that holds them: left, top, right and bottom pixel."""
    low = np.min([np.minimum(s.a, s.b)[:2] - s.reach for s in shapes], axis=0)
    high = np.max([np.maximum(s.a, s.b)[:2] + s.reach for s in shapes], axis=0)
    left, top = (np.floor(low) - margin).astype(int)
    right, bottom = (np.ceil(high) + margin).astype(int)
    return int(left), int(top), int(right), int(bottom)


class Canvas:
    """Depth, normal and surface colour of one person at one instant, before light.

    The planes are flat, one row a pixel: that is what makes picking single pixels fast.
    """

    def __init__(self, left: int, top: int, width: int, height: int, folds: Plane) -> None:
        self.left, self.top, self.width, self.height, self.folds = left, top, width, height, folds
        count = width * height
        self.depth = np.full(count, FAR, np.float32)
        self.normal = np.zeros((count, 3), np.float32)
        self.surface = np.zeros((count, 3), np.float32)
        self.gloss = np.zeros(count, np.float32)
        self.group = np.zeros(count, np.int8)

    def add(self, solid: Solid, shift: tuple[float, float]) -> None:
        """Draw one solid; pixel centres are moved by ``shift``.

        The nearer surface wins; where two parts of one garment meet, the seam is rounded off.
        """
        low = np.floor(np.minimum(solid.a, solid.b)[:2] - solid.reach).astype(int) - (self.left, self.top)
        high = np.ceil(np.maximum(solid.a, solid.b)[:2] + solid.reach).astype(int) + 1 - (self.left, self.top)
        (x0, y0), (x1, y1) = np.maximum(low, 0), np.minimum(high, (self.width, self.height))
        if x0 >= x1 or y0 >= y1:
            return
        xs = np.arange(x0, x1, dtype=np.float32) + np.float32(self.left + shift[0])
        ys = np.arange(y0, y1, dtype=np.float32) + np.float32(self.top + shift[1])
        cone = Cone(solid)
        time = cone.meet(xs, ys)
        soft = np.float32(0.022 * solid.scale) if solid.part.joins else np.float32(0)
        old = self.depth.reshape(self.height, self.width)[y0:y1, x0:x1]
        rows, columns = np.nonzero(time < np.minimum(soft - old, _NEVER))
        if not len(rows):
            return
        depth = -time[rows, columns]
        normal, offset = cone.surface(xs[columns], ys[rows], -depth)
        at = (rows + y0) * self.width + (columns + x0)
        if solid.part.cut:
            keep = offset @ (solid.b - solid.a) <= 0.5 * np.sum((solid.b - solid.a) ** 2)
            at, depth, normal, offset = at[keep], depth[keep], normal[keep], offset[keep]
        self._put(solid, at, depth=depth, normal=normal, offset=offset, soft=soft)

    def _put(self, solid: Solid, at: Pixels, *, depth: Plane, normal: Plane, offset: Plane, soft: np.float32) -> None:
        """Write N surface points, shapes ``(N,)`` and ``(N, 3)``, over or into what is there."""
        part, old = solid.part, self.depth[at]
        wins = depth > old
        if part.joins:
            near = (self.group[at] == part.joins) & (np.abs(depth - old) < soft)
            if near.any():
                mine, theirs = normal[near], self.normal[at[near]]
                ahead = (depth - old)[near]
                blend = 1 - np.abs(ahead) / soft
                share = np.where(ahead > 0, 0.5 * blend * blend, 1 - 0.5 * blend * blend)[:, None]
                self.normal[at[near]] = normal[near] = (1 - share) * mine + share * theirs
                self.depth[at[near]] = depth[near] = np.maximum(depth[near], old[near]) + blend * blend * soft / 4
        at, depth, normal = at[wins], depth[wins], normal[wins]
        self.depth[at], self.normal[at] = depth, normal
        self.surface[at] = _texture(solid, offset[wins], self.folds)
        self.gloss[at], self.group[at] = part.fabric.gloss, part.joins

    def lit(self, sun: Plane, up: Plane, scale: float) -> tuple[Plane, Plane]:
        """Colour (premultiplied) and coverage under the sun and the sky, directions in the camera's frame."""
        there = self.depth > FAR / 2
        normal = self.normal[there]
        normal /= np.maximum(np.linalg.norm(normal, axis=1, keepdims=True), 1e-6)
        depth, mask = self.depth.reshape(self.height, self.width), there.reshape(self.height, self.width)
        direct = np.clip((normal @ sun + 0.08) / 1.08, 0, 1) * _unshaded(depth, sun, scale)[mask]
        high = normal @ up
        open_sky = _openness(depth, mask, scale)[mask]
        light = (
            direct[:, None] * _SUN_COLOUR
            + (open_sky * (0.62 + 0.38 * high))[:, None] * _SKY
            + (open_sky * np.clip(0.5 - 0.5 * high, 0, 1))[:, None] * _BOUNCE
        )
        half = sun + np.array([0, 0, 1], np.float32)
        shine = self.gloss[there] * np.clip(normal @ (half / np.linalg.norm(half)), 0, 1) ** 18 * direct
        edge = 1 - 0.10 * (1 - np.clip(normal[:, 2], 0, 1)) ** 3
        colour = np.zeros_like(self.surface)
        colour[there] = self.surface[there] * light * edge[:, None] + shine[:, None]
        return colour.reshape(*mask.shape, 3), mask.astype(np.float32)


def _moved(matrix: Plane, point: Plane) -> Plane:
    return np.asarray(matrix @ point, np.float32)


class Cone:
    """A rounded cone under parallel rays, each starting at its pixel.

    Source: Inigo Quilez, "Intersectors", rounded cone.
    """

    def __init__(self, solid: Solid) -> None:
        m = self.squash = solid.squash
        self.middle = np.asarray((solid.a + solid.b) / 2, np.float32)
        self.start, self.end = _moved(m, solid.a - self.middle), _moved(m, solid.b - self.middle)
        self.radius_a, self.taper = np.float32(solid.radius_a), np.float32(solid.radius_a - solid.radius_b)
        self.radius_b = np.float32(solid.radius_b)
        self.fast = np.float32(np.linalg.norm(m[:, 2]))
        self.ray = np.asarray(-m[:, 2] / self.fast, np.float32)
        self.axis = self.end - self.start
        self.length = np.float32(self.axis @ self.axis)
        self.shorter = self.length - self.taper * self.taper
        self.tilt = np.float32(self.axis @ self.ray)

    def meet(self, xs: Plane, ys: Plane) -> Plane:
        """How far each ray goes to the surface, in pixels from the plane of depth 0; `_NEVER` where it misses.

        Shape ``(len(ys), len(xs))``.
        """
        x, y = xs - self.middle[0], ys - self.middle[1]
        ball_a, back_a = self._ball(x, y, self.start, self.radius_a)
        ball_b, back_b = self._ball(x, y, self.end, self.radius_b)
        time = np.minimum(
            np.where(ball_a > 0, -back_a - np.sqrt(np.maximum(ball_a, 0)), _NEVER),
            np.where(ball_b > 0, -back_b - np.sqrt(np.maximum(ball_b, 0)), _NEVER),
        )
        k2 = self.shorter - self.tilt**2
        if self.shorter > 0 and abs(k2) > 1e-6 * self.length:
            m1 = self._affine(x, y, self.axis, self.start)
            m5 = back_a * back_a + self.radius_a**2 - ball_a
            bulge = self.taper * self.radius_a
            k1 = self.shorter * back_a - m1 * self.tilt + self.tilt * bulge
            k0 = self.shorter * m5 - m1 * m1 + 2 * bulge * m1 - self.length * self.radius_a**2
            under = k1 * k1 - k0 * k2
            side = (-np.sqrt(np.maximum(under, 0)) - k1) / k2
            place = m1 - bulge + side * self.tilt
            time = np.where((under >= 0) & (place > 0) & (place < self.shorter), side, time)
        return np.asarray(np.where(time < _NEVER, time / self.fast - self.middle[2], _NEVER), np.float32)

    def surface(self, x: Plane, y: Plane, time: Plane) -> tuple[Plane, Plane]:
        """The normals of N points, and the points themselves in pixels from the middle, both ``(N, 3)``."""
        offset = np.stack([x - self.middle[0], y - self.middle[1], -time - self.middle[2]], axis=1)
        oa = offset @ self.squash.T - self.start
        if self.shorter > 0:
            share = np.clip((oa @ self.axis - self.taper * self.radius_a) / self.shorter, 0, 1)[:, None]
        else:
            share = np.full((len(x), 1), 0 if self.taper > 0 else 1, np.float32)
        normal = (oa - share * self.axis) @ self.squash
        normal /= np.maximum(np.linalg.norm(normal, axis=1, keepdims=True), 1e-6)
        return normal.astype(np.float32), offset

    def _ball(self, x: Plane, y: Plane, centre: Plane, radius: np.float32) -> tuple[Plane, Plane]:
        """The discriminant against a ball, and how far behind the start of the ray its middle lies."""
        back = self._affine(x, y, self.ray, centre)
        right, down = self.squash[:, 0], self.squash[:, 1]
        columns = (right @ right) * x * x - 2 * (right @ centre) * x + centre @ centre - radius * radius
        rows = (down @ down) * y * y - 2 * (down @ centre) * y
        cross = 2 * np.float32(right @ down)
        away = columns[None, :] + rows[:, None]
        if abs(cross) > 1e-7:
            away = away + cross * np.outer(y, x)
        return back * back - away, back

    def _affine(self, x: Plane, y: Plane, direction: Plane, centre: Plane) -> Plane:
        """The dot product of ``direction`` with what leads from ``centre`` to each ray's start."""
        columns = (direction @ self.squash[:, 0]) * x - direction @ centre
        return np.asarray(columns[None, :] + ((direction @ self.squash[:, 1]) * y)[:, None])


def _texture(solid: Solid, offset: Plane, folds: Plane) -> Plane:
    """The surface's own colour at N points: pattern and folds that stay with the cloth, shape ``(N, 3)``."""
    fabric = solid.part.fabric
    colour = np.broadcast_to(np.array(fabric.colour, np.float32), offset.shape)
    if not fabric.folds and fabric.stripes is None:
        return colour
    axis = (solid.b - solid.a) / max(float(np.linalg.norm(solid.b - solid.a)), 1e-6)
    side = np.cross(axis, solid.front)
    side = side / max(float(np.linalg.norm(side)), 1e-6)
    x, y = offset @ (side / solid.scale), offset @ (axis / solid.scale)
    if fabric.stripes is not None:
        dark = (y / 0.075 % 1.0) < 0.42
        colour = np.where(dark[:, None], np.array(fabric.stripes, np.float32), colour)
    if fabric.folds:
        column, row = (x * 420).astype(int) % _FOLDS_SIDE, (y * 420).astype(int) % _FOLDS_SIDE
        colour = colour * (1 + 0.16 * fabric.folds * folds[row, column])[:, None]
    return colour.astype(np.float32)


def folds(seed: int) -> Plane:
    """How cloth falls: a tile of soft, slanting creases, about -1 to 1."""
    noise = np.random.default_rng(seed).standard_normal((_FOLDS_SIDE, _FOLDS_SIDE))
    waves = np.fft.fftfreq(_FOLDS_SIDE)
    along, across = waves[:, None] + 0.5 * waves[None, :], waves[None, :] - 0.5 * waves[:, None]
    wide = np.exp(-((along * 26) ** 2 + (across * 60) ** 2) / 2) + 0.10 * np.exp(
        -((waves[:, None] * 3) ** 2 + (waves[None, :] * 3) ** 2)
    )
    soft = np.fft.ifft2(np.fft.fft2(noise) * wide).real
    return np.asarray((soft / soft.std() / 1.4).clip(-2, 2), np.float32)


def _unshaded(depth: Plane, sun: Plane, scale: float) -> Plane:
    """1 where the sun is seen, 0 where the body itself stands before it; soft."""
    dark = np.zeros_like(depth)
    height, width = depth.shape
    for reach in np.array([0.02, 0.035, 0.055, 0.08, 0.115, 0.16, 0.22], np.float32) * np.float32(scale):
        step = sun * reach
        move = np.array([[1, 0, step[0]], [0, 1, step[1]]], np.float32)
        there = cv2.warpAffine(
            depth, move, (width, height), flags=cv2.INTER_NEAREST | cv2.WARP_INVERSE_MAP, borderValue=float(FAR)
        )
        over = there - (depth + step[2])
        blocks = np.clip(over / (0.01 * scale), 0, 1) * (over < 0.22 * scale)
        dark = np.maximum(dark, blocks)
    return np.asarray(1 - 0.85 * cv2.GaussianBlur(dark, (0, 0), 0.008 * scale), np.float32)


def _openness(depth: Plane, there: npt.NDArray[np.bool_], scale: float) -> Plane:
    """How much of the sky a pixel sees, by how deep it lies among its neighbours; 0 to 1."""
    mask = there.astype(np.float32)
    sigma = 0.035 * scale
    around = cv2.GaussianBlur(np.where(there, depth, 0), (0, 0), sigma)
    around = around / np.maximum(cv2.GaussianBlur(mask, (0, 0), sigma), 1e-3)
    return np.asarray(1 - 0.55 * np.clip((around - depth) / (0.09 * scale) - 0.2, 0, 1) * mask, np.float32)


def render(moments: Sequence[Sequence[Solid]], camera: Camera, root: float, creases: Plane) -> Layer:
    """Draw one person over the time that the shutter is open.

    Args:
        moments: The person's solids at each instant; the depth is that of the middle one.
        camera: At the middle of the exposure, for the light.
        root: The person's distance from the camera in metres.
        creases: What `folds` made.
    """
    left, top, right, bottom = bounds([solid for moment in moments for solid in moment])
    view = np.diag([1.0, 1.0, -1.0]) @ camera.rotation
    sun, up = (view @ SUN).astype(np.float32), (view @ np.array([0.0, 1.0, 0.0])).astype(np.float32)
    colour = np.zeros((bottom - top, right - left, 3), np.float32)
    cover = np.zeros((bottom - top, right - left), np.float32)
    depth = cover
    for number, moment in enumerate(moments):
        canvas = Canvas(left, top, right - left, bottom - top, creases)
        shift = _SHIFTS[number % len(_SHIFTS)]
        for solid in sorted(moment, key=lambda one: -float(one.a[2] + one.b[2])):
            canvas.add(solid, shift)
        one_colour, one_cover = canvas.lit(sun, up, moment[0].scale)
        colour += one_colour / len(moments)
        cover += one_cover / len(moments)
        if number == len(moments) // 2:
            depth = canvas.depth.reshape(cover.shape)
    return Layer(left, top, colour, cover, depth, root)
