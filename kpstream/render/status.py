"""Writes on a picture how the pipeline is doing, and what is wrong."""

from __future__ import annotations

from math import isnan

import numpy as np

from kpstream.entities import Image, Scene
from kpstream.options import in_file
from kpstream.redact import redact
from kpstream.render.colors import ATTENTION, LIGHT
from kpstream.render.lettering import Spot, Word, pen_for, printable, row_width, rows_of, write_row

_MAX_TROUBLE_ROWS = 3


class StatusAnnotator:
    """Writes how the pipeline is doing, at the bottom left: its rate, the ages, the requests, and what is wrong."""

    def annotate(self, canvas: Image, scene: Scene) -> None:
        """Write on ``canvas``, BGR ``(height, width, 3)``, in place."""
        height, width = canvas.shape[:2]
        pen = pen_for(width, height, None)
        room = width - 4 * pen.padding
        trouble = [(word, ATTENTION) for word in printable(in_file(redact(scene.stats.trouble))).split()]
        rows = [*rows_of(trouble, " ", room, pen)[:_MAX_TROUBLE_ROWS], *rows_of(_status(scene), "   ", room, pen)]
        step = pen.text_height + pen.padding
        rows = rows[-max(1, (height - 3 * pen.padding) // step) :]
        widest = max(row_width(row, pen) for row in rows)
        top = height - 2 * pen.padding - step * len(rows)
        _darken(canvas, (pen.padding, top, widest + 3 * pen.padding, height - pen.padding))
        for number, row in enumerate(rows, start=1):
            write_row(canvas, row, 2 * pen.padding, top + number * step, pen)


def dimmed(canvas: Image, words: str) -> Image:
    """A dimmed copy of a picture that is no longer live, with what is wrong written over its middle.

    Args:
        canvas: BGR, shape ``(height, width, 3)``.
        words: What is wrong; secrets in it are not shown.
    """
    dark: Image = canvas // 3
    height, width = canvas.shape[:2]
    pen = pen_for(width, height, None)
    rows = rows_of([(word, ATTENTION) for word in printable(redact(words)).split()], " ", width - 4 * pen.padding, pen)
    step = 2 * pen.text_height
    top = (height - step * len(rows)) // 2
    for number, row in enumerate(rows, start=1):
        write_row(dark, row, (width - row_width(row, pen)) // 2, top + number * step, pen)
    return dark


def _status(scene: Scene) -> list[Word]:
    stats, age = scene.stats, scene.result_age
    words = [] if isnan(stats.render_fps) else [(f"{stats.render_fps:.1f} fps", LIGHT)]
    if not isnan(scene.rendered_at):
        words.append((f"picture {scene.rendered_at - scene.frame.captured_at:.2f} s", LIGHT))
    if isnan(age):
        words.append(("waiting for the first answer", LIGHT))
    elif scene.stale:
        words.append((f"answer {age:.2f} s, too old", ATTENTION))
    else:
        words.append((f"answer {age:.2f} s" if age >= 0 else f"answer {-age:.2f} s ahead", LIGHT))
    words.append((f"{stats.in_flight} in flight", LIGHT))
    words += [(f"{count} {fate}", LIGHT) for count, fate in ((stats.lost, "lost"), (stats.stale, "stale")) if count]
    return words


def _darken(canvas: Image, spot: Spot) -> None:
    x_min, y_min, x_max, y_max = spot
    ground = canvas[max(0, y_min) : y_max, x_min:x_max]
    np.right_shift(ground, 2, out=ground)
