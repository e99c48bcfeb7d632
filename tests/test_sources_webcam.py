"""Webcams on a machine that has none, and cameras that stand still; real ones are in tests/rig."""

from __future__ import annotations

import sys

import numpy as np
import pytest

from kpstream.entities import Image
from kpstream.errors import SourceOpenError
from kpstream.sources import Webcam
from kpstream.sources.webcam import Standstill

on_linux = pytest.mark.skipif(sys.platform != "linux", reason="other systems cannot list their cameras")


def grey(level: int) -> Image:
    return np.full((48, 64, 3), level, np.uint8)


@on_linux
@pytest.mark.parametrize("device", [97, "/dev/video97"])
def test_a_missing_camera_is_told_with_those_that_are_there(
    device: int | str, capfd: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SourceOpenError, match=rf"cannot open camera {device}: there is no such camera \(found: "):
        Webcam(device)
    assert capfd.readouterr() == ("", "")


@on_linux
def test_a_device_that_is_no_camera_is_not_opened() -> None:
    with pytest.raises(SourceOpenError, match="cannot open camera /dev/null"):
        Webcam("/dev/null")


def test_a_picture_that_stands_too_long_is_noticed() -> None:
    standstill = Standstill(patience=2.0)
    assert not any(standstill.lasts(grey(10 + second), second) for second in range(5))
    assert [standstill.lasts(grey(14), second) for second in (5.0, 5.9, 6.1, 7.0)] == [False, False, True, True]
    assert not standstill.lasts(grey(15), 8.0)


def test_a_camera_that_opens_again_may_stand_still_until_it_moves() -> None:
    standstill = Standstill(patience=2.0)
    assert not standstill.lasts(grey(1), 0.0)
    assert standstill.lasts(grey(1), 3.0)
    standstill.forgive()
    assert not any(standstill.lasts(grey(1), second) for second in range(4, 60))
    assert not standstill.lasts(grey(2), 60.0)
    assert standstill.lasts(grey(2), 63.0)
