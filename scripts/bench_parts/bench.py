"""The parts one after another, and what they give written down after each."""

from __future__ import annotations

import os
import platform
import tempfile
from collections.abc import Callable, Sequence
from functools import partial
from importlib.metadata import version
from pathlib import Path

from bench_parts import ablation, adaptive, cost, journal, live, plots, recorded, report, rules, store
from bench_parts.case import Case, cases_in
from bench_parts.processes import ROOT, say
from bench_parts.programs import PEERS, Peer, install
from bench_parts.results import Results

SAMPLE = Case(ROOT / "samples" / "walkers.mp4", ROOT / "samples" / "walkers.poses.json")


def measure(
    only: Sequence[str], *, seconds: float, clips: Path | None, with_peers: bool, kills: int, out: Path
) -> None:
    """Measure the parts that are named; write ``table.md``, ``bench.json`` and the plots to ``out``."""
    out.mkdir(parents=True, exist_ok=True)
    cases = [SAMPLE, *(cases_in(clips) if clips else [])]
    peers = install(
        peer for peer in PEERS if (with_peers or not peer.requirements) and not set(only).isdisjoint(peer.plays)
    )
    results = Results(_machine(peers))
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        parts: dict[str, Callable[[], None]] = {
            "live": partial(_live, results, cases, peers, seconds, folder),
            "file": partial(_file, results, cases, peers, seconds, folder),
            "cost": lambda: results.cost.extend(cost.measure(case, folder) for case in cases),
            "ablation": lambda: results.ablation.update((case.name, ablation.measure(case)) for case in cases),
            "journal": lambda: results.journal.append(journal.measure(SAMPLE, kills, folder)),
            "adaptive": lambda: results.adaptive.extend(adaptive.measure(folder)),
            "rules": lambda: results.rules.append(rules.measure(SAMPLE)),
            "store": lambda: results.store.append(store.measure(folder)),
        }
        for part in only:
            try:
                parts[part]()
            except Exception as error:  # noqa: BLE001 - the other parts are worth their time all the same
                results.faults.append(f"{part}: {type(error).__name__}: {error}")
                say(results.faults[-1])
            finally:  # also of a run that is interrupted
                _write(results, out)
    print(report.markdown(results))


def _write(results: Results, out: Path) -> None:
    (out / "table.md").write_text(report.markdown(results), encoding="utf-8")
    results.write(out / "bench.json")
    plots.draw(results, out)


def _live(results: Results, cases: Sequence[Case], peers: Sequence[Peer], seconds: float, folder: Path) -> None:
    able = [peer for peer in peers if "live" in peer.plays]
    for case in cases:
        limit = seconds if case is SAMPLE else min(seconds, case.seconds())
        results.live.extend(live.measure(case, able, limit, folder))


def _file(results: Results, cases: Sequence[Case], peers: Sequence[Peer], seconds: float, folder: Path) -> None:
    able = [peer for peer in peers if "file" in peer.plays]
    for case in cases:
        results.file.extend(recorded.measure(case, able, min(seconds, case.seconds()), folder))
    results.possible.extend(recorded.possible(cases[-1], folder))


def _machine(peers: Sequence[Peer]) -> str:
    theirs = dict.fromkeys(peer.requirements[0].replace("==", " ") for peer in peers if peer.requirements)
    ours = ", ".join(f"{name} {version(name)}" for name in ("opencv-python", "av", "numpy"))
    machine = f"{os.cpu_count()} cores, {platform.system()}, Python {platform.python_version()}"
    return ", ".join([machine, ours, *theirs])
