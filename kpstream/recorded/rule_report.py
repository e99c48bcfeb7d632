"""What rules saw in a file of poses, as one page that needs nothing beside it: for people who tune their rules."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from html import escape
from itertools import groupby, pairwise
from math import isfinite, isnan
from pathlib import Path

from kpstream.entities import Pose
from kpstream.events import Event, Rule, RuleSet, Truth, bounds_of
from kpstream.options.units import count_text
from kpstream.recorded.rule_check import Lane, RuleCheck, Sample
from kpstream.sinks.output import OutputFile

_WIDTH, _LANE, _PLOT = 1000, 14, 90
_UNITS = {
    "lying": "degrees", "fall": "degrees", "angle": "degrees", "tilt": "degrees", "distance": "body heights",
    "still": "body heights", "speed": "body heights a second", "count": "objects",
}  # fmt: skip
_STYLE = """
:root { color-scheme: light dark; --ink: light-dark(#1a1d21, #e8eaed); --back: light-dark(#fff, #16181b);
  --faint: light-dark(#d9dde2, #343a40); --true: light-dark(#b9dcc4, #245c38); --unknown: light-dark(#eceff2, #24282d);
  --event: light-dark(#c2410c, #fb923c); --line: light-dark(#1d4ed8, #7ea6ff) }
body { font: 15px/1.5 system-ui, sans-serif; color: var(--ink); background: var(--back); margin: 2rem auto;
  max-width: 66rem; padding: 0 1rem }
h2 { margin: 2.5rem 0 .2rem; font-size: 1.15rem } .kind { font-weight: 400; opacity: .7 }
svg { display: block; width: 100%; height: auto; overflow: visible } svg text { font-size: 11px; fill: var(--ink) }
.lane { fill: var(--faint) } .true { fill: var(--true) } .unknown { fill: var(--unknown) } .open { fill: var(--event) }
.value { fill: none; stroke: var(--line); stroke-width: 1.4 }
.bound { stroke: var(--event); stroke-dasharray: 4 3 } .bone { stroke: var(--line); stroke-width: 3 }
.joint { fill: var(--event) } .frame { fill: var(--unknown); stroke: var(--faint) }
.events { display: flex; flex-wrap: wrap; gap: 1rem; margin: .8rem 0 } figure { margin: 0; width: 13rem }
figcaption { font-size: .85rem } .none { opacity: .7 }
"""


def write_report(path: Path, rules: RuleSet, found: RuleCheck, *, title: str) -> None:
    """Write the page.

    Raises:
        SinkError: It cannot be written.
    """
    output = OutputFile(path)
    output.write(report(rules, found, title).encode("utf-8", "replace"))
    output.close()


def report(rules: RuleSet, found: RuleCheck, title: str) -> str:
    """The page as HTML."""
    events = found.events
    sections = "".join(
        _section(rule, [event for event in events if event.rule == rule.name], found) for rule in rules.rules
    )
    seconds = found.ended_pts - found.began_pts
    return (
        f"<!doctype html><html lang=en><meta charset=utf-8><meta name=viewport content='width=device-width'>"
        f"<title>{escape(title)}: events</title><style>{_STYLE}</style><h1>{escape(title)}</h1>"
        f"<p>{count_text(len(events), 'event')} in {seconds:.1f} s of video. "
        "Green is true, grey is unknown, orange is an open event; a line is the value that the rule compares "
        f"with its dashed bounds.</p>{sections}</html>\n"
    )


def _section(rule: Rule, events: Sequence[Event], found: RuleCheck) -> str:
    lanes = [lane for (name, _), lane in found.lanes.items() if name == rule.name]
    pictures = "".join(_figure(event, found) for event in events)
    shown = f"<div class=events>{pictures}</div>" if events else "<p class=none>It opened nothing.</p>"
    unit = _UNITS.get(rule.kind)
    kind = f"{rule.kind}{f', in {unit}' if unit else ''}, for {rule.for_seconds:g} s"
    plots = "".join(_lane(rule, lane, events, found) for lane in lanes)
    return (
        f"<section><h2>{escape(rule.name)} <span class=kind>{escape(kind)}</span></h2>"
        f"{_timeline(events, found)}{plots}{shown}</section>"
    )


def _timeline(events: Iterable[Event], found: RuleCheck) -> str:
    bars = "".join(_bar(event.began_pts, event.ended_pts, found, "open") for event in events)
    return _svg(_LANE, f"<rect class=lane width={_WIDTH} height={_LANE} />{bars}")


def _bar(begin: float, end: float | None, found: RuleCheck, kind: str, height: int = _LANE) -> str:
    left = _x(begin, found)
    width = max(2.0, _x(begin if end is None else end, found) - left)
    return f"<rect class={kind} x={left:.1f} width={width:.1f} height={height} />"


def _x(pts: float, found: RuleCheck) -> float:
    length = max(found.ended_pts - found.began_pts, 1e-6)
    return _WIDTH * (pts - found.began_pts) / length


def _lane(rule: Rule, lane: Lane, events: Iterable[Event], found: RuleCheck) -> str:
    ids, samples = lane.tracker_ids, lane.samples
    who = " ".join(f"#{number}" for number in ids) or "all"
    has_value = any(sample.value is not None for sample in samples)
    height = _PLOT if has_value else _LANE
    back = "".join(
        _bar(begin, end, found, "true" if truth else "unknown", height) for truth, begin, end in _spans(samples)
    )
    mine = [event for event in events if event.tracker_ids == ids]
    marks = "".join(f"<path class=bound d='M{_x(event.opened_pts, found):.1f} 0V{height}' />" for event in mine)
    plot = _plot(samples, bounds_of(rule.condition), found) if has_value else ""
    return _svg(height + 4, f"{back}{plot}{marks}<text x=4 y=11>{escape(who)}</text>")


def _spans(samples: Sequence[Sample]) -> Iterator[tuple[Truth, float, float]]:
    """The times at which something was true or unknown."""
    for truth, group in groupby(samples, key=lambda sample: sample.truth):
        times = [sample.pts for sample in group]
        if truth is not False:
            yield truth, times[0], times[-1]


def _plot(samples: Sequence[Sample], bounds: Sequence[float], found: RuleCheck) -> str:
    values = [sample.value for sample in samples if sample.value is not None and isfinite(sample.value)]
    low, high = min([0.0, *values, *bounds]), max([*values, *bounds, 1e-6]) * 1.05

    def y(value: float) -> float:
        return _PLOT * (1 - (value - low) / (high - low))

    way, pen = "", "M"
    for sample in samples:
        if sample.value is None or isnan(sample.value):
            pen = "M"
            continue
        way += f"{pen}{_x(sample.pts, found):.1f} {y(sample.value):.1f}"
        pen = "L"
    lines = "".join(
        f"<path class=bound d='M0 {y(bound):.1f}H{_WIDTH}' />"
        f"<text x={_WIDTH - 40} y={y(bound) - 3:.1f}>{bound:g}</text>"
        for bound in bounds
    )
    return f"{lines}<path class=value d='{way}' />"


def _figure(event: Event, found: RuleCheck) -> str:
    peak = found.peaks.get(event.id)
    drawn = "" if peak is None or peak.pose is None else _pose(peak.pose)
    when = f"{event.began_pts:.1f} s" + ("" if event.ended_pts is None else f" to {event.ended_pts:.1f} s")
    who = " ".join(f"#{number}" for number in event.tracker_ids)
    value = "" if peak is None or peak.value is None else f", {peak.value:.3g}"
    return f"<figure>{drawn}<figcaption>{when} {who}{value}</figcaption></figure>"


def _pose(pose: Pose) -> str:
    """The skeleton as it stood, in a frame around its box."""
    left, top, right, bottom = (float(side) for side in pose.xyxy)
    size = max(right - left, bottom - top, 1.0) * 1.2
    middle_x, middle_y = (left + right) / 2, (top + bottom) / 2
    points = [
        None if isnan(x) else ((x - middle_x) / size * 100 + 50, (y - middle_y) / size * 100 + 50)
        for x, y in pose.xy.tolist()
    ]
    bones = ""
    for first, second in pose.skeleton.edges:
        ends = [points[end] if end < len(points) else None for end in (first, second)]
        for begin, end in pairwise(ends):
            if begin is not None and end is not None:
                bones += f"<path class=bone d='M{begin[0]:.1f} {begin[1]:.1f}L{end[0]:.1f} {end[1]:.1f}' />"
    joints = "".join(f"<circle class=joint cx={p[0]:.1f} cy={p[1]:.1f} r=1.8 />" for p in points if p is not None)
    return f"<svg viewBox='0 0 100 100'><rect class=frame width=100 height=100 />{bones}{joints}</svg>"


def _svg(height: float, content: str) -> str:
    return f"<svg viewBox='0 0 {_WIDTH} {height}'>{content}</svg>"
