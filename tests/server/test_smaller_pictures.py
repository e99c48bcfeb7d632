"""Pictures that are larger than what the model sees: decoded smaller, and answered as if they were not."""

from __future__ import annotations

import base64
from collections.abc import Iterator
from math import ceil

import numpy as np
import pytest

from tests.support.local_endpoint import KnownFinder, encoded, people, picture, post, serving, with_orientation

LONG_SIDE = 60


@pytest.fixture(scope="module")
def finder() -> KnownFinder:
    return KnownFinder()


@pytest.fixture(scope="module")
def url(finder: KnownFinder) -> Iterator[str]:
    with serving(finder, long_side=LONG_SIDE) as address:
        yield address


@pytest.mark.parametrize(
    ("size", "extension", "given"),
    [
        ((118, 90), ".jpg", (118, 90)),
        ((120, 90), ".jpg", (60, 45)),
        ((90, 124), ".jpg", (45, 62)),
        ((240, 180), ".jpg", (60, 45)),
        ((480, 800), ".jpg", (60, 100)),
        ((4000, 8), ".jpg", (500, 1)),
        ((240, 180), ".png", (240, 180)),
        ((242, 181), ".jpg", (61, 46)),
        ((180, 241), ".jpg", (45, 61)),
        ((241, 243), ".jpg", (121, 122)),
        ((243, 243), ".jpg", (61, 61)),
    ],
    ids=[
        "too small",
        "half",
        "upright",
        "quarter",
        "eighth",
        "flat",
        "PNG",
        "no whole quarter",
        "upright, too",
        "nearly square",
        "square",
    ],
)
def test_a_jpeg_is_decoded_no_larger_than_it_must_be_and_told_as_large_as_it_is(
    url: str, finder: KnownFinder, size: tuple[int, int], extension: str, given: tuple[int, int]
) -> None:
    answer = post(url, base64.b64encode(encoded(picture(*size), extension)))
    assert answer.json()["image"] == {"width": size[0], "height": size[1]}
    assert finder.images[-1].shape[1::-1] == given
    sure = people(answer)[0]
    box = np.array([sure["x"], sure["y"], sure["width"], sure["height"]])
    seen = np.array(given) * round(max(size) / max(given))
    assert box == pytest.approx(np.array([0.35, 0.55, 0.5, 0.7]) * np.tile(seen, 2), abs=1), (
        "pixels of the whole picture"
    )
    nose = sure["keypoints"][0]
    assert (nose["x"], nose["y"]) == pytest.approx((0.15 * seen[0], 0.27 * seen[1]), abs=1)


@pytest.mark.parametrize(("orientation", "told"), [(1, (241, 122)), (3, (241, 122)), (6, (122, 241)), (8, (122, 241))])
def test_a_smaller_picture_is_turned_as_its_orientation_says(
    url: str, finder: KnownFinder, orientation: int, told: tuple[int, int]
) -> None:
    marked = picture(241, 122)
    marked[:30, :60] = 255
    answer = post(url, base64.b64encode(with_orientation(encoded(marked), orientation)))
    assert answer.json()["image"] == {"width": told[0], "height": told[1]}
    seen = finder.images[-1]
    assert seen.shape[1::-1] == (ceil(told[0] / 4), ceil(told[1] / 4))
    corners = {1: seen[:5, :5], 3: seen[-5:, -5:], 6: seen[:5, -5:], 8: seen[-5:, :5]}
    assert {turn for turn, corner in corners.items() if corner.min() > 200} == {orientation}


def test_what_is_drawn_is_the_picture_as_it_came(url: str, finder: KnownFinder) -> None:
    assert post(url, base64.b64encode(encoded(picture(240, 180))), format="image").status_code == 200
    assert finder.images[-1].shape == (180, 240, 3)
