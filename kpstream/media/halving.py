"""Pictures of half the size."""

from __future__ import annotations

import cv2
import numpy as np
import numpy.typing as npt


def halved(image: npt.NDArray[np.uint8]) -> npt.NDArray[np.uint8]:
    """Half a picture, shape ``(height, width, ...)``: each pixel is the mean of four. What is odd is cut off."""
    height, width = image.shape[:2]
    half = cv2.resize(image[: height & ~1, : width & ~1], (width // 2, height // 2), interpolation=cv2.INTER_AREA)
    return np.asarray(half, np.uint8)
