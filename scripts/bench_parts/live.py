"""Live: every program before the same camera, for the same time, against the same endpoint."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import av
from scoring import errors, lines_of, mean, people_in_view

from bench_parts import live_score, strip
from bench_parts.case import LATENCIES, OURS, Case
from bench_parts.processes import Ended, Part, kpstream, run, say
from bench_parts.programs import Peer

_GRACE = 15.0
"""Seconds beyond its time after which a program is ended: it has to start, and to stop."""


@dataclass(frozen=True)
class Row:
    """One program at one latency."""

    clip: str
    program: str
    latency: float
    score: live_score.Live
    own_age: tuple[float, float] | None
    """p50 and p95 of what the program itself says about the age; None where it does not."""
    requests: float
    """A second."""
    kilobytes: float
    """Sent with one request."""
    fault: str
    trace: list[tuple[float, float, float]]
    """Seconds of the clip, error of the overlay and of the newest answer held, percent."""


def measure(case: Case, peers: Sequence[Peer], seconds: float, folder: Path) -> Iterator[Row]:
    """Run everything on one clip."""
    truth = case.truth()
    with ExitStack() as stack:
        camera = stack.enter_context(Part("bench_parts.camera", case.clip))
        endpoint = stack.enter_context(Part("endpoint", case.clip, case.poses))
        for latency in LATENCIES:
            endpoint.get(f"_latency/{latency}")
            for peer in (None, *peers):
                name = peer.name if peer else OURS
                say(f"live, {case.name}, {latency:g} s: {name}")
                camera.get("forget")
                endpoint.get("_reset")
                out = folder / "live.jsonl"
                out.write_bytes(b"")
                ended = _play(peer, camera.url, endpoint.url, seconds, out)
                log: live_score.Log = max(camera.get("sent"), key=len, default=[])
                recording = None if peer else out.with_suffix(".mp4")
                shown = _Shown([line for line in lines_of(out) if "poses" in line], log, truth, latency, seconds)
                yield shown.row(case.name, name, ended, endpoint.get("_stats"), recording=recording)


def _play(peer: Peer | None, camera: str, endpoint: str, seconds: float, out: Path) -> Ended:
    source = f"{camera}/video"
    if peer:
        return run(peer.command(source, endpoint, seconds, out), seconds + _GRACE, out)
    words = ("--no-window", "--duration", seconds, "--record", out.with_suffix(".mp4"), "--jsonl", out, "--rate", 5)
    return run(kpstream(endpoint, "live", source, *words), seconds + _GRACE)


@dataclass(frozen=True)
class _Shown:
    """What one program showed."""

    lines: list[dict[str, Any]]
    log: live_score.Log
    truth: dict[str, Any]
    latency: float
    seconds: float
    """How long the run was to be."""

    def row(self, clip: str, name: str, ended: Ended, asked: Any, *, recording: Path | None) -> Row:
        """Judge it; kpstream's own numbering is held against what it recorded."""
        ours, own = recording is not None, None
        fault = ended.fault or ("" if ended.wall > 0.9 * self.seconds else f"ended by itself: {ended.last_words}")
        if recording is not None:
            numbers = [min(line["frame_index"], len(self.log) - 1) for line in self.lines]
            fault = fault or _mismatch(recording, [self.log[n][0] for n in numbers])
            ages = [line["rendered_at"] - line["captured_at"] for line in self.lines]
            own = (live_score.percentile(ages, 50), live_score.percentile(ages, 95))
        else:
            numbers = live_score.numbered([line["frame_index"] for line in self.lines], self.log)
        if fault:
            fault = f"ended at frame {numbers[-1] if numbers else 0}: {fault}"
        span = self.log[-1][1] - self.log[0][1] if len(self.log) > 1 else 1.0
        lasting = self.seconds if fault else 0.0
        score = live_score.live(self.lines, numbers, self.log, self.truth, self.latency, seconds=lasting)
        return Row(
            clip=clip,
            program=name,
            latency=self.latency,
            score=score,
            own_age=own,
            requests=asked["requests"] / span,
            kilobytes=asked["bytes"] / max(1, asked["requests"]) / 1000,
            fault=fault,
            trace=self._trace(numbers) if ours else [],
        )

    def _trace(self, numbers: Sequence[int]) -> list[tuple[float, float, float]]:
        """The errors over the clip's first pass, for a plot."""
        points = []
        for number, line in zip(numbers, self.lines, strict=True):
            if number < len(self.truth["frames"]) and self.log[number][0] == number:
                people = people_in_view(self.truth["frames"][number])
                ours = mean(errors(live_score.drawn_poses(line), people))
                held = mean(live_score.held_errors(self.truth, number, self.latency))
                points.append((number / self.truth["frame_rate"], ours, held))
        return points


def _mismatch(recording: Path, frames: Sequence[int]) -> str:
    """Whether the recorded pictures are those that the lines speak of: their numbers can be read in them."""
    try:
        with av.open(str(recording)) as source:
            seen = [strip.read(frame.to_ndarray(format="bgr24")) for frame in source.decode(video=0)]
    except (av.FFmpegError, OSError) as error:
        return f"the recording cannot be read: {error}"
    wrong = sum(a != b for a, b in zip(seen, frames, strict=False)) + abs(len(seen) - len(frames))
    return f"{wrong} recorded pictures are not those of the lines" if wrong else ""
