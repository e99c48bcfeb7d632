"""One whole frame: the street, the people in it, the camera's faults, and the truth about the poses."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from walkers import body, raster, street
from walkers.camera import SIZE, Array, Camera, camera_at
from walkers.cast import Person
from walkers.gait import body_at

Image = npt.NDArray[np.uint8]
Plane = npt.NDArray[np.float32]
SHUTTER = 1 / 90
_INSTANTS = (-0.33, 0.0, 0.33)
_VISIBLE, _BEHIND_ITSELF, _BEHIND_OTHERS, _OUTSIDE = 1.0, 0.2, 0.1, 0.0
_THICK = np.array([0.025, 0.025, 0.025, 0.03, 0.03, *[0.065] * 2, *[0.055] * 2, *[0.05] * 2, *[0.11] * 2,
                   *[0.075] * 2, *[0.065] * 2])  # fmt: skip
"""How deep each keypoint lies under the skin at the most, in body heights."""


@dataclass(frozen=True)
class Actor:
    """A person in one frame."""

    person: Person
    layer: raster.Layer
    keypoints: Array
    """Pixels in tenths, shape ``(17, 2)``."""
    towards: Array
    """How far each keypoint is in front of the person's middle, in pixels, shape ``(17,)``."""
    scale: float
    """Pixels a metre."""
    blots: list[tuple[Array, Array, float]]
    """The shadow on the ground."""


class Film:
    """A clip that can be asked for any moment; the same seed gives the same pictures.

    Args:
        cast: Who walks.
        seed: Of the textures and the grain.
        camera: The camera at a moment; by default it is held by hand.
        props: What else stands in the street, with its depths in metres.
    """

    def __init__(
        self,
        cast: Sequence[Person],
        seed: int,
        camera: Callable[[float], Camera] = camera_at,
        props: Sequence[tuple[float, street.Quad]] = (),
    ) -> None:
        self.cast = cast
        self.camera = camera
        built = street.build(seed)
        self.street = street.Street(built.back, sorted((*built.props, *props), key=lambda prop: -prop[0]))
        self.creases = raster.folds(seed)
        self.grain = np.random.default_rng(seed).normal(0, 1, (SIZE[1] + 64, SIZE[0] + 64, 1)).astype(np.float32)
        across, down = np.meshgrid(np.linspace(-1, 1, SIZE[0]), np.linspace(-1, 1, SIZE[1]))
        self.lens = (1.03 - 0.10 * (across**2 + down**2)).astype(np.float32)[..., None]

    def frame(self, seconds: float) -> tuple[Image, list[dict[str, Any]]]:
        """The picture, BGR, and the true people of one moment."""
        camera = self.camera(seconds)
        actors = [actor for person in self.cast if (actor := self._act(person, camera, seconds)) is not None]
        picture = self.street.backdrop(camera, [blot for actor in actors for blot in actor.blots])
        things: list[tuple[float, street.Quad | Actor]] = [*self.street.props]
        things += [(actor.layer.root, actor) for actor in actors]
        for _, thing in sorted(things, key=lambda item: -item[0]):
            if isinstance(thing, Actor):
                _lay(thing.layer, picture)
            else:
                thing.draw(picture, camera)
        return self._exposed(picture, seconds), truth(actors)

    def _act(self, person: Person, camera: Camera, seconds: float) -> Actor | None:
        """Let a person stand there; None while out of sight."""
        bodies = [
            body_at(
                person.path,
                person.gestures,
                person.height,
                seconds + part * SHUTTER,
                person.look.broad,
                posture=person.posture,
            )
            for part in (0.0, *_INSTANTS)
        ]
        root = bodies[0].at["pelvis"]
        pixel, depth = camera.project(root)
        scale = camera.focal / float(depth)
        if not -person.height * scale < pixel[0] < SIZE[0] + 2 * person.height * scale:
            return None
        keypoints, depths = camera.project(body.keypoints(bodies[0], person.height, person.look))
        dressed = [body.parts(one, person.look, person.height) for one in bodies[1:]]
        moments = [raster.solids(parts, camera, root) for parts in dressed]
        layer = raster.render(moments, camera, float(depth), self.creases)
        towards = (float(depth) - depths) * scale
        as_written = np.round(keypoints, 1) + 0.0
        return Actor(person, layer, as_written, towards, scale, _shadow(dressed[1]))

    def _exposed(self, picture: Image, seconds: float) -> Image:
        """What the sensor makes of it: darker corners, and grain that is another one in every frame."""
        rng = np.random.default_rng(round(seconds * 1000))
        x, y = rng.integers(0, 64, 2)
        grain = self.grain[y : y + SIZE[1], x : x + SIZE[0]] * np.float32(1 if rng.uniform() < 0.5 else -1)
        return np.asarray((picture * self.lens + 1.7 * grain + np.float32(0.5)).clip(0, 255).astype(np.uint8))


