"""Pictures whose pixels are not square, made square for whoever looks at them."""

from __future__ import annotations

from typing import cast

import cv2
import numpy as np

from kpstream.entities import Frame, Image, Pose


def squared(frame: Frame, picture: Image) -> Image:
    """A picture of a frame with square pixels: itself where they are.

    Args:
        frame: Says how wide they are.
        picture: BGR, of the frame's size.
    """
    if frame.square_size == frame.size:
        return picture
    return cast(Image, cv2.resize(picture, frame.square_size, interpolation=cv2.INTER_LINEAR))


def scaled_poses(poses: tuple[Pose, ...], size: tuple[int, int], to: tuple[int, int]) -> tuple[Pose, ...]:
    """The same poses on a picture of another size.

    Args:
        poses: In pixels of a picture of ``size``.
        size: Its (width, height) in pixels.
        to: That of the other picture.
    """
    scale = np.array([to[0] / size[0], to[1] / size[1]], np.float32)
    return tuple(pose.scaled(scale) for pose in poses)
