from __future__ import annotations

import sys

import numpy as np
import pytest

from kpstream.entities import Frame, Scene
from kpstream.errors import SinkError
from kpstream.sinks.window import Window, reason_no_window

on_linux = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="other systems always have a screen")


@on_linux
def test_without_a_screen_the_reason_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("DISPLAY", raising=False)
    monkeypatch.delenv("WAYLAND_DISPLAY", raising=False)
    assert "no screen" in (reason_no_window() or "")


@on_linux
@pytest.mark.parametrize("name", ["DISPLAY", "WAYLAND_DISPLAY"])
def test_where_nobody_answers_the_reason_is_told(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("DISPLAY", raising=False)
    monkeypatch.setenv(name, ":4242")
    assert "screen :4242" in (reason_no_window() or "")


def test_before_the_first_picture_there_is_no_window() -> None:
    window = Window()
    window.pump()
    window.close()
    window.close()


def test_a_closed_window_shows_nothing_more() -> None:
    window = Window()
    window.close()
    image = np.zeros((4, 4, 3), np.uint8)
    with pytest.raises(SinkError, match="closed"):
        window.write(Scene(Frame(0, 0.0, 0.0, image), ()), image)
