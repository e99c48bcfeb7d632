"""A page with several cameras: nobody, a browser, and viewers that draw nothing look at it."""

from __future__ import annotations

import contextlib
import os
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from bench_parts import report
from bench_parts.browser import Tab, showing
from bench_parts.cameras import LATENCY, free_port, site
from bench_parts.processes import Part, say, spent_by, started

_EMBEDDED_RATE = 1.0
"""Pictures of each camera that the embedded model is asked about a second."""
_COUNTER = """
{
  window.shown = {};
  const names = [...document.querySelectorAll('[data-name]')];
  for (const one of names) window.shown[one.dataset.name] = 0;
  new MutationObserver((changes) => { for (const { target } of changes) window.shown[target.dataset.name]++; })
    .observe(document.getElementById('main'), { subtree: true, attributeFilter: ['data-index'] });
}
"""


@dataclass(frozen=True)
class Plan:
    """What is measured."""

    clip: Path
    """What each camera plays; its poses lie beside it."""
    cameras: int
    max_fps: float
    is_embedded: bool
    """Whether the embedded model answers, and not an endpoint that knows the answers."""
    viewport: tuple[int, int]
    width: int
    """Pixels that viewers that draw nothing ask for; 0: as those that name none."""
    settle: float
    seconds: float
    screenshot: Path | None


@dataclass(frozen=True)
class Row:
    """What was seen, and what it cost."""

    who: str
    rates: list[float]
    """Pictures a second, of each camera; empty where nobody looks."""
    parent: float
    """Cores that the site's own process keeps busy."""
    children: float
    """Those of its cameras' processes."""
    browser: dict[str, float] = field(default_factory=dict)
    """Those of the browser, by kind of process."""


def measure(plan: Plan) -> Iterator[Row]:
    """Measure without viewers, with a browser, and with viewers that draw nothing."""
    with contextlib.ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        url, port, file = None, free_port(), folder / "site.toml"
        keys: dict[str, str | float] = {"source": str(plan.clip.resolve()), "max_fps": plan.max_fps}
        if plan.is_embedded:
            keys["rate"] = _EMBEDDED_RATE
        else:
            endpoint = stack.enter_context(Part("endpoint", plan.clip, plan.clip.with_suffix(".poses.json")))
            endpoint.get(f"_latency/{LATENCY}")
            url = endpoint.url
        names = [f"camera{number}" for number in range(plan.cameras)]
        file.write_text(site(dict.fromkeys(names, keys), url, port))
        process = stack.enter_context(started([sys.executable, "-m", "kpstream", "run", str(file)]))
        time.sleep(plan.settle)
        say("nobody looks")
        yield _measured("nobody", process.pid, plan.seconds)
        page = f"127.0.0.1:{port}"
        yield _browsed(plan, page, process.pid)
        for count in (1, 3):
            say(f"{count} viewers")
            addresses = [f"ws://{page}/ws/cameras/{name}" for name in names] * count
            with Part("bench_parts.viewers", str(plan.width), *addresses) as viewers:
                time.sleep(2)
                before, began_at = viewers.get(""), time.monotonic()
                row = _measured(f"{count} that draw nothing", process.pid, plan.seconds)
                rate = (viewers.get("") - before) / (time.monotonic() - began_at) / len(addresses)
                yield replace(row, rates=[rate])


def table(rows: Sequence[Row]) -> str:
    """A table in Markdown."""
    head = ["who looks", "pictures/s of each", "cores of the site", "of its cameras", "together", "of the browser"]
    return report.table(head, [_cells(row) for row in rows])


def _cells(row: Row) -> list[str]:
    rates = sorted({f"{rate:.1f}" for rate in row.rates}, key=float)
    parts = ", ".join(f"{kind} {cores:.2f}" for kind, cores in sorted(row.browser.items()) if cores >= 0.01)
    return [
        row.who,
        " to ".join(rates[:: max(1, len(rates) - 1)]),
        f"{row.parent:.2f}",
        f"{row.children:.2f}",
        f"{row.parent + row.children:.2f}",
        f"{sum(row.browser.values()):.2f} ({parts})" if row.browser else "",
    ]


def _browsed(plan: Plan, page: str, pid: int) -> Row:
    say("a browser looks")
    with showing(f"http://{page}/", plan.viewport) as tab:
        time.sleep(6)
        tab.evaluate(_COUNTER)
        row = _watched(tab, pid, plan.seconds)
        if plan.screenshot is not None:
            plan.screenshot.parent.mkdir(parents=True, exist_ok=True)
            plan.screenshot.write_bytes(tab.screenshot())
    return row


def _watched(tab: Tab, pid: int, seconds: float) -> Row:
    before, began_at = tab.evaluate("window.shown"), time.monotonic()
    kinds = _kinds()
    row = _measured("Chromium", pid, seconds, kinds)
    after, lasted = tab.evaluate("window.shown"), time.monotonic() - began_at
    return replace(row, rates=[(after[name] - before[name]) / lasted for name in before])


def _measured(who: str, pid: int, seconds: float, kinds: dict[int, str] | None = None) -> Row:
    """Cores of a site, and of what this process started of a browser, over some seconds."""
    before, ours, began_at = spent_by(pid), spent_by(os.getpid()), time.monotonic()
    time.sleep(seconds)
    after, ours_after, lasted = spent_by(pid), spent_by(os.getpid()), time.monotonic() - began_at
    browser: dict[str, float] = {}
    for number, kind in (kinds or {}).items():
        share = (ours_after.get(number, 0.0) - ours.get(number, 0.0)) / lasted
        browser[kind] = browser.get(kind, 0.0) + share
    cores = {number: (after[number] - before.get(number, 0.0)) / lasted for number in after}
    return Row(who, [], cores[pid], sum(cores.values()) - cores[pid], browser)


def _kinds() -> dict[int, str]:
    """The kind of each of the browser's processes, by process."""
    found = {}
    for number in spent_by(os.getpid()):
        with contextlib.suppress(OSError):
            words = Path(f"/proc/{number}/cmdline").read_bytes().decode(errors="replace").replace("\0", " ").split()
            if words and "chrom" in words[0]:
                kinds = [word.removeprefix("--type=") for word in words if word.startswith("--type=")]
                found[number] = kinds[0] if kinds else "browser"
    return found
