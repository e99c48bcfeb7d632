"""What was seen, as tables in Markdown and as a plot."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

from soak_parts.run import Kill, Soak
from soak_parts.schedule import Fault


def markdown(rows: Sequence[Mapping[str, object]]) -> str:
    """A table with the keys of the first row for its heads; a row may lack some.

    Args:
        rows: At least one.
    """
    heads = list(rows[0])
    lines = [heads, ["---"] * len(heads), *([str(row.get(head, "")) for head in heads] for row in rows)]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def figures(seen: Soak, kills: Sequence[Kill]) -> dict[str, str]:
    """The figures of a soak by what they are."""
    settled = seen.settled
    longest = max((length for _, length in seen.gaps), default=0.0)
    rows = {
        "time": f"{seen.lived / 60:.1f} min, {len(seen.faults)} faults",
        "exit code": str(seen.code),
        "frames shown": f"{seen.shown} ({seen.shown / seen.lived:.1f} a second, outages of the camera included)",
        "gaps over 0.5 s": f"{len(seen.gaps)}, the longest {longest:.1f} s",
        "camera came back": f"{seen.told('reconnects')} times",
        "requests, answers lost": f"{seen.told('requests')}, {seen.told('lost')}",
        "recording against shown": f"{seen.recorded:.2f} s against {seen.lived:.2f} s",
        "memory": f"{settled[0].usage.megabytes:.0f} MB, then {seen.growth:+.1f} MB an hour",
        "threads": spread([sample.usage.threads for sample in settled]),
        "descriptors": spread([sample.usage.descriptors for sample in settled]),
        "tracebacks, keys in what was written": f"{seen.said.count('Traceback')}, {int(seen.leaked)}",
    }
    if kills:
        worst = max(kills, key=lambda one: one.missing)
        playing = sum(one.missing == one.missing for one in kills)
        rows["kill -9"] = f"{playing} of {len(kills)} recordings play, at most {worst.missing:.2f} s are missing"
    return rows


def table(seen: Soak, kills: Sequence[Kill]) -> str:
    """The figures of a soak, as a table."""
    return markdown([{"what": what, "seen": value} for what, value in figures(seen, kills).items()])


def plot(seen: Soak, path: Path) -> None:
    """Draw frames a second, memory, threads and descriptors over time, with the faults behind them, as a PNG."""
    at = [sample.at for sample in seen.samples]
    counts = [float(sample.shown) for sample in seen.samples]
    curves = {
        "frames/s": smoothed(steps(at, counts), 4),
        "MB": [sample.usage.megabytes for sample in seen.samples],
        "threads": [float(sample.usage.threads) for sample in seen.samples],
        "descriptors": [float(sample.usage.descriptors) for sample in seen.samples],
    }
    panels = [Panel(name, {"": (at, values)}, seen.faults) for name, values in curves.items()]
    draw(panels, path, "faults of the camera's side red, of the endpoint's side blue")


@dataclass(frozen=True, slots=True)
class Panel:
    """One of several plots over the same seconds."""

    name: str
    curves: Mapping[str, tuple[Sequence[float], Sequence[float]]]
    """Seconds and values, by name; an empty name has no legend."""
    faults: Sequence[Fault] = ()
    """Drawn behind them."""


def draw(panels: Sequence[Panel], path: Path, title: str) -> None:
    """Draw plots one below the other, as a PNG."""
    import matplotlib as mpl

    mpl.use("Agg")
    from matplotlib import pyplot as plt

    height = max(8.0, 1.1 * len(panels))
    figure, axes = plt.subplots(len(panels), 1, sharex=True, figsize=(10, height), constrained_layout=True)
    for axis, panel in zip(axes, panels, strict=True):
        for fault in panel.faults:
            axis.axvspan(fault.begins_at, fault.ends_at, color=_color(fault), alpha=0.15, linewidth=0)
        for number, (name, (at, values)) in enumerate(panel.curves.items()):
            axis.plot(at, values, color=("black", "#0072B2", "#D55E00")[number % 3], linewidth=1, label=name)
        if len(panel.curves) > 1:
            axis.legend(frameon=False, loc="lower left", ncols=3, fontsize=8)
        axis.set_ylabel(panel.name)
        axis.set_ylim(bottom=0)
    axes[0].set_title(title)
    axes[-1].set_xlabel("seconds")
    figure.savefig(path, dpi=100)
    plt.close(figure)


def steps(at: Sequence[float], counts: Sequence[float]) -> list[float]:
    """By how much a count grows in a second; not below 0, where it begins anew."""
    pairs = zip(pairwise(at), pairwise(counts), strict=True)
    return [0.0] + [max(0.0, now - before) / max(1e-3, end - begin) for (begin, end), (before, now) in pairs]


def spread(values: Sequence[int]) -> str:
    """From where to where values go, and where they end."""
    return f"{min(values)} to {max(values)}, {values[-1]} at the end"


def smoothed(values: Sequence[float], width: int) -> list[float]:
    """The mean of each value and some before it."""
    return [sum(values[max(0, i - width + 1) : i + 1]) / min(width, i + 1) for i in range(len(values))]


def _color(fault: Fault) -> str:
    return "blue" if fault.joint.startswith("endpoint") else "red"
