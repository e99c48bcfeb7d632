"""What the terminal shows of a live view."""

from __future__ import annotations

import numpy as np

from kpstream.console import idle_line, live_line
from kpstream.entities import Frame, Scene, Stats

NARROW = 76
"""Columns of a terminal of 80, beside the spinner."""


def scene(stats: Stats) -> Scene:
    return Scene(Frame(90, 61.0, 0.0, np.zeros((4, 4, 3), np.uint8)), (), stats)


def test_a_narrow_terminal_shows_what_is_wrong_before_all_other_figures() -> None:
    stats = Stats(29.9, 30.1, requests=4312, lost=128, endpoint_trouble="nothing listens at 192.168.100.200:9001")
    shown = live_line(scene(stats))[:NARROW]
    assert "1:01" in shown
    assert "128 lost" in shown
    assert "nothing listens at 192.168.100.200:9001" in shown


def test_where_all_is_well_there_is_no_word_of_trouble() -> None:
    assert live_line(scene(Stats(29.9, 30.1, requests=7))).startswith("1:01  ·  30.1 of 29.9 frames/s  ·  ")


def test_without_pictures_the_reason_is_shown() -> None:
    shown = idle_line(Stats(requests=7, lost=2, source_trouble="the camera is lost"))[:NARROW]
    assert shown.startswith("no pictures  ·  2 lost  ·  the camera is lost")
