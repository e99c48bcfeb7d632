"""Drawn people whose joints are known, for the embedded network."""

from __future__ import annotations

import cv2
import numpy as np

from kpstream.entities import Image

BACKGROUND = (150, 170, 160)
SKIN, HAIR, SHIRT, TROUSERS, SHOES = (130, 160, 215), (30, 40, 60), (60, 60, 190), (60, 50, 45), (30, 30, 30)
DRAWN_SIZE = (560, 400)
"""Height and width of the drawn person's picture."""
JOINTS = {
    "nose": (0, 98), "shoulder": (42, 150), "elbow": (62, 212), "wrist": (70, 268), "hip": (20, 270),
    "knee": (26, 370), "ankle": (30, 465),
}  # fmt: skip
"""Where the drawn person's joints are: to the side of its middle, and from the top."""


def _limb(
    image: Image, start: tuple[int, int], end: tuple[int, int], widths: tuple[int, int], color: tuple[int, int, int]
) -> None:
    a, b = np.array(start, float), np.array(end, float)
    along = (b - a) / np.linalg.norm(b - a)
    across = np.array([-along[1], along[0]])
    sides = [
        a + across * widths[0] / 2,
        b + across * widths[1] / 2,
        b - across * widths[1] / 2,
        a - across * widths[0] / 2,
    ]
    cv2.fillPoly(image, [np.array(sides).astype(np.int32)], color, cv2.LINE_AA)
    for joint, width in zip((start, end), widths, strict=True):
        cv2.circle(image, joint, width // 2, color, -1, cv2.LINE_AA)


def _spot(image: Image, x: int, y: int, radii: tuple[int, int], color: tuple[int, int, int]) -> None:
    cv2.ellipse(image, (x, y), radii, 0, 0, 360, color, -1, cv2.LINE_AA)


def drawn_person() -> Image:
    """A person who stands and looks at the camera, arms a little off; the network is quite sure of it."""
    height, width = DRAWN_SIZE
    image = np.full((height, width, 3), BACKGROUND, np.uint8)
    middle = width // 2
    for side in (-1, 1):
        at = {name: (middle + side * x, y) for name, (x, y) in JOINTS.items()}
        _limb(image, at["hip"], at["knee"], (42, 32), TROUSERS)
        _limb(image, at["knee"], at["ankle"], (32, 20), TROUSERS)
        _spot(image, middle + side * 36, 475, (20, 9), SHOES)
        _limb(image, at["shoulder"], at["elbow"], (24, 20), SHIRT)
        _limb(image, at["elbow"], at["wrist"], (17, 13), SKIN)
        _spot(image, middle + side * 72, 278, (9, 13), SKIN)
    cv2.line(image, (middle, 290), (middle, 460), BACKGROUND, 2)
    half = [(44, 140), (36, 200), (40, 275)]
    outline = [(18, 130), *half, *((-x, y) for x, y in reversed(half)), (-18, 130)]
    cv2.fillPoly(image, [np.array([(middle + x, y) for x, y in outline], np.int32)], SHIRT, cv2.LINE_AA)
    cv2.rectangle(image, (middle - 9, 112), (middle + 9, 136), SKIN, -1)
    _spot(image, middle, 87, (24, 30), HAIR)
    _spot(image, middle, 93, (20, 26), SKIN)
    for side in (-1, 1):
        _spot(image, middle + side * 21, 93, (3, 6), SKIN)
        _spot(image, middle + side * 8, 88, (4, 2), (255, 255, 255))
        _spot(image, middle + side * 8, 88, (2, 2), (40, 30, 20))
        _spot(image, middle + side * 8, 83, (5, 1), HAIR)
    _spot(image, middle, 98, (2, 3), (90, 120, 180))
    _spot(image, middle, 108, (7, 2), (70, 70, 170))
    grain = np.random.default_rng(0).normal(0, 8, image.shape)
    return np.clip(image + grain, 0, 255).astype(np.uint8)


def drawn_joint(name: str) -> tuple[float, float]:
    """Where a joint of `drawn_person` is; the person's left is the picture's right."""
    side, _, joint = name.rpartition("_")
    x, y = JOINTS[joint]
    return DRAWN_SIZE[1] / 2 + (-x if side == "right" else x), y


def two_who_overlap() -> Image:
    """Two drawn people, one before the other; their boxes overlap by 0.4 (intersection over union)."""
    person = drawn_person()
    height, width = DRAWN_SIZE
    picture = np.full((height + 140, width + 200, 3), BACKGROUND, np.uint8)
    picture[70 : 70 + height, :width] = person
    in_front = picture[110 : 110 + height, 70 : 70 + width]
    inside = np.abs(person.astype(int) - BACKGROUND).max(axis=2, keepdims=True) >= 40
    np.copyto(in_front, person, where=inside)
    return picture