def _shadow(parts: Sequence[body.Part]) -> list[tuple[Array, Array, float]]:
    fall = raster.SUN / raster.SUN[1]
    flat = np.array([1.0, 0.0, 1.0])
    return [
        (flat * (part.a - part.a[1] * fall), flat * (part.b - part.b[1] * fall), part.radius_a + part.radius_b)
        for part in parts
        if part.radius_a > 0.012
    ]


def _inside(layer: raster.Layer) -> tuple[tuple[slice, slice], tuple[slice, slice]] | None:
    """Where a layer lies in the picture, and which part of the layer that is; None where it does not."""
    height, width = layer.cover.shape
    left, top = max(layer.left, 0), max(layer.top, 0)
    right, bottom = min(layer.left + width, SIZE[0]), min(layer.top + height, SIZE[1])
    if left >= right or top >= bottom:
        return None
    there = (slice(top, bottom), slice(left, right))
    return there, (slice(top - layer.top, bottom - layer.top), slice(left - layer.left, right - layer.left))


def _lay(layer: raster.Layer, picture: Image) -> None:
    places = _inside(layer)
    if places is not None:
        there, part = places
        under = picture[there] * (1 - layer.cover[part][..., None])
        picture[there] = (under + 255 * layer.colour[part]).clip(0, 255).astype(np.uint8)


def truth(actors: Sequence[Actor]) -> list[dict[str, Any]]:
    """The people of one frame as the truth file has them; who is not in the picture at all is left out."""
    nearer = np.zeros((SIZE[1], SIZE[0]), bool)
    found = []
    for actor in sorted(actors, key=lambda one: one.layer.root):
        places = _inside(actor.layer)
        if places is None:
            continue
        there, part = places
        body_pixels = actor.layer.cover > 0.5
        mine = body_pixels[part]
        seen = int((mine & ~nearer[there]).sum()) / max(1, int(body_pixels.sum()))
        if mine.any():
            rows, columns = np.nonzero(mine)
            low = (columns.min() + there[1].start, rows.min() + there[0].start)
            high = (columns.max() + there[1].start + 1, rows.max() + there[0].start + 1)
            found.append(_entry(actor, low, high, seen, _confidences(actor, nearer)))
        nearer[there] |= mine
    return sorted(found, key=lambda entry: int(entry["id"]))


def _entry(
    actor: Actor, low: tuple[int, int], high: tuple[int, int], seen: float, confidences: list[float]
) -> dict[str, Any]:
    points = [[float(x), float(y), confidence] for (x, y), confidence in zip(actor.keypoints, confidences, strict=True)]
    return {
        "id": actor.person.number,
        "x": (int(low[0]) + int(high[0])) / 2,
        "y": (int(low[1]) + int(high[1])) / 2,
        "width": int(high[0] - low[0]),
        "height": int(high[1] - low[1]),
        "confidence": 1.0,
        "seen": round(seen, 2),
        "keypoints": points,
    }


def _confidences(actor: Actor, nearer: npt.NDArray[np.bool_]) -> list[float]:
    """How well each keypoint is seen, shape ``(17,)``."""
    found = []
    height, width = actor.layer.depth.shape
    deepest = _THICK * actor.person.height * actor.scale
    for (x, y), towards, thick in zip(np.floor(actor.keypoints).astype(int), actor.towards, deepest, strict=True):
        row, column = y - actor.layer.top, x - actor.layer.left
        if not (0 <= x < SIZE[0] and 0 <= y < SIZE[1]):
            found.append(_OUTSIDE)
        elif nearer[y, x]:
            found.append(_BEHIND_OTHERS)
        elif 0 <= row < height and 0 <= column < width and actor.layer.depth[row, column] - towards > thick:
            found.append(_BEHIND_ITSELF)
        else:
            found.append(_VISIBLE)
    return found
