"""The results as pictures for the README."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any

import matplotlib as mpl
import numpy as np

from bench_parts.case import LATENCIES, OURS
from bench_parts.results import Results

mpl.use("Agg")
from matplotlib import pyplot as plt

# Okabe and Ito's colours, which the colour-blind tell apart; in order of appearance, kpstream's own is the blue.
_COLOURS = {
    OURS: "#0072B2",
    f"{OURS}, every frame": "#0072B2",
    f"{OURS}, 5 a second": "#56B4E9",
    "newest answer held": "#E69F00",
    "infer_on_stream": "#009E73",
    "streamvision": "#CC79A7",
    "streamvision, pool of 8": "#D55E00",
    "supervision": "#666666",
}
_STYLE: Any = {
    "font.size": 9,
    "axes.titlesize": 10.5,
    "axes.titleweight": "bold",
    "axes.titlelocation": "left",
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "axes.grid.axis": "y",
    "axes.axisbelow": True,
    "grid.color": "#dddddd",
    "legend.frameon": False,
}
_SIZE = (7.2, 3.5)
_TRACED = 0.4
"""The latency of the plot over time."""


def draw(results: Results, folder: Path) -> list[Path]:
    """Write every plot that there are numbers for; gives the files."""
    made = []
    with mpl.rc_context(_STYLE):
        if results.live:
            for name, plot in (("live_shown", _shown), ("live_overlay", _overlay), ("live_age", _age)):
                made.append(_saved(plot(results.live), folder / f"{name}.png"))
            if any(row.trace for row in results.live):
                made.append(_saved(_trace(results.live), folder / "overlay_over_time.png"))
        if results.file:
            made.append(_saved(_file(results.file), folder / "file.png"))
    return made


def _saved(figure: Any, path: Path) -> Path:
    figure.savefig(path, dpi=110, bbox_inches="tight", pil_kwargs={"optimize": True})
    plt.close(figure)
    return path


def _bars(
    axes: Any,
    rows: Sequence[Any],
    value: Callable[[Any], float],
    places: int,
    top: Callable[[Any], float] | None = None,
) -> None:
    """Bars by latency, grouped, a colour a program; several clips give their mean, with a dot for each.

    A thin line goes on from each bar to ``top``.
    """
    programs = list(dict.fromkeys(row.program for row in rows))
    width = 0.84 / len(programs)
    for place, program in enumerate(programs):
        x = np.arange(len(LATENCIES)) + (place - (len(programs) - 1) / 2) * width
        values = [[value(row) for row in rows if (row.program, row.latency) == (program, at)] for at in LATENCIES]
        heights = [_mean(some) for some in values]
        line: dict[str, Any] = {}
        if top is not None:
            ends = [
                _mean([top(row) for row in rows if (row.program, row.latency) == (program, at)]) for at in LATENCIES
            ]
            line = {"yerr": [[0.0] * len(ends), np.subtract(ends, heights)], "ecolor": "#444444", "capsize": 2}
        bars = axes.bar(x, heights, 0.92 * width, color=_COLOURS[program], label=program, **line)
        for label in axes.bar_label(bars, [f"{h:.{places}f}" for h in heights], padding=2, fontsize=7.5):
            label.set_bbox({"facecolor": "white", "edgecolor": "none", "pad": 0.6})
        for at, some in zip(x, values, strict=True):
            if len(some) > 1:
                axes.plot([at] * len(some), some, ".", color="black", markersize=3.5, alpha=0.55, zorder=4)
    axes.set_xticks(range(len(LATENCIES)), [f"{1000 * at:.0f} ms" for at in LATENCIES])
    axes.grid(visible=False, axis="x")
    axes.set_xlabel("latency of an answer")


def _mean(values: Sequence[float]) -> float:
    return float(np.nanmean(values)) if np.isfinite(values).any() else 0.0


def _mark(axes: Any, level: float, text: str) -> None:
    """A dashed line across, behind the bars' labels."""
    axes.axhline(level, color="black", linewidth=0.8, linestyle="--", zorder=1.5)
    axes.annotate(text, (len(LATENCIES) - 0.52, level), (0, 3), textcoords="offset points", ha="right", fontsize=8)


