"""Clips under the conditions of real cameras: their truth lies where their pictures show it."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from track_conditions import CONDITIONS
from track_score import Clip, Film

from kpstream.entities import Image

SIZE = 160, 90


def person(index: int) -> dict[str, Any]:
    """Somebody who moves to the right; all keypoints lie at one place."""
    x, y = 60.0 + 2 * index, 40.0
    return {"x": x, "y": y, "width": 20.0, "height": 40.0, "confidence": 0.9, "keypoints": [[x, y, 0.9]] * 17}


def picture(index: int) -> Image:
    image = np.zeros((SIZE[1], SIZE[0], 3), np.uint8)
    x, y = map(int, person(index)["keypoints"][0][:2])
    image[y - 3 : y + 4, x - 3 : x + 4] = 255
    return image


@pytest.mark.parametrize("name", CONDITIONS)
def test_the_truth_lies_where_the_picture_shows_it(name: str) -> None:
    clip = Clip("dot", Film(5, lambda: map(picture, range(5))), 30.0, [[person(index)] for index in range(5)])
    changed = CONDITIONS[name](clip, 640)
    images = list(changed.images)
    assert len(images) == len(changed.people) > 2
    image, somebody = images[-1], changed.people[-1][0]
    x, y, _ = somebody["keypoints"][0]
    reach = round(somebody["width"])
    around = image[round(y) - reach : round(y) + reach, round(x) - reach : round(x) + reach].mean(axis=2)
    rows, columns = np.nonzero(around > 0.7 * around.max())
    off = np.hypot(rows.mean() - reach, columns.mean() - reach)
    assert off < 0.1 * somebody["width"], f"{off:.1f} pixels"
