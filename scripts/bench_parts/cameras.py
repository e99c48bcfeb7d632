"""One program before ever more cameras: what it shows of each, and the cores that it keeps busy."""

from __future__ import annotations

import json
import socket
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import av

from bench_parts import report
from bench_parts.processes import Part, busy, say, started

LATENCY = 0.4


@dataclass(frozen=True)
class Row:
    """What was shown of so many cameras."""

    rates: list[float]
    """Frames shown a second, of each."""
    offered: float
    """Frames a second that each plays."""
    cores: float
    """Kept busy by all processes of kpstream."""
    endpoint_cores: float
    """Kept busy by the endpoint."""

    @property
    def together(self) -> float:
        """Frames shown a second, of all."""
        return sum(self.rates)


def measure(clip: Path, counts: Sequence[int], *, settle: float, seconds: float) -> Iterator[Row]:
    """Measure each number of cameras.

    Args:
        clip: What each of them plays; its poses lie beside it.
        counts: How many cameras.
        settle: Seconds from the start before frames are counted.
        seconds: Seconds over which they are counted.
    """
    with av.open(str(clip)) as container:
        offered = float(container.streams.video[0].average_rate or 0)
    with tempfile.TemporaryDirectory() as folder, Part("endpoint", clip, clip.with_suffix(".poses.json")) as endpoint:
        endpoint.get(f"_latency/{LATENCY}")
        for count in counts:
            say(f"{count} cameras")
            file = Path(folder) / f"{count}.toml"
            port = free_port()
            cameras = {f"camera{number}": {"source": str(clip.resolve())} for number in range(count)}
            file.write_text(site(cameras, endpoint.url, port))
            with started([sys.executable, "-m", "kpstream", "run", str(file)]) as process:
                time.sleep(settle)
                yield _counted(f"http://127.0.0.1:{port}", process.pid, endpoint, offered=offered, seconds=seconds)


def table(rows: Sequence[Row]) -> str:
    """A table in Markdown."""
    head = ["cameras", "asked, frames/s", "shown together", "of the most", "each", "largest / smallest"]
    head += ["cores of kpstream", "of the endpoint", "together"]
    most = max(row.together for row in rows)
    return report.table(head, [_cells(row, most) for row in rows])


def _cells(row: Row, most: float) -> list[str]:
    smallest, largest = min(row.rates), max(row.rates)
    return [
        str(len(row.rates)),
        f"{len(row.rates) * row.offered:.0f}",
        f"{row.together:.1f}",
        f"{row.together / min(most, len(row.rates) * row.offered):.2f}",
        f"{smallest:.1f} to {largest:.1f}",
        f"{largest / smallest:.2f}" if smallest else "-",
        f"{row.cores:.2f}",
        f"{row.endpoint_cores:.2f}",
        f"{row.cores + row.endpoint_cores:.2f}",
    ]


def plot(rows: Sequence[Row], before: Sequence[Row], path: Path) -> None:
    """Draw what is shown of how many cameras as a PNG.

    Args:
        rows: What was measured.
        before: What was measured earlier; may be empty.
        path: Where it is written to.
    """
    import matplotlib as mpl

    mpl.use("Agg")
    from matplotlib import pyplot as plt

    figure, (left, right) = plt.subplots(1, 2, figsize=(8.6, 3.4), constrained_layout=True)
    for some, name, colour in ((before, "before", "#E69F00"), (rows, "kpstream", "#0072B2")):
        counts = [len(row.rates) for row in some]
        left.plot(counts, [row.together for row in some], "o-", color=colour, label=name)
        right.plot(counts, [row.cores + row.endpoint_cores for row in some], "o-", color=colour, label=name)
    counts = [len(row.rates) for row in rows]
    asked = [row.offered * len(row.rates) for row in rows]
    left.plot(counts, asked, "--", color="#666666", linewidth=1, label="asked")
    left.set_ylim(0, 1.25 * max(row.together for row in rows))
    left.set_title("frames/s shown, all cameras together")
    right.set_ylim(0, None)
    right.set_title("cores kept busy")
    for axes in (left, right):
        axes.set_xlabel("cameras")
        axes.grid(visible=True, axis="y", color="#dddddd")
        axes.spines[["top", "right"]].set_visible(False)
    left.legend(frameon=False)
    figure.savefig(path, dpi=110)
    plt.close(figure)


def site(cameras: Mapping[str, Mapping[str, str | float]], endpoint: str | None, port: int) -> str:
    """The file of a site that asks an endpoint of ours five times a second for each camera, and serves a page.

    Args:
        cameras: The keys of each, by its name.
        endpoint: The endpoint's address; None has the embedded model answer, as often as each camera's keys say.
        port: Of the page, on loopback.
    """
    head = f'[web]\nlisten = "127.0.0.1:{port}"\n'
    if endpoint is not None:
        head += f'[endpoint]\nmodel = "bench/1"\nendpoint = "{endpoint}"\napi_url = "{endpoint}"\n'
        head += f"[limits]\nrate = {5 * len(cameras)}\n"
    each = ({"name": name, **keys} for name, keys in cameras.items())
    return head + "".join(
        "[[camera]]\n" + "".join(f"{key} = {json.dumps(keys[key])}\n" for key in keys) for keys in each
    )


def _counted(page: str, pid: int, endpoint: Part, *, offered: float, seconds: float) -> Row:
    before, spent, spent_endpoint = _shown(page), busy(pid), busy(endpoint.pid)
    began_at = time.monotonic()
    time.sleep(seconds)
    after, spent_after, spent_endpoint_after = _shown(page), busy(pid), busy(endpoint.pid)
    lasted = time.monotonic() - began_at
    return Row(
        rates=[(after[name] - before[name]) / lasted for name in before],
        offered=offered,
        cores=(spent_after - spent) / lasted,
        endpoint_cores=(spent_endpoint_after - spent_endpoint) / lasted,
    )


def _shown(page: str) -> dict[str, int]:
    """Frames that were shown so far, by camera."""
    with urllib.request.urlopen(f"{page}/api/cameras", timeout=20) as answer:
        cameras: list[dict[str, Any]] = json.load(answer)["cameras"]
    return {camera["name"]: camera["stats"]["rendered"] for camera in cameras}


def free_port() -> int:
    """A port on loopback that nobody listens at."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port: int = listener.getsockname()[1]
        return port
