"""Texts on pictures: how large they are, how they are made to fit, and labels on a ground of their own."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from math import hypot

import cv2

from kpstream.entities import Image
from kpstream.render.colors import DARK, LIGHT, Bgr

Spot = tuple[int, int, int, int]
"""A rectangle of whole pixels: x_min, y_min, x_max, y_max."""
Word = tuple[str, Bgr]
"""A text in one colour."""
_FONT = cv2.FONT_HERSHEY_DUPLEX


@dataclass(frozen=True, slots=True)
class Pen:
    """The sizes that suit one picture, in its pixels."""

    line: int
    radius: int
    font_scale: float
    text_height: int
    """Of a capital letter: one for all texts, so that no label changes its height with its letters."""
    padding: int


@lru_cache(maxsize=64)
def pen_for(width: int, height: int, thickness: int | None) -> Pen:
    """The pen of a picture of this size; lines are as thick as is asked, or as suits it."""
    diagonal = hypot(width, height)
    line = thickness or max(2, round(diagonal / 720))
    font_scale = max(0.42, diagonal / 3400)
    text_height = cv2.getTextSize("A", _FONT, font_scale, 1)[0][1]
    return Pen(line, line + max(1, line // 2), font_scale, text_height, max(3, round(text_height * 0.5)))


def printable(text: str) -> str:
    """The text, with spaces for what has no shape."""
    return "".join(letter if letter.isprintable() else " " for letter in text)


def _text_width(text: str, pen: Pen) -> int:
    return cv2.getTextSize(text, _FONT, pen.font_scale, 1)[0][0]


def fitted(text: str, room: int, pen: Pen) -> tuple[str, int]:
    """The text and its width, shortened to ``room`` pixels; empty where not even a letter has room."""
    width = _text_width(text, pen)
    kept = text
    while width > room and kept:
        kept = kept[: min(len(kept) - 1, len(kept) * room // width)] if room > 0 else ""
        width = _text_width(kept + "...", pen)
    return (text, width) if kept == text else (kept and kept + "...", width)


def rows_of(words: Sequence[Word], gap: str, room: int, pen: Pen) -> list[list[Word]]:
    """Break words into rows of at most ``room`` pixels; in a row, all but the first word begin with ``gap``."""
    rows: list[list[Word]] = []
    left = 0
    for word, color in words:
        width = _text_width(gap + word, pen)
        if rows and width <= left:
            rows[-1].append((gap + word, color))
            left -= width
        else:
            kept, width = fitted(word, room, pen)
            rows.append([(kept, color)])
            left = room - width
    return rows


def row_width(row: Sequence[Word], pen: Pen) -> int:
    """Pixels from its first word to its last."""
    return sum(_text_width(text, pen) for text, _ in row)


def write_row(canvas: Image, row: Sequence[Word], x: int, y: int, pen: Pen) -> None:
    """Write words one behind the other; the first begins at (x, y), at its bottom left."""
    for text, color in row:
        cv2.putText(canvas, text, (x, y), _FONT, pen.font_scale, color, 1, cv2.LINE_AA)
        x += _text_width(text, pen)


def write_label(canvas: Image, text: str, spot: Spot, pen: Pen, ground: Bgr) -> None:
    """Write a label: dark or light letters, whichever can be read on its ground."""
    cv2.rectangle(canvas, spot[:2], (spot[2] - 1, spot[3] - 1), ground, cv2.FILLED)
    blue, green, red = ground
    ink = DARK if 0.114 * blue + 0.587 * green + 0.299 * red > 120 else LIGHT
    origin = (spot[0] + pen.padding, spot[3] - pen.padding)
    cv2.putText(canvas, text, origin, _FONT, pen.font_scale, ink, 1, cv2.LINE_AA)
