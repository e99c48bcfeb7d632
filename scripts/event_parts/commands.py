"""The same rules by the real commands: a live view, `annotate`, and `events check` on what the live view wrote."""

from __future__ import annotations

import json
import math
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any

from bench_parts.adaptive import draw
from bench_parts.processes import Part, kpstream, run, say, started
from bench_parts.report import table
from scoring import lines_of

from event_parts.judged import allowed
from event_parts.played import LATENCY, RATE
from event_parts.scores import truth_of
from kpstream.site_file.rules import Rules

_SEEN = 0.3
_FRAME = 1 / 30
_STILL = 10.0
_TOGETHER = 1.0
"""Seconds between the beginnings of two events that are taken for one."""
_ENTERS = '[[rule]]\nname = "somebody comes"\nkind = "count"\nmin = 1\n'


@dataclass(frozen=True)
class Opened:
    """An event as a command reported it."""

    rule: str
    began_pts: float
    opened_pts: float
    written_at: float = math.nan
    """When its line was read, by the monotonic clock; NaN where that says nothing."""


def table_of(samples: Path) -> str:
    """Run them on the labelled sample, and a live view on a street that is at rest until somebody comes."""
    with tempfile.TemporaryDirectory() as name:
        rows = [*_story(samples, Path(name)), _entrance(Path(name))]
    head = ["", "events", "found", "false", "begin and open apart, most", "delay: median, most", "later than allowed"]
    return f"**The real commands, {RATE:g} answers a second, {LATENCY:g} s late**\n\n{table(head, rows)}\n"


def _story(samples: Path, folder: Path) -> Iterator[list[str]]:
    clip, rules = samples / "events.mp4", samples / "events.toml"
    poses = _answered(samples / "events.poses.json", folder / "events.poses.json")
    truth = [Opened(one.rule, one.began_pts, one.opened_pts) for one in truth_of(samples)]
    limits = {rule.name: allowed(rule.for_seconds) for rule in Rules.load(rules).rules}
    common = ("--rules", rules, "--keypoint-confidence", 0.15, "--rate", RATE)
    with Part("endpoint", clip, poses, "--latency", str(LATENCY)) as endpoint:
        out, reported = folder / "annotated.jsonl", list[Opened]()
        for sampling in ("steady", "adaptive"):
            lines, again = folder / f"{sampling}.jsonl", folder / f"{sampling}.again.jsonl"
            reported = _live(endpoint.url, clip, "--sampling", sampling, "--jsonl", lines, *common)
            yield _row(f"`live --sampling {sampling}`", truth, reported, limits, _captured(lines))
            _check(rules, lines, again)
            yield _row("`events check` of its lines, against it", reported, _opened(lines_of(again)))
        say("events: annotate")
        run(kpstream(endpoint.url, "annotate", clip, "--events", out, *common), 300)
        yield _row("`annotate`", truth, _opened(lines_of(out)))
        yield _row("`annotate`, against `live`", reported, _opened(lines_of(out)))


def _entrance(folder: Path) -> list[str]:
    """A view whose sampling is at rest when somebody comes."""
    case, _ = draw(folder, _STILL)
    poses = _answered(case.poses, folder / "answered.poses.json")
    comes = next(index for index, people in enumerate(json.loads(poses.read_text())["frames"]) if people) * _FRAME
    rules, lines = folder / "enters.toml", folder / "still.lines.jsonl"
    rules.write_text(_ENTERS)
    with Part("endpoint", case.clip, poses, "--latency", str(LATENCY)) as endpoint:
        words = ("--rules", rules, "--jsonl", lines, "--keypoint-confidence", 0.15, "--rate", RATE)
        reported = _live(endpoint.url, case.clip, *words)
    truth, limits = [Opened("somebody comes", comes, comes + 0.5)], {"somebody comes": allowed(0.5)}
    return _row("`live`, at rest for 10 s until somebody comes", truth, reported, limits, _captured(lines))


def _answered(poses: Path, path: Path) -> Path:
    """The truth without those who are hardly seen: what a model says."""
    document = json.loads(poses.read_text())
    document["frames"] = [[item for item in people if item["seen"] >= _SEEN] for people in document["frames"]]
    path.write_text(json.dumps(document))
    return path


def _check(rules: Path, lines: Path, out: Path) -> None:
    words: tuple[str | Path, ...] = (rules, lines, "--jsonl", out)
    run([sys.executable, "-m", "kpstream", "events", "check", *words], 60)


def _live(url: str, clip: Path, *words: str | Path | float) -> list[Opened]:
    """What a live view tells, and when each line comes."""
    say(f"events: live {clip.name}")
    read: list[tuple[float, dict[str, Any]]] = []
    with started(kpstream(url, "live", clip, "--no-window", *words, "--events", "-"), subprocess.PIPE) as process:
        assert process.stdout is not None
        read += ((time.monotonic(), json.loads(line)) for line in process.stdout)
    return _opened([line for _, line in read], [at for at, _ in read])


def _opened(lines: Sequence[dict[str, Any]], written: Sequence[float] = ()) -> list[Opened]:
    """The first line of each event, by rule and beginning."""
    seen: dict[str, Opened] = {}
    for place, line in enumerate(lines):
        at = written[place] if written else math.nan
        seen.setdefault(line["event"], Opened(line["rule"], line["began_pts"], line["opened_pts"], at))
    return sorted(seen.values(), key=lambda one: (one.rule, one.began_pts))


def _captured(lines: Path) -> dict[int, float]:
    """When each frame was captured, by its index."""
    return {line["frame_index"]: line["captured_at"] for line in lines_of(lines)}


def _row(
    name: str,
    due: Sequence[Opened],
    reported: Sequence[Opened],
    limits: Mapping[str, float] = MappingProxyType({}),
    captured: Mapping[int, float] = MappingProxyType({}),
) -> list[str]:
    pairs = _pairs(due, reported)
    apart = [max(abs(a.began_pts - b.began_pts), abs(a.opened_pts - b.opened_pts)) for a, b in pairs]
    delays, late = [], 0
    for true, mine in pairs if captured else ():
        began = min((index for index in captured if index >= round(true.began_pts / _FRAME)), default=0)
        delays.append(mine.written_at - captured[began])
        late += delays[-1] > limits[true.rule]
    return [
        name,
        str(len(due)),
        str(len(pairs)),
        str(len(reported) - len(pairs)),
        f"{max(apart, default=math.nan):.2f} s",
        f"{statistics.median(delays):.2f}, {max(delays):.2f} s" if delays else "",
        str(late) if delays else "",
    ]


def _pairs(due: Sequence[Opened], reported: Sequence[Opened]) -> list[tuple[Opened, Opened]]:
    """Events of one rule that begin together; the nearest first."""
    near = sorted(
        (abs(one.began_pts - other.began_pts), its, mine)
        for its, one in enumerate(due)
        for mine, other in enumerate(reported)
        if one.rule == other.rule and abs(one.began_pts - other.began_pts) < _TOGETHER
    )
    pairs: dict[int, int] = {}
    for _, its, mine in near:
        if its not in pairs and mine not in pairs.values():
            pairs[its] = mine
    return [(due[its], reported[mine]) for its, mine in pairs.items()]
