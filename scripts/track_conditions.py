"""Clips under the conditions of real cameras, made of clips with reference poses. For `track_lab`, which names them.

Where a camera's place matters, the clip is pasted on the sample's street; each pixel of that has some noise, as of a
sensor. The same clip gives the same pictures.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt
from environment import ROOT
from track_score import SIDE, Clip, Film, is_sure

from kpstream.entities import Image

_STREET = ROOT / "samples" / "street.jpg"
_SIZE = 1920, 1080
_SPARE = 64
"""Pixels by which grain is larger than a picture."""
_FLOATS = npt.NDArray[np.float32]


def pasted(clip: Clip, upload: int, *, height: float) -> Clip:
    """The clip on a street, so small that its people are so many pixels tall."""
    tall = float(np.median([person["height"] for people in clip.people for person in people]))
    scale, corner = height / tall, (_SIZE[0] // 2, _SIZE[1] // 2)

    def images() -> Iterator[Image]:
        noise, street = _Noise(3), _street(_SIZE)
        for image in clip.images:
            small = cv2.resize(image, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
            scene = street.copy()
            scene[corner[1] : corner[1] + small.shape[0], corner[0] : corner[0] + small.shape[1]] = small
            yield noise.on(scene)

    frames = [[_placed(person, scale, corner) for person in people] for people in clip.people]
    return _changed(clip, f"{height:g} px tall", images, frames, upload)


def crowd(clip: Clip, upload: int = SIDE, *, people: int = 9) -> Clip:
    """Copies of the clip side by side on pictures of 1920 by 1080, with so many people on average at least."""
    present = np.mean([sum(is_sure(p).sum() >= 6 for p in frame) for frame in clip.people])
    copies = math.ceil(people / present)
    columns = math.ceil(math.sqrt(copies))
    rows = math.ceil(copies / columns)
    width, height = _SIZE[0] // columns, _SIZE[1] // rows
    first = clip.images[0]
    share = width / first.shape[1], height / first.shape[0]

    def images() -> Iterator[Image]:
        for image in clip.images:
            yield np.tile(np.asarray(cv2.resize(image, (width, height)), np.uint8), (rows, columns, 1))

    corners = [(x * width, y * height) for y in range(rows) for x in range(columns)][:copies]
    frames = [[_placed(person, share, corner) for corner in corners for person in frame] for frame in clip.people]
    name = f"{present * copies:.1f} people on {columns * width}x{rows * height}"
    return _changed(clip, name, images, frames, upload)


def shaken(clip: Clip, upload: int, *, reach: float = 40.0) -> Clip:
    """The camera shakes by so many pixels at most."""
    dice, at, speed, ways = np.random.default_rng(11), np.zeros(2), np.zeros(2), list[tuple[float, float]]()
    for _ in clip.people:
        speed = 0.9 * speed + dice.normal(0, 2.5, 2) - 0.02 * at
        at = np.clip(at + speed, -reach, reach)
        ways.append((float(at[0]), float(at[1])))

    def images() -> Iterator[Image]:
        for image, (x, y) in zip(clip.images, ways, strict=False):
            way: _FLOATS = np.array([[1, 0, x], [0, 1, y]], np.float32)
            size = image.shape[1], image.shape[0]
            yield np.asarray(cv2.warpAffine(image, way, size, borderMode=cv2.BORDER_REFLECT), np.uint8)

    frames = [[_placed(person, 1, way) for person in people] for people, way in zip(clip.people, ways, strict=True)]
    return _changed(clip, "shaken", images, frames, upload)


def panned(clip: Clip, upload: int, *, speed: float = 240.0) -> Clip:
    """The camera turns to and fro before the clip on a wide street, by so many pixels a second."""
    wide, travel, top, left = (3200, 1080), 600, 60, 1300
    scale = 1000 / clip.images[0].shape[0]
    steps = [index * speed / clip.rate % (2 * travel) for index in range(len(clip.people))]
    lefts = [round(400 + min(step, 2 * travel - step)) for step in steps]

    def images() -> Iterator[Image]:
        street = _street(wide)
        for image, start in zip(clip.images, lefts, strict=False):
            small = cv2.resize(image, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)[: wide[1] - top]
            street[top : top + small.shape[0], left : left + small.shape[1]] = small[:, : wide[0] - left]
            yield np.ascontiguousarray(street[:, start : start + _SIZE[0]])

    frames = [
        [_placed(person, scale, (left - start, top)) for person in people]
        for people, start in zip(clip.people, lefts, strict=True)
    ]
    return _changed(clip, "panned", images, frames, upload)


def dark(clip: Clip, upload: int) -> Clip:
    """A fifth of the light, and noise."""

    def images() -> Iterator[Image]:
        noise = _Noise(6)
        return (noise.on((0.2 * image).astype(np.uint8)) for image in clip.images)

    return _changed(clip, "dark", images, clip.people, upload)


def smeared(clip: Clip, upload: int) -> Clip:
    """A long exposure: each picture is the mean of three."""

    def images() -> Iterator[Image]:
        last: list[_FLOATS] = []
        for image in clip.images:
            last = [*last, image.astype(np.float32)][-3:]
            if len(last) == 3:
                yield np.mean(last, axis=0).astype(np.uint8)

    return _changed(clip, "smeared", images, clip.people[1:-1], upload)


def banded(clip: Clip, upload: int) -> Clip:
    """A lamp on the mains: rows, exposed one after the other, are lighter and darker by a quarter."""
    height = clip.images[0].shape[0]
    down = 2.2 * np.arange(height)[:, None, None] / height

    def images() -> Iterator[Image]:
        for index, image in enumerate(clip.images):
            yield np.clip(image * (1 + 0.25 * np.sin(2 * np.pi * (down + 0.37 * index))), 0, 255).astype(np.uint8)

    return _changed(clip, "banded", images, clip.people, upload)


def exposed(clip: Clip, upload: int) -> Clip:
    """The exposure jumps by a third and more, every two thirds of a second."""

    def images() -> Iterator[Image]:
        for index, image in enumerate(clip.images):
            light = (1.0, 1.3, 0.7)[round(1.5 * index / clip.rate) % 3]
            yield np.clip(light * image, 0, 255).astype(np.uint8)

    return _changed(clip, "exposure jumps", images, clip.people, upload)


def spoilt(clip: Clip, upload: int) -> Clip:
    """Every fortieth picture shows nothing of what is there."""

    def images() -> Iterator[Image]:
        for index, image in enumerate(clip.images):
            yield np.full_like(image, 0) if index % 40 == 35 else image

    return _changed(clip, "pictures spoilt", images, clip.people, upload)


def shaded(clip: Clip, upload: int) -> Clip:
    """Shadows of leaves, with hard edges, to and fro over everything."""
    height, width = clip.images[0].shape[:2]
    leaves = cv2.resize(np.random.default_rng(20).normal(0, 1, (60, 40)).astype(np.float32), (width, height))

    def images() -> Iterator[Image]:
        for index, image in enumerate(clip.images):
            down, right = 6 * math.sin(5 * index / clip.rate), 25 * math.sin(3 * index / clip.rate)
            light = np.where(np.roll(leaves, (int(down), int(right)), axis=(0, 1)) > 0, 1.0, 0.6)
            yield (image * light[..., None]).astype(np.uint8)

    return _changed(clip, "shaded", images, clip.people, upload)


CONDITIONS: dict[str, Callable[[Clip, int], Clip]] = {
    "far": lambda clip, upload: pasted(clip, upload, height=130),
    "tiny": lambda clip, upload: pasted(clip, upload, height=65),
    "crowd": crowd,
    "shake": shaken,
    "pan": panned,
    "dark": dark,
    "smear": smeared,
    "bands": banded,
    "exposure": exposed,
    "spoilt": spoilt,
    "shade": shaded,
}
"""By name; each takes a clip and the longest side that an endpoint is sent."""


class _Noise:
    """A sensor's: another part of the same grain on each picture."""

    def __init__(self, sigma: float) -> None:
        self._sigma = sigma
        self._dice = np.random.default_rng(11)
        self._grain: npt.NDArray[np.int8] | None = None

    def on(self, image: Image) -> Image:
        height, width = image.shape[:2]
        if self._grain is None:
            size = height + _SPARE, width + _SPARE, 1
            self._grain = (self._sigma * self._dice.standard_normal(size, np.float32)).astype(np.int8)
        y, x = self._dice.integers(_SPARE, size=2)
        noisy = image.astype(np.int16) + self._grain[y : y + height, x : x + width]
        return np.asarray(np.clip(noisy, 0, 255), np.uint8)


def _street(size: tuple[int, int]) -> Image:
    return np.asarray(cv2.resize(cv2.imread(str(_STREET)), size, interpolation=cv2.INTER_CUBIC), np.uint8)  # type: ignore[arg-type]


def _changed(
    clip: Clip, name: str, images: Callable[[], Iterator[Image]], people: list[list[dict[str, Any]]], upload: int
) -> Clip:
    film = Film(len(people), images)
    scale = min(1.0, upload / max(film[0].shape[:2]))
    return replace(clip, name=f"{clip.name}, {name}", images=film, people=people, scale=scale)


def _placed(person: dict[str, Any], scale: float | tuple[float, float], corner: tuple[float, float]) -> dict[str, Any]:
    """A person of a picture that is scaled and moved."""
    (left, top), (across, down) = corner, (scale, scale) if isinstance(scale, int | float) else scale
    return {
        **person,
        "keypoints": [[left + x * across, top + y * down, c] for x, y, c in person["keypoints"]],
        "x": left + person["x"] * across,
        "y": top + person["y"] * down,
        "width": person["width"] * across,
        "height": person["height"] * down,
    }
