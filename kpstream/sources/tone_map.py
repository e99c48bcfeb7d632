"""Makes pictures of high dynamic range (PQ, HLG) into ordinary ones: one table of colours, which FFmpeg applies.

Source: ITU-R BT.2100 for the curves, BT.2408 for the white of 203 cd/m2, BT.2087 for the primaries.
"""

from __future__ import annotations

from functools import cache
from typing import Literal

import numpy as np
import numpy.typing as npt

Curve = Literal["pq", "hlg"]
CURVES: dict[int, Curve] = {16: "pq", 18: "hlg"}
"""By AVColorTransferCharacteristic."""

_Array = npt.NDArray[np.float64]
_POINTS = 33
_WHITE = 203.0
"""cd/m2 of a white sheet of paper in HDR video."""
_HLG_PEAK = 1000.0
_HLG_SYSTEM_GAMMA = 1.2
_KNEE = 0.5
"""What is darker than this share of white keeps its brightness; what is brighter is rolled off, so that lights have
room above white."""
_GAMMA = 2.2
_TO_BT709 = np.array(
    [[1.660491, -0.587641, -0.072850], [-0.124550, 1.132900, -0.008349], [-0.018151, -0.100579, 1.118730]]
)
_LUMINANCE = np.array([0.2627, 0.6780, 0.0593])


@cache
def cube_of(curve: Curve) -> str:
    """The table as a text in the form of ``.cube`` files: from HDR's RGB to that of a screen, red running fastest."""
    steps = np.linspace(0.0, 1.0, _POINTS)
    planes = np.meshgrid(steps, steps, steps, indexing="ij")
    colours = ordinary(np.stack(planes[::-1], axis=-1).reshape(-1, 3), curve)
    rows = "\n".join(f"{red:.6f} {green:.6f} {blue:.6f}" for red, green, blue in colours)
    return f"LUT_3D_SIZE {_POINTS}\n{rows}\n"


def ordinary(colours: _Array, curve: Curve) -> _Array:
    """What a screen is to show for colours of HDR video.

    Args:
        colours: RGB as coded, 0 to 1, BT.2020, shape ``(N, 3)``.
        curve: How they are coded.

    Returns:
        RGB for a screen, 0 to 1, BT.709, shape ``(N, 3)``.
    """
    light = (_light_of_pq(colours) if curve == "pq" else _light_of_hlg(colours)) / _WHITE
    light = np.maximum(light @ _TO_BT709.T, 0.0)
    brightest = light.max(axis=1, keepdims=True)
    rolled = np.where(
        brightest < _KNEE, brightest, _KNEE + (1 - _KNEE) * (1 - np.exp(-(brightest - _KNEE) / (1 - _KNEE)))
    )
    mapped: _Array = (light * rolled / np.maximum(brightest, 1e-9)) ** (1 / _GAMMA)
    return mapped


def _light_of_pq(code: _Array) -> _Array:
    """cd/m2."""
    power = code ** (1 / 78.84375)
    share = np.maximum(power - 0.8359375, 0) / (18.8515625 - 18.6875 * power)
    light: _Array = 10000.0 * share ** (1 / 0.1593017578125)
    return light


def _light_of_hlg(code: _Array) -> _Array:
    """cd/m2 on a screen of 1000 cd/m2."""
    a, b, c = 0.17883277, 0.28466892, 0.55991073
    scene = np.where(code <= 0.5, code**2 / 3, (np.exp((code - c) / a) + b) / 12)
    luminance = np.maximum(scene @ _LUMINANCE, 1e-9)[:, None]
    light: _Array = _HLG_PEAK * luminance ** (_HLG_SYSTEM_GAMMA - 1) * scene
    return light
