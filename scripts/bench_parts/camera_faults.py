"""Eight cameras of which three fail at a known moment: what each shows before, meanwhile and afterwards."""

from __future__ import annotations

import json
import os
import signal
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

from bench_parts import report
from bench_parts.cameras import LATENCY, free_port, site
from bench_parts.processes import Part, children, say, started
from bench_parts.thinned import thin

KILLED, FROZEN, LOCKED = "killed", "frozen", "locked"
FATES = {
    KILLED: "its process ended by SIGSEGV",
    FROZEN: "frozen, its connection open",
    LOCKED: "wants another password from then on",
}
UNTOUCHED = tuple(f"camera{number}" for number in range(1, 6))
_SIZE, _EVERY = (1280, 720), 3
PART = 15.0
"""Seconds before the faults, with them, and after them."""


@dataclass(frozen=True)
class Shown:
    """When one camera's pictures were shown."""

    name: str
    at: list[float]
    """In seconds from when the faults begin."""

    def rate(self, part: int) -> float:
        """Frames a second, before the faults (-1), with them (0) and after them (1)."""
        return sum(part * PART <= at < (part + 1) * PART for at in self.at) / PART

    @property
    def longest_gap(self) -> float:
        """Seconds between two pictures at most, over all three parts, from their begin to their end."""
        inside = [at for at in self.at if -PART <= at < 2 * PART]
        return max(after - before for before, after in pairwise([-PART, *inside, 2 * PART]))


def measure(clip: Path, settle: float) -> list[Shown]:
    """Run the eight cameras at a third of the clip's rate, and let three of them fail; blocks.

    Args:
        clip: What they play, of 30 frames a second; its poses lie beside it.
        settle: Seconds from the start before it begins.
    """
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        thin(clip, small := folder / "clip.mp4", every=_EVERY, size=_SIZE)
        endpoint = stack.enter_context(Part("endpoint", clip, clip.with_suffix(".poses.json")))
        endpoint.get(f"_latency/{LATENCY}")
        frozen, locked = (stack.enter_context(Part("bench_parts.camera", small)) for _ in range(2))
        sources = {**dict.fromkeys((*UNTOUCHED, KILLED), str(small))}
        sources |= {FROZEN: f"{frozen.url}/video", LOCKED: f"{locked.url}/video"}
        keys = {name: {"source": source, "jsonl": f"{name}.jsonl"} for name, source in sources.items()}
        (file := folder / "site.toml").write_text(site(keys, endpoint.url, free_port()))
        process = stack.enter_context(started([sys.executable, "-m", "kpstream", "run", str(file)]))
        say("eight cameras settle")
        time.sleep(settle + PART)
        say("three of them fail")
        fail_at = time.monotonic()
        os.kill(children(process.pid)[KILLED], signal.SIGSEGV)
        os.kill(frozen.pid, signal.SIGSTOP)
        locked.get("lock")
        time.sleep(PART)
        os.kill(frozen.pid, signal.SIGCONT)
        time.sleep(PART)
        process.send_signal(signal.SIGTERM)
        process.wait(30)
        return [Shown(name, [at - fail_at for at in _rendered(folder, name)]) for name in sources]


def _rendered(folder: Path, name: str) -> Iterator[float]:
    """When a camera's pictures were shown, over all its processes, on the machine's monotonic clock."""
    texts = [path.read_text() for path in folder.glob(f"{name}*.jsonl")]
    yield from sorted(json.loads(line)["rendered_at"] for text in texts for line in text.splitlines())


def table(seen: Sequence[Shown]) -> str:
    """A table in Markdown."""
    head = ["camera", f"before, frames/s over {PART:.0f} s", "with the faults", "afterwards", "longest gap, s"]
    return report.table(head, [_cells(each) for each in seen])


def _cells(each: Shown) -> list[str]:
    fate = f" ({FATES[each.name]})" if each.name in FATES else ""
    return [each.name + fate, *(f"{each.rate(part):.1f}" for part in (-1, 0, 1)), f"{each.longest_gap:.2f}"]


def plot(seen: Sequence[Shown], path: Path) -> None:
    """Draw the frames of each second, by camera, as a PNG."""
    import matplotlib as mpl

    mpl.use("Agg")
    from matplotlib import pyplot as plt

    figure, axes = plt.subplots(figsize=(8.6, 3.4), constrained_layout=True)
    colours = {KILLED: "#D55E00", FROZEN: "#E69F00", LOCKED: "#009E73"}
    seconds = range(-round(PART), 2 * round(PART))
    for each in seen:
        counts = [sum(second <= at < second + 1 for at in each.at) for second in seconds]
        label = each.name if each.name in FATES else ("the five others" if each.name == UNTOUCHED[0] else None)
        axes.step(seconds, counts, where="post", color=colours.get(each.name, "#0072B2"), label=label)
    axes.axvspan(0, PART, color="#999999", alpha=0.15, linewidth=0)
    axes.set_ylim(0, None)
    axes.set_xlabel("seconds from when three of eight cameras fail")
    axes.set_title("frames/s shown of each camera")
    axes.grid(visible=True, axis="y", color="#dddddd")
    axes.spines[["top", "right"]].set_visible(False)
    axes.legend(frameon=False, loc="lower left")
    figure.savefig(path, dpi=110)
    plt.close(figure)
