"""Pictures whose pixels are not square, as screens show them."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction

import cv2
import numpy as np

from kpstream.entities import Frame, Image, Scene


def squared(frame: Frame, picture: Image) -> Image:
    """A picture of a frame with square pixels: itself where they are.

    Args:
        frame: Says how wide they are.
        picture: BGR, of the frame's size.
    """
    if frame.square_size == frame.size:
        return picture
    return cv2.resize(picture, frame.square_size, interpolation=cv2.INTER_LINEAR)  # type: ignore[return-value]


def as_seen(scene: Scene) -> Scene:
    """A scene with its picture and its poses as a screen shows them: itself where pixels are square."""
    frame = scene.frame
    if frame.square_size == frame.size:
        return scene
    (width, height), (square_width, square_height) = frame.size, frame.square_size
    factors = np.array([square_width / width, square_height / height], np.float32)
    poses = [replace(pose, xy=pose.xy * factors, xyxy=pose.xyxy * np.tile(factors, 2)) for pose in scene.poses]
    seen = replace(frame, image=squared(frame, frame.image), pixel_aspect=Fraction(1))
    return replace(scene, frame=seen, poses=tuple(poses))
