"""Webcams on a machine that has none; real ones are in tests/rig."""

from __future__ import annotations

import sys

import pytest

from kpstream.errors import SourceOpenError
from kpstream.sources import Webcam

on_linux = pytest.mark.skipif(sys.platform != "linux", reason="other systems cannot list their cameras")


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
