"""The figures of an archive for Prometheus, as a file that node_exporter's textfile collector reads."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from math import inf

from kpstream.recorded.archive.driver import Figures
from kpstream.recorded.archive.inputs import printable
from kpstream.recorded.archive.place import ArchivePlace

_WRITE_EVERY = 5.0


class MetricsFile:
    """Writes ``metrics.prom`` beside the ledger while the archive runs. For one thread.

    A file that cannot be written is no reason to stop: the ledger knows it all.

    Args:
        place: The folders of the archive.
        max_requests: The budget; None for none.
        clock: Monotonic seconds.
    """

    def __init__(
        self, place: ArchivePlace, max_requests: int | None, *, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._path = place.folder / f"metrics{place.shard.label}.prom"
        self._labels = {"archive": printable(place.outputs.name), "shard": f"{place.shard.number}/{place.shard.of}"}
        self._max_requests = max_requests
        self._clock = clock
        self._written_at = -inf

    def show(self, figures: Figures) -> None:
        """Write the figures, unless they were written some seconds ago; blocks."""
        if self._clock() - self._written_at >= _WRITE_EVERY:
            self.write(figures)

    def write(self, figures: Figures) -> None:
        """Write the figures; the file is always whole. Blocks."""
        self._written_at = self._clock()
        part = self._path.with_name(f".{self._path.name}.part")
        with suppress(OSError):
            part.write_text(metrics_text(figures, self._labels, self._max_requests), "utf-8")
            part.replace(self._path)


def metrics_text(figures: Figures, labels: dict[str, str], max_requests: int | None) -> str:
    """Figures in Prometheus' text format.

    Args:
        figures: The figures of the archive.
        labels: Of each metric.
        max_requests: The budget; None for none.
    """
    states = {"done": figures.done, "failed": figures.failed, "running": len(figures.running)}
    states["waiting"] = figures.files - sum(states.values())
    metrics: list[tuple[str, str, str, float | dict[str, float]]] = [
        ("files", "gauge", "Files of the archive, by state.", {state: float(n) for state, n in states.items()}),
        ("video_seconds", "gauge", "Video in all files, as far as they declare it.", figures.seconds),
        ("video_done_seconds", "gauge", "Video that is done.", figures.seconds_done),
        ("requests_total", "counter", "Requests that are booked, in all runs together.", float(figures.requests)),
        ("credits_total", "counter", "Credits that answers have cost, about.", figures.credits),
        ("trouble", "gauge", "1 while work waits for the endpoint or a storage.", float(bool(figures.trouble))),
    ]
    if max_requests is not None:
        metrics.append(("requests_limit", "gauge", "The budget of requests.", float(max_requests)))
    return "".join(line for metric in metrics for line in _lines(*metric, labels))


def _lines(
    name: str, kind: str, help_text: str, value: float | dict[str, float], labels: dict[str, str]
) -> Iterator[str]:
    yield f"# HELP kpstream_archive_{name} {help_text}\n# TYPE kpstream_archive_{name} {kind}\n"
    for state, number in value.items() if isinstance(value, dict) else [("", value)]:
        shown = labels | ({"state": state} if state else {})
        inside = ",".join(f'{label}="{_escaped(text)}"' for label, text in shown.items())
        yield f"kpstream_archive_{name}{{{inside}}} {number:.17g}\n"


def _escaped(text: str) -> str:
    return text.replace("\\", r"\\").replace('"', r"\"").replace("\n", r"\n")