def _legend(axes: Any, columns: int) -> None:
    axes.legend(ncols=columns, loc="upper center", bbox_to_anchor=(0.5, -0.2), columnspacing=1.2, handlelength=1.2)


def _clips(rows: Iterable[Any]) -> str:
    names = list(dict.fromkeys(row.clip for row in rows))
    return names[0] if len(names) == 1 else f"mean of {len(names)} clips, a dot each"


def _shown(rows: Sequence[Any]) -> Any:
    figure, axes = plt.subplots(figsize=_SIZE)
    _bars(axes, rows, lambda row: float(row.score.shown), 1)
    _mark(axes, 30, "the camera: 30")
    axes.set_ylim(0, 35)
    axes.set_ylabel("frames shown a second")
    axes.set_title(f"Live: frames shown a second ({_clips(rows)})")
    _legend(axes, 3)
    return figure


def _overlay(rows: Sequence[Any]) -> Any:
    figure, axes = plt.subplots(figsize=_SIZE)
    _bars(axes, rows, lambda row: float(row.score.lag_ratio), 2)
    _mark(axes, 1, "")
    axes.set_ylabel("1 = an ideal client that\nholds its newest answer")
    axes.set_title(f"Live: distance of the skeleton on display from the person now\n({_clips(rows)})")
    axes.margins(y=0.12)
    _legend(axes, 3)
    return figure


def _age(rows: Sequence[Any]) -> Any:
    figure, axes = plt.subplots(figsize=_SIZE)
    _bars(axes, rows, lambda row: 1000 * float(row.score.age[0]), 0, top=lambda row: 1000 * float(row.score.age[1]))
    axes.set_yscale("log")
    axes.yaxis.set_major_formatter("{x:g}")
    axes.set_ylabel("ms, logarithmic")
    axes.set_title(f"Live: age of the picture on display, median; the line ends at p95\n({_clips(rows)})")
    axes.margins(y=0.12)
    _legend(axes, 3)
    return figure


def _file(rows: Sequence[Any]) -> Any:
    figure, (left, right) = plt.subplots(1, 2, figsize=(8.6, 3.5), width_ratios=(2.3, 1))
    _bars(left, rows, lambda row: float(row.rate), 1)
    _mark(left, 30, "real time: 30")
    left.set_ylabel("frames of video a second")
    left.set_title(f"Recorded: throughput ({_clips(rows)})")
    left.margins(y=0.12)
    programs = list(dict.fromkeys(row.program for row in rows))
    requests = [float(np.mean([row.requests for row in rows if row.program == program])) for program in programs]
    bars = right.barh(programs, requests, color=[_COLOURS[program] for program in programs])
    right.bar_label(bars, [f"{r:.0f}" for r in requests], padding=2, fontsize=8)
    right.set_yticks([])
    right.invert_yaxis()
    right.set_xlim(0, 1.15 * max(requests))
    right.grid(visible=True, axis="x")
    right.set_xlabel("requests a second of video")
    right.set_title("What is paid")
    handles, labels = left.get_legend_handles_labels()
    figure.legend(handles, labels, ncols=3, loc="upper center", bbox_to_anchor=(0.5, -0.02), handlelength=1.2)
    figure.tight_layout()
    return figure


def _trace(rows: Sequence[Any]) -> Any:
    traced = [row for row in rows if row.program == OURS and row.latency == _TRACED]
    row = max(traced, key=lambda one: one.score.held if math.isfinite(one.score.held) else 0.0)
    seconds, ours, held = np.array(row.trace).T
    figure, axes = plt.subplots(figsize=_SIZE)
    axes.plot(seconds, held, color=_COLOURS["newest answer held"], linewidth=1.4, label="newest answer held")
    axes.plot(seconds, ours, color=_COLOURS[OURS], linewidth=1.6, label=OURS)
    axes.fill_between(seconds, ours, held, where=held > ours, color=_COLOURS[OURS], alpha=0.08, linewidth=0)
    axes.set_ylim(bottom=0)
    axes.set_xlabel("seconds of the clip")
    axes.set_ylabel("% of a person's box diagonal")
    axes.set_title(f"Live: error of the overlay, answers {1000 * _TRACED:.0f} ms late, 5 a second ({row.clip})")
    _legend(axes, 2)
    return figure
