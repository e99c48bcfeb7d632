"""The results as tables in Markdown."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from typing import Any, TypeVar

from bench_parts import ablation
from bench_parts.case import LATENCIES
from bench_parts.live import Row as LiveRow
from bench_parts.recorded import Row as FileRow
from bench_parts.results import Results

_AT = " / ".join(f"{1000 * latency:.0f}" for latency in LATENCIES) + " ms"
_Some = TypeVar("_Some")


def markdown(results: Results) -> str:
    """Every table that there are numbers for."""
    parts = [results.machine, *_live(results.live), *_file(results), *_ours(results)]
    parts += [f"Not measured: {fault}" for fault in results.faults]
    return "\n\n".join(part for part in parts if part) + "\n"


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A table in Markdown."""
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join("| " + " | ".join(cells) + " |" for cells in lines)


def number(value: float, places: int = 1) -> str:
    """A number, a dash for none."""
    return "-" if math.isnan(value) else f"{value:.{places}f}"


def each(rows: Sequence[_Some], value: Callable[[_Some], float], places: int = 1) -> str:
    """One value at all latencies, in one cell."""
    return " / ".join(number(value(row), places) for row in rows)


def grouped(rows: Iterable[Any]) -> dict[str, dict[str, list[Any]]]:
    """Rows by clip and program, each list by latency."""
    groups: dict[str, dict[str, list[Any]]] = {}
    for row in rows:
        groups.setdefault(row.clip, {}).setdefault(row.program, []).append(row)
    return groups


def _live(rows: Sequence[LiveRow]) -> list[str]:
    head = ["program", "shown, frames/s", "picture age p50, ms", "p95, ms", "overlay off the scene, of held"]
    head += ["overlay off its picture, of held", "people without a pose", "requests/s", "kB each"]
    parts = []
    for clip, programs in grouped(rows).items():
        parts.append(f"**Live, {clip}: a camera, answers {_AT} late**")
        parts.append(table(head, [[name, *_live_cells(some)] for name, some in programs.items()]))
        own = [row.own_age for rows in programs.values() for row in rows if row.own_age]
        if own:
            p50, p95 = (each([1000 * age[which] for age in own], float, 0) for which in (0, 1))
            parts.append(f"From a picture's arrival in kpstream to its display: p50 {p50} ms, p95 {p95} ms.")
        parts += _faults(programs)
    return parts


def _live_cells(rows: Sequence[LiveRow]) -> list[str]:
    return [
        each(rows, lambda row: row.score.shown),
        each(rows, lambda row: 1000 * row.score.age[0], 0),
        each(rows, lambda row: 1000 * row.score.age[1], 0),
        each(rows, lambda row: row.score.lag_ratio, 2),
        each(rows, lambda row: row.score.ratio, 2),
        each(rows, lambda row: 100 * row.score.missing, 0) + " %",
        each(rows, lambda row: row.requests),
        number(rows[0].kilobytes, 0),
    ]


def _file(results: Results) -> list[str]:
    head = ["program", "frames/s", "requests a second of video", "kB each", "OKS", "of asking about every frame"]
    head += ["people without a pose"]
    parts = []
    for clip, programs in grouped(results.file).items():
        parts.append(f"**Recorded, {clip}: answers {_AT} late**")
        parts.append(table(head, [[name, *_file_cells(some)] for name, some in programs.items()]))
        parts += _faults(programs)
    if results.possible:
        rows = [
            [f"{1000 * one.latency:.0f} ms, {one.in_flight} in flight", *map(number, (one.rate, one.free)),
             number(one.share, 2)]
            for one in results.possible
        ]  # fmt: skip
        parts.append("**Every frame asked about, against the smaller of in flight / latency and the rate without any**")
        parts.append(table(["latency", "frames/s", "frames/s without latency", "share"], rows))
    return parts


