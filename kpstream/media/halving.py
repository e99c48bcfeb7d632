"""Pictures of half the size."""

from __future__ import annotations

import cv2
import numpy as np
import numpy.typing as npt


def halved(image: npt.NDArray[np.uint8]) -> npt.NDArray[np.uint8]:
    """Half a picture, shape ``(height, width, ...)``: each pixel is the mean of four. What is odd is cut off.

    A single row or column stays.
    """
    height, width = (max(1, side // 2) for side in image.shape[:2])
    half = cv2.resize(image[: 2 * height, : 2 * width], (width, height), interpolation=cv2.INTER_AREA)
    return np.asarray(half, np.uint8)
