"""High dynamic range on an ordinary screen."""

from __future__ import annotations

import numpy as np
import pytest
from av.video.frame import VideoFrame
from hypothesis import given
from hypothesis import strategies as st

from kpstream.sources.picture import Converter
from kpstream.sources.tone_map import Curve, ordinary

PQ, HLG, BT2020, LIMITED = 16, 18, 9, 1
WHITE: dict[Curve, float] = {"pq": 0.58, "hlg": 0.75}
"""How the white of ordinary video is coded. Source: ITU-R BT.2408."""


def level(code: float, curve: Curve) -> float:
    return float(ordinary(np.full((1, 3), code), curve)[0].mean())


@pytest.mark.parametrize("curve", WHITE)
def test_white_is_bright_and_lights_are_brighter(curve: Curve) -> None:
    assert 0.85 < level(WHITE[curve], curve) < 0.97
    assert level(WHITE[curve], curve) < level(WHITE[curve] + 0.1, curve) <= 1.0
    assert level(0.0, curve) == pytest.approx(0.0, abs=0.01)


@given(st.floats(0, 1), st.floats(0, 1), st.sampled_from(list(WHITE)))
def test_what_is_brighter_stays_brighter_and_grey_stays_grey(one: float, other: float, curve: Curve) -> None:
    dark, bright = sorted((one, other))
    assert level(dark, curve) <= level(bright, curve) + 1e-9
    grey = ordinary(np.full((1, 3), one), curve)[0]
    assert grey == pytest.approx([grey.mean()] * 3, abs=0.01)


@given(st.tuples(st.floats(0, 1), st.floats(0, 1), st.floats(0, 1)), st.sampled_from(list(WHITE)))
def test_every_colour_can_be_shown(colour: tuple[float, float, float], curve: Curve) -> None:
    shown = ordinary(np.array([colour]), curve)
    assert ((shown >= 0) & (shown <= 1 + 1e-9)).all()


@pytest.mark.parametrize(("transfer", "curve"), [(PQ, "pq"), (HLG, "hlg")])
@pytest.mark.parametrize("form", ["yuv420p10le", "yuv422p10le", "yuv420p"])
def test_decoded_pictures_are_shown_so(transfer: int, curve: Curve, form: str) -> None:
    depth = 10 if "10" in form else 8
    code = round((16 + 219 * WHITE[curve]) * 2 ** (depth - 8))
    picture = VideoFrame(64, 48, form)
    for plane, value in zip(picture.planes, (code, 128 << (depth - 8), 128 << (depth - 8)), strict=True):
        kind = np.uint16 if depth > 8 else np.uint8
        plane.update(np.full(plane.buffer_size // np.dtype(kind).itemsize, value, kind).tobytes())
    picture.colorspace = picture.color_primaries = BT2020
    picture.color_trc, picture.color_range = transfer, LIMITED
    image = Converter()(picture).image
    assert image[24, 32].astype(float) == pytest.approx([255 * level(WHITE[curve], curve)] * 3, abs=4)