def _file_cells(rows: Sequence[FileRow]) -> list[str]:
    return [
        each(rows, lambda row: row.rate),
        number(rows[0].requests),
        number(rows[0].kilobytes, 0),
        each(rows, lambda row: row.oks, 3),
        each(rows, lambda row: row.share, 3),
        each(rows, lambda row: 100 * row.missing, 1) + " %",
    ]


def _faults(programs: dict[str, list[Any]]) -> list[str]:
    return [
        f"{name} at {1000 * row.latency:.0f} ms {row.fault}"
        for name, rows in programs.items()
        for row in rows
        if row.fault
    ]


def _ours(results: Results) -> list[str]:
    parts = []
    if results.cost:
        rows = [[c.clip, number(1000 * c.ours), number(1000 * c.bare), number(c.ours / c.bare, 2), number(c.tracked, 2),
                 c.fault] for c in results.cost]  # fmt: skip
        parts.append(
            "**Processor time of the pipeline itself, answers ready at once, x264 ultrafast; and cores that a camera "
            "takes which is only tracked and written as JSON lines, answers 0.4 s late**"
        )
        heads = ["clip", "kpstream, ms a frame", "bare decode and encode", "ratio", "tracked only, cores", ""]
        parts.append(table(heads, rows))
    if results.ablation:
        parts.append(
            f"**What each part of the tracker brings: error of the overlay, of the held answer's, "
            f"{1000 * ablation.LATENCY:.0f} ms, {ablation.RATE:g} a second**"
        )
        parts.append(_ablation(results.ablation))
    return [*parts, *_journal(results), *_adaptive(results), *_rules(results), *_store(results)]


def _ablation(found: dict[str, dict[str, float]]) -> str:
    cases = dict.fromkeys(case for values in found.values() for case in values)
    rows = [[case, *(number(values.get(case, math.nan), 2) for values in found.values())] for case in cases]
    return table(["tracker", *found], rows)


def _journal(results: Results) -> list[str]:
    head = ["kills", "jobs", "requests", "frames", "in flight at the kills", "asked again"]
    head += ["of them answered 0.1 s before the kill", "oldest of them, ms", "frames with other poses"]
    head += ["pictures too few or too many", "fault"]
    rows = []
    for one in results.journal:
        counts = (one.kills, one.jobs, one.requests, one.jobs * one.frames, one.in_flight, one.again, one.needless)
        oldest = f"{1000 * max(0.0, one.stalest):.0f}"
        rows.append([*map(str, counts), oldest, str(one.differing), str(one.pictures), one.fault or "none"])
    title = "**Recorded jobs killed at random moments, and started again with the same command**"
    return [title, table(head, rows)] if rows else []


def _adaptive(results: Results) -> list[str]:
    rows = [
        [f"{1000 * one.latency:.0f} ms", str(one.still), str(one.steady), number(one.moving),
         number(1000 * one.wait, 0), number(1000 * (one.wait - one.latency), 0), one.fault or "none"]
        for one in results.adaptive
    ]  # fmt: skip
    head = ["latency", "requests in nine still seconds", "steady sampling", "requests/s while somebody walks"]
    head += ["from entering to the first answer, ms", "beyond the latency, ms", "fault"]
    return ["**Adaptive sampling: nothing moves for ten seconds, then somebody enters**",
            table(head, rows)] if rows else []  # fmt: skip


def _rules(results: Results) -> list[str]:
    rows = [[number(one.every_frame, 2), number(one.live, 2)] for one in results.rules]
    head = ["every frame measured, ms a frame", "live, five answers a second, ms a frame"]
    return ["**Twenty rules over ten people**", table(head, rows)] if rows else []


def _store(results: Results) -> list[str]:
    rows = [[number(value, 2) for value in (one.stored, one.listed, one.page, one.delivered)] for one in results.store]
    head = ["stored, s", "listed as table, JSON lines and CSV, s", "a hundred of one camera, s", "delivered, s"]
    return ["**Ten thousand events in the store**", table(head, rows)] if rows else []
