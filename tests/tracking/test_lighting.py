"""Light that changes is no motion, and no reason for doubt."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import numpy.typing as npt
import pytest

from kpstream.entities import Frame, Image, Pose, Result
from kpstream.tracking import DEFAULT, Tracker
from kpstream.tracking.frames import thumbnail
from kpstream.tracking.lighting import in_light, light_change
from tests.tracking.test_detail import scene, small
from tests.tracking.test_flow import texture
from tests.tracking.test_tracker import picture, pose

Light = Callable[[int, int], npt.NDArray[np.float64]]


def bands(index: int, height: int) -> npt.NDArray[np.float64]:
    """What a lamp on the mains draws: rows are exposed one after the other."""
    return np.asarray(1 + 0.25 * np.sin(2 * np.pi * (2.2 * np.arange(height) / height + 0.37 * index))[:, None])


LIGHTS: dict[str, Light] = {
    "a lamp that flickers": lambda index, height: np.full((height, 1), 0.7 if index % 2 else 1.0),
    "bands": bands,
    "steps of the exposure": lambda index, height: np.full((height, 1), (1.0, 1.3, 0.7)[index // 10 % 3]),
}
lights = pytest.mark.parametrize("light", LIGHTS.values(), ids=LIGHTS)


def lit(image: Image, light: npt.NDArray[np.float64]) -> Image:
    return np.clip(image * light.reshape(-1, *[1] * (image.ndim - 1)), 0, 255).astype(np.uint8)


@lights
def test_picture_is_shown_in_the_light_of_the_one_before(light: Light) -> None:
    wall = texture(320, 180, 1, grain=4) // 2 + 20
    before, after = (lit(wall, light(index, 180)) for index in (9, 10))
    change = light_change(thumbnail(before), thumbnail(after), DEFAULT)
    assert change is not None
    off = np.abs(in_light(after, change).astype(int) - before)
    assert off.mean() < 0.2 * np.abs(after.astype(int) - before).mean()


def test_what_moves_is_not_taken_for_light() -> None:
    wall = texture(320, 180, 1, grain=12)
    somebody = wall.copy()
    somebody[40:140, 60:200] = 30
    for after in (wall, np.roll(wall, 9, axis=0), np.roll(wall, 25, axis=1), somebody):
        assert light_change(thumbnail(wall), thumbnail(after), DEFAULT) is None


@pytest.mark.parametrize(("before", "after"), [(0, 200), (250, 90)], ids=["black", "cut off"])
def test_no_light_is_told_of_what_is_the_same_in_any(before: float, after: float) -> None:
    assert light_change(np.full((18, 32), float(before)), np.full((18, 32), float(after)), DEFAULT) is None


def walked(index: int) -> tuple[float, float]:
    return 40 + 1.5 * index, 100.0


@lights
@pytest.mark.parametrize(
    ("image", "answer"),
    [
        (lambda index: picture(walked(index)), lambda index: pose(*walked(index))),
        (lambda index: scene(*walked(index)), lambda index: small(*walked(index))),
    ],
    ids=("near", "far"),
)
def test_who_moves_is_followed_and_trusted_whatever_the_light_does(
    image: Callable[[int], Image], answer: Callable[[int], Pose], light: Light
) -> None:
    tracker = Tracker()
    for index in range(60):
        asked = index - 12
        if asked >= 0 and asked % 6 == 0:
            tracker.update(Result(asked, asked / 30, (answer(asked),), 0, 0, 0))
        shown = image(index) // 2
        poses = tracker.predict(Frame(index, index / 30, 0, lit(shown, light(index, len(shown)))))
        assert not any(drawn.stale for drawn in poses)
        if index >= 30:
            (drawn,) = poses
            assert np.abs(drawn.xy - answer(index).xy).max() < 3


def test_light_that_jumps_in_pictures_of_one_row_is_taken_in() -> None:
    tracker, row = Tracker(), texture(300, 1, 5)
    for index, light in enumerate((1.0, 0.4, 2.0)):
        shown = lit(np.roll(row, 40 * index, axis=1), np.array([light]))
        assert tracker.predict(Frame(index, index / 30, 0, np.repeat(shown[..., None], 3, axis=2))) == ()


def test_exposure_that_jumps_while_the_camera_turns_is_no_reason_for_doubt() -> None:
    street, tracker, places = texture(1000, 240, 3, grain=14), Tracker(), [(100 + 0.5 * at, 100.0) for at in range(60)]
    for index, place in enumerate(places):
        asked = index - 12
        if asked >= 0 and asked % 6 == 0:
            tracker.update(Result(asked, asked / 30, (pose(*places[asked]),), 0, 0, 0))
        wall = np.repeat(street[:, 8 * index : 8 * index + 320, None], 3, axis=2)
        light = np.full(240, 0.7 if index % 20 > 9 else 1.0)
        poses = tracker.predict(Frame(index, index / 30, 0, lit(picture(place, background=wall), light)))
        assert not any(drawn.stale for drawn in poses)
        if index >= 30:
            (drawn,) = poses
            assert np.abs(drawn.xy - pose(*place).xy).max() < 3
