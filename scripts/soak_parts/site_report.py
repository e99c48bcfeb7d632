"""What was seen of a site, as a table in Markdown and as a plot."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import inf, isfinite
from pathlib import Path
from statistics import median

from soak_parts.playing import growth
from soak_parts.report import Panel, draw, markdown, smoothed, spread, steps
from soak_parts.site_rates import Back, Rates, backs, is_death, rates
from soak_parts.site_run import CAMERAS, Sample, SiteSoak
from soak_parts.stage import RATE
from tests.rig.parts.programs import Usage

_SETTLED = 300.0
"""Seconds after which memory has to be flat; half of a run that is shorter than twice that."""


def rates_of(seen: SiteSoak) -> list[Rates]:
    """The rate of each camera while nothing was wrong with it."""
    return [rates(seen.samples, seen.faults, name) for name in CAMERAS]


def growth_of(seen: SiteSoak) -> tuple[float, float]:
    """Megabytes an hour: of the site, and of all processes of its cameras."""
    late = _settled(seen)
    usages = [(each.at, each.site.megabytes) for each in late]
    return growth(usages), growth([(each.at, sum(_megabytes(each.cameras))) for each in late])


def table(seen: SiteSoak) -> str:
    """The figures, as a table."""
    return markdown([{"what": what, "seen": value} for what, value in _figures(seen).items()])


def _figures(seen: SiteSoak) -> dict[str, str]:
    late = _settled(seen)
    all_rates = rates_of(seen)
    site, cameras = growth_of(seen)
    largest = max(max(_megabytes(each.cameras), default=0.0) for each in late)
    usages = [usage for each in late for usage in each.cameras.values()]
    lowest, mean = (min(getattr(each, of) for each in all_rates) / RATE for of in ("lowest", "mean"))
    return {
        "time": f"{seen.seconds / 60:.1f} min, {len(seen.faults)} faults, {seen.cores:.2f} cores; "
        f"the machine's load {median(each.load for each in seen.samples):.1f} in the middle",
        "end": f"exit code {seen.code} {seen.ended_in:.1f} s after SIGTERM; left: {', '.join(seen.left) or 'nothing'}",
        "frames of a camera without a fault of its own": f"{100 * mean:.1f} % of {RATE:g} a second or more, "
        f"in the worst ten seconds {100 * lowest:.0f} %; began again {sum(each.lost for each in all_rates)} times",
        **{f"back after: {what}": text for what, text in _backs(seen).items()},
        "processes of cameras": f"{seen.pids}; at once {spread([len(each.cameras) for each in late])}; "
        f"zombies {max(each.zombies for each in seen.samples)} at most, {seen.samples[-1].zombies} at the end",
        "memory": f"site {late[0].site.megabytes:.0f} MB, then {site:+.1f} MB an hour; a camera {largest:.0f} MB at "
        f"most, all {sum(_megabytes(late[0].cameras)):.0f} MB, then {cameras:+.1f} MB an hour",
        "threads": f"site {spread([each.site.threads for each in late])}; "
        f"a camera {max(usage.threads for usage in usages)} at most",
        "descriptors": f"site {spread([each.site.descriptors for each in late])}; "
        f"a camera {max(usage.descriptors for usage in usages)} at most",
        "viewers": f"{seen.viewers}, who read {seen.megabytes_seen:.0f} MB",
        "files": f"{seen.recordings} recordings, {seen.events} events, {seen.clips} clips; "
        f"do not play: {', '.join(seen.broken) or 'none'}",
        "tracebacks, faults of kpstream, secrets": f"{seen.said.count('Traceback')}, "
        f"{seen.said.count('fault of kpstream')}, {int(seen.leaked)}",
    }


def _backs(seen: SiteSoak) -> dict[str, str]:
    kinds: dict[str, list[Back]] = {}
    for name in CAMERAS:
        for back in backs(seen.samples, seen.faults, name):
            joint, kind = back.fault.joint, back.fault.kind
            what = f"{joint} {'killed' if is_death(back.fault) else kind}" if joint == "process" else joint
            kinds.setdefault(what, []).append(back)
    return {what: _soon(found) for what, found in sorted(kinds.items())}


def _soon(found: Sequence[Back]) -> str:
    after = [back.after for back in found if isfinite(back.after)]
    late = sum(back.after == inf for back in found)
    if not after:
        return f"{len(found)} times, never before the next fault"
    text = f"{len(found)} times, {median(after):.1f} s in the middle, {max(after):.1f} s at most"
    return text + (f", {late} not before the next fault" if late else "")


def plot(seen: SiteSoak, path: Path) -> None:
    """Draw each camera's frames a second, processes, memory and descriptors over time, as a PNG."""
    panels = []
    for name in CAMERAS:
        told = [(each.at, float(each.shown[name])) for each in seen.samples if each.shown and name in each.shown]
        at = [moment for moment, _ in told]
        own = [fault for fault in seen.faults if fault.of == name]
        panels.append(Panel(name, {"": (at, smoothed(steps(at, [count for _, count in told]), 6))}, own))
    at = [each.at for each in seen.samples]
    panels.append(Panel("processes", {"": (at, [len(each.cameras) + 1.0 for each in seen.samples])}))
    both = {
        "site": (at, [each.site.megabytes for each in seen.samples]),
        "its cameras": (at, [sum(_megabytes(each.cameras)) for each in seen.samples]),
    }
    panels.append(Panel("MB", both))
    held = {
        "site": (at, [float(each.site.descriptors) for each in seen.samples]),
        "its cameras": (
            at,
            [float(sum(usage.descriptors for usage in each.cameras.values())) for each in seen.samples],
        ),
    }
    panels.append(Panel("descriptors", held))
    draw(panels, path, "frames/s of each camera, its own faults behind; processes, memory, descriptors")


def _settled(seen: SiteSoak) -> list[Sample]:
    start = min(_SETTLED, seen.seconds / 2)
    return [each for each in seen.samples if each.at >= start]


def _megabytes(cameras: Mapping[str, Usage]) -> list[float]:
    return [usage.megabytes for usage in cameras.values()]
