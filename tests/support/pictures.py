"""Pictures as a decoder gives them."""

from __future__ import annotations

import numpy as np

from kpstream.entities import Image
from kpstream.media.frame import Luma


class LumaOnly:
    """A grey picture that nobody may convert to BGR."""

    def __init__(self, image: Image) -> None:
        self.size = image.shape[1], image.shape[0]
        self.luma = Luma(np.ascontiguousarray(image[:, :, 1]))

    @property
    def image(self) -> Image:
        raise AssertionError("luma is enough")

    def shrunk(self, longest: int) -> tuple[Image, tuple[int, int]]:
        raise AssertionError("luma is enough")
