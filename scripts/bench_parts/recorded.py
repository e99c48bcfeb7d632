"""Recorded video: how fast, with how many requests, and how good it is."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from scoring import lines_of, score

from bench_parts.case import LATENCIES, OURS, Case
from bench_parts.processes import Part, kpstream, run, say, starting
from bench_parts.programs import Peer

EVERY = f"{OURS}, every frame"
SPARSE = f"{OURS}, 5 a second"
_OURS: dict[str, tuple[str, ...]] = {EVERY: (), SPARSE: ("--rate", "5")}
_POSSIBLE = ((0.15, 8), (0.4, 24))
"""Latency and requests in flight whose throughput is held against what is possible."""
_LIMIT = 300.0


@dataclass(frozen=True)
class Row:
    """One program on one clip at one latency."""

    clip: str
    program: str
    latency: float
    rate: float
    """Frames of video a second."""
    requests: float
    """For one second of video."""
    kilobytes: float
    """Sent with one request."""
    oks: float
    """Against the truth, 0 to 1."""
    share: float
    """The same in shares of what asking about every frame gives."""
    missing: float
    """Share of the people in view without a pose."""
    fault: str


def measure(case: Case, peers: Sequence[Peer], seconds: float, folder: Path) -> Iterator[Row]:
    """Run everything on one clip; a peer for so many seconds at the most."""
    with Part("endpoint", case.clip, case.poses) as endpoint:
        bench = _Bench(case, case.truth(), endpoint, folder)
        start = starting().wall
        for latency in LATENCIES:
            endpoint.get(f"_latency/{latency}")
            every = math.nan
            for name, words in _OURS.items():
                row = bench.ours(name, latency, words, start)
                every = row.oks if name == EVERY else every
                yield replace(row, share=row.oks / every if every else math.nan)
            for peer in peers:
                row = bench.peer(peer, latency, seconds)
                yield replace(row, share=row.oks / every if every else math.nan)


@dataclass(frozen=True)
class _Bench:
    """One clip, its endpoint, and where outputs go."""

    case: Case
    truth: Any
    endpoint: Part
    folder: Path

    def ours(self, name: str, latency: float, words: Sequence[str], start: float) -> Row:
        """Run kpstream, to the clip's end."""
        say(f"file, {self.case.name}, {latency:g} s: {name}")
        self.endpoint.get("_reset")
        out = self.folder / "file.jsonl"
        out.write_bytes(b"")
        ended = run([*_annotate(self.case, self.endpoint.url, self.folder), "--jsonl", str(out), *words], _LIMIT)
        return self._row(name, latency, ended.fault, lines_of(out), ended.wall - start)

    def peer(self, peer: Peer, latency: float, seconds: float) -> Row:
        """Run another program for so long."""
        say(f"file, {self.case.name}, {latency:g} s: {peer.name}")
        self.endpoint.get("_reset")
        out = self.folder / "peer.jsonl"
        command = peer.command(self.case.clip, self.endpoint.url, seconds, self.folder / "peer.mp4")
        ended = run(command, seconds + 30, out)
        written = lines_of(out)
        lines = [line for line in written if "poses" in line]
        span = lines[-1]["rendered_at"] - written[0]["began_at"] if lines else math.nan
        return self._row(peer.name, latency, ended.fault, lines, span)

    def _row(self, name: str, latency: float, fault: str, lines: Sequence[Any], span: float) -> Row:
        asked = self.endpoint.get("_stats")
        done_at = max((line["rendered_at"] for line in lines), default=0.0)  # of a run cut short, more are under way
        answered = sum(at is not None and at <= done_at for _, _, at in asked["asked"])
        found = score(lines, self.truth, skip=0)
        return Row(
            clip=self.case.name,
            program=name,
            latency=latency,
            rate=len(lines) / span,
            requests=answered / max(1, len(lines)) * self.truth["frame_rate"],
            kilobytes=asked["bytes"] / max(1, asked["requests"]) / 1000,
            oks=found.oks,
            share=math.nan,
            missing=found.missing,
            fault=f"ended at frame {len(lines)}: {fault}" if fault else "",
        )


def _annotate(case: Case, url: str, folder: Path) -> list[str]:
    return kpstream(url, "annotate", case.clip, "-o", folder / "file.mp4", "--overwrite", "--preset", "ultrafast")


@dataclass(frozen=True)
class Possible:
    """Throughput of every frame asked about, against what latency and machine allow."""

    latency: float
    in_flight: int
    rate: float
    free: float
    """The same command's rate without latency."""

    @property
    def share(self) -> float:
        """Of the smaller of the two limits."""
        return self.rate / min(self.in_flight / self.latency, self.free)


def possible(case: Case, folder: Path) -> Iterator[Possible]:
    """Measure `Possible` on a clip."""
    start, frames = starting().wall, len(case.truth()["frames"])
    with Part("endpoint", case.clip, case.poses) as endpoint:
        for latency, in_flight in _POSSIBLE:
            rates = []
            for now in (0.0, latency):
                say(f"file, {case.name}, {now:g} s, {in_flight} in flight")
                endpoint.get(f"_latency/{now}")
                command = [*_annotate(case, endpoint.url, folder), "--max-in-flight", str(in_flight)]
                rates.append(frames / (run(command, _LIMIT).wall - start))
            yield Possible(latency, in_flight, rates[1], rates[0])
