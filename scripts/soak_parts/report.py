"""What was seen, as tables in Markdown and as a plot."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
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
    told = {
        "time": f"{seen.lived / 60:.1f} min, {len(seen.faults)} faults",
        "exit code": str(seen.code),
        "frames shown": f"{seen.shown} ({seen.shown / seen.lived:.1f} a second, outages of the camera included)",
        "gaps over 0.5 s": f"{len(seen.gaps)}, the longest {longest:.1f} s",
        "camera came back": f"{seen.told('reconnects')} times",
        "requests, answers lost": f"{seen.told('requests')}, {seen.told('lost')}",
        "recording against shown": f"{seen.recorded:.2f} s against {seen.lived:.2f} s",
        "memory": f"{settled[0].usage.megabytes:.0f} MB, then {seen.growth:+.1f} MB an hour",
        "threads": _range([sample.usage.threads for sample in settled]),
        "descriptors": _range([sample.usage.descriptors for sample in settled]),
        "tracebacks, keys in what was written": f"{seen.said.count('Traceback')}, {int(seen.leaked)}",
    }
    if kills:
        worst = max(kills, key=lambda one: one.missing)
        playing = sum(one.missing == one.missing for one in kills)
        told["kill -9"] = f"{playing} of {len(kills)} recordings play, at most {worst.missing:.2f} s are missing"
    return told


def table(seen: Soak, kills: Sequence[Kill]) -> str:
    """The figures of a soak, as a table."""
    return markdown([{"what": what, "seen": value} for what, value in figures(seen, kills).items()])


def plot(seen: Soak, path: Path) -> None:
    """Draw frames a second, memory, threads and descriptors over time, with the faults behind them, as a PNG."""
    import matplotlib as mpl

    mpl.use("Agg")
    from matplotlib import pyplot as plt

    at = [sample.at for sample in seen.samples]
    rates = [0.0] + [
        (after.shown - before.shown) / max(1e-3, after.at - before.at) for before, after in pairwise(seen.samples)
    ]
    curves = {
        "frames/s": _smoothed(rates, 4),
        "MB": [sample.usage.megabytes for sample in seen.samples],
        "threads": [sample.usage.threads for sample in seen.samples],
        "descriptors": [sample.usage.descriptors for sample in seen.samples],
    }
    figure, axes = plt.subplots(len(curves), 1, sharex=True, figsize=(10, 8), constrained_layout=True)
    for axis, (name, values) in zip(axes, curves.items(), strict=True):
        for fault in seen.faults:
            axis.axvspan(fault.begins_at, fault.ends_at, color=_color(fault), alpha=0.15, linewidth=0)
        axis.plot(at, values, color="black", linewidth=1)
        axis.set_ylabel(name)
        axis.set_ylim(bottom=0)
    axes[0].set_title("faults of the camera's side red, of the endpoint's side blue")
    axes[-1].set_xlabel("seconds")
    figure.savefig(path, dpi=100)
    plt.close(figure)


def _range(values: Sequence[int]) -> str:
    return f"{min(values)} to {max(values)}, {values[-1]} at the end"


def _smoothed(values: Sequence[float], width: int) -> list[float]:
    return [sum(values[max(0, i - width + 1) : i + 1]) / min(width, i + 1) for i in range(len(values))]


def _color(fault: Fault) -> str:
    return "red" if fault.joint.startswith("camera") else "blue"
